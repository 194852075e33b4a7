"""What a client of xAI's own REST API looks for beside OpenAI's: its status words, its `video`, its model lists.

The path `GET /v1/videos/{id}` belongs to both dialects, so one object answers both. Only the status word cannot
be two things at once: it follows the dialect in which the job was ordered.
"""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from spicy.errors import UsageError
from spicy.jobs.model import Job, JobState, Mode
from spicy.web.server.access import client
from spicy.web.server.app_state import AppState, get_state
from spicy.web.server.errors import FAULTS

OPENAI_WIRE = "openai"
"""Mark, under `wire` in a job's request, of the jobs that were ordered in OpenAI's words."""

Word = Literal["queued", "in_progress", "completed", "pending", "done", "failed"]

_OPENAI: dict[JobState, Word] = {
    JobState.PENDING: "queued",
    JobState.PROCESSING: "in_progress",
    JobState.COMPLETED: "completed",
    JobState.FAILED: "failed",
    JobState.CANCELLED: "failed",
}
_XAI: dict[JobState, Word] = {
    JobState.PENDING: "pending",
    JobState.PROCESSING: "pending",
    JobState.COMPLETED: "done",
    JobState.FAILED: "failed",
    JobState.CANCELLED: "failed",
}
_XAI_CODES = {"refused": "invalid_argument", "timeout": "service_unavailable"}
_OPENAI_CODES = {"refused": "moderation_blocked"}


class XaiVideo(BaseModel):
    """A finished clip, as xAI describes it."""

    url: str
    duration: float = Field(description="Seconds.")
    respect_moderation: bool = True


class XaiUsage(BaseModel):
    """What a request cost, in ticks of 10^-10 US dollars."""

    cost_in_usd_ticks: int


class ImagineModel(BaseModel):
    """A model that makes pictures or clips, or that chats."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str
    input_modalities: list[str]
    output_modalities: list[str]


class ImagineModels(BaseModel):
    """All models of one kind."""

    models: list[ImagineModel]


def in_openai(job: Job) -> bool:
    """Whether `job` was ordered in OpenAI's words."""
    return job.request.get("wire") == OPENAI_WIRE


def word_of(job: Job) -> Word:
    """The state of `job` in the words of whoever ordered it."""
    return (_OPENAI if in_openai(job) else _XAI)[job.state]


def code_of(job: Job) -> str:
    """Why `job` failed, as one of the codes that its dialect knows."""
    code = job.code or job.state.value
    if in_openai(job):
        return _OPENAI_CODES.get(code, code)
    return _XAI_CODES.get(code, "internal_error")


router = APIRouter(tags=["xAI"], dependencies=[Depends(client)])
Here = Annotated[AppState, Depends(get_state)]


@router.get("/v1/video-generation-models", responses=FAULTS)
def video_models(app_state: Here) -> ImagineModels:
    """List the models that make clips."""
    return _models(app_state, Mode.VIDEO, ["text", "image"], "video")


@router.get("/v1/image-generation-models", responses=FAULTS)
def image_models(app_state: Here) -> ImagineModels:
    """List the models that make stills."""
    return _models(app_state, Mode.IMAGE, ["text", "image"], "image")


@router.get("/v1/language-models", responses=FAULTS)
def language_models(app_state: Here) -> ImagineModels:
    """List the models that chat."""
    return _models(app_state, Mode.CHAT, ["text", "image"], "text")


def _models(app_state: AppState, mode: Mode, takes: list[str], gives: str) -> ImagineModels:
    return ImagineModels(
        models=[
            ImagineModel(
                id=name,
                owned_by=app_state.executor.provider,
                input_modalities=takes,
                output_modalities=[gives],
            )
            for name in app_state.executor.models()
            if _answers(app_state, name, mode)
        ]
    )


def _answers(app_state: AppState, name: str, mode: Mode) -> bool:
    try:
        return app_state.executor.model(name, mode) == name
    except UsageError:
        return False
