"""The file below the queue: its schema, its migrations, and transactions whose mishaps are told in words.

Why `synchronous=NORMAL`: what was answered must survive the death of this process, by kill -9 too. In WAL mode
a committed change is then in the operating system's hands, and that suffices without a flush to the disk. Only
a loss of power can take the last changes back (never half of one), and no money hangs on them: what was paid
stands in the store's ledger, which does flush, under a key made of the request. A job that falls back is done
again from there for $0. A flush for each change would cost each request milliseconds for no cent saved.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from spicy.errors import StoreError, UsageError

PATIENCE = 30.0
"""Seconds to wait for another process that holds the file."""

MIGRATIONS: tuple[str, ...] = (
    # `key` and `digest` are the client's idempotency key and what it first stood for: they go with the job.
    # `lapses` counts the claims that ran out; `token` is the secret of the live claim.
    # Each index ends with `seq`, as all of SQLite's do, so that jobs come out of it in their order unsorted.
    """
    CREATE TABLE job (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, mode TEXT NOT NULL, state TEXT NOT NULL,
        model TEXT NOT NULL, prompt TEXT NOT NULL, request TEXT NOT NULL, key TEXT, digest TEXT,
        created REAL NOT NULL, updated REAL NOT NULL, started REAL, finished REAL,
        token TEXT, lease_until REAL, tries INTEGER NOT NULL DEFAULT 0, lapses INTEGER NOT NULL DEFAULT 0,
        worker TEXT NOT NULL DEFAULT '', progress REAL NOT NULL DEFAULT 0, error TEXT, code TEXT, text TEXT,
        media TEXT, size INTEGER, seconds REAL, cost INTEGER NOT NULL DEFAULT 0,
        from_store INTEGER NOT NULL DEFAULT 0, answered_by TEXT NOT NULL DEFAULT '');
    CREATE UNIQUE INDEX by_key ON job(key) WHERE key IS NOT NULL;
    CREATE INDEX by_mode ON job(mode);
    CREATE INDEX by_state ON job(state);
    CREATE INDEX by_both ON job(mode, state);
    CREATE INDEX by_lease ON job(lease_until) WHERE lease_until IS NOT NULL;
    CREATE INDEX by_end ON job(finished) WHERE finished IS NOT NULL;
    """,
)


class Database:
    """One SQLite file for many threads: one connection writes, as many read as there are readers at once.

    Readers share no lock, so nobody who only asks waits for a writer or for another reader. Every method
    raises StoreError where SQLite cannot do what it should, and UsageError for text that is not Unicode.
    """

    def __init__(self, path: Path, *, patience: float = PATIENCE) -> None:
        self._path, self._patience = path, patience
        self._lock = threading.Lock()
        self._idle: deque[sqlite3.Connection] = deque()
        self._closed = False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"the job database {path}: its folder cannot be made: {error.strerror}"
            ) from error
        with self._told():
            self._writer = self._open()
            try:
                self._prepare()
            except BaseException:
                self._writer.close()
                raise

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(
            self._path, timeout=self._patience, check_same_thread=False, isolation_level=None
        )
        db.row_factory = sqlite3.Row
        db.execute("PRAGMA synchronous=NORMAL")
        return db

    def _prepare(self) -> None:
        if self._version() > len(MIGRATIONS):
            raise StoreError(
                f"the job database {self._path} is of version {self._version()}, newer than this spicy; "
                "please upgrade spicy, or name another file in DB_PATH"
            )
        if self._version() == 0 and self._writer.execute("SELECT 1 FROM sqlite_master").fetchone():
            raise StoreError(f"{self._path} is a database of something else; name another file in DB_PATH")
        self._write_ahead()
        if self._version() < len(MIGRATIONS):
            with self.write() as db:
                for number, script in list(enumerate(MIGRATIONS, 1))[self._version() :]:
                    for statement in filter(str.strip, script.split(";")):
                        db.execute(statement)
                    db.execute(f"PRAGMA user_version = {number}")

    def _write_ahead(self) -> None:
        """Turn WAL mode on; SQLite itself does not wait when two processes do so at once on a new file."""
        until = time.monotonic() + self._patience
        while True:
            try:
                self._writer.execute("PRAGMA journal_mode=WAL")
                return
            except sqlite3.OperationalError as error:
                if not error.sqlite_errorname.startswith("SQLITE_BUSY") or time.monotonic() > until:
                    raise
                time.sleep(0.01)

    def _version(self) -> int:
        (version,) = self._writer.execute("PRAGMA user_version").fetchone()
        return int(version)

    @contextlib.contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it is committed when the block ends, none of it when the block raises."""
        with self._told(), self._lock:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def single(self) -> Iterator[sqlite3.Connection]:
        """The writing connection for one statement that writes: by itself it is a transaction, and a third of the work.

        Every statement lets other threads run, and they may be slow to come back; so it counts how many there are
        while the others wait to write.
        """
        with self._told(), self._lock:
            yield self._writer

    @contextlib.contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A connection of one's own to look with."""
        if self._closed:
            raise StoreError(f"the job database {self._path} is closed")
        with self._told():
            try:
                db = self._idle.pop()
            except IndexError:
                db = self._open()
            try:
                yield db
            finally:
                self._put_back(db)

    def _put_back(self, db: sqlite3.Connection) -> None:
        if self._closed:
            db.close()
        else:
            self._idle.append(db)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(f"the job database {self._path}: {error}; {_advice(error)}") from error
        except UnicodeEncodeError as error:
            raise UsageError("the text holds half of a surrogate pair, which is no character") from error

    def close(self) -> None:
        """Let go of the file. Whoever asks afterwards gets a StoreError."""
        self._closed = True
        with self._lock:
            self._writer.close()
        while self._idle:
            self._idle.pop().close()


def _advice(error: sqlite3.Error) -> str:
    name = getattr(error, "sqlite_errorname", "")
    for kind, advice in (
        ("SQLITE_BUSY", "another process holds it; wait or end that process"),
        ("SQLITE_READONLY", "make the file and its folder writable"),
        ("SQLITE_CANTOPEN", "make the file and its folder writable"),
        ("SQLITE_FULL", "make room on the disk"),
        ("SQLITE_NOTADB", "it is something else; name another file in DB_PATH"),
    ):
        if name.startswith(kind):
            return advice
    return "look at the disk and at the file's rights"
