"""OpenAI's chat wire, whole or as server-sent events, and the list of models that clients ask for first.

A provider answers a chat whole; a stream brings the same answer word by word once it is there, and keeps the
connection alive until then.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Header
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, field_validator
from starlette.concurrency import run_in_threadpool

from spicy.canonical_json import Json
from spicy.jobs.model import ENDS, Job, JobRequest, Mode
from spicy.web.api.intake import body_of, submit, view
from spicy.web.api.long_poll import ended, failure
from spicy.web.api.pictures import keep, look_at
from spicy.web.server.access import JSON_LIMIT, client
from spicy.web.server.app_state import AppState, get_state
from spicy.web.server.errors import FAULTS, ApiError, ErrorDetail, responses

Words = Annotated[str, Field(max_length=4_000_000)]
Name = Annotated[str, Field(max_length=512)]
"""Texts with a limit are looked at whole, so that half a surrogate pair is refused at the border."""

_HEARTBEAT = 10.0
"""Seconds of silence after which a stream says that it is still there."""


class ImageUrl(BaseModel):
    """Where a picture is."""

    url: str = Field(max_length=JSON_LIMIT, description="A data URL or an https URL.")
    detail: Literal["auto", "low", "high"] = Field(default="auto", description="Without effect.")


class PicturePart(BaseModel):
    """A picture to look at."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["image_url"]
    image_url: ImageUrl


class TextPart(BaseModel):
    """A piece of text."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["text"]
    text: Words


Part = Annotated[TextPart | PicturePart, Field(discriminator="type")]


class Message(BaseModel):
    """What was said, and by whom."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Words | Annotated[list[Part], Field(min_length=1)]
    name: Name | None = None
    refusal: None = None

    def text(self) -> str:
        """Its words, without pictures."""
        if isinstance(self.content, str):
            return self.content
        return "\n".join(part.text for part in self.content if isinstance(part, TextPart))

    def pictures(self) -> list[str]:
        """Where its pictures are, in order."""
        if isinstance(self.content, str):
            return []
        return [part.image_url.url for part in self.content if isinstance(part, PicturePart)]


class TextFormat(BaseModel):
    """The only form of an answer here."""

    type: Literal["text"]


class StreamOptions(BaseModel):
    """What a stream brings beside words."""

    include_usage: bool = False


class CreateChat(BaseModel):
    """A question. What would change the answer and cannot be done here is refused, not ignored."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"model": "grok", "messages": [{"role": "user", "content": "Say hello."}]},
        },
    )

    model: str = Field(default="grok", max_length=200)
    messages: list[Message] = Field(min_length=1)
    temperature: float | None = Field(default=None, ge=0, le=2)
    max_tokens: int | None = Field(default=None, ge=1, le=1_000_000)
    max_completion_tokens: int | None = Field(default=None, ge=1, le=1_000_000)
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    n: Literal[1] | None = 1
    response_format: TextFormat | None = None
    take: int = Field(
        default=1, ge=1, le=1_000_000, description="Another take of the same question asks anew."
    )
    user: Name | None = Field(default=None, description="Without effect, like the four below.")
    safety_identifier: Name | None = None
    metadata: Mapping[Name, Name] | None = None
    store: bool | None = None
    seed: int | None = None

    @field_validator("temperature")
    @classmethod
    def _short(cls, value: float | None) -> float | None:
        # A key is made of it: what differs in the fourteenth digit only is the same question.
        return None if value is None else round(value, 6)

    @field_validator("messages")
    @classmethod
    def _something_asked(cls, messages: list[Message]) -> list[Message]:
        if not messages[-1].text().strip() and not messages[-1].pictures():
            raise ValueError("the last message is empty")
        return messages


class Said(BaseModel):
    """The answer's words."""

    role: Literal["assistant"] = "assistant"
    content: str


class Choice(BaseModel):
    """The one answer."""

    index: Literal[0] = 0
    message: Said
    finish_reason: Literal["stop"] = "stop"


class Usage(BaseModel):
    """Tokens, which are not counted here; `cost` has the money."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0


class ChatCompletion(BaseModel):
    """An answer, whole."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[Choice]
    usage: Usage = Usage()
    cost: float = Field(description="US dollars.")
    cost_ticks: int
    from_store: bool = Field(description="Whether the store answered, for $0.")


