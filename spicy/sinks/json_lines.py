"""Events for machines: one JSON object a line, flushed at once. Names and fields are a stable format."""

from __future__ import annotations

import dataclasses
import json
import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TextIO

from spicy.events import Event
from spicy.sinks.words import event_name

VERSION = 1
"""Grows when a field changes its meaning; new fields and new events do not change it."""


def _now() -> datetime:
    return datetime.now(UTC)


class JsonLines:
    """Write each event as one line. When nobody reads any more, fall silent and let the run go on."""

    def __init__(self, stream: TextIO, *, now: Callable[[], datetime] = _now) -> None:
        self._stream = stream
        self._now = now
        self._lock = threading.Lock()
        self._gone = False

    def __call__(self, event: Event) -> None:
        """Write one event; raises OSError for anything but a reader that went away."""
        at = self._now().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = json.dumps(
            {"event": event_name(event), "v": VERSION, "at": at, **dataclasses.asdict(event)},
            ensure_ascii=True,
        )
        with self._lock:
            if self._gone:
                return
            try:
                self._stream.write(line + "\n")
                self._stream.flush()
            except BrokenPipeError:
                self._gone = True
                _silence(self._stream)
            except ValueError:  # closed by whoever owns it
                self._gone = True

    def close(self) -> None:
        """Nothing is buffered: every line was flushed."""


def _silence(stream: TextIO) -> None:
    """Point the dead pipe at nothing, so that the interpreter's own flush at exit does not fail on it."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, stream.fileno())
    finally:
        os.close(nothing)
