"""The sink that keeps runs: written by a thread of its own, in batches, fire-and-forget.

A locked or broken database never slows a build, and what is wrong with it is said once, when the build is over.
A run with nothing to do leaves no trace, so that a build in a loop does not fill the disk; it does not even load
what would write it.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from spicy.events import (
    CallDone,
    CallProgress,
    Event,
    NodeFresh,
    RunFinished,
    RunStarted,
    StoryTold,
)
from spicy.ids import CallKey, NodeId

if TYPE_CHECKING:
    import sqlite3

    from spicy.runs.liveness import RunLock
    from spicy.runs.rows import Recorder

_PATIENCE = 2.0
"""Seconds that the end of a build waits for a locked file."""
_LEAST_PROGRESS, _LEAST_SECONDS = 0.04, 0.4
"""A call's next progress is kept when it moved that far, and that much later: every one of them is a row."""

_Item = tuple[float, Event]
"""When it happened, in seconds since the epoch, and what."""


class RunsDb:
    """A sink that keeps runs in SQLite. Opens the file when the first node starts, not before."""

    def __init__(self, path: Path, *, alive: RunLock | None = None) -> None:
        """With `alive`, the claim of a run that was announced, the run is kept whatever comes of it."""
        self._path = path
        self._alive = alive
        self._always = alive is not None
        self._before: list[_Item] = []
        self._queue: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._deadline: float | None = None
        self._error: Exception | None = None
        self._moved: dict[tuple[NodeId, CallKey], tuple[float, float]] = {}

    def __call__(self, event: Event) -> None:
        """Queue one event; free of waiting, and of errors until `close`."""
        if self._error is not None or not self._worth_a_row(event):
            return
        item = (time.time(), event)
        if self._thread is not None:
            self._queue.put(item)
        elif self._always or not isinstance(event, RunStarted | StoryTold | NodeFresh | RunFinished):
            self._begin(item)
        else:
            self._before.append(item)

    def _begin(self, item: _Item) -> None:
        for one in (*self._before, item):
            self._queue.put(one)
        self._before.clear()
        self._thread = threading.Thread(target=self._write, name="runs-db", daemon=True)
        self._thread.start()

    def _worth_a_row(self, event: Event) -> bool:
        if isinstance(event, CallDone):
            self._moved.pop((event.node, event.key), None)
        if not isinstance(event, CallProgress):
            return True
        call, now = (event.node, event.key), time.monotonic()
        progress, last = self._moved.get(call, (-1.0, -1.0))
        if event.progress - progress < _LEAST_PROGRESS or now - last < _LEAST_SECONDS:
            return False
        self._moved[call] = (event.progress, now)
        return True

    def close(self) -> None:
        """Write what is queued, waiting at most a few seconds for a locked file. Raises, once, what the writer met."""
        if self._thread is not None:
            self._deadline = time.monotonic() + _PATIENCE
            self._queue.put(None)
            self._thread.join(timeout=_PATIENCE + 3)
            self._thread = None
        if self._alive is not None:
            self._alive.close()
            self._alive = None
        error, self._error = self._error, None
        if error is not None:
            raise error

    def describe(self, error: Exception) -> str:
        """What it means that this sink broke."""
        said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return f"the run is not recorded in {self._path.as_posix()}: {said}"

    def _write(self) -> None:
        try:
            with closing(self._opened()) as db:
                self._drain(db)
        except Exception as error:  # noqa: BLE001 - the entry of a thread: whatever it is, it is told once, in a line
            self._error = error

    def _opened(self) -> sqlite3.Connection:
        import sqlite3

        from spicy.runs.database import open_to_write

        while True:
            try:
                return open_to_write(self._path)
            except sqlite3.OperationalError as error:
                self._wait_for(error)

    def _wait_for(self, error: sqlite3.OperationalError) -> None:
        """A file that is locked may be free in a moment; until the build is over there is time."""
        if not error.sqlite_errorname.startswith("SQLITE_BUSY"):
            raise error
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise error
        time.sleep(0.05)

    def _drain(self, db: sqlite3.Connection) -> None:
        from spicy.runs.liveness import RunLock
        from spicy.runs.rows import Recorder

        recorder: Recorder | None = None
        while batch := self._batch():
            for _, event in batch:
                if isinstance(event, RunStarted):
                    if self._alive is None:
                        self._alive = RunLock(self._path.parent, event.run)
                    recorder = Recorder(event.run)
            if recorder is not None:
                self._keep(db, recorder, batch)

    def _batch(self) -> list[_Item]:
        """What has happened since the last look, at least one thing; nothing when the run is over."""
        item = self._queue.get()
        batch: list[_Item] = []
        while item is not None:
            batch.append(item)
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return batch
        if batch:
            self._queue.put(None)  # found again with the next look
        return batch

    def _keep(self, db: sqlite3.Connection, recorder: Recorder, batch: Sequence[_Item]) -> None:
        """Write a batch in one transaction, again as long as the file is locked."""
        import sqlite3

        while True:
            try:
                db.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                self._wait_for(error)
                continue
            try:
                recorder.keep(db, batch)
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:  # a full disk ends it by itself, and is what is to be told
                    db.execute("ROLLBACK")
                raise
            return