class Model(BaseModel):
    """A model that may be asked."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str


class Models(BaseModel):
    """All of them."""

    object: Literal["list"] = "list"
    data: list[Model]


router = APIRouter(tags=["OpenAI"], dependencies=[Depends(client)])
Here = Annotated[AppState, Depends(get_state)]
_STREAM = {"text/event-stream": {"schema": {"type": "string"}}}


@router.post(
    "/v1/chat/completions",
    response_model=ChatCompletion,
    responses={
        **FAULTS,
        **responses(402, 502, 504),
        200: {"description": "The answer, whole or as events.", "content": _STREAM},
    },
)
async def create(
    app_state: Here, asked: CreateChat, idempotency_key: Annotated[str | None, Header()] = None
) -> Response:
    """Ask a model; with `stream` the answer comes as server-sent events."""
    job = await run_in_threadpool(_order, app_state, asked, idempotency_key)
    if asked.stream:
        usage = asked.stream_options is not None and asked.stream_options.include_usage
        return StreamingResponse(
            _events(app_state, job, usage=usage), media_type="text/event-stream", headers=_LIVE
        )
    job = await ended(app_state, job, app_state.server.chat_wait)
    if (why := failure(job, app_state.server.chat_wait)) is not None:
        raise why
    return JSONResponse((await run_in_threadpool(_completion, app_state, job)).model_dump())


@router.get("/v1/models", responses=FAULTS)
def models(app_state: Here) -> Models:
    """List the models that may be named; `grok` and `grok-vision` mean whichever the recipe names."""
    return Models(
        data=[Model(id=name, owned_by=app_state.executor.provider) for name in app_state.executor.models()]
    )


@router.get("/v1/models/{model}", responses=FAULTS)
def model(app_state: Here, model: str) -> Model:
    """Look at one model."""
    if model not in app_state.executor.models():
        raise ApiError(404, f"there is no model {model[:40]!r}", code="model_not_found", param="model")
    return Model(id=model, owned_by=app_state.executor.provider)


_LIVE = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def _order(app_state: AppState, asked: CreateChat, key: str | None) -> Job:
    seen = [[look_at(url, app_state) for url in said.pictures()] for said in asked.messages]
    turns: list[Json] = [
        {
            "role": "system" if said.role == "developer" else said.role,
            "text": said.text(),
            "images": [picture.digest for picture in pictures],
        }
        for said, pictures in zip(asked.messages, seen, strict=True)
    ]
    wanted: dict[str, Json] = {
        "turns": turns,
        "temperature": asked.temperature,
        "max_tokens": asked.max_completion_tokens or asked.max_tokens,
        "take": asked.take,
    }
    order = JobRequest(mode=Mode.CHAT, model=asked.model, prompt=asked.messages[-1].text(), request=wanted)
    app_state.executor.call(order)  # refuses before anything is kept
    keep([picture for pictures in seen for picture in pictures], app_state)
    return submit(app_state, order, key=key, body=body_of(order))


def _completion(app_state: AppState, job: Job) -> ChatCompletion:
    return ChatCompletion(
        id=f"chatcmpl-{job.id}",
        created=int(job.created),
        model=job.model,
        choices=[Choice(message=Said(content=job.text or ""))],
        cost=view(app_state, job)["cost"],
        cost_ticks=job.cost,
        from_store=job.from_store,
    )


async def _events(app_state: AppState, job: Job, *, usage: bool) -> AsyncIterator[str]:
    """The answer of `job` as chunks. What goes wrong now is an event too, for the status line is gone."""
    yield _chunk(job, {"role": "assistant", "content": ""})
    left = app_state.server.chat_wait
    try:
        while job.state not in ENDS and left > 0:
            yield ": waiting\n\n"
            job = await ended(app_state, job, min(_HEARTBEAT, left))
            left -= _HEARTBEAT
        if (why := failure(job, app_state.server.chat_wait)) is not None:
            raise why
    except ApiError as error:
        detail = ErrorDetail(message=error.message, type=error.type, code=error.code, param=error.param)
        yield _event({"error": detail.model_dump()})
        return
    for words in re.findall(r"\s*\S+\s*", job.text or ""):
        yield _chunk(job, {"content": words})
    yield _chunk(job, {}, finish="stop")
    if usage:
        yield _event({**_head(job), "choices": [], "usage": Usage().model_dump()})
    yield "data: [DONE]\n\n"


def _head(job: Job) -> dict[str, Json]:
    return {
        "id": f"chatcmpl-{job.id}",
        "object": "chat.completion.chunk",
        "created": int(job.created),
        "model": job.model,
    }


def _chunk(job: Job, delta: Mapping[str, Json], finish: str | None = None) -> str:
    return _event({**_head(job), "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


def _event(data: Mapping[str, Json]) -> str:
    return f"data: {json.dumps(data)}\n\n"
