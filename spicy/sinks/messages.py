"""How spicy talks about a run: the one set of phrases that the plain lines and the terminal view share.

Everything here is pure. Text that came from a spec or a provider passes through `clean` before it may
reach a terminal, so that no film title can move the cursor or forge a line.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from spicy.events import NodeDone, NodeFailed, Recovering, RunFinished, RunStarted
from spicy.ids import NodeId, usd

_ACTIVITY = {
    "story": "writing the story",
    "match": "matching references",
    "sheet": "drawing the sheet",
    "check": "checking",
    "keyframe": "drawing the keyframe",
    "clip": "filming the clip",
    "correction": "correcting the clip",
}

_FAILED = {
    "refused": "refused",
    "failed": "failed",
    "unknown": "outcome unknown",
    "budget": "stopped by the budget",
    "interrupted": "stopped",
    "damaged": "damaged",
    "spec": "mistake in the spec",
}

STOPPED = frozenset({"interrupted", "budget"})
"""Kinds of failure that are none: nothing went wrong with the target, the next build goes on with it."""

_ADVICE = {
    "refused": "The provider's refusal is final for this request. Change the words it names, then build again.",
    "failed": "Nothing that was paid for is lost: build again once this is put right.",
    "unknown": "It may have been billed. To ask again all the same: --retry-unknown.",
    "spec": "Put it right in the spec, then build again: the story is kept.",
}
_DAMAGED = "`spicy cache verify` names what is damaged; build again to make it anew."
_LOST = re.compile(r"\b(was|is) (damaged|missing from the store)\b")

_DIRECTIONS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029"
_HEADLINE = {0: "Done", 130: "Interrupted"}


def clean(text: str) -> str:
    """Take out what a terminal would obey instead of show: control and direction characters, except newlines."""
    if text.isascii() and text.isprintable():
        return text
    spaced = text.replace("\r\n", "\n").replace("\t", "    ")
    return "".join(c for c in spaced if c == "\n" or not _obeyed(c))


def _obeyed(char: str) -> bool:
    return unicodedata.category(char) == "Cc" or char in _DIRECTIONS


def one_line(text: str) -> str:
    """`text`, cleaned, with every run of white space as one space."""
    return " ".join(clean(text).split())


def brief(text: str, most: int) -> str:
    """`text` cut to at most `most` characters, with an ellipsis."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def took(seconds: float) -> str:
    """A duration as people say it: `3.2 s`, `2 min 05 s`, `1 h 02 min`."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def film_length(seconds: float) -> str:
    """The length of a film as a player shows it: `0:24`, `1:02:03`."""
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    tail = f"{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"
    return f"{hours}:{tail}" if hours else tail


def activity(purpose: str) -> str:
    """What a call of this purpose is doing, for the eye."""
    return _ACTIVITY.get(purpose, one_line(purpose))


def failure(failed: NodeFailed) -> str:
    """How a target with this failure is spoken of; a store that cannot be used is not a damaged one."""
    if failed.kind == "damaged" and not _LOST.search(failed.message):
        return _FAILED["failed"]
    return _FAILED.get(failed.kind, one_line(failed.kind))


def advice(failed: NodeFailed) -> str:
    """What the user can do about a failure; `spicy cache verify` only helps when stored bytes are lost."""
    if failed.kind == "damaged" and _LOST.search(failed.message):
        return _DAMAGED
    return _ADVICE.get(failed.kind, _ADVICE["failed"])


def held_back(failed: NodeFailed) -> str:
    """Why the budget kept a target from being made, on one line; what to do about it is said once, at the end."""
    return one_line(failed.message).partition("; raise it and build again")[0]


def scene(title: str) -> str:
    """The scene's own title in a target's title; empty when it has none: `clip 02 · Dark` is `Dark`."""
    return one_line(title.partition(" · ")[2])


def short(node: NodeId, films: Sequence[str]) -> str:
    """A target's name; the film is left out when there is only one."""
    film, found, rest = node.partition(":")
    return one_line(rest if found and len(films) == 1 and film == films[0] else node)


def score(scores: Sequence[float | None]) -> str:
    """The best score and how many attempts it took; empty when nothing was scored."""
    if not scores:
        return ""
    known = [s for s in scores if s is not None]
    best = f"score {max(known):.2f}" if known else "no score"
    return best if len(scores) == 1 else f"{best}, best of {len(scores)}"


def price(done: NodeDone) -> str:
    """What a target cost in this run: money, the store, both, or nothing worth a word."""
    if done.paid:
        return usd(done.paid) + (f", {usd(done.saved)} from store" if done.saved else "")
    return f"from store, saved {usd(done.saved)}" if done.saved else ""


