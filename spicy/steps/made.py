"""What a step gives back: files, the attempts that led to them, and what is worth telling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from spicy.canon import Json
from spicy.ids import CallKey
from spicy.plan.prompts import Prompts
from spicy.ports import Ask, Asset


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try: its call, its asset, and the judge's verdict. No score means that it could not be judged."""

    number: int
    call: CallKey
    asset: Asset
    score: float | None
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """The outcome of a step. `files` are in the order of the node's targets: stored bytes, or new text."""

    files: tuple[Asset | bytes, ...]
    attempts: tuple[Attempt, ...] = ()
    chosen: int | None = None
    """Index into `attempts`."""
    facts: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bench:
    """What every step works with."""

    ask: Ask
    prompts: Prompts
