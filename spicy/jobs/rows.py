"""A job as a row of the database, there and back; what is written here belongs to the caller's transaction."""

from __future__ import annotations

import json
import sqlite3

from spicy.ids import Digest, Ticks
from spicy.jobs.model import Job, JobState, Mode


def find_row(db: sqlite3.Connection, id: str) -> sqlite3.Row | None:
    """The row of a job."""
    if not id.isascii():
        return None  # no job's id; half a surrogate pair could not even be asked for
    row: sqlite3.Row | None = db.execute("SELECT * FROM job WHERE id = ?", (id,)).fetchone()
    return row


def next_row(db: sqlite3.Connection, mode: Mode) -> sqlite3.Row | None:
    """The row of the oldest job of a mode that waits."""
    row: sqlite3.Row | None = db.execute(
        "SELECT * FROM job WHERE state = 'pending' AND mode = ? ORDER BY seq LIMIT 1", (mode,)
    ).fetchone()
    return row


def put_back(db: sqlite3.Connection, job: Job, now: float, *, tries: int) -> None:
    """Let a job wait again, where it waited before."""
    db.execute(
        "UPDATE job SET state = 'pending', updated = ?, started = NULL, lease_until = NULL, token = NULL,"
        " progress = 0, tries = ? WHERE id = ?",
        (now, tries, job.id),
    )


def end_badly(db: sqlite3.Connection, job: Job, now: float, message: str, code: str, cost: Ticks) -> None:
    """Write down that a job failed."""
    db.execute(
        "UPDATE job SET state = 'failed', updated = ?, finished = ?, lease_until = NULL, token = NULL,"
        " error = ?, code = ?, cost = ? WHERE id = ?",
        (now, now, message, code, cost, job.id),
    )


def job_of(row: sqlite3.Row) -> Job:
    """The job that a row holds."""
    return Job(
        id=row["id"],
        mode=Mode(row["mode"]),
        state=JobState(row["state"]),
        model=row["model"],
        prompt=row["prompt"],
        request=json.loads(row["request"]),
        created=row["created"],
        updated=row["updated"],
        started=row["started"],
        finished=row["finished"],
        lease_until=row["lease_until"],
        tries=row["tries"],
        progress=row["progress"],
        error=row["error"],
        code=row["code"],
        text=row["text"],
        media=Digest(row["media"]) if row["media"] else None,
        size=row["size"],
        seconds=row["seconds"],
        cost=Ticks(row["cost"]),
        from_store=bool(row["from_store"]),
        answered_by=row["answered_by"],
    )
