"""How spicy talks about a run: the one set of phrases that the plain lines and the terminal view share.

Everything here is pure. Text that came from a spec or a provider passes through `clean` before it may
reach a terminal, so that no film title can move the cursor or forge a line.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from spicy.events import Event, NodeDone, RunFinished, RunStarted
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
    "interrupted": "interrupted",
    "damaged": "damaged",
}

_ADVICE = {
    "refused": "The provider's refusal is final for this request. Change the words it names, then build again.",
    "failed": "Nothing that was paid for is lost: build again once this is put right.",
    "unknown": "It may have been billed. To ask again all the same: --retry-unknown.",
    "budget": "Raise the cap (--max-cost, or budget: in the spec) and build again to go on from here.",
    "interrupted": "Build again to go on from here: calls in flight are remembered and not paid for twice.",
    "damaged": "`spicy cache verify` names what is damaged; build again to make it anew.",
}

_DIRECTIONS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029"
_HEADLINE = {0: "Done", 3: "Stopped by the budget", 130: "Interrupted"}


def event_name(event: Event) -> str:
    """The event's class name in snake case: `NodeDone` is `node_done`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type(event).__name__).lower()


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


def failure(kind: str) -> str:
    """How a target of this kind of failure is spoken of."""
    return _FAILED.get(kind, one_line(kind))


def advice(kind: str) -> str:
    """What the user can do about a failure of this kind."""
    return _ADVICE.get(kind, _ADVICE["failed"])


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
    """What is being built and by whom: `fox_owl · animatic · cap $5.00`."""
    names = [one_line(film) for film in started.films]
    films = ", ".join(names) if len(names) <= 3 else f"{', '.join(names[:3])} and {len(names) - 3} more"
    cap = "no cap" if started.cap is None else f"cap {usd(started.cap)}"
    return f"{films} · {one_line(started.provider)} · {cap}"


def counts(end: RunFinished) -> str:
    """The four numbers of a run; those that are zero are not worth a word."""
    named = (
        (end.made, "made"),
        (end.fresh, "up to date"),
        (end.failed, "failed"),
        (end.blocked, "not tried"),
    )
    return ", ".join(f"{number:,} {word}" for number, word in named if number) or "nothing to do"


def all_fresh(end: RunFinished) -> bool:
    """Whether the run found nothing to do."""
    return end.exit_code == 0 and not (end.made or end.failed or end.blocked)


def headline(end: RunFinished) -> str:
    """The run in one sentence."""
    if all_fresh(end):
        return "Everything is up to date."
    return f"{_HEADLINE.get(end.exit_code, 'Not finished')} after {took(end.seconds)}: {counts(end)}."


def money(end: RunFinished) -> str:
    """What the run spent, what the store saved, what is left to pay; empty when it was all nothing."""
    parts = [f"Spent {usd(end.paid)}"] if end.paid or end.saved or end.left else []
    if end.saved:
        parts.append(f"saved {usd(end.saved)} from the store")
    if end.left:
        parts.append(f"left to make: about {usd(end.left)}")
    return "; ".join(parts) + "." if parts else ""


def films(finals: Iterable[tuple[str, float | None]]) -> list[str]:
    """Each finished film's path, with its length when that is known."""
    return [one_line(path) + (f" ({film_length(length)})" if length else "") for path, length in finals]
