"""What polling workers speak: a browser extension, `spicy worker` on another machine, anything.

A job is handed out under a lease, with a token that proves the claim. The seed's extension sends no token back;
it is believed while a lease is live.
"""

from __future__ import annotations

import base64
import os
import shutil
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException

from spicy.canonical_json import Json
from spicy.errors import MediaError, StoreError
from spicy.files import atomic_path, copy_atomic, temporary_path
from spicy.ids import Digest, Ticks
from spicy.jobs.model import ENDS, Claim, Job, JobState, Mode, Outcome
from spicy.jobs.queue import ClaimLost, NoSuchJob
from spicy.media.probe import probe_clip
from spicy.serving.builtin import outcome_of
from spicy.web.api.clip_files import ID
from spicy.web.api.generations import as_json
from spicy.web.server.access import worker
from spicy.web.server.app_state import AppState, get_state, job_request_of
from spicy.web.server.errors import FAULTS, ApiError
from spicy.web.server.request_log import note_job

router = APIRouter(prefix="/extension", tags=["Workers"], dependencies=[Depends(worker)])
Here = Annotated[AppState, Depends(get_state)]
_SUFFIXES = {b"\xff\xd8\xff": "jpeg", b"\x89PN": "png", b"RIF": "webp"}


class Options(BaseModel):
    """How a clip is to be: whoever makes it otherwise makes another, and perhaps a dearer one."""

    duration: int | None = None
    aspect_ratio: str | None = None
    resolution: str | None = None
    take: int | None = None


class Polled(BaseModel):
    """A job in a worker's hands."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "job_id": "job_0123456789abcdef01234567",
                "job_type": "video",
                "prompt": "A cat playing piano",
                "image": None,
                "request": None,
                "options": {"duration": 8, "aspect_ratio": "16:9", "resolution": "720p", "take": 1},
                "claim": "5f0c…",
                "lease_seconds": 300,
                "model": "grok",
            }
        }
    )

    job_id: str
    job_type: Literal["video", "chat"]
    prompt: str
    image: str | None = Field(description="Base64 of the first picture.")
    request: dict[str, object] | None = Field(description="A chat, as OpenAI's clients write it.")
    options: Options
    claim: str = Field(description="Proves the claim; send it back.")
    lease_seconds: float = Field(description="Silence for longer gives the job to somebody else.")
    model: str


class Done(BaseModel):
    """The job, after what was reported."""

    job_id: str
    status: JobState
    success: bool = True


class _Held(BaseModel):
    model_config = ConfigDict(extra="ignore")

    job_id: str = Field(max_length=100)
    claim: str | None = Field(default=None, max_length=200)


class Bill(BaseModel):
    """What a worker may say of its answer's price."""

    cost_ticks: int = Field(default=0, ge=0, le=10**15, description="What it paid, in 10^-10 US dollars.")
    from_store: bool = Field(default=False, description="Answered by its store, for $0.")
    answered_by: str | None = Field(default=None, max_length=200, description="The model that answered.")


class ChatDone(_Held, Bill):
    """A chat's answer."""

    content: str = Field(max_length=4_000_000)


class Failure(_Held):
    """Why a job failed."""

    error: str = Field(max_length=20_000)
    code: str = Field(default="failed", pattern=r"^[a-z][a-z_]{0,31}$")


class Progress(_Held):
    """How far a job is; keeps the claim alive."""

    progress: float | None = Field(default=None, ge=0, le=1)


class Release(BaseModel):
    """A job that a worker will not do."""

    model_config = ConfigDict(extra="ignore")

    job_id: str = Field(max_length=100)
    claim: str = Field(max_length=200)


@router.get(
    "/poll",
    response_model=Polled,
    responses={**FAULTS, 204: {"description": "No job waits."}},
)
def poll(
    mode: Literal["video", "chat"],
    request: Request,
    app_state: Here,
    worker: Annotated[
        str | None, Query(max_length=200, description="The worker's name, if it has one.")
    ] = None,
) -> Response:
    """Claim the oldest waiting job. Two pollers never get the same one."""
    host = request.client.host if request.client else ""
    who = f"extension {host} {worker or ''}".strip()
    kind = Mode(mode)
    while (claim := app_state.queue.claim(kind, who, app_state.lease(kind))) is not None:
        note_job(claim.job.id)
        if _from_store(app_state, claim):
            continue
        try:
            return as_json(_polled(app_state, claim))
        except StoreError as error:
            app_state.queue.fail(claim.job.id, claim.token, str(error), "failed")
    return Response(status_code=204)


