"""One sink that is many.

The engine speaks to a single sink. This one hands each event on, in one order for everybody, and keeps
two promises: a broken sink cannot stop a run, and it cannot break quietly either.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Protocol, runtime_checkable

from spicy.events import Event, Sink


class NullSink:
    """Takes every event and says nothing."""

    def __call__(self, event: Event) -> None:
        """Forget the event."""

    def close(self) -> None:
        """Nothing to flush."""


@runtime_checkable
class Describes(Protocol):
    """A sink that can say in a user's words what it means that it broke."""

    def describe(self, error: Exception) -> str:
        """One line about `error`, which this sink raised."""


class FanOut:
    """Hand each event to several sinks; one that raises is reported once and left out from then on."""

    def __init__(self, sinks: Iterable[Sink], *, report: Callable[[str], None]) -> None:
        """`report` takes one line about a sink that broke; the faces write it to stderr."""
        self._sinks = list(sinks)
        self._report = report
        self._lock = threading.Lock()

    def __call__(self, event: Event) -> None:
        """Give the event to every sink that still works, one event at a time."""
        with self._lock:
            self._each(lambda sink: sink(event))

    def close(self) -> None:
        """Close every sink that still works; a second close does nothing."""
        with self._lock:
            self._each(lambda sink: sink.close())
            self._sinks.clear()

    def _each(self, act: Callable[[Sink], None]) -> None:
        for sink in tuple(self._sinks):
            try:
                act(sink)
            except Exception as error:  # noqa: BLE001 - whatever a sink raises ends that sink, not the run
                self._sinks.remove(sink)
                self._report(_said(sink, error))


def _said(sink: Sink, error: Exception) -> str:
    if isinstance(sink, Describes):
        return sink.describe(error)
    name, said = type(sink).__name__, str(error) or "no message"
    return f"{name} broke and is left out of this run: {type(error).__name__}: {said}"
