"""Health, jobs, metrics: what whoever runs the server looks at."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from pydantic import BaseModel, Field

from spicy import __version__
from spicy.jobs.model import Job, JobState, Mode
from spicy.web.api.intake import view
from spicy.web.dashboard.rendering import draw, is_browser
from spicy.web.dashboard.runs.run_pages import runs_page
from spicy.web.server.access import SAFE, Role, allowed, client, denied, owner
from spicy.web.server.app_state import AppState, get_state
from spicy.web.server.cleanup import remove_files
from spicy.web.server.errors import FAULTS, ApiError
from spicy.web.server.request_log import note_job

router = APIRouter(tags=["Monitoring"])
Here = Annotated[AppState, Depends(get_state)]
_SHOWN = 100


class Health(BaseModel):
    """Whether the server is well; the rest is told to whoever has the key."""

    status: str = Field(examples=["ok"])
    service: str = "spicy"
    version: str
    provider: str | None = None
    builtin_worker: bool | None = None
    uptime_seconds: float | None = None
    jobs: dict[str, int] | None = Field(default=None, description="Jobs in each state.")


class JobView(BaseModel):
    """A job."""

    id: str
    mode: Mode
    status: JobState
    model: str
    prompt: str
    created: int
    started: int | None
    finished: int | None
    tries: int
    video_url: str | None
    content: str | None = Field(description="A chat's answer.")
    error: str | None
    code: str | None
    progress: float
    queue_position: int
    cost: float
    cost_ticks: int
    from_store: bool
    answered_by: str | None


class JobList(BaseModel):
    """Jobs, newest first."""

    object: str = "list"
    jobs: list[JobView]
    total: int = Field(description="How many jobs are in that state, shown or not.")


class Removed(BaseModel):
    """How much is gone."""

    deleted: int


@router.get(
    "/",
    response_model=Health,
    responses={200: {"content": {"text/html": {"schema": {"type": "string"}}}}},
)
@router.head("/", include_in_schema=False)
def health(request: Request, app_state: Here) -> Response:
    """Say that the server is well; a browser gets a page with the runs."""
    known = allowed(app_state.server, Role.CLIENT, request.headers, reading=request.method in SAFE)
    if is_browser(request):
        if not known:
            raise denied(Role.CLIENT)
        return runs_page(request, app_state)
    said = Health(status="ok", version=__version__)
    if known:
        said.provider, said.builtin_worker = app_state.executor.provider, app_state.builtin
        said.uptime_seconds = round(app_state.clock() - app_state.started, 1)
        said.jobs = {state.value: count for state, count in _states(app_state).items()}
    return JSONResponse(said.model_dump(exclude_none=True), headers={"Vary": "Accept, Authorization"})


@router.get(
    "/jobs",
    response_model=JobList,
    responses={**FAULTS, 200: {"content": {"text/html": {"schema": {"type": "string"}}}}},
    dependencies=[Depends(client)],
)
def jobs(
    request: Request,
    app_state: Here,
    status: JobState | None = None,
    mode: Mode | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """List jobs, newest first; a browser gets a page with them."""
    if is_browser(request):
        return _page(request, app_state)
    found = app_state.queue.jobs(state=status, mode=mode, limit=limit)
    counts = app_state.queue.counts()
    total = sum(n for (m, s), n in counts.items() if mode in (None, m) and status in (None, s))
    listed = JobList(jobs=[_view(app_state, request, job) for job in found], total=total)
    return JSONResponse(listed.model_dump(mode="json"), headers={"Vary": "Accept, Authorization"})


@router.delete("/jobs", response_model=Removed, responses=FAULTS, dependencies=[Depends(owner)])
def delete_jobs(app_state: Here) -> Removed:
    """Forget every job and remove every clip. What was paid for stays in the store."""
    gone = app_state.queue.clear()
    remove_files(app_state, gone)
    return Removed(deleted=len(gone))


@router.post(
    "/jobs/{job_id}/cancel", response_model=JobView, responses=FAULTS, dependencies=[Depends(client)]
)
def cancel(job_id: str, request: Request, app_state: Here) -> JSONResponse:
    """Call a job off. What has ended stays as it is."""
    job = app_state.queue.cancel(job_id)
    if job is None:
        raise ApiError(404, f"there is no job {job_id[:40]!r}", code="not_found", param="job_id")
    note_job(job.id)
    return JSONResponse(_view(app_state, request, job).model_dump(mode="json"))


@router.delete("/api/logs", response_model=Removed, responses=FAULTS, dependencies=[Depends(owner)])
def delete_logs(app_state: Here) -> Removed:
    """Remove the request log."""
    return Removed(deleted=app_state.log.remove())


@router.get("/metrics", response_class=PlainTextResponse, responses=FAULTS, dependencies=[Depends(client)])
def metrics(app_state: Here) -> PlainTextResponse:
    """Figures for Prometheus."""
    lines = ["# HELP spicy_jobs Jobs by kind and state.", "# TYPE spicy_jobs gauge"]
    counts = app_state.queue.counts()
    for mode in Mode:
        for state in JobState:
            lines.append(f'spicy_jobs{{mode="{mode}",state="{state}"}} {counts.get((mode, state), 0)}')
    lines += [
        "# HELP spicy_http_requests_total Answered requests.",
        "# TYPE spicy_http_requests_total counter",
    ]
    for (method, status), count in sorted(app_state.log.requests.items()):
        lines.append(f'spicy_http_requests_total{{method="{_label(method)}",status="{status}"}} {count}')
    lines += ["# HELP spicy_uptime_seconds Since the server started.", "# TYPE spicy_uptime_seconds gauge"]
    lines.append(f"spicy_uptime_seconds {max(0.0, app_state.clock() - app_state.started):.1f}")
    lines += ["# HELP spicy_info Version and provider.", "# TYPE spicy_info gauge"]
    lines.append(f'spicy_info{{version="{__version__}",provider="{_label(app_state.executor.provider)}"}} 1')
    return PlainTextResponse("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4")


def _label(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _view(app_state: AppState, request: Request, job: Job) -> JobView:
    clip = job.mode is Mode.VIDEO and job.state is JobState.COMPLETED
    return JobView(
        id=job.id,
        mode=job.mode,
        status=job.state,
        model=job.model,
        prompt=job.prompt,
        created=int(job.created),
        started=_whole(job.started),
        finished=_whole(job.finished),
        tries=job.tries,
        video_url=f"{request.base_url}videos/{job.id}.mp4" if clip else None,
        content=job.text,
        error=job.error,
        code=job.code,
        answered_by=job.answered_by or None,
        **view(app_state, job),
    )


def _whole(moment: float | None) -> int | None:
    return None if moment is None else int(moment)


def _states(app_state: AppState) -> dict[JobState, int]:
    counts = app_state.queue.counts()
    return {state: sum(n for (_, s), n in counts.items() if s is state) for state in JobState}


def _page(request: Request, app_state: AppState) -> Response:
    states = _states(app_state)
    return draw(
        request,
        "jobs.html.j2",
        here="jobs",
        jobs=app_state.queue.jobs(limit=_SHOWN),
        states={state.value: count for state, count in states.items()},
        total=sum(states.values()),
        provider=app_state.executor.provider,
        builtin=app_state.builtin,
    )
