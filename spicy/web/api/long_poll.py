"""Requests that wait for their job: a chat, a still. They hold no thread while they do."""

from __future__ import annotations

import asyncio
import time

from starlette.concurrency import run_in_threadpool

from spicy.jobs.model import ENDS, Job, JobState
from spicy.web.server.app_state import AppState
from spicy.web.server.errors import ApiError

_FIRST, _LONGEST = 0.02, 0.25
"""Seconds between two looks at a job: soon for what the store knows, seldom for what takes its time."""

_STATUS = {"refused": 400, "budget": 402, "cancelled": 409, "timeout": 504}
"""HTTP status for a failure's code; any other is the provider's: 502."""

NO_RETRY = {"x-should-retry": "false"}
"""What keeps the `openai` package from sending a failed, perhaps paid, request again of its own accord."""


async def ended(app_state: AppState, job: Job, seconds: float) -> Job:
    """Wait until `job` has ended, at most `seconds`; then as it stands. Raises ApiError 404 when it was removed."""
    until, pause = time.monotonic() + seconds, _FIRST
    while job.state not in ENDS and time.monotonic() < until:
        await asyncio.sleep(min(pause, max(0.0, until - time.monotonic())))
        pause = min(pause * 1.5, _LONGEST)
        found = await run_in_threadpool(app_state.queue.find, job.id)
        if found is None:
            raise ApiError(404, f"the job {job.id} was removed while it was waited for", code="not_found")
        job = found
    return job


def failure(job: Job, waited: float) -> ApiError | None:
    """Why `job` has no answer to give; None when it has one."""
    if job.state is JobState.COMPLETED:
        return None
    if job.state not in ENDS:
        return ApiError(
            504,
            f"the job {job.id} has no answer after {waited:g} seconds; it goes on,"
            " and the same request finds its answer later without paying again",
            code="timeout",
            type="timeout_error",
            headers=NO_RETRY,
        )
    code = job.code or job.state.value
    blame = "invalid_request_error" if code in ("refused", "cancelled") else "api_error"
    message = job.error or f"the job was {job.state}"
    return ApiError(
        _STATUS.get(code, 502), f"{message} (job {job.id})", code=code, type=blame, headers=NO_RETRY
    )
