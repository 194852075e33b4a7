"""The file: its seven tables and its events, how it grows with versions, how it is opened to read."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from spicy.errors import StoreError

VERSION = 1

_FIRST = """
CREATE TABLE IF NOT EXISTS runs (
    id TEXT PRIMARY KEY, started TEXT NOT NULL, finished TEXT, films TEXT NOT NULL, provider TEXT NOT NULL,
    cap INTEGER, exit_code INTEGER, made INTEGER, fresh INTEGER, failed INTEGER, blocked INTEGER,
    paid INTEGER, saved INTEGER, seconds REAL);
CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY, run TEXT NOT NULL, at TEXT NOT NULL, event TEXT NOT NULL, data TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS events_by_run ON events (run, id);
"""

_ATTEMPTS = """
CREATE TABLE {table} (
    id INTEGER PRIMARY KEY, run TEXT NOT NULL, at TEXT NOT NULL, film TEXT NOT NULL, item TEXT NOT NULL,
    number INTEGER NOT NULL, take INTEGER NOT NULL, key TEXT NOT NULL, digest TEXT NOT NULL, suffix TEXT NOT NULL,
    score REAL, problems TEXT NOT NULL, cost INTEGER NOT NULL, used INTEGER NOT NULL,
    UNIQUE (film, item, digest));
"""

_SECOND = (
    """
ALTER TABLE runs ADD COLUMN specs TEXT NOT NULL DEFAULT '[]';
ALTER TABLE runs ADD COLUMN titles TEXT NOT NULL DEFAULT '[]';
ALTER TABLE runs ADD COLUMN until TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN total INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN stopped INTEGER;
ALTER TABLE runs ADD COLUMN pid INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN place TEXT NOT NULL DEFAULT '';
UPDATE runs SET stopped = (SELECT count(*) FROM events WHERE events.run = runs.id AND event = 'node_failed'
    AND json_extract(data, '$.kind') IN ('budget', 'interrupted')) WHERE finished IS NOT NULL;
UPDATE runs SET failed = failed - stopped WHERE finished IS NOT NULL;
CREATE INDEX runs_by_start ON runs (started);
CREATE TABLE characters (
    run TEXT NOT NULL, film TEXT NOT NULL, position INTEGER NOT NULL, slug TEXT NOT NULL, name TEXT NOT NULL,
    role TEXT NOT NULL, description TEXT NOT NULL, take INTEGER NOT NULL, PRIMARY KEY (run, film, slug));
CREATE TABLE scenes (
    run TEXT NOT NULL, film TEXT NOT NULL, position INTEGER NOT NULL, slug TEXT NOT NULL, id TEXT NOT NULL,
    title TEXT NOT NULL, characters TEXT NOT NULL, setting TEXT NOT NULL, action TEXT NOT NULL,
    camera TEXT NOT NULL, mood TEXT NOT NULL, duration INTEGER NOT NULL, take INTEGER NOT NULL,
    keyframe_take INTEGER NOT NULL, PRIMARY KEY (run, film, slug));
CREATE TABLE reference_images (
    run TEXT NOT NULL, film TEXT NOT NULL, character TEXT NOT NULL, path TEXT NOT NULL, digest TEXT,
    PRIMARY KEY (run, film, character));
"""
    + _ATTEMPTS.format(table="character_assets")
    + _ATTEMPTS.format(table="keyframe_assets")
    + _ATTEMPTS.format(table="video_assets")
)

_LOCKED = 1.0
"""Seconds that one try waits for a file that somebody else has locked."""


def open_to_write(path: Path) -> sqlite3.Connection:
    """Open the file, or make it, with every table that this version knows. Raises sqlite3.Error and OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(path, timeout=_LOCKED, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA journal_mode=WAL")
        # What a power cut may take from the end is history, no money; a killed process loses nothing.
        db.execute("PRAGMA synchronous=NORMAL")
        _grow(db)
    except BaseException:
        db.close()
        raise
    return db


def _grow(db: sqlite3.Connection) -> None:
    if _version(db) == VERSION:
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        found = _version(db)  # another process may have been quicker
        if found > VERSION:
            raise sqlite3.DatabaseError(f"it is of version {found}; this spicy knows {VERSION}: upgrade it")
        if found < VERSION:
            # Not executescript: that would commit what goes before it.
            for statement in (_FIRST + _SECOND).split(";\n"):
                if statement.strip():
                    db.execute(statement)
            db.execute(f"PRAGMA user_version={VERSION}")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


@contextlib.contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection | None]:
    """The file, to read; None when there is none. One of an earlier version grows first.

    Raises StoreError for a file that cannot be read.
    """
    try:
        path.stat()
        with closing(open_to_read(path)) as db:
            version = _version(db)
            if version == VERSION:
                yield db
                return
        if version > VERSION:
            raise sqlite3.DatabaseError(f"it is of version {version}; this spicy knows {VERSION}: upgrade it")
        open_to_write(path).close()
        with closing(open_to_read(path)) as db:
            yield db
    except FileNotFoundError:
        yield None
    except OSError as error:
        raise StoreError(f"{path.as_posix()} cannot be read: {error.strerror}") from error
    except sqlite3.Error as error:
        raise StoreError(
            f"{path.as_posix()} cannot be read: {error}; it only remembers past builds: remove it to begin a new one"
        ) from error


def open_to_read(path: Path) -> sqlite3.Connection:
    """Open for reading, also where SQLite may not write the files that it shares with writers.

    Raises sqlite3.Error.
    """
    uri = path.absolute().as_uri()
    db = sqlite3.connect(f"{uri}?mode=ro", uri=True, timeout=_LOCKED, check_same_thread=False)
    try:
        db.execute("SELECT 1 FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        db.close()
        if not error.sqlite_errorname.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY")):
            raise
        db = sqlite3.connect(f"{uri}?mode=ro&immutable=1", uri=True, check_same_thread=False)
    db.row_factory = sqlite3.Row
    return db
