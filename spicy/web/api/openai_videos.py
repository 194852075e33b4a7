"""OpenAI's video wire: what `client.videos` of the `openai` package sends and expects.

A job that was ordered in xAI's words is shown here as well, with that dialect's status words; see `xai_rest`.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema, field_validator
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from spicy.canonical_json import Json
from spicy.errors import MediaError
from spicy.jobs.model import ENDS, Job, JobRequest, JobState, Mode
from spicy.media.frames import first_frame
from spicy.web.api.clip_files import clip_response
from spicy.web.api.intake import body_of, submit, view
from spicy.web.api.pictures import keep, look_at
from spicy.web.api.xai_rest import OPENAI_WIRE, Word, XaiUsage, XaiVideo, code_of, word_of
from spicy.web.server.access import client, owner
from spicy.web.server.app_state import AppState, get_state
from spicy.web.server.cleanup import remove_files
from spicy.web.server.errors import FAULTS, ApiError, responses
from spicy.web.server.request_log import note_job

POLL_HEADER, POLL_MS = "openai-poll-after-ms", "500"
"""How long `create_and_poll` pauses between two looks."""

SIZES: Mapping[str, tuple[str, str]] = {
    "1280x720": ("16:9", "720p"),
    "720x1280": ("9:16", "720p"),
    "720x720": ("1:1", "720p"),
    "960x720": ("4:3", "720p"),
    "720x960": ("3:4", "720p"),
    "1080x720": ("3:2", "720p"),
    "720x1080": ("2:3", "720p"),
    "848x480": ("16:9", "480p"),
    "854x480": ("16:9", "480p"),
    "480x848": ("9:16", "480p"),
    "480x854": ("9:16", "480p"),
    "480x480": ("1:1", "480p"),
    "640x480": ("4:3", "480p"),
    "480x640": ("3:4", "480p"),
    "720x480": ("3:2", "480p"),
    "480x720": ("2:3", "480p"),
    "1920x1080": ("16:9", "1080p"),
    "1080x1920": ("9:16", "1080p"),
    "1080x1080": ("1:1", "1080p"),
    "1440x1080": ("4:3", "1080p"),
    "1080x1440": ("3:4", "1080p"),
    "1620x1080": ("3:2", "1080p"),
    "1080x1620": ("2:3", "1080p"),
    # Sizes of OpenAI's own models; the nearest shape that is no smaller.
    "1792x1024": ("16:9", "1080p"),
    "1024x1792": ("9:16", "1080p"),
}
"""What `size` means to a provider: a shape and a number of lines."""

_SECONDS = {
    "anyOf": [
        {"type": "integer", "minimum": 1, "maximum": 15},
        {"type": "string", "pattern": "^([1-9]|1[0-5])$"},
    ],
    "default": 4,
}
SIZE, SECONDS = "720x1280", 4
"""OpenAI's own defaults, for a client that leaves them out."""


class Reference(BaseModel):
    """The still that a clip starts from, by address."""

    model_config = ConfigDict(extra="forbid")

    image_url: str = Field(description="A data URL or an https URL.")


