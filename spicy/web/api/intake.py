"""Orders become jobs: checked before a row exists, answered at once where the store knows the answer."""

from __future__ import annotations

import hashlib
import re
from typing import TypedDict

from spicy.canonical_json import canonical
from spicy.errors import StoreError
from spicy.files import copy_atomic
from spicy.ids import TICKS_PER_USD
from spicy.jobs.model import ENDS, Job, JobRequest, JobState, Mode
from spicy.jobs.queue import ClaimLost, NoSuchJob
from spicy.ports import CallResult
from spicy.serving.builtin import outcome_of
from spicy.web.server.app_state import AppState
from spicy.web.server.errors import ApiError
from spicy.web.server.request_log import note_job

_HELD = 30.0
"""Seconds that a job whose answer the store has is kept from the workers; should we die, one of them asks then."""
_KEY = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?")


class View(TypedDict):
    """What every answer about a job says beside its dialect's own fields."""

    cost: float
    cost_ticks: int
    queue_position: int
    progress: float
    from_store: bool


def submit(app_state: AppState, order: JobRequest, *, key: str | None, body: bytes | str) -> Job:
    """Take an order in; the job as it stands. Raises ApiError, UsageError, KeyReused before any row exists.

    `key` is the client's Idempotency-Key and `body` what it stood for. An answer that the store has ends the job
    at once for $0.
    """
    stored = app_state.executor.stored(order)  # which checks the order first
    held = _HELD if stored is not None else 0
    job, created = app_state.queue.add(order, idempotency=_idempotency(order, key, body), held=held)
    note_job(job.id)
    if created and stored is not None:
        return answer_from_store(app_state, job, stored)
    return job


def answer_from_store(app_state: AppState, job: Job, stored: CallResult) -> Job:
    """End a waiting job with what the store has; when a worker was quicker, or the blob is damaged, as it stands."""
    try:
        outcome = outcome_of(stored, app_state.executor, job.id)
        if job.mode is Mode.VIDEO:
            copy_atomic(app_state.executor.open(stored), app_state.video(job.id))
        return app_state.queue.answer(job.id, outcome)
    except ClaimLost as lost:
        if lost.job.state in ENDS - {JobState.COMPLETED}:
            app_state.video(job.id).unlink(missing_ok=True)
        return lost.job
    except NoSuchJob:
        app_state.video(job.id).unlink(missing_ok=True)
        raise
    except StoreError:
        return job  # a worker asks again


def _idempotency(order: JobRequest, key: str | None, body: bytes | str) -> tuple[str, str] | None:
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        raise ApiError(
            400, "an Idempotency-Key has 1 to 255 printable ASCII characters", code="invalid_idempotency_key"
        )
    data = body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass")
    return key, hashlib.sha256(order.mode.value.encode() + b"\0" + data).hexdigest()


def view(app_state: AppState, job: Job) -> View:
    """Cost, place in the queue and progress of a job, as they are now."""
    return View(
        cost=job.cost / TICKS_PER_USD,
        cost_ticks=job.cost,
        queue_position=app_state.queue.position(job) if job.state is JobState.PENDING else 0,
        progress=1.0 if job.state is JobState.COMPLETED else job.progress,
        from_store=job.from_store,
    )


def body_of(order: JobRequest) -> str:
    """What an order says, whatever the way it was written: for idempotency keys."""
    return canonical({"model": order.model, "prompt": order.prompt, "request": dict(order.request)})
