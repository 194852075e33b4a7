"""The seed's own endpoint for clips, which is xAI's as well: one answer in both dialects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from spicy.canonical_json import Json
from spicy.jobs.model import Job, JobRequest, JobState, Mode
from spicy.ports import VideoCall
from spicy.web.api.intake import body_of, submit, view
from spicy.web.api.pictures import keep, look_at
from spicy.web.server.access import client
from spicy.web.server.app_state import AppState, get_state
from spicy.web.server.errors import FAULTS, ApiError
from spicy.web.server.request_log import note_job

router = APIRouter(tags=["Generations"], dependencies=[Depends(client)])
Here = Annotated[AppState, Depends(get_state)]


class Link(BaseModel):
    """A picture, in xAI's words."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(min_length=1, description="https URL or data URL.")


class GenerationRequest(BaseModel):
    """What to make a clip of."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"model": "grok", "prompt": "A cat playing piano"},
                {
                    "model": "grok-imagine-video",
                    "prompt": "The fox looks up and smiles",
                    "image": "https://example.com/fox.jpg",
                    "duration": 6,
                    "aspect_ratio": "16:9",
                    "resolution": "480p",
                },
            ]
        },
    )

    prompt: str = Field(min_length=1, max_length=100_000)
    model: str = Field(default="grok", max_length=200, description="`grok` is the recipe's video model.")
    image: str | Link | None = Field(
        default=None,
        description="The still that the clip starts from: base64, data URL or https URL.",
    )
    duration: int | None = Field(default=None, ge=1, le=15, description="Whole seconds.")
    aspect_ratio: Literal["1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3"] | None = None
    resolution: str | None = Field(default=None, max_length=20, examples=["480p", "720p"])
    take: int = Field(default=1, ge=1, le=1_000_000, description="Another take of the same order.")
    user: str | None = Field(default=None, max_length=512, description="Taken, and ignored.")


class ClipLink(BaseModel):
    """A finished clip, in xAI's words."""

    url: str
    duration: float
    respect_moderation: bool = True


class Generation(BaseModel):
    """A clip's job."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "job_0123456789abcdef01234567",
                "object": "videos.generation",
                "created": 1675389721,
                "model": "grok",
                "status": "pending",
                "video_url": "http://localhost:8000/videos/job_0123456789abcdef01234567.mp4",
                "error": None,
                "request_id": "job_0123456789abcdef01234567",
                "progress": 0.0,
                "queue_position": 0,
                "cost": 0.0,
                "cost_ticks": 0,
                "from_store": False,
                "answered_by": None,
                "code": None,
                "video": None,
            }
        }
    )

    id: str
    object: Literal["videos.generation"] = "videos.generation"
    created: int
    model: str
    status: JobState
    video_url: str = Field(description="Where the clip is once the job has completed.")
    error: str | None
    request_id: str = Field(description="The id, as xAI's REST dialect calls it.")
    progress: float = Field(ge=0, le=1)
    queue_position: int = Field(description="Jobs of its kind before it.")
    cost: float = Field(description="US dollars that this job paid.")
    cost_ticks: int = Field(description="The same in 10^-10 US dollars.")
    from_store: bool = Field(description="Answered by the store, for $0.")
    answered_by: str | None = Field(description="The model that answered.")
    code: str | None = Field(description="A short name of the failure.")
    video: ClipLink | None


@router.post("/v1/videos/generations", response_model=Generation, responses=FAULTS)
def create(
    asked: GenerationRequest,
    request: Request,
    app_state: Here,
    idempotency_key: Annotated[
        str | None, Header(description="The same key and body again: the first job.")
    ] = None,
) -> Response:
    """Order a clip. What the store knows is completed at once, for $0."""
    picture = None
    if asked.image is not None:
        picture = look_at(asked.image if isinstance(asked.image, str) else asked.image.url, app_state)
    wanted: Mapping[str, Json] = {
        "prompt": asked.prompt,
        "duration": asked.duration,
        "aspect_ratio": asked.aspect_ratio,
        "resolution": asked.resolution,
        "image": picture.digest if picture else None,
        "take": asked.take,
    }
    order = JobRequest(mode=Mode.VIDEO, model=asked.model, prompt=asked.prompt, request=wanted)
    call = app_state.executor.call(order)
    if isinstance(call, VideoCall):
        # Written out, so that a recipe that changes meanwhile does not change what was ordered.
        settled: dict[str, Json] = {
            "duration": call.duration,
            "aspect_ratio": call.aspect_ratio,
            "resolution": call.resolution,
        }
        order = JobRequest(
            mode=order.mode, model=order.model, prompt=order.prompt, request={**wanted, **settled}
        )
    keep([picture] if picture else [], app_state)
    job = submit(app_state, order, key=idempotency_key, body=body_of(order))
    return as_json(generation_of(app_state, request, job))


@router.get("/v1/videos/generations/{job_id}", response_model=Generation, responses=FAULTS)
def status(job_id: str, request: Request, app_state: Here) -> Response:
    """Look at a clip's job."""
    return as_json(generation_of(app_state, request, video_job(app_state, job_id)))


@router.post("/v1/videos/generations/{job_id}/cancel", response_model=Generation, responses=FAULTS)
def cancel(job_id: str, request: Request, app_state: Here) -> Response:
    """Call a clip off. What has ended stays as it is; what was submitted to the provider may still be billed."""
    video_job(app_state, job_id)
    job = app_state.queue.cancel(job_id)
    if job is None:
        raise missing(job_id)
    return as_json(generation_of(app_state, request, job))


def as_json(model: BaseModel) -> Response:
    """A response that is written straight from its model; the framework's way would check it once more."""
    return Response(model.model_dump_json(), media_type="application/json")


def video_job(app_state: AppState, id: str) -> Job:
    """The clip's job of that id. Raises ApiError 404."""
    job = app_state.queue.find(id)
    if job is None or job.mode is not Mode.VIDEO:
        raise missing(id)
    note_job(job.id)
    return job


def missing(id: str) -> ApiError:
    """There is no such job."""
    return ApiError(404, f"there is no job {id[:40]!r}", code="not_found", param="job_id")


def generation_of(app_state: AppState, request: Request, job: Job) -> Generation:
    """A clip's job as both dialects read it."""
    url = f"{request.base_url}videos/{job.id}.mp4"
    done = job.state is JobState.COMPLETED
    seconds = job.seconds if job.seconds is not None else float(str(job.request.get("duration") or 0))
    return Generation(
        id=job.id,
        created=int(job.created),
        model=job.model,
        status=job.state,
        video_url=url,
        error=job.error,
        request_id=job.id,
        answered_by=job.answered_by or None,
        code=job.code,
        video=ClipLink(url=url, duration=seconds) if done else None,
        **view(app_state, job),
    )