def _from_store(app_state: AppState, claim: Claim) -> bool:
    """End a job with what the store has learnt since it was added, so that nobody pays for it again."""
    job = claim.job
    try:
        stored = app_state.executor.stored(job_request_of(job))
        if stored is None:
            return False
        if job.mode is Mode.VIDEO:
            copy_atomic(app_state.executor.open(stored), app_state.video(job.id))
        app_state.queue.complete(job.id, claim.token, outcome_of(stored, app_state.executor, job.id))
    except (ClaimLost, NoSuchJob):
        return True
    except (StoreError, MediaError):
        return False
    return True


def _polled(app_state: AppState, claim: Claim) -> Polled:
    job = claim.job
    return Polled(
        job_id=job.id,
        job_type="chat" if job.mode is Mode.CHAT else "video",
        prompt=job.prompt,
        image=_first_image(app_state, job),
        request=_request(app_state, job),
        options=_options(job),
        claim=claim.token,
        lease_seconds=app_state.lease(job.mode),
        model=job.model,
    )


def _request(app_state: AppState, job: Job) -> dict[str, object] | None:
    """A chat, as its client asked it. The seed's extension takes null for a clip's."""
    request, turns = job.request, job.request.get("turns")
    if not isinstance(turns, list):
        return None
    out: dict[str, object] = {"model": job.model}
    out["messages"] = [_message(app_state, turn) for turn in turns if isinstance(turn, dict)]
    return out | {
        name: request[name] for name in ("temperature", "max_tokens") if request.get(name) is not None
    }


def _options(job: Job) -> Options:
    """How the answer is to be; what it costs depends on it."""
    return Options.model_validate({name: job.request.get(name) for name in Options.model_fields})


def _first_image(app_state: AppState, job: Job) -> str | None:
    image = job.request.get("image")
    turns = job.request.get("turns")
    if image is None and isinstance(turns, list):
        asked = [turn for turn in turns if isinstance(turn, dict)]
        images = asked[-1].get("images") if asked else None
        image = images[0] if isinstance(images, list) and images else None
    return _base64(app_state, str(image))[0] if image else None


def _message(app_state: AppState, turn: dict[str, Json]) -> dict[str, object]:
    """A turn as OpenAI's clients write it: plain text, or parts when there are pictures."""
    images, text = turn.get("images"), str(turn.get("text") or "")
    role = str(turn.get("role"))
    if not isinstance(images, list) or not images:
        return {"role": role, "content": text}
    parts: list[dict[str, object]] = [{"type": "text", "text": text}]
    for image in images:
        data, kind = _base64(app_state, str(image))
        parts.append({"type": "image_url", "image_url": {"url": f"data:image/{kind};base64,{data}"}})
    return {"role": role, "content": parts}


def _base64(app_state: AppState, digest: str) -> tuple[str, str]:
    data = app_state.store.objects.open(Digest(digest)).read_bytes()
    return base64.b64encode(data).decode(), _SUFFIXES.get(data[:3], "jpeg")


_FORM: dict[str, object] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["job_id", "video"],
                    "properties": {
                        "job_id": {"type": "string", "example": "job_0123456789abcdef01234567"},
                        "claim": {"type": "string", "description": "The token that the poll gave."},
                        "video": {"type": "string", "format": "binary", "description": "An MP4."},
                        "cost_ticks": {
                            "type": "integer",
                            "minimum": 0,
                            "description": "What it paid, in 10^-10 USD.",
                        },
                        "from_store": {"type": "boolean"},
                        "answered_by": {"type": "string", "description": "The model that answered."},
                    },
                }
            }
        },
    }
}


