"""What a client of xAI's own REST API looks for beside OpenAI's: its status words, its `video`, its model lists.

The path `GET /v1/videos/{id}` belongs to both dialects, so one object answers both. Only the status word cannot
be two things at once: it follows the dialect in which the job was ordered.
"""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from spicy.errors import UsageError
from spicy.jobs.model import Job, Mode, State
from spicy.web.access import client
from spicy.web.errors import FAULTS
from spicy.web.room import Room, room_of

OPENAI_WIRE = "openai"
"""Mark, under `wire` in a job's request, of the jobs that were ordered in OpenAI's words."""

Word = Literal["queued", "in_progress", "completed", "pending", "done", "failed"]

_OPENAI: dict[State, Word] = {
    State.PENDING: "queued",
    State.PROCESSING: "in_progress",
    State.COMPLETED: "completed",
    State.FAILED: "failed",
    State.CANCELLED: "failed",
}
_XAI: dict[State, Word] = {
    State.PENDING: "pending",
    State.PROCESSING: "pending",
    State.COMPLETED: "done",
    State.FAILED: "failed",
    State.CANCELLED: "failed",
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
Here = Annotated[Room, Depends(room_of)]


@router.get("/v1/video-generation-models", responses=FAULTS)
def video_models(room: Here) -> ImagineModels:
    """List the models that make clips."""
    return _models(room, Mode.VIDEO, ["text", "image"], "video")


@router.get("/v1/image-generation-models", responses=FAULTS)
def image_models(room: Here) -> ImagineModels:
    """List the models that make stills."""
    return _models(room, Mode.IMAGE, ["text", "image"], "image")


@router.get("/v1/language-models", responses=FAULTS)
def language_models(room: Here) -> ImagineModels:
    """List the models that chat."""
    return _models(room, Mode.CHAT, ["text", "image"], "text")


def _models(room: Room, mode: Mode, takes: list[str], gives: str) -> ImagineModels:
    return ImagineModels(
        models=[
            ImagineModel(
                id=name, owned_by=room.desk.provider, input_modalities=takes, output_modalities=[gives]
            )
            for name in room.desk.models()
            if _answers(room, name, mode)
        ]
    )


def _answers(room: Room, name: str, mode: Mode) -> bool:
    try:
        return room.desk.model(name, mode) == name
    except UsageError:
        return False
