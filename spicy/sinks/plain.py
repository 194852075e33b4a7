"""One calm line for each thing worth knowing: for pipes, logs and CI, where nothing can be redrawn."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import TextIO

from spicy.events import (
    Event,
    NodeBlocked,
    NodeDone,
    NodeFailed,
    Planned,
    Recovering,
    RunFinished,
    RunStarted,
    Warned,
)
from spicy.ids import NodeId, usd
from spicy.sinks import messages
from spicy.sinks.tally import ProgressTally

Length = Callable[[str], float | None]
"""Tells the length in seconds of the film at a path, or None when nobody knows."""


def unknown_length(path: str) -> float | None:
    """The answer of whoever cannot look."""
    return None


Names = Callable[[], Iterable[NodeId]]
"""Tells the targets of a run as far as they are known when it starts, so that the columns fit all of them."""


def no_names() -> Iterable[NodeId]:
    """The answer of whoever does not know yet; columns then grow with the names that come."""
    return ()


class PlainLines:
    """Write lines to a stream. `quiet` keeps only what went wrong or needs a look."""

    def __init__(self, stream: TextIO, *, quiet: bool = False, length: Length = unknown_length) -> None:
        self._stream, self._quiet, self._length = stream, quiet, length
        self._tally = ProgressTally()
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        """Write what the event is worth; raises OSError when the stream is gone."""
        with self._lock:
            self._tally.take(event, 0.0)
            lines = self._trouble(event) or ([] if self._quiet else self._news(event))
            if self._quiet and isinstance(event, RunFinished):
                lines = messages.to_go_on(event, self._tally.stops)
            if lines:
                self._stream.write("".join(f"{line}\n" for line in lines))
                self._stream.flush()

    def close(self) -> None:
        """Nothing is buffered: every line was flushed."""

    def _trouble(self, event: Event) -> list[str]:
        match event:
            case Warned():
                return _hang(f"{messages.one_line(event.node)}: warning: ", event.message)
            case NodeFailed(kind="interrupted"):
                return []
            case NodeFailed(kind="budget"):
                return [
                    f"{messages.one_line(event.node)}: {messages.failure(event)}: {messages.held_back(event)}"
                ]
            case NodeFailed():
                head = f"{messages.one_line(event.node)}: {messages.failure(event)}: "
                return [*_hang(head, event.message), f"    {messages.advice(event)}"]
            case NodeBlocked() if not self._tally.held_by(event.by):
                return [
                    f"{messages.one_line(event.node)}: not tried, because {messages.one_line(event.by)} was not made"
                ]
            case _:
                return []

    def _news(self, event: Event) -> list[str]:
        match event:
            case RunStarted():
                return [f"Building {messages.opening(event)}"]
            case Recovering():
                return [messages.recovering(event)]
            case Planned(stale=stale) if stale:
                price = f"likely {usd(event.likely)} (low {usd(event.low)}, worst {usd(event.worst)})"
                if not event.worst:
                    price = usd(event.worst)
                return [
                    f"{messages.one_line(event.film)}: {stale:,} of {event.total:,} targets to make, {price}"
                ]
            case NodeDone():
                return [f"{messages.one_line(event.node)}: made in {', '.join(messages.outcome(event))}"]
            case RunFinished():
                finals = [(path, self._length(path)) for path in self._tally.finals]
                return messages.summary(event, self._tally.stops, finals)
            case _:
                return []


def _hang(head: str, message: str) -> list[str]:
    """`message` after `head`; its further lines hang below, so that no line of it can pass for one of ours."""
    first, *rest = [line.rstrip() for line in messages.clean(message).strip().split("\n")]
    return [head + first, *(f"    {line}" for line in rest if line)]
