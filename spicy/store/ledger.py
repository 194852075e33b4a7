"""The ledger: one row for each time a call was put to a provider, from intent to the last cent.

States: intent → submitted → ready → closed; ends: refused, failed, expired, unknown, written_off.
At most one row of a key is live (a unique index says so), so two threads or two processes can never both
submit the same call: the second finds the first one's row, and waits while its owner lives.

An owner is a process of this machine that holds a lock on a file; the lock goes when the process does,
however it dies, and that is how others know that its rows are orphans.
"""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from filelock import FileLock, Timeout

from spicy.errors import StoreError
from spicy.files import is_locked
from spicy.ids import CallKey, Ticks


class CallState(StrEnum):
    """Where a submission stands."""

    INTENT = "intent"
    SUBMITTED = "submitted"
    READY = "ready"
    CLOSED = "closed"
    REFUSED = "refused"
    FAILED = "failed"
    EXPIRED = "expired"
    UNKNOWN = "unknown"
    """Maybe accepted, maybe billed; stands in the way until the user says retry."""
    WRITTEN_OFF = "written_off"
    """Maybe billed twice: was unknown, and has been asked for again."""


_LOCKED = 30.0
"""Seconds to wait for another process that writes."""

LIVE = (CallState.INTENT, CallState.SUBMITTED, CallState.READY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    """What a call is for; labels money, never enters a key."""

    run: str
    film: str
    node: str
    step: str
    purpose: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """One submission as the ledger has it."""

    id: int
    key: CallKey
    state: CallState
    owner: str
    ticket: str | None
    answer: str | None
    estimate: Ticks
    cost: Ticks
    created: float
    updated: float
    note: str
    provider: str
    node: str
    purpose: str
    request: str
    """The call's canonical form as JSON; empty in rows of versions that did not keep it."""


_MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE call (
        id INTEGER PRIMARY KEY, key TEXT NOT NULL, provider TEXT NOT NULL, kind TEXT NOT NULL,
        model TEXT NOT NULL, run TEXT NOT NULL, film TEXT NOT NULL, node TEXT NOT NULL, step TEXT NOT NULL,
        purpose TEXT NOT NULL, owner TEXT NOT NULL, state TEXT NOT NULL, ticket TEXT, answer TEXT,
        estimate INTEGER NOT NULL, cost INTEGER NOT NULL DEFAULT 0,
        created REAL NOT NULL, updated REAL NOT NULL, note TEXT NOT NULL DEFAULT '');
    CREATE UNIQUE INDEX live ON call(key) WHERE state IN ('intent', 'submitted', 'ready');
    CREATE INDEX by_key ON call(key, id);
    CREATE TABLE saved (
        run TEXT NOT NULL, film TEXT NOT NULL, step TEXT NOT NULL, item TEXT NOT NULL, kind TEXT NOT NULL,
        calls INTEGER NOT NULL, cost INTEGER NOT NULL, at REAL NOT NULL);
    """,
    # What was asked, so that an answer can be brought home when its spec does not ask for it any more.
    "ALTER TABLE call ADD COLUMN request TEXT NOT NULL DEFAULT ''",
)

_ROW = "id, key, state, owner, ticket, answer, estimate, cost, created, updated, note, provider, node, purpose, request"


class ProcessLease:
    """This process's claim to be alive, for as long as it is."""

    def __init__(self, root: Path) -> None:
        self._folder = root / "owners"
        self._folder.mkdir(parents=True, exist_ok=True)
        while not self._create_and_lock():
            pass

    def _create_and_lock(self) -> bool:
        """Take a name. Between the file and its lock somebody may have taken us for dead; then under another."""
        self.id = secrets.token_hex(8)
        self._lock = FileLock(self._folder / self.id, thread_local=False)
        try:
            self._lock.acquire(blocking=False)
        except Timeout:
            return False
        return (self._folder / self.id).exists()

    def is_alive(self, owner: str) -> bool:
        """Whether the process that called itself `owner` still runs."""
        if owner == self.id:
            return True
        # Who is taken for dead loses its calls to others: where it cannot be known, it lives.
        return bool(owner) and is_locked(self._folder / owner, unsure=True)

    def remove(self, owner: str) -> None:
        """Forget a dead owner, once what it left is swept up."""
        with contextlib.suppress(Timeout), FileLock(self._folder / owner, timeout=0, thread_local=False):
            (self._folder / owner).unlink(missing_ok=True)

    def close(self, *, unfinished: bool = False) -> None:
        """Stop being alive. With work left `unfinished` the file stays, so that the next build looks for it."""
        self._lock.release()
        if not unfinished:
            (self._folder / self.id).unlink(missing_ok=True)


class Ledger:
    """The ledger of one store; every method is one durable transaction. Safe for threads and processes."""

    def __init__(self, root: Path, *, clock: Callable[[], float] = time.time) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self._path = root / "ledger.sqlite"
        self._clock = clock
        self._lock = threading.Lock()
        self._db = sqlite3.connect(self._path, timeout=_LOCKED, check_same_thread=False, isolation_level=None)
        self._log_ahead()
        self._db.execute("PRAGMA synchronous=FULL")
        self._migrate()

    def _log_ahead(self) -> None:
        """Switch to the write-ahead log. Of two processes that open a new file SQLite refuses one without waiting."""
        patience = time.monotonic() + _LOCKED
        while True:
            try:
                self._db.execute("PRAGMA journal_mode=WAL")
                return
            except sqlite3.OperationalError as error:
                # Only a busy file gets better by waiting; one that cannot be written is told at once.
                if not error.sqlite_errorname.startswith("SQLITE_BUSY") or time.monotonic() > patience:
                    raise StoreError(f"the ledger {self._path} cannot be opened: {error}") from error
                time.sleep(0.01)

    def _migrate(self) -> None:
        with self._write() as db:
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version > len(_MIGRATIONS):
                raise StoreError(
                    f"the ledger is of version {version}, newer than this spicy; please upgrade spicy"
                )
            for number, script in enumerate(_MIGRATIONS[version:], version + 1):
                for statement in filter(str.strip, script.split(";")):
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {number}")

    @contextlib.contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    yield self._db
                except BaseException:
                    self._db.execute("ROLLBACK")
                    raise
                self._db.execute("COMMIT")
            except sqlite3.Error as error:
                raise StoreError(
                    f"the ledger {self._path}: {error}; make room or wait, then build again"
                ) from error

    def claim(
        self,
        key: CallKey,
        *,
        owner: str,
        provider: str,
        kind: str,
        model: str,
        estimate: Ticks,
        purpose: Purpose,
        request: str,
    ) -> LedgerRow | int:
        """Write the intent to submit `key` and return its row's number, or the row that stands in the way.

        In the way stand: a live row, a refusal (final), an unknown outcome.
        """
        with self._write() as db:
            last = self._last(db, key)
            if last is not None and last.state in (*LIVE, CallState.REFUSED, CallState.UNKNOWN):
                return last
            now = self._clock()
            cursor = db.execute(
                "INSERT INTO call (key, provider, kind, model, run, film, node, step, purpose, owner, state,"
                " estimate, created, updated, request) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'intent', ?, ?, ?, ?)",
                (key, provider, kind, model, purpose.run, purpose.film, purpose.node, purpose.step)
                + (purpose.purpose, owner, estimate, now, now, request),
            )
            return int(cursor.lastrowid or 0)

    @staticmethod
    def _last(db: sqlite3.Connection, key: CallKey) -> LedgerRow | None:
        row = db.execute(f"SELECT {_ROW} FROM call WHERE key = ? ORDER BY id DESC LIMIT 1", (key,)).fetchone()
        return _row(row) if row else None

    def find(self, key: CallKey) -> LedgerRow | None:
        """The newest row of a key."""
        with self._lock:
            return self._last(self._db, key)

    def adopt(self, row: LedgerRow, owner: str) -> bool:
        """Take over the row of a dead owner; False when another process was quicker."""
        with self._write() as db:
            done = db.execute(
                "UPDATE call SET owner = ?, updated = ? WHERE id = ? AND owner = ? AND state = ?",
                (owner, self._clock(), row.id, row.owner, row.state.value),
            )
            return done.rowcount == 1

    def release(self, id: int) -> None:
        """Give a live row up as it is: whoever comes next may adopt it."""
        with self._write() as db:
            db.execute("UPDATE call SET owner = '', updated = ? WHERE id = ?", (self._clock(), id))

    def submitted(self, id: int, ticket: str) -> None:
        """The provider accepted and gave a ticket; durable before the first poll."""
        self._set(id, CallState.SUBMITTED, ticket=ticket)

    def ready(self, id: int, answer: str, cost: Ticks) -> None:
        """The provider finished; `answer` (JSON) is enough to fetch the media from another process."""
        self._set(id, CallState.READY, answer=answer, cost=cost)

    def end(self, id: int, state: CallState, *, cost: Ticks | None = None, note: str = "") -> None:
        """Close a row as closed, refused, failed, expired, unknown or written_off, with what it cost."""
        values: dict[str, object] = {"note": note}
        if cost is not None:
            values["cost"] = cost
        self._set(id, state, **values)

    def _set(self, id: int, state: CallState, **values: object) -> None:
        names = ", ".join(f"{name} = ?" for name in values)
        with self._write() as db:
            db.execute(
                f"UPDATE call SET state = ?, updated = ?{', ' if names else ''}{names} WHERE id = ?",
                (state.value, self._clock(), *values.values(), id),
            )

    def live(self) -> tuple[LedgerRow, ...]:
        """Every row that is not at its end."""
        with self._lock:
            rows = self._db.execute(
                f"SELECT {_ROW} FROM call WHERE state IN ('intent', 'submitted', 'ready') ORDER BY id"
            ).fetchall()
        return tuple(_row(row) for row in rows)

    def unfinished(self) -> bool:
        """Whether any row is not at its end; so it is assumed where the file cannot be read any more."""
        try:
            return bool(self.live())
        except sqlite3.Error:
            return True

    def save_hits(
        self, run: str, film: str, step: str, item: str, hits: Sequence[tuple[str, int, Ticks]]
    ) -> None:
        """Note what the store saved: for each kind, how many calls, and their price when first asked."""
        if not hits:
            return
        now = self._clock()
        with self._write() as db:
            db.executemany(
                "INSERT INTO saved VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [(run, film, step, item, kind, calls, cost, now) for kind, calls, cost in hits],
            )

    def costs(self, column: str) -> list[tuple[str, int, int, int, int]]:
        """Spend by film, step, kind, node or run: (name, calls paid, ticks paid, calls saved, ticks saved)."""
        saved_column = {"node": "film || ':' || step || '/' || item"}.get(column, column)
        if column not in {"film", "step", "kind", "node", "run"}:
            raise ValueError(f"no such grouping: {column}")
        with self._lock:
            rows = self._db.execute(
                f"SELECT name, sum(calls), sum(cost), sum(hits), sum(saved) FROM ("
                f" SELECT {column} AS name, 1 AS calls, cost, 0 AS hits, 0 AS saved FROM call"
                f"  WHERE state NOT IN ('intent', 'submitted') AND (state != 'failed' OR cost > 0)"
                f" UNION ALL SELECT {saved_column}, 0, 0, calls, cost FROM saved)"
                f" GROUP BY name ORDER BY sum(cost) DESC, name"
            ).fetchall()
        return [(str(n), int(a), int(b), int(c), int(d)) for n, a, b, c, d in rows]

    def doubtful(self) -> list[tuple[str, str, Ticks, float, str]]:
        """Submissions that may have been billed without an answer: (node, state, estimate, when, note)."""
        with self._lock:
            rows = self._db.execute(
                "SELECT node, state, estimate, updated, note FROM call WHERE state IN ('unknown', 'written_off')"
                " ORDER BY id"
            ).fetchall()
        return [(str(n), str(s), Ticks(e), float(u), str(t)) for n, s, e, u, t in rows]

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()


def _row(values: tuple[object, ...]) -> LedgerRow:
    fields = dict(zip(_ROW.split(", "), values, strict=True))
    return LedgerRow(**{**fields, "state": CallState(str(fields["state"]))})  # type: ignore[arg-type]
