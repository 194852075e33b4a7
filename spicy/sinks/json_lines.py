"""Events for machines: one JSON object a line, flushed at once. Names and fields are a stable format.

Every line has `event` (its name), `v` (the version of this format) and `at` (UTC, ISO 8601). Units:

- Money ends in `_ticks`: `committed_ticks`, `cost_ticks`, `paid_ticks`, `saved_ticks`, `low_ticks`, `likely_ticks`, `worst_ticks`,
  `cap_ticks`, `left_ticks`. Whole numbers of 10^-10 US dollars, as xAI counts; $0.04 is 400000000. Never a float.
- `seconds` are wall-clock seconds. `progress` goes from 0.0 to 1.0; `scores` too, null for an attempt without one.
- `made`, `fresh`, `failed`, `blocked`, `total`, `stale` count targets. `failed` counts every `node_failed`, also the
  kinds `budget` and `interrupted`, which only stop a target.

`call_progress` is for progress bars and therefore thinned out: a call's next one comes when it has moved by at
least 0.01, and not sooner than a tenth of a second after the last. Everything else is written as it happens.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TextIO

from spicy.events import CallDone, CallProgress, Event, event_name, fields
from spicy.ids import CallKey, NodeId

VERSION = 1
"""Grows when a field changes its meaning; new fields and new events do not change it."""

LEAST_PROGRESS = 0.01
LEAST_SECONDS = 0.1


def _now() -> datetime:
    return datetime.now(UTC)


class JsonLines:
    """Write each event as one line. When nobody reads any more, fall silent and let the run go on."""

    def __init__(
        self,
        stream: TextIO,
        *,
        now: Callable[[], datetime] = _now,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream
        self._now = now
        self._clock = clock
        self._lock = threading.Lock()
        self._gone = False
        self._moved: dict[tuple[NodeId, CallKey], tuple[float, float]] = {}

    def __call__(self, event: Event) -> None:
        """Write one event; raises OSError for anything but a reader that went away."""
        with self._lock:
            if not self._worth_a_line(event):
                return
        at = self._now().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = json.dumps(
            {"event": event_name(event), "v": VERSION, "at": at, **fields(event)}, ensure_ascii=True
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

    def _worth_a_line(self, event: Event) -> bool:
        if isinstance(event, CallDone):
            self._moved.pop((event.node, event.key), None)
        if not isinstance(event, CallProgress):
            return True
        call, when = (event.node, event.key), self._clock()
        if known := self._moved.get(call):
            progress, last = known
            # Rounded: 0.29 - 0.28 is a little less than 0.01.
            if round(abs(event.progress - progress), 6) < LEAST_PROGRESS or when - last < LEAST_SECONDS:
                return False
        self._moved[call] = (event.progress, when)
        return True

    def close(self) -> None:
        """Nothing is buffered: every line was flushed."""


def _silence(stream: TextIO) -> None:
    """Point the dead pipe at nothing, so that the interpreter's own flush at exit does not fail on it."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, stream.fileno())
    finally:
        os.close(nothing)