@router.post("/complete", response_model=Done, responses=FAULTS, openapi_extra=_FORM)
async def complete(request: Request, app_state: Here) -> Done:
    """Bring a clip. It is read through as real video before the job counts as done."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise ApiError(415, "send the clip as multipart/form-data", code="unsupported_media_type")
    try:
        async with request.form(max_files=1, max_fields=8) as form:
            id, claim, upload = _fields(form)
            return await run_in_threadpool(_take_clip, app_state, id, claim, upload, _bill(form))
    except MultiPartException as error:
        raise ApiError(400, error.message, code="invalid_form") from None


def _fields(form: FormData) -> tuple[str, str | None, UploadFile]:
    id, claim, upload = form.get("job_id"), form.get("claim"), form.get("video")
    if not isinstance(id, str):
        raise ApiError(400, "job_id is missing", code="missing", param="job_id")
    if not isinstance(upload, UploadFile):
        raise ApiError(400, "video is missing, or is no file", code="missing", param="video")
    return id, claim if isinstance(claim, str) and claim else None, upload


def _bill(form: FormData) -> Bill:
    said = {name: value for name in Bill.model_fields if isinstance(value := form.get(name), str)}
    try:
        return Bill.model_validate(said)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        raise ApiError(422, f"{name}: {first['msg']}", code="invalid_request", param=name) from None


def _take_clip(app_state: AppState, id: str, claim: str | None, upload: UploadFile, bill: Bill) -> Done:
    job = _held(app_state, id, Mode.VIDEO)
    app_state.queue.renew(job.id, claim, app_state.lease(job.mode))
    final = app_state.video(job.id)
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_path(final)
    try:
        with temporary.open("wb") as file:
            shutil.copyfileobj(upload.file, file, 1 << 20)
        size, seconds = _probed(temporary)
        outcome = Outcome(
            size=size,
            seconds=seconds,
            cost=Ticks(bill.cost_ticks),
            from_store=bill.from_store,
            answered_by=bill.answered_by or job.model,
        )
        return _done(_publish(app_state, job, claim, temporary, outcome))
    finally:
        temporary.unlink(missing_ok=True)


def _probed(path: Path) -> tuple[int, float]:
    """Size and length of what was uploaded. Raises ApiError when it is no whole MP4.

    Its own bytes have to say MP4 before ffmpeg sees it: a playlist would send ffmpeg elsewhere.
    """
    with path.open("rb") as file:
        head = file.read(12)
    if head[4:8] != b"ftyp":
        raise ApiError(400, "the upload is no MP4 video", code="invalid_video", param="video")
    try:
        info = probe_clip(path)
    except MediaError as error:
        said = error.message.replace(f"{path}: ", "")
        raise ApiError(
            400, f"the upload is no whole video: {said}", code="invalid_video", param="video"
        ) from None
    if "mp4" not in info.container.split(","):
        raise ApiError(400, "the upload is no MP4 video", code="invalid_video", param="video")
    return path.stat().st_size, info.duration


def _publish(app_state: AppState, job: Job, claim: str | None, temporary: Path, outcome: Outcome) -> Job:
    """Put clip and row in place, the clip first; another holder's clip is never overwritten."""
    final = app_state.video(job.id)
    with app_state.publishing:
        app_state.queue.renew(job.id, claim, app_state.lease(job.mode))
        with atomic_path(final) as place:
            os.replace(temporary, place)
        try:
            return app_state.queue.complete(job.id, claim, outcome)
        except (ClaimLost, NoSuchJob):
            found = app_state.queue.find(job.id)
            if found is None or found.state is not JobState.COMPLETED:
                final.unlink(missing_ok=True)
            raise


@router.post("/complete/chat", response_model=Done, responses=FAULTS)
def complete_chat(answer: ChatDone, app_state: Here) -> Done:
    """Bring a chat's answer."""
    job = _held(app_state, answer.job_id, Mode.CHAT)
    outcome = Outcome(
        text=answer.content,
        cost=Ticks(answer.cost_ticks),
        from_store=answer.from_store,
        answered_by=answer.answered_by or job.model,
    )
    return _done(app_state.queue.complete(job.id, answer.claim, outcome))


@router.post("/error", response_model=Done, responses=FAULTS)
def error(failure: Failure, app_state: Here) -> Done:
    """Report that a job cannot be done; it has failed then."""
    job = _held(app_state, failure.job_id, None)
    return _done(app_state.queue.fail(job.id, failure.claim, failure.error, failure.code))


@router.post("/progress", response_model=Done, responses=FAULTS)
def progress(news: Progress, app_state: Here) -> Done:
    """Say how far a job is, and keep its claim for another lease."""
    job = _held(app_state, news.job_id, None)
    app_state.queue.renew(job.id, news.claim, app_state.lease(job.mode), news.progress)
    return _done(job)


@router.post("/release", response_model=Done, responses=FAULTS)
def release(held: Release, app_state: Here) -> Done:
    """Give a job back, for somebody else to do; not counted as a try."""
    job = _held(app_state, held.job_id, None)
    app_state.queue.release(job.id, held.claim)
    return Done(job_id=job.id, status=JobState.PENDING)


def _held(app_state: AppState, id: str, mode: Mode | None) -> Job:
    """The job that a worker speaks of. Raises ApiError 404 and 409."""
    job = app_state.queue.find(id) if ID.fullmatch(id) else None
    if job is None:
        raise ApiError(404, f"there is no job {id[:40]!r}", code="not_found", param="job_id")
    note_job(job.id)
    if job.state in ENDS:
        raise ApiError(409, f"{job.id} is {job.state} already", code="claim_lost")
    if mode is not None and job.mode is not mode:
        raise ApiError(409, f"{job.id} is a {job.mode} job", code="wrong_mode")
    return job


def _done(job: Job) -> Done:
    return Done(job_id=job.id, status=job.state)
