"""Stills: OpenAI's `images.generate` and xAI's request of the same path, and the pictures behind the links.

Each picture is a job of its own: `n` pictures are `n` takes, so asking again costs nothing, and asking for more
makes only those that are missing.
"""

from __future__ import annotations

import asyncio
import base64
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.concurrency import run_in_threadpool

from spicy.canonical_json import Json
from spicy.ids import TICKS_PER_USD
from spicy.jobs.model import Job, JobRequest, JobState, Mode
from spicy.web.api.intake import body_of, submit
from spicy.web.api.long_poll import ended, failure
from spicy.web.api.xai_rest import XaiUsage
from spicy.web.server.access import client
from spicy.web.server.app_state import AppState, get_state
from spicy.web.server.errors import FAULTS, ApiError, responses
from spicy.web.server.request_log import note_job

SIZES: Mapping[str, tuple[str, str | None]] = {
    "auto": ("1:1", None),
    "1024x1024": ("1:1", "1k"),
    "1536x1024": ("3:2", "1k"),
    "1024x1536": ("2:3", "1k"),
    "1792x1024": ("16:9", "1k"),
    "1024x1792": ("9:16", "1k"),
    "1408x768": ("16:9", "1k"),
    "768x1408": ("9:16", "1k"),
    "1280x960": ("4:3", "1k"),
    "960x1280": ("3:4", "1k"),
    "2048x2048": ("1:1", "2k"),
}
"""What `size` means to a provider: a shape and a resolution, or the recipe's own."""

Shape = Literal["1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3"]
_NAME = re.compile(r"(job_[0-9a-f]{24})\.(jpg|png|webp)")
_TYPES = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG": "image/png", b"RIFF": "image/webp"}


class CreateImage(BaseModel):
    """An order for stills: `size` in OpenAI's words, or `aspect_ratio` and `resolution` in xAI's."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"model": "grok", "prompt": "A fox in the snow", "size": "1024x1024"}},
    )

    prompt: str = Field(min_length=1, max_length=100_000)
    model: str = Field(default="grok", max_length=200)
    n: Annotated[int, Field(ge=1, le=10)] | None = 1
    size: str | None = Field(default=None, max_length=20, json_schema_extra={"enum": [*SIZES, None]})
    aspect_ratio: Shape | None = None
    resolution: Literal["1k", "2k"] | None = None
    response_format: Literal["url", "b64_json"] | None = "url"
    take: int = Field(default=1, ge=1, le=1_000_000, description="Where to begin; each picture is one take.")
    user: str | None = Field(default=None, max_length=512, description="Without effect.")

    @model_validator(mode="after")
    def _one_way(self) -> CreateImage:
        if self.size is not None and self.size not in SIZES:
            raise ValueError(f"size {self.size} is not known; there is {', '.join(SIZES)}")
        if self.size is not None and (self.aspect_ratio or self.resolution):
            raise ValueError("size says both: leave out aspect_ratio and resolution, or size")
        return self

    def frame(self) -> tuple[str, str | None]:
        """Shape and resolution; None is the recipe's own."""
        if self.size is not None:
            return SIZES[self.size]
        return self.aspect_ratio or "1:1", self.resolution


class Image(BaseModel):
    """One still, by address or whole."""

    url: str | None = None
    b64_json: str | None = None
    mime_type: str
    respect_moderation: bool = True
    job: str = Field(description="The id of its job.")
    from_store: bool = Field(description="Whether the store answered, for $0.")


class Images(BaseModel):
    """All stills of an order."""

    created: int
    data: list[Image]
    usage: XaiUsage
    cost: float = Field(description="US dollars.")


router = APIRouter(tags=["OpenAI"], dependencies=[Depends(client)])
Here = Annotated[AppState, Depends(get_state)]


@router.post(
    "/v1/images/generations",
    response_model_exclude_none=True,
    responses={**FAULTS, **responses(402, 502, 504)},
)
async def create(
    request: Request,
    app_state: Here,
    asked: CreateImage,
    idempotency_key: Annotated[str | None, Header()] = None,
) -> Images:
    """Order stills and wait for them, as long as a chat would."""
    if not app_state.builtin:
        raise ApiError(503, "stills are made by the built-in worker, which is off here", code="unavailable")
    jobs = await run_in_threadpool(_order, app_state, asked, idempotency_key)
    wait = app_state.server.chat_wait
    jobs = await asyncio.gather(*(ended(app_state, job, wait) for job in jobs))
    for job in jobs:
        if (why := failure(job, wait)) is not None:
            raise why
    whole = asked.response_format == "b64_json"
    shown = [await run_in_threadpool(_image, app_state, request, job, whole=whole) for job in jobs]
    cost = sum(job.cost for job in jobs)
    return Images(
        created=int(time.time()),
        data=shown,
        usage=XaiUsage(cost_in_usd_ticks=cost),
        cost=cost / TICKS_PER_USD,
    )


@router.get(
    "/images/{name}",
    response_class=Response,
    responses={
        **FAULTS,
        200: {
            "description": "The still.",
            "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in _TYPES.values()},
        },
    },
)
def still(app_state: Here, name: str) -> Response:
    """Download a still by the link of its order."""
    found = _NAME.fullmatch(name)
    job = app_state.queue.find(found[1]) if found is not None else None
    if job is None or job.mode is not Mode.IMAGE or job.state is not JobState.COMPLETED:
        raise ApiError(404, f"there is no still {name[:40]!r}", code="not_found", param="name")
    note_job(job.id)
    path = _path(app_state, job)
    return Response(path.read_bytes(), media_type=_type(path))


def _order(app_state: AppState, asked: CreateImage, key: str | None) -> list[Job]:
    shape, resolution = asked.frame()
    wanted: dict[str, Json] = {
        "prompt": asked.prompt,
        "aspect_ratio": shape,
        "resolution": resolution,
        "images": [],
    }
    jobs = []
    for number in range(asked.n or 1):
        request: dict[str, Json] = {**wanted, "take": asked.take + number}
        order = JobRequest(mode=Mode.IMAGE, model=asked.model, prompt=asked.prompt, request=request)
        # One key for all, told apart by number; how many there are belongs to what it stands for.
        body = f"{asked.n} {body_of(order)}"
        jobs.append(submit(app_state, order, key=f"{key}/{number}" if key is not None else None, body=body))
    return jobs


def _image(app_state: AppState, request: Request, job: Job, *, whole: bool) -> Image:
    path = _path(app_state, job)
    kind = _type(path)
    ending = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}[kind]
    return Image(
        url=None if whole else f"{request.base_url}images/{job.id}.{ending}",
        b64_json=base64.b64encode(path.read_bytes()).decode() if whole else None,
        mime_type=kind,
        job=job.id,
        from_store=job.from_store,
    )


def _path(app_state: AppState, job: Job) -> Path:
    """Where the still of a finished job is. Raises DamagedObject, which the border makes a 503."""
    if job.media is None:
        raise ApiError(404, f"the job {job.id} has no still", code="not_found")
    return app_state.store.objects.open(job.media)


def _type(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(4)
    return next((kind for magic, kind in _TYPES.items() if head.startswith(magic)), "image/jpeg")
