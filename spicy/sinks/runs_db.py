"""The runs database, `build/spicy.db`: every run that made something, with its events.

Written by a thread of its own, in batches, fire-and-forget: a locked or broken database never slows a build.
A run with nothing to do leaves no trace, so that a build in a loop does not fill the disk.
"""

from __future__ import annotations

import datetime
import json
import queue
import sqlite3
import threading
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

from spicy.events import CallProgress, Event, NodeFresh, RunFinished, RunStarted
from spicy.sinks.words import event_name

_SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
    id TEXT PRIMARY KEY, started TEXT NOT NULL, finished TEXT, films TEXT NOT NULL, provider TEXT NOT NULL,
    cap INTEGER, exit_code INTEGER, made INTEGER, fresh INTEGER, failed INTEGER, blocked INTEGER,
    paid INTEGER, saved INTEGER, seconds REAL);
CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY, run TEXT NOT NULL, at TEXT NOT NULL, event TEXT NOT NULL, data TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS events_by_run ON events (run, id);
"""


class RunsDb:
    """A sink that keeps runs in SQLite. Opens the file when the first node starts, not before."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._started: tuple[str, RunStarted] | None = None
        self._queue: queue.SimpleQueue[tuple[str, Event] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._error: Exception | None = None

    def __call__(self, event: Event) -> None:
        """Queue one event. Raises, once, what the writer met."""
        if isinstance(event, CallProgress | NodeFresh):
            return
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
        if isinstance(event, RunStarted):
            self._started = (now, event)
            return
        if self._thread is None:
            if isinstance(event, RunFinished):
                return
            self._thread = threading.Thread(target=self._write, name="runs-db", daemon=True)
            self._thread.start()
        self._queue.put((now, event))

    def close(self) -> None:
        """Write what is queued, waiting at most a few seconds for a locked file."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join(timeout=6)
            self._thread = None

    def _write(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self._path, timeout=5, isolation_level=None)) as db:
                db.execute("PRAGMA journal_mode=WAL")
                db.execute("PRAGMA synchronous=NORMAL")
                db.executescript(_SCHEMA)
                self._drain(db)
        except (sqlite3.Error, OSError) as error:
            self._error = error

    def _drain(self, db: sqlite3.Connection) -> None:
        if self._started is None:
            return
        at, started = self._started
        db.execute(
            "INSERT OR REPLACE INTO runs (id, started, films, provider, cap) VALUES (?, ?, ?, ?, ?)",
            (started.run, at, json.dumps(started.films), started.provider, started.cap),
        )
        while (item := self._queue.get()) is not None:
            at, event = item
            db.execute(
                "INSERT INTO events (run, at, event, data) VALUES (?, ?, ?, ?)",
                (started.run, at, event_name(event), json.dumps(asdict(event))),
            )
            if isinstance(event, RunFinished):
                self._finish(db, at, event)

    @staticmethod
    def _finish(db: sqlite3.Connection, at: str, event: RunFinished) -> None:
        db.execute(
            "UPDATE runs SET finished = ?, exit_code = ?, made = ?, fresh = ?, failed = ?, blocked = ?, paid = ?,"
            " saved = ?, seconds = ? WHERE id = ?",
            (at, event.exit_code, event.made, event.fresh, event.failed, event.blocked)
            + (event.paid, event.saved, event.seconds, event.run),
        )


def list_runs(path: Path, limit: int) -> list[Mapping[str, object]]:
    """The newest runs first, as rows by column name; none when there is no database."""
    if not path.exists():
        return []
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        db.row_factory = sqlite3.Row
        rows = db.execute("SELECT * FROM runs ORDER BY started DESC LIMIT ?", (limit,)).fetchall()
    return [dict(row) for row in rows]