def outcome(done: NodeDone) -> tuple[str, ...]:
    """What there is to say about a made target, most important first."""
    return tuple(part for part in (took(done.seconds), score(done.scores), price(done)) if part)


def opening(started: RunStarted) -> str:
    """What is being built and by whom: `fox_owl · animatic`, and `· cap $5.00` when there is a cap."""
    names = [one_line(film) for film in started.films]
    films = ", ".join(names) if len(names) <= 3 else f"{', '.join(names[:3])} and {len(names) - 3} more"
    cap = "" if started.cap is None else f" · cap {usd(started.cap)}"
    return f"{films} · {one_line(started.provider)}{cap}"


@dataclass(frozen=True, slots=True)
class Stops:
    """How many targets of a run did not fail but were stopped: by the user, by the budget."""

    interrupted: int = 0
    budget: int = 0

    @property
    def all(self) -> int:
        """Both together."""
        return self.interrupted + self.budget


NO_STOPS = Stops()


def recovering(event: Recovering) -> str:
    """What an earlier build left behind, and what becomes of it."""
    calls = "one call" if event.calls == 1 else f"{event.calls:,} calls"
    price = f", at {usd(event.committed)}" if event.committed else ""
    return f"Bringing home {calls} of an earlier build{price}: asked for once, not asked again."


def counts(end: RunFinished, stops: Stops = NO_STOPS) -> str:
    """The numbers of a run; those that are zero are not worth a word."""
    named = (
        (end.made, "made"),
        (end.fresh, "up to date"),
        (end.failed - stops.all, "failed"),
        (stops.all, "stopped"),
        (end.blocked, "not tried"),
    )
    return ", ".join(f"{number:,} {word}" for number, word in named if number > 0) or "nothing to do"


def all_fresh(end: RunFinished) -> bool:
    """Whether the run found nothing to do."""
    return end.exit_code == 0 and not (end.made or end.failed or end.blocked)


def headline(end: RunFinished, stops: Stops = NO_STOPS) -> str:
    """The run in one sentence."""
    if all_fresh(end):
        return "Everything is up to date."
    return f"{_HEADLINE.get(end.exit_code, 'Not finished')} after {took(end.seconds)}: {counts(end, stops)}."


def money(end: RunFinished, stops: Stops = NO_STOPS) -> str:
    """What the run spent, what the store saved, what is left to pay; empty when it was all nothing."""
    parts = [f"spent {usd(end.paid)}"] if end.paid or end.saved or end.left else []
    if end.saved:
        parts.append(f"saved {usd(end.saved)} from the store")
    if end.left and not stops.budget:
        parts.append(_left(end))
    return _sentence(parts)


def to_go_on(end: RunFinished, stops: Stops) -> list[str]:
    """What stopped a run that did not fail, and how to go on from there; once, however many targets it stopped."""
    said = []
    if stops.budget:
        left = [_left(end)] if end.left else []
        said.append(_sentence(["stopped by the budget", *left], " (raise --max-cost or budget)"))
    if stops.interrupted:
        many = f"{stops.interrupted:,} targets were" if stops.interrupted > 1 else "1 target was"
        said.append(f"{many} stopped; build again to go on from there.")
    return said


def _left(end: RunFinished) -> str:
    return f"left to make: about {usd(end.left)}"


def _sentence(parts: Sequence[str], tail: str = "") -> str:
    said = "; ".join(parts)
    return f"{said[0].upper()}{said[1:]}{tail}." if said else ""


def films(end: RunFinished, finals: Sequence[tuple[str, float | None]]) -> list[str]:
    """The finished films: their lengths, and their paths unless the run ended well.

    A build that ends well prints the paths on stdout, so that a pipe gets them; said here too, a person at a
    terminal would read them twice.
    """
    if end.exit_code:
        return [f"Film: {one_line(path)}{f' ({film_length(s)})' if s else ''}" for path, s in finals]
    known = [(path, film_length(seconds)) for path, seconds in finals if seconds]
    if len(finals) == 1:
        return [f"The film is {length} long." for _, length in known]
    return [f"{one_line(PurePosixPath(path).parent.name)} is {length} long." for path, length in known]


def summary(end: RunFinished, stops: Stops, finals: Sequence[tuple[str, float | None]]) -> list[str]:
    """All that is said at the end, the headline first."""
    more = [money(end, stops), *to_go_on(end, stops), *films(end, finals)]
    return [headline(end, stops), *filter(None, more)]
