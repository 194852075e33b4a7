"""The queue: every job there is, in one SQLite file that any number of threads and processes may share.

What it keeps true: a job is in one worker's hands at most, for a worker holds a claim only as long as its lease
runs and its token is the last one given out. What has ended never changes again. Each method is one durable
transaction: when it returns, its change survives the death of the process.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from spicy.errors import SpicyError
from spicy.ids import Ticks
from spicy.jobs.database import PATIENCE, Database
from spicy.jobs.model import ENDS, Claim, Job, JobRequest, JobState, Mode, Outcome
from spicy.jobs.rows import end_badly, find_row, job_of, next_row, put_back

MOST_LISTED = 10_000
"""Jobs in one answer of `Queue.jobs`, whatever was asked for."""

_STORE = "store"
"""Who holds a job that the store is about to answer."""

MOST_TRIES = 5
"""Deaths of its worker that a job survives."""

_DAY = 86_400.0


class KeyReused(SpicyError):
    """An idempotency key came again with another body."""

    def __init__(self, job: Job) -> None:
        self.job = job
        super().__init__(f"this idempotency key stands for {job.id}, which was asked for by another body")


class NoSuchJob(SpicyError):
    """No job has this id; there was none, or it was removed."""

    def __init__(self, id: str) -> None:
        self.id = id
        super().__init__(f"there is no job {id!r}")


class ClaimLost(SpicyError):
    """The job is not in the hands of whoever speaks: it has ended, or its lease ran out, or the token is not its own."""

    def __init__(self, job: Job, reason: str) -> None:
        self.job, self.reason = job, reason
        super().__init__(f"{job.id} {reason}")


class Queue:
    """The jobs of one server. Every method raises StoreError, in words, where the file cannot be used.

    Not to be taken through a fork: each process opens its own.
    """

    def __init__(
        self, path: Path, *, clock: Callable[[], float] = time.time, patience: float = PATIENCE
    ) -> None:
        self._db = Database(path, patience=patience)
        self._clock = clock
        self._news = threading.Condition()
        self._added = 0
        self._seen = threading.local()

    def add(
        self, order: JobRequest, *, idempotency: tuple[str, str] | None = None, held: float = 0
    ) -> tuple[Job, bool]:
        """Take an order in. Returns its job, and whether it is new.

        A job that is `held` is shown to no worker for so many seconds: whoever adds it is about to `answer` it.
        `idempotency` is a client's key and the digest of the body that it came with: the same pair again gives the
        first job, for as long as that is not removed. Raises KeyReused for the key with another digest.
        """
        if idempotency is None:
            with self._db.single() as db:
                job = self._insert(db, order, None, None, held)
        else:
            key, digest = idempotency
            with self._db.write() as db:
                row = db.execute("SELECT * FROM job WHERE key = ?", (key,)).fetchone()
                if row is not None:
                    if row["digest"] != digest:
                        raise KeyReused(job_of(row))
                    return job_of(row), False
                job = self._insert(db, order, key, digest, held)
        self._tell()
        return job, True

    def _insert(
        self, db: sqlite3.Connection, order: JobRequest, key: str | None, digest: str | None, held: float
    ) -> Job:
        now = self._clock()
        job = Job(
            id=f"job_{secrets.token_hex(12)}",
            mode=order.mode,
            state=JobState.PROCESSING if held else JobState.PENDING,
            model=order.model,
            prompt=order.prompt,
            request=order.request,
            created=now,
            updated=now,
            lease_until=now + held if held else None,
        )
        db.execute(
            "INSERT INTO job (id, mode, state, model, prompt, request, key, digest, created, updated, lease_until,"
            " token, worker) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                job.id,
                job.mode,
                job.state,
                job.model,
                job.prompt,
                json.dumps(job.request),
                key,
                digest,
                now,
                now,
            )
            + (job.lease_until, secrets.token_hex(16) if held else None, _STORE if held else ""),
        )
        return job

    def find(self, id: str) -> Job | None:
        """The job as it stands."""
        with self._db.read() as db:
            row = find_row(db, id)
        return job_of(row) if row else None

    def jobs(
        self,
        *,
        state: JobState | None = None,
        mode: Mode | None = None,
        limit: int = 100,
        after: str | None = None,
        newest_first: bool = True,
    ) -> list[Job]:
        """Jobs in the order in which they came, beginning `after` one of them; new ones move none to another page.

        Raises NoSuchJob when the job to begin after is not there (any more).
        """
        wanted: list[str] = []
        values: list[str | int] = []
        if state is not None:
            wanted.append("state = ?")
            values.append(state)
        if mode is not None:
            wanted.append("mode = ?")
            values.append(mode)
        with self._db.read() as db:
            if after is not None:
                row = find_row(db, after)
                if row is None:
                    raise NoSuchJob(after)
                wanted.append("seq < ?" if newest_first else "seq > ?")
                values.append(row["seq"])
            words = ["SELECT * FROM job WHERE", " AND ".join(wanted or ["1"])]
            words += ["ORDER BY seq", "DESC" if newest_first else "ASC", "LIMIT ?"]
            values.append(max(0, min(limit, MOST_LISTED)))
            return [job_of(row) for row in db.execute(" ".join(words), values)]

    def position(self, job: Job) -> int:
        """How many jobs of its mode wait before it; 0 when it is next, or does not wait."""
        if job.state is not JobState.PENDING:
            return 0
        with self._db.read() as db:
            (count,) = db.execute(
                "SELECT count(*) FROM job WHERE state = 'pending' AND mode = ?"
                " AND seq < (SELECT seq FROM job WHERE id = ?)",
                (job.mode, job.id),
            ).fetchone()
        return int(count)

    def counts(self) -> dict[tuple[Mode, JobState], int]:
        """How many jobs there are of each mode in each state; what there is none of is not named."""
        with self._db.read() as db:
            rows = db.execute("SELECT mode, state, count(*) FROM job GROUP BY mode, state").fetchall()
        return {(Mode(mode), JobState(state)): count for mode, state, count in rows}

    def claim(self, mode: Mode, worker: str, lease: float) -> Claim | None:
        """Put the oldest waiting job of a mode into a worker's hands for `lease` seconds, or None when none waits."""
        if not hasattr(self._seen, "added"):
            self._seen.added = self._added
        with self._db.single() as db:
            while (row := next_row(db, mode)) is not None:
                now, token = self._clock(), secrets.token_hex(16)
                job = replace(
                    job_of(row),
                    state=JobState.PROCESSING,
                    updated=now,
                    started=now,
                    lease_until=now + lease,
                    tries=row["tries"] + 1,
                    progress=0.0,
                )
                done = db.execute(
                    "UPDATE job SET state = 'processing', updated = ?, started = ?, lease_until = ?, tries = ?,"
                    " progress = 0, token = ?, worker = ? WHERE seq = ? AND state = 'pending' AND tries = ?",
                    (now, now, job.lease_until, job.tries, token, worker, row["seq"], row["tries"]),
                )
                if done.rowcount == 1:
                    return Claim(job, token)
                # Another process was quicker, so that somebody goes on whenever we do not.
        return None

    def renew(self, id: str, token: str | None, lease: float, progress: float | None = None) -> None:
        """Hold a claim for `lease` more seconds from now, and say how far the job is. Raises ClaimLost, NoSuchJob."""
        with self._db.write() as db:
            job = self._held(db, id, token)
            now = self._clock()
            done = job.progress if progress is None else min(1.0, max(0.0, progress))
            db.execute(
                "UPDATE job SET updated = ?, lease_until = ?, progress = ? WHERE id = ?",
                (now, now + lease, done, id),
            )

    def complete(self, id: str, token: str | None, outcome: Outcome) -> Job:
        """End a job well. Raises ClaimLost, NoSuchJob.

        `token` is the claim's; None is for whoever polled without keeping it, and counts while a lease runs.
        """
        with self._db.write() as db:
            job = self._held(db, id, token)
            return self._end(db, job, outcome)

    def answer(self, id: str, outcome: Outcome) -> Job:
        """End a job well that waits or is held, for its answer was there already. Raises ClaimLost, NoSuchJob."""
        with self._db.write() as db:
            job = _there(db, id)
            held = db.execute(
                "SELECT 1 FROM job WHERE id = ? AND state = 'processing' AND worker = ?", (id, _STORE)
            )
            if job.state is not JobState.PENDING and held.fetchone() is None:
                raise ClaimLost(job, f"is {job.state} already")
            return self._end(db, job, outcome)

    def _end(self, db: sqlite3.Connection, job: Job, outcome: Outcome) -> Job:
        now = self._clock()
        db.execute(
            "UPDATE job SET state = 'completed', updated = ?, finished = ?, lease_until = NULL, token = NULL,"
            " progress = 1, text = ?, media = ?, size = ?, seconds = ?, cost = ?, from_store = ?, answered_by = ?"
            " WHERE id = ?",
            (now, now, outcome.text, outcome.media, outcome.size, outcome.seconds)
            + (outcome.cost, outcome.from_store, outcome.answered_by, job.id),
        )
        return _there(db, job.id)

    def fail(self, id: str, token: str | None, message: str, code: str, *, cost: Ticks | None = None) -> Job:
        """End a job badly, with words and a short name; `cost` is what it cost all the same.

        Raises ClaimLost, NoSuchJob; for `token` see `complete`.
        """
        with self._db.write() as db:
            job = self._held(db, id, token)
            end_badly(db, job, self._clock(), message, code, cost or job.cost)
            return _there(db, id)

    def cancel(self, id: str) -> Job | None:
        """End a job that waits or is worked on, because nobody wants it any more. What has ended stays as it is."""
        with self._db.write() as db:
            row = find_row(db, id)
            if row is None:
                return None
            if job_of(row).state in ENDS:
                return job_of(row)
            now = self._clock()
            db.execute(
                "UPDATE job SET state = 'cancelled', updated = ?, finished = ?, lease_until = NULL, token = NULL"
                " WHERE id = ?",
                (now, now, id),
            )
            return _there(db, id)

    def release(self, id: str, token: str) -> None:
        """Put a claimed job back where it was, as if it had not been claimed. Raises ClaimLost, NoSuchJob."""
        with self._db.write() as db:
            job = self._held(db, id, token)
            put_back(db, job, self._clock(), tries=job.tries - 1)
        self._tell()

    def lapse(self) -> list[Job]:
        """Deal with the leases that ran out: back to the queue once, failed as `timeout` the second time.

        Returns the jobs that it changed, as they stand now.
        """
        now = self._clock()
        due = "SELECT * FROM job WHERE lease_until <= ?"
        with self._db.read() as db:
            if db.execute(due, (now,)).fetchone() is None:
                return []
        with self._db.write() as db:
            rows = db.execute(due, (now,)).fetchall()
            for row in rows:
                job = job_of(row)
                if row["lapses"]:
                    words = f"timeout: no word from the worker in time, {row['lapses'] + 1} times"
                    end_badly(db, job, now, words, "timeout", job.cost)
                else:
                    put_back(db, job, now, tries=job.tries)
                db.execute("UPDATE job SET lapses = lapses + 1 WHERE id = ?", (job.id,))
            changed = [_there(db, row["id"]) for row in rows]
        self._tell()
        return changed

    def grant(self, seconds: float) -> None:
        """Give every claim so many seconds from now at least: who could not be heard for a while is not silent."""
        until = self._clock() + seconds
        with self._db.write() as db:
            db.execute("UPDATE job SET lease_until = ? WHERE lease_until < ?", (until, until))

    def recall(self, alive: Callable[[str], bool]) -> list[Job]:
        """Put back at once, without a lapse, the claims of workers that `alive`, given their name, says are dead.

        A job that its worker died with time and again is likely to be the reason, and fails. Returns the jobs that
        it changed, as they stand now.
        """
        now = self._clock()
        with self._db.write() as db:
            held = db.execute("SELECT * FROM job WHERE state = 'processing'").fetchall()
            rows = [row for row in held if not alive(row["worker"])]
            for row in rows:
                job = job_of(row)
                if job.tries < MOST_TRIES:
                    put_back(db, job, now, tries=job.tries)
                else:
                    end_badly(
                        db, job, now, f"its worker died {job.tries} times with it in hand", "failed", job.cost
                    )
            changed = [_there(db, row["id"]) for row in rows]
        self._tell()
        return changed

    def remove(self, id: str) -> Job | None:
        """Forget a job, and its idempotency key with it. Returns it as it was; its files are the caller's."""
        with self._db.write() as db:
            row = find_row(db, id)
            if row is not None:
                db.execute("DELETE FROM job WHERE id = ?", (id,))
        return job_of(row) if row else None

    def clear(self) -> list[Job]:
        """Forget every job. Returns them as they were, oldest first; their files are the caller's."""
        with self._db.write() as db:
            gone = [job_of(row) for row in db.execute("SELECT * FROM job ORDER BY seq")]
            db.execute("DELETE FROM job")
        return gone

    def aged(self, days: float) -> list[Job]:
        """The jobs that ended more than `days` days ago, the oldest end first."""
        with self._db.read() as db:
            rows = db.execute(
                "SELECT * FROM job WHERE finished < ? ORDER BY finished", (self._clock() - days * _DAY,)
            )
            return [job_of(row) for row in rows]

    def wait_for_work(self, seconds: float) -> bool:
        """Wait until this process adds a job, or puts one back; False when `seconds` went by without.

        What came after this thread's last vain `claim` counts, so nothing is missed between the two.
        """
        seen = getattr(self._seen, "added", self._added)
        with self._news:
            came = self._news.wait_for(lambda: self._added != seen, seconds)
        self._seen.__dict__.pop("added", None)
        return came

    def _tell(self) -> None:
        with self._news:
            self._added += 1
            self._news.notify_all()

    def _held(self, db: sqlite3.Connection, id: str, token: str | None) -> Job:
        """The job, when it is in the hands of the token's holder."""
        row = find_row(db, id)
        if row is None:
            raise NoSuchJob(id)
        job = job_of(row)
        if job.state in ENDS:
            raise ClaimLost(job, f"is {job.state} already")
        if job.lease_until is None:
            raise ClaimLost(job, "is not claimed; its lease ran out, or nobody polled it")
        if token is not None and not secrets.compare_digest(
            token.encode(errors="replace"), row["token"].encode()
        ):
            raise ClaimLost(job, "is claimed by another worker")
        if job.lease_until <= self._clock():
            raise ClaimLost(job, "was claimed, but the lease ran out")
        return job

    def close(self) -> None:
        """Let go of the file and wake whoever waits for work."""
        self._db.close()
        self._tell()


def _there(db: sqlite3.Connection, id: str) -> Job:
    row = find_row(db, id)
    if row is None:
        raise NoSuchJob(id)
    return job_of(row)
