"""Reasons why a target is stale, as data: the staleness check returns them, `plan` and `why` print them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from spicy.canonical_json import Json
from spicy.ids import Digest


class Cause(StrEnum):
    """The kinds of reasons."""

    NEW = "new"
    CHANGED = "changed"
    INPUT = "input"
    MISSING = "missing"
    DAMAGED = "damaged"
    LOST = "lost"
    WAITS = "waits"


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason: `name` changed from `old` to `new` (texts, shortened digests, or empty)."""

    cause: Cause
    name: str
    old: str = ""
    new: str = ""

    def __str__(self) -> str:
        match self.cause:
            case Cause.NEW:
                return "never made"
            case Cause.CHANGED | Cause.INPUT:
                return f"{self.name} changed"
            case Cause.MISSING:
                return f"{self.name} is missing"
            case Cause.DAMAGED:
                return f"{self.name} was changed by something else"
            case Cause.LOST:
                return f"{self.name} is lost from the store"
            case Cause.WAITS:
                return f"waits for {self.name}"


def compare_ingredients(old: Mapping[str, Json], new: Mapping[str, Json]) -> tuple[Reason, ...]:
    """Return the changes between two sets of ingredients, in the new one's order."""
    changed = [
        Reason(Cause.CHANGED, name, _text(old.get(name)), _text(value))
        for name, value in new.items()
        if old.get(name) != value
    ]
    changed += [
        Reason(Cause.CHANGED, name, _text(value), "") for name, value in old.items() if name not in new
    ]
    # A changed template also changes the rendered prompt, which is easier to read.
    if any(r.name == "prompt" for r in changed):
        changed = [r for r in changed if r.name != "template"]
    return tuple(changed)


def compare_inputs(old: Mapping[str, str], new: Mapping[str, Digest]) -> tuple[Reason, ...]:
    """Return the changed input files; labels are those of the node."""
    changed = [
        Reason(Cause.INPUT, label, _short(old.get(label, "")), _short(digest))
        for label, digest in new.items()
        if old.get(label) != digest
    ]
    changed += [
        Reason(Cause.INPUT, label, _short(digest), "") for label, digest in old.items() if label not in new
    ]
    return tuple(changed)


def compare_targets(recorded: Mapping[str, str], found: Mapping[str, Digest | None]) -> tuple[Reason, ...]:
    """Return the targets that are missing or differ from the receipt; both map paths to digests."""
    reasons = []
    for path, digest in found.items():
        if digest is None:
            reasons.append(Reason(Cause.MISSING, path))
        elif recorded.get(path) != digest:
            reasons.append(Reason(Cause.DAMAGED, path, _short(recorded.get(path, "")), _short(digest)))
    return tuple(reasons)


def changed_lines(reason: Reason) -> list[tuple[str, str]]:
    """Return the lines of a text that differ, as ("-", old line) and ("+", new line), in order."""
    import difflib

    lines = difflib.ndiff(reason.old.splitlines(), reason.new.splitlines())
    return [(line[0], line[2:]) for line in lines if line[0] in "+-"]


def _text(value: Json) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    from spicy.canonical_json import canonical

    return canonical(value)


def _short(digest: str) -> str:
    return digest[:12]
