"""The runs database, `build/spicy.db`: every run that made something, with its events.

Written by a thread of its own, in batches, fire-and-forget: a locked or broken database never slows a build, and
what is wrong with it is said once, when the build is over.
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
from pathlib import Path

from spicy.errors import StoreError
from spicy.events import CallProgress, Event, NodeFresh, RunFinished, RunStarted
from spicy.sinks.json_lines import fields
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
        """Queue one event; free of waiting, and of errors until `close`."""
        if isinstance(event, CallProgress | NodeFresh) or self._error is not None:
            return
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
        """Write what is queued, waiting at most a few seconds for a locked file. Raises, once, what the writer met."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join(timeout=6)
            self._thread = None
        error, self._error = self._error, None
        if error is not None:
            raise error

    def describe(self, error: Exception) -> str:
        """What it means that this sink broke."""
        said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return f"the run is not recorded in {self._path.as_posix()}: {said}"

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
                (started.run, at, event_name(event), json.dumps(fields(event))),
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
    """The newest runs first, as rows by column name; none when there is no database.

    `failed` counts real failures; `stopped` those that the user or the budget stopped. Raises StoreError for a file
    that cannot be read.
    """
    try:
        path.stat()
        with closing(_open(path)) as db:
            db.row_factory = sqlite3.Row
            rows = db.execute(
                "SELECT id, started, finished, films, provider, cap, exit_code, made, fresh,"
                " failed - stopped AS failed, stopped, blocked, paid, saved, seconds FROM"
                " (SELECT *, (SELECT count(*) FROM events WHERE events.run = runs.id AND event = 'node_failed'"
                " AND json_extract(data, '$.kind') IN ('budget', 'interrupted')) AS stopped"
                " FROM runs ORDER BY started DESC LIMIT ?)",
                (limit,),
            ).fetchall()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StoreError(f"{path.as_posix()} cannot be read: {error.strerror}") from error
    except sqlite3.Error as error:
        raise StoreError(
            f"{path.as_posix()} cannot be read: {error}; it only remembers past builds: remove it to begin a new one"
        ) from error
    return [dict(row) for row in rows]


def _open(path: Path) -> sqlite3.Connection:
    """Open for reading, also where SQLite may not write the files that it shares with writers."""
    uri = path.absolute().as_uri()
    db = sqlite3.connect(f"{uri}?mode=ro", uri=True)
    try:
        db.execute("SELECT 1 FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        db.close()
        if not error.sqlite_errorname.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY")):
            raise
        db = sqlite3.connect(f"{uri}?mode=ro&immutable=1", uri=True)
    return db
