"""Reading the runs database: runs, what happened in them, and every attempt at a target that any run had."""

from __future__ import annotations

import functools
import json
import re
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from spicy.errors import StoreError
from spicy.events import MONEY, Event
from spicy.ids import CallKey, Digest, Step, Ticks
from spicy.runs.database import open_to_read, reading
from spicy.runs.liveness import is_alive
from spicy.runs.model import STEPS, AttemptRow, RecordedEvent, Run, database, state_of

_UNIT = "_ticks"


def list_runs(build: Path, limit: int, film: str | None = None) -> list[Run]:
    """The newest runs first, of one film or of all; none when there is no database.

    Raises StoreError for a file that cannot be read.
    """
    where, values = (
        ("", ())
        if film is None
        else (" WHERE EXISTS (SELECT 1 FROM json_each(films) WHERE value = ?)", (film,))
    )
    with reading(database(build)) as db:
        if db is None:
            return []
        rows = db.execute(f"SELECT * FROM runs{where} ORDER BY started DESC LIMIT ?", (*values, limit))
        return [_run(row, build) for row in rows]


def find_run(build: Path, id: str) -> Run | None:
    """One run, or None. Raises StoreError for a file that cannot be read."""
    with reading(database(build)) as db:
        row = db and db.execute("SELECT * FROM runs WHERE id = ?", (id,)).fetchone()
        return _run(row, build) if row else None


def list_tried(build: Path, film: str) -> list[AttemptRow]:
    """Every attempt at a film's targets that any run had, in the order in which they were first there.

    Raises StoreError for a file that cannot be read.
    """
    with reading(database(build)) as db:
        if db is None:
            return []
        return [
            _tried(row, step)
            for table, step in STEPS.items()
            for row in db.execute(f"SELECT * FROM {table} WHERE film = ? ORDER BY id", (film,))
        ]


class Tail:
    """Follows what happens in a build folder's runs, whichever process writes it. One thread at a time."""

    def __init__(self, build: Path) -> None:
        self._path = database(build)
        self._db: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None

    def after(self, run: str, id: int, limit: int = 10_000) -> list[RecordedEvent]:
        """What happened in a run after the event with this id (0: all of it), at most `limit` of it.

        An event that this version does not know is left out. Nothing when there is no database, or none yet.
        Raises StoreError for a file that cannot be read.
        """
        rows = self._rows(
            "SELECT id, at, event, data FROM events WHERE run = ? AND id > ? ORDER BY id LIMIT ?",
            (run, id, limit),
        )
        found = []
        for row in rows:
            event = event_of(row["event"], json.loads(row["data"]))
            if event is not None:
                found.append(RecordedEvent(row["id"], row["at"], event))
        return found

    def changed(self) -> tuple[int, ...]:
        """Another value whenever any run has changed: what it is says nothing."""
        rows = self._rows("SELECT count(*), max(id) FROM events", ())
        return (*(self._file or ()), *(tuple(rows[0]) if rows else ()))

    def close(self) -> None:
        """Let go of the file."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def _rows(self, query: str, values: tuple[object, ...]) -> list[sqlite3.Row]:
        try:
            self._follow()
            return [] if self._db is None else self._db.execute(query, values).fetchall()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname.startswith("SQLITE_BUSY") or "no such table" in str(error):
                return []  # somebody holds it, or is just making it; the next look will tell
            raise StoreError(f"{self._path.as_posix()} cannot be read: {error}") from error
        except sqlite3.Error as error:
            raise StoreError(f"{self._path.as_posix()} cannot be read: {error}") from error

    def _follow(self) -> None:
        """Open the file, and the new one when it was removed and made again, as with the whole build folder."""
        try:
            status = self._path.stat()
        except OSError:
            self.close()
            self._file = None
            return
        file = (status.st_dev, status.st_ino)
        if file != self._file:
            self.close()
            self._db, self._file = open_to_read(self._path), file


def event_of(name: str, data: Mapping[str, object]) -> Event | None:
    """The event that was written as `name` and `data`; None for one that this version does not know."""
    from pydantic import ValidationError

    adapter = _adapters().get(name)
    if adapter is None:
        return None
    try:
        event: Event = adapter.validate_python(_plain(data))
    except ValidationError:
        return None
    return event


@functools.cache
def _adapters() -> dict[str, Any]:
    from pydantic import TypeAdapter

    names = {re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower(): kind for kind in get_args(Event)}
    return {name: TypeAdapter(kind) for name, kind in names.items()}


def _plain(value: object) -> object:
    """Fields as the events have them: the unit is in their type."""
    match value:
        case dict():
            return {_name(key): _plain(inner) for key, inner in value.items()}
        case list():
            return [_plain(inner) for inner in value]
        case _:
            return value


def _name(key: str) -> str:
    name = key.removesuffix(_UNIT)
    return name if name in MONEY else key


def _run(row: sqlite3.Row, build: Path) -> Run:
    values = {name: row[name] for name in row.keys()}  # noqa: SIM118 - a Row is not a mapping
    counts = {name: values[name] or 0 for name in ("made", "fresh", "failed", "stopped", "blocked")}
    lists = {name: tuple(json.loads(values[name])) for name in ("films", "specs", "titles")}
    alive = values["exit_code"] is None and is_alive(build, values["id"])
    money = {name: Ticks(values[name] or 0) for name in ("paid", "saved")}
    return Run(**{**values, **counts, **lists, **money, "state": state_of(values["exit_code"], alive=alive)})


def _tried(row: sqlite3.Row, step: Step) -> AttemptRow:
    return AttemptRow(
        id=row["id"],
        run=row["run"],
        at=row["at"],
        film=row["film"],
        step=step,
        item=row["item"],
        number=row["number"],
        take=row["take"],
        key=CallKey(row["key"]),
        digest=Digest(row["digest"]),
        suffix=row["suffix"],
        score=row["score"],
        problems=tuple(json.loads(row["problems"])),
        cost=Ticks(row["cost"]),
        used=bool(row["used"]),
    )
