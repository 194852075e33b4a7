"""The result of a step: its files, the attempts behind them, and facts to report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from spicy.canonical_json import Json
from spicy.ids import CallKey
from spicy.plan.prompts import StepPrompts
from spicy.ports import Asset, CallClient


@dataclass(frozen=True, slots=True)
class StepAttempt:
    """One attempt: its call, its asset and the judge's verdict; no score means it could not be judged."""

    number: int
    call: CallKey
    asset: Asset
    score: float | None
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """The outcome of a step; `files` are in the order of the node's targets: stored bytes, or new text."""

    files: tuple[Asset | bytes, ...]
    attempts: tuple[StepAttempt, ...] = ()
    chosen: int | None = None
    """Index into `attempts`."""
    facts: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StepContext:
    """The call client and the prompts that every step works with."""

    ask: CallClient
    prompts: StepPrompts