class CreateVideo(BaseModel):
    """An order for a clip."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"model": "grok", "prompt": "A cat playing piano", "seconds": "4", "size": "1280x720"}
        },
    )

    prompt: str = Field(min_length=1, max_length=100_000)
    model: str = Field(default="grok", max_length=200)
    seconds: Annotated[int, Field(ge=1, le=15), WithJsonSchema(_SECONDS)] = SECONDS
    size: str = Field(default=SIZE, json_schema_extra={"enum": list(SIZES)})
    input_reference: Reference | None = None
    take: int = Field(
        default=1, ge=1, le=1_000_000, description="Another take of the same order is a new clip."
    )

    @field_validator("size")
    @classmethod
    def _known_size(cls, size: str) -> str:
        if size not in SIZES:
            raise ValueError(f"{size} is not a size; there is {', '.join(SIZES)}")
        return size


class VideoFault(BaseModel):
    """Why there is no clip."""

    code: str
    message: str


class Video(BaseModel):
    """A clip in OpenAI's words and in xAI's, for the path belongs to both."""

    id: str
    object: Literal["video"] = "video"
    model: str
    status: Word
    progress: int = Field(ge=0, le=100)
    created_at: int
    completed_at: int | None = None
    expires_at: int | None = None
    prompt: str
    size: str
    seconds: str
    remixed_from_video_id: str | None = None
    error: VideoFault | None = None
    request_id: str = Field(description="xAI's name for `id`.")
    video: XaiVideo | None = Field(default=None, description="xAI's description of the finished clip.")
    usage: XaiUsage
    cost: float = Field(description="US dollars.")
    cost_ticks: int
    queue_position: int = Field(description="Jobs before this one.")
    from_store: bool = Field(description="Whether the store answered, for $0.")


class Videos(BaseModel):
    """One page of clips."""

    object: Literal["list"] = "list"
    data: list[Video]
    first_id: str | None
    last_id: str | None
    has_more: bool


class VideoDeleted(BaseModel):
    """A clip that is gone."""

    id: str
    object: Literal["video.deleted"] = "video.deleted"
    deleted: Literal[True] = True


router = APIRouter(tags=["OpenAI"], dependencies=[Depends(client)])
Here = Annotated[AppState, Depends(get_state)]
_FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")
_LONGEST_FIELD = 32 << 20
"""Bytes of one field of a form: a picture as data URL has room in it."""


def _body() -> dict[str, Any]:
    """Both ways to send an order, for the documentation; the request itself is read by hand."""
    plain = CreateVideo.model_json_schema()
    plain.pop("$defs")
    reference = Reference.model_json_schema()
    file = {"type": "string", "format": "binary", "description": "JPEG, PNG or WebP."}
    fields = plain["properties"]
    content = {
        "application/json": {**plain, "properties": {**fields, "input_reference": reference}},
        "multipart/form-data": {**plain, "properties": {**fields, "input_reference": file}},
    }
    return {
        "requestBody": {"required": True, "content": {kind: {"schema": s} for kind, s in content.items()}}
    }


@router.post("/v1/videos", openapi_extra=_body(), responses=FAULTS)
async def create(
    request: Request,
    response: Response,
    app_state: Here,
    idempotency_key: Annotated[str | None, Header()] = None,
) -> Video:
    """Order a clip, as JSON or as a form; `input_reference` is the still that it starts from."""
    asked, picture = await _read(request)
    response.headers[POLL_HEADER] = POLL_MS
    return await run_in_threadpool(_order, app_state, request, asked, picture, idempotency_key)


@router.get("/v1/videos", responses=FAULTS)
def page(
    request: Request,
    app_state: Here,
    after: Annotated[str | None, Query(description="The last id of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    order: Literal["asc", "desc"] = "desc",
) -> Videos:
    """List clips, newest first unless `order` says otherwise."""
    if after is not None:
        _find(app_state, after)
    jobs = app_state.queue.jobs(mode=Mode.VIDEO, limit=limit + 1, after=after, newest_first=order == "desc")
    shown = [video_of(app_state, request, job) for job in jobs[:limit]]
    return Videos(
        data=shown,
        first_id=shown[0].id if shown else None,
        last_id=shown[-1].id if shown else None,
        has_more=len(jobs) > limit,
    )


@router.get("/v1/videos/{video_id}", responses=FAULTS)
def retrieve(request: Request, response: Response, app_state: Here, video_id: str) -> Video:
    """Look at a clip: OpenAI's retrieve, and xAI's deferred result."""
    response.headers[POLL_HEADER] = POLL_MS
    return video_of(app_state, request, _find(app_state, video_id))


@router.get(
    "/v1/videos/{video_id}/content",
    response_class=FileResponse,
    responses={
        **FAULTS,
        **responses(416),
        200: {
            "description": "The clip, or its first picture.",
            "content": {
                kind: {"schema": {"type": "string", "format": "binary"}}
                for kind in ("video/mp4", "image/jpeg")
            },
        },
        206: {"description": "A part of the clip.", "content": {"video/mp4": {}}},
    },
)
def content(
    request: Request,
    app_state: Here,
    video_id: str,
    variant: Literal["video", "thumbnail", "spritesheet"] = "video",
) -> Response:
    """Download a finished clip, or its first picture as JPEG."""
    job = _find(app_state, video_id)
    if variant == "spritesheet":
        raise ApiError(404, "spritesheets are not made here; there is video and thumbnail", code="not_found")
    if job.state is not JobState.COMPLETED:
        raise ApiError(404, f"{job.id} has no clip: it is {word_of(job)}", code="not_ready")
    clip = clip_response(app_state, job.id, request)
    if variant == "video":
        return clip
    return Response(_thumbnail(app_state.video(job.id)), media_type="image/jpeg")


@router.delete("/v1/videos/{video_id}", dependencies=[Depends(owner)], responses=FAULTS)
def delete(app_state: Here, video_id: str) -> VideoDeleted:
    """Forget a clip and remove its file; a clip that is still to be made is called off first."""
    job = _find(app_state, video_id)
    if job.state not in ENDS:
        app_state.queue.cancel(job.id)
    if app_state.queue.remove(job.id) is None:
        raise _unknown(video_id)
    remove_files(app_state, [job])
    return VideoDeleted(id=job.id)


def video_of(app_state: AppState, request: Request, job: Job) -> Video:
    """The clip of `job` in both dialects."""
    asked, extra = job.request, view(app_state, job)
    done = job.state is JobState.COMPLETED
    ended = int(job.finished) if job.finished is not None else None
    error = None
    if job.state in (JobState.FAILED, JobState.CANCELLED):
        error = VideoFault(code=code_of(job), message=job.error or f"the job was {job.state}")
    clip = XaiVideo(
        url=f"{request.base_url}videos/{job.id}.mp4",
        duration=job.seconds if job.seconds is not None else float(str(asked["duration"])),
    )
    return Video(
        id=job.id,
        request_id=job.id,
        model=job.model,
        status=word_of(job),
        progress=100 if done else min(99, int(job.progress * 100)),
        created_at=int(job.created),
        completed_at=ended if done else None,
        expires_at=ended + int(app_state.server.video_days * 86400) if done and ended is not None else None,
        prompt=job.prompt,
        size=_size(str(asked["aspect_ratio"]), str(asked["resolution"])),
        seconds=str(asked["duration"]),
        error=error,
        video=clip if done else None,
        usage=XaiUsage(cost_in_usd_ticks=job.cost),
        cost=extra["cost"],
        cost_ticks=job.cost,
        queue_position=extra["queue_position"],
        from_store=job.from_store,
    )


async def _read(request: Request) -> tuple[CreateVideo, bytes | None]:
    """The order and its picture, if one was uploaded. Raises RequestValidationError, ApiError 415."""
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    try:
        if kind == "application/json":
            return CreateVideo.model_validate_json(await request.body()), None
        if kind in _FORMS:
            return await _read_form(request)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        raise RequestValidationError([{**f, "loc": ("body", *f["loc"])} for f in faults]) from None
    raise ApiError(415, f"an order is JSON or a form, not {kind}", code="unsupported_media_type")


async def _read_form(request: Request) -> tuple[CreateVideo, bytes | None]:
    fields: dict[str, object] = {}
    picture: bytes | None = None
    async with request.form(max_files=1, max_fields=16, max_part_size=_LONGEST_FIELD) as form:
        for name, value in form.multi_items():
            if name not in ("input_reference", "input_reference[image_url]"):
                fields[name] = value
            elif isinstance(value, UploadFile):
                picture = await value.read()
            else:
                fields["input_reference"] = {"image_url": value}
    return CreateVideo.model_validate(fields), picture


def _order(
    app_state: AppState, request: Request, asked: CreateVideo, picture: bytes | None, key: str | None
) -> Video:
    said = asked.input_reference.image_url if asked.input_reference is not None else None
    if picture is not None:
        said = base64.b64encode(picture).decode()
    still = look_at(said, app_state) if said is not None else None
    shape, lines = SIZES[asked.size]
    wanted: dict[str, Json] = {
        "prompt": asked.prompt,
        "duration": asked.seconds,
        "aspect_ratio": shape,
        "resolution": lines,
        "image": still.digest if still is not None else None,
        "take": asked.take,
        "wire": OPENAI_WIRE,
    }
    order = JobRequest(mode=Mode.VIDEO, model=asked.model, prompt=asked.prompt, request=wanted)
    app_state.executor.call(order)  # refuses before anything is kept
    if still is not None:
        keep([still], app_state)
    # Not the bytes as they came: a form has another boundary each time.
    return video_of(app_state, request, submit(app_state, order, key=key, body=body_of(order)))


def _find(app_state: AppState, video_id: str) -> Job:
    job = app_state.queue.find(video_id)
    if job is None or job.mode is not Mode.VIDEO:
        raise _unknown(video_id)
    note_job(job.id)
    return job


def _unknown(video_id: str) -> ApiError:
    return ApiError(404, f"there is no video {video_id[:40]!r}", code="not_found", param="video_id")


def _size(shape: str, lines: str) -> str:
    known = (size for size, meant in SIZES.items() if meant == (shape, lines))
    return next(known, f"{shape} {lines}")


def _thumbnail(clip: Path) -> bytes:
    with TemporaryDirectory() as folder:
        picture = Path(folder) / "first.jpg"
        try:
            first_frame(clip, picture)
        except MediaError as error:
            raise ApiError(
                404, f"the clip has no first picture: {error.message}", code="not_found"
            ) from error
        return picture.read_bytes()
