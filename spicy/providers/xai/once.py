"""Calls as messages of the SDK, each sent one time, with every outcome typed. Patience is another's."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, TypeVar, assert_never

from spicy.errors import CallFailed, Expired, Interrupted, Refused
from spicy.ids import Digest
from spicy.ports import (
    Answer,
    Call,
    ChatCall,
    EditCall,
    ExtendCall,
    ImageCall,
    Running,
    Ticket,
    Turn,
    VideoCall,
    inputs_of,
)
from spicy.providers.xai.client import Clients
from spicy.providers.xai.faults import KeyRefused, ReplyLost, TryLater, quoted
from spicy.providers.xai.pictures import REQUEST_BYTES, Inline, on_canvas, read_clip, read_pictures, weight
from spicy.providers.xai.replies import billed_by_words, chat_answer, image_answer, video_state
from spicy.providers.xai.verdict import NextAction, Phase, StatusVerdict, classify_status

if TYPE_CHECKING:
    from xai_sdk.proto import auth_pb2

T = TypeVar("T")

_TAKES_QUALITY = "grok-imagine-image-2.0"
_UPLOADS_LIVE = datetime.timedelta(days=1)


class _ImageInputs(TypedDict, total=False):
    image_url: str
    image_urls: Sequence[str]
    image_file_id: str
    image_file_ids: Sequence[str]


class _VideoInputs(TypedDict, total=False):
    aspect_ratio: str
    image_url: str
    image_file_id: str
    reference_image_urls: Sequence[str]
    reference_image_file_ids: Sequence[str]


class SubmitOnceClient:
    """xAI without patience: each method asks once.

    Raises, besides what the Provider protocol names: TryLater (not accepted, or a free read), KeyRefused,
    and ReplyLost from `submit` when nobody knows.
    """

    def __init__(self, clients: Clients, key: str) -> None:
        self._clients, self._key = clients, key

    def submit(self, call: Call, files: Mapping[Digest, Path]) -> Ticket | Answer:
        """Send a call, after any upload that it needs. Raises Refused, CallFailed and the faults above."""
        match call:
            case ChatCall():
                return self._chat(call, files)
            case ImageCall():
                return self._image(call, files)
            case VideoCall():
                return self._video(call, files)
            case EditCall():
                return self._edit(call, files)
            case ExtendCall():
                return self._extend(call, files)
        assert_never(call)

    def poll(self, ticket: Ticket) -> Running | Answer:
        """Ask for a clip. Raises Refused, CallFailed, Expired and the faults above."""
        client = self._clients.free()
        return video_state(self._ask(Phase.POLL, lambda: client.video.get(ticket.id)), self._key)

    def key_info(self) -> auth_pb2.ApiKey:
        """What the server knows of the key; free."""
        client = self._clients.free()
        return self._ask(Phase.READ, client.auth.get_api_key_info)

    def _chat(self, call: ChatCall, files: Mapping[Digest, Path]) -> Answer:
        pictures = list(read_pictures([files[digest] for digest in inputs_of(call)], webp=False))
        if weight(pictures) > REQUEST_BYTES:
            raise CallFailed("the pictures are too large to be looked at together; send fewer")
        client = self._clients.once()
        from xai_sdk.chat import assistant, image, system, user
        from xai_sdk.proto import chat_pb2

        say = {"system": system, "assistant": assistant, "user": user}
        messages = []
        for turn in (*call.turns, Turn("user", call.prompt, call.images)):
            shown, pictures = pictures[: len(turn.images)], pictures[len(turn.images) :]
            messages.append(say[turn.role](turn.text, *(image(picture.url()) for picture in shown)))
        form = None
        if call.schema is not None:
            form = chat_pb2.ResponseFormat(
                format_type=chat_pb2.FORMAT_TYPE_JSON_SCHEMA, schema=call.schema.text
            )
        chat = client.chat.create(
            model=call.model,
            messages=messages,
            response_format=form,
            temperature=call.temperature,
            max_tokens=call.max_tokens,
        )
        return chat_answer(self._ask(Phase.SUBMIT, chat.sample).proto, call.model)

    def _image(self, call: ImageCall, files: Mapping[Digest, Path]) -> Answer:
        pictures = read_pictures([files[digest] for digest in call.sent_images()])
        if len(pictures) == 1:
            pictures = (on_canvas(pictures[0], call.aspect_ratio, files[call.sent_images()[0]].name),)
        inputs = self._image_inputs(pictures)
        client = self._clients.once()
        takes_quality = call.quality is not None and call.model.startswith(_TAKES_QUALITY)
        request = _formed(
            lambda: client.image.prepare(
                call.sent_prompt(),
                call.model,
                image_format="url",
                aspect_ratio=call.aspect_ratio,
                resolution=call.resolution,
                quality=call.quality if takes_quality else None,
                **inputs,
            )
        ).image_request
        request.n = 1
        # Not `image.sample`: it throws a reply without pictures away, and with it what the reply cost.
        reply = self._ask(Phase.SUBMIT, lambda: client.image._stub.GenerateImage(request))
        return image_answer(reply, call.model)

    def _image_inputs(self, pictures: Sequence[Inline]) -> _ImageInputs:
        """Pictures as data URLs; all of them as files when too large, for files would go before URLs."""
        if not pictures:
            return {}
        if weight(pictures) <= REQUEST_BYTES:
            urls = [picture.url() for picture in pictures]
            return {"image_url": urls[0]} if len(urls) == 1 else {"image_urls": urls}
        ids = [self._upload(picture) for picture in pictures]
        return {"image_file_id": ids[0]} if len(ids) == 1 else {"image_file_ids": ids}

    def _video(self, call: VideoCall, files: Mapping[Digest, Path]) -> Ticket:
        pictures = read_pictures([files[digest] for digest in inputs_of(call)])
        inputs: _VideoInputs = {}
        if call.image is None:
            inputs["aspect_ratio"] = (
                call.aspect_ratio
            )  # a clip that starts from a still has the still's shape
        stills = call.image is not None
        if weight(pictures) <= REQUEST_BYTES:
            urls = [picture.url() for picture in pictures]
            inputs |= {"image_url": urls[0]} if stills else {}
            inputs |= {"reference_image_urls": urls[stills:]}
        else:
            ids = [self._upload(picture) for picture in pictures]
            inputs |= {"image_file_id": ids[0]} if stills else {}
            inputs |= {"reference_image_file_ids": ids[stills:]}
        client = self._clients.once()
        started = self._ask(
            Phase.SUBMIT,
            lambda: client.video.start(
                call.prompt, call.model, duration=call.duration, resolution=call.resolution, **inputs
            ),
        )
        return _ticket(started.request_id)

    def _edit(self, call: EditCall, files: Mapping[Digest, Path]) -> Ticket:
        clip = read_clip(files[call.video])
        uploaded = None if clip.weight() <= REQUEST_BYTES else self._upload(clip)
        client = self._clients.once()
        started = self._ask(
            Phase.SUBMIT,
            lambda: client.video.start(
                call.prompt,
                call.model,
                video_url=None if uploaded else clip.url(),
                video_file_id=uploaded,
            ),
        )
        return _ticket(started.request_id)

    def _extend(self, call: ExtendCall, files: Mapping[Digest, Path]) -> Ticket:
        clip = read_clip(files[call.video])
        uploaded = None if clip.weight() <= REQUEST_BYTES else self._upload(clip)
        client = self._clients.once()
        started = self._ask(
            Phase.SUBMIT,
            lambda: client.video.extend_start(
                call.prompt,
                call.model,
                None if uploaded else clip.url(),
                video_file_id=uploaded,
                duration=call.seconds,
            ),
        )
        return _ticket(started.request_id)

    def _upload(self, file: Inline) -> str:
        client = self._clients.free()
        name = f"spicy{file.suffix()}"
        sent = self._ask(
            Phase.READ, lambda: client.files.upload(file.data, filename=name, expires_after=_UPLOADS_LIVE)
        )
        return str(sent.id)

    def _ask(self, phase: Phase, send: Callable[[], T]) -> T:
        """Send, and turn a gRPC error into a typed one that neither holds it nor quotes a secret."""
        import grpc

        try:
            return _formed(send)
        except grpc.RpcError as error:
            status = error.code().name if isinstance(error, grpc.Call) else "UNKNOWN"
            details = quoted((error.details() or "") if isinstance(error, grpc.Call) else "", self._key)
        raise _fault(classify_status(status, details, phase), details)


def _formed(make: Callable[[], T]) -> T:
    """Run what checks its arguments; nothing was sent when it complains. Raises CallFailed, Interrupted."""
    try:
        return make()
    except ValueError as error:
        # grpc says "RPC on closed channel" or "Channel closed", depending on how far the call had come.
        if {"channel", "closed"} <= set(str(error).lower().replace("!", "").split()):
            raise Interrupted("the connection to xAI is closed") from None
        raise CallFailed(f"xAI does not take this request: {error}") from error


def _ticket(id: str) -> Ticket:
    if not id:
        raise ReplyLost("the submission was answered without a request id")
    return Ticket(id)


def _fault(verdict: StatusVerdict, details: str) -> Exception:
    said = verdict.said
    match verdict.then:
        case NextAction.AGAIN:
            return TryLater(said)
        case NextAction.SLOWER:
            return TryLater(said, slower=True)
        case NextAction.REFUSED:
            return Refused(f"xAI: {said}", billed=billed_by_words(details))
        case NextAction.FAILED:
            return CallFailed(f"xAI: {said}")
        case NextAction.KEY:
            return KeyRefused(said)
        case NextAction.GONE:
            return Expired(f"xAI: {said}")
        case NextAction.LOST:
            return ReplyLost(said)
    assert_never(verdict.then)
