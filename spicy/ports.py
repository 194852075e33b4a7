"""The interfaces between packages: calls, providers and the call client. Values and protocols only.

A call is a frozen description of one request. Its key is derived from `canonical()`, so a new field would
change every key: give it a default, because defaults are left out of the canonical form.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, Protocol

from spicy.canonical_json import Json, digest_json
from spicy.ids import CallKey, Digest, Ticks


class Kind(StrEnum):
    """The kind of result that a call requests."""

    CHAT = "chat"
    IMAGE = "image"
    VIDEO = "video"
    EDIT = "edit"
    EXTEND = "extend"
    LOCAL = "local"


@dataclass(frozen=True, slots=True)
class Schema:
    """A JSON Schema for a structured answer; `text` is canonical JSON, `name` its title."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class OrderOnly:
    """Inputs that are sent but not part of the key, like make's order-only prerequisites.

    With soft continuity the previous keyframe is used when a keyframe is first made, but a later change of it
    must not remake this one.
    """

    images: tuple[Digest, ...]
    note: str
    """Appended to the prompt, on a new line, when the call is sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    model: str
    prompt: str
    take: int = 1
    attempt: int = 1
    kind: ClassVar[Kind]

    def canonical(self) -> dict[str, Json]:
        """Return the request as data: kind and all non-default fields, without order-only parts."""
        out: dict[str, Json] = {"kind": self.kind.value}
        for f in dataclasses.fields(self):
            value = getattr(self, f.name)
            if isinstance(value, OrderOnly) or value is None or value == f.default:
                continue
            out[f.name] = _plain(value)
        return out


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a conversation; `role` is system, user or assistant."""

    role: str
    text: str
    images: tuple[Digest, ...] = ()


def _plain(value: object) -> Json:
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    if isinstance(value, Schema | Turn):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    return value  # type: ignore[return-value]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatCall(_Call):
    """A request to a language model, with optional pictures; answered as JSON of `schema`, if any, or text.

    `turns` are the earlier messages, oldest first.
    """

    kind: ClassVar[Kind] = Kind.CHAT
    schema: Schema | None = None
    images: tuple[Digest, ...] = ()
    turns: tuple[Turn, ...] = ()
    temperature: float | None = None
    max_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageCall(_Call):
    """A still: generated from text alone, or an edit of `images`, which the prompt names as <IMAGE_0>, …"""

    kind: ClassVar[Kind] = Kind.IMAGE
    aspect_ratio: str
    resolution: str
    quality: str | None = None
    images: tuple[Digest, ...] = ()
    order_only: OrderOnly | None = None

    def sent_images(self) -> tuple[Digest, ...]:
        """Return all pictures sent with the request, in order."""
        return self.images + (self.order_only.images if self.order_only else ())

    def sent_prompt(self) -> str:
        """Return the prompt as it is sent."""
        return f"{self.prompt}\n{self.order_only.note}" if self.order_only else self.prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoCall(_Call):
    """A clip of `duration` whole seconds that starts from the still `image`, or is made from the prompt alone.

    With `references` (reference-to-video) those pictures show the characters and things in the whole clip;
    the prompt names them as <IMAGE_0>, … in this order, the still not counted.
    """

    kind: ClassVar[Kind] = Kind.VIDEO
    image: Digest | None = None
    duration: int
    resolution: str
    aspect_ratio: str
    references: tuple[Digest, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EditCall(_Call):
    """A correction of an existing clip; length, size and aspect ratio do not change.

    `seconds` (rounded up) and `resolution` describe `video`; they determine the price.
    """

    kind: ClassVar[Kind] = Kind.EDIT
    video: Digest
    seconds: int
    resolution: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtendCall(_Call):
    """An extension of an existing clip by `seconds` (2 to 10); the answer is the whole, longer clip.

    `resolution` describes `video`; it determines the price.
    """

    kind: ClassVar[Kind] = Kind.EXTEND
    video: Digest
    seconds: int
    resolution: str


Call = ChatCall | ImageCall | VideoCall | EditCall | ExtendCall


def inputs_of(call: Call) -> tuple[Digest, ...]:
    """Return the digests of all files sent with `call`, in the order the prompt names them."""
    match call:
        case ChatCall():
            return (*(image for turn in call.turns for image in turn.images), *call.images)
        case ImageCall():
            return call.sent_images()
        case VideoCall():
            return (*((call.image,) if call.image is not None else ()), *call.references)
        case EditCall() | ExtendCall():
            return (call.video,)


def call_key(provider: str, call: Call) -> CallKey:
    """Return the call key, derived from the provider and the canonical request only."""
    return CallKey(digest_json("spicy.call.v1", {"provider": provider, **call.canonical()}))


def read_call(canonical: Mapping[str, Json]) -> Call:
    """Return the call that `canonical()` describes, without order-only parts; it has the same key.

    Used to resume a call whose process died. Raises ValueError if it is not a call of this version.
    """
    kinds: dict[Json, type[Call]] = {
        cls.kind.value: cls for cls in (ChatCall, ImageCall, VideoCall, EditCall, ExtendCall)
    }
    fields: dict[str, object] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in canonical.items()
    }
    try:
        if isinstance(schema := canonical.get("schema"), dict):
            fields["schema"] = Schema(str(schema["name"]), str(schema["text"]))
        if isinstance(turns := canonical.get("turns"), list):
            fields["turns"] = tuple(_turn(turn) for turn in turns)
        del fields["kind"]
        return kinds[canonical["kind"]](**fields)  # type: ignore[arg-type]
    except (KeyError, TypeError) as error:
        raise ValueError(f"no call of this version: {error}") from error


def _turn(value: Json) -> Turn:
    if not isinstance(value, Mapping) or not isinstance(images := value["images"], list):
        raise TypeError(f"not a turn: {value}")
    return Turn(str(value["role"]), str(value["text"]), tuple(Digest(str(image)) for image in images))


# --- providers -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ticket:
    """A provider's id of work in progress; with the call, enough to poll it from another process."""

    id: str


@dataclass(frozen=True, slots=True)
class Running:
    """A call still in progress; `progress` is 0.0 to 1.0, or None if the provider does not report it."""

    progress: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished call: text for a chat, otherwise media that `fetch` downloads."""

    model: str
    """The model that answered, which may differ from the requested one."""
    cost: Ticks | None
    """None if the provider does not report it; the estimate is then counted, so that the cap still holds."""
    text: str | None = None
    link: str | None = None
    """The link from which `fetch` downloads the media; it may expire."""


class Provider(Protocol):
    """The interface of a service that answers calls. One instance serves all threads of a run.

    `submit` may cost money and is called at most once per call; everything else is free and may be repeated.
    All three raise `CallFailed` or `Refused` only if the provider itself reported it, which ends the call;
    `Expired` if it does not know the ticket or the link has expired; `ProviderUnreachable` if the request did
    not reach it or the bytes did not arrive, which does not end the call. Any other exception from `submit`
    means that it is unknown whether the call was accepted. `fetch` writes the media to the new file `into`.
    """

    @property
    def name(self) -> str:
        """The provider's name in keys, recipes and receipts."""

    @property
    def poll_seconds(self) -> float:
        """The longest wait between two polls of one ticket, in seconds."""

    def submit(self, call: Call, files: Mapping[Digest, Path]) -> Ticket | Answer:
        """Send the call once. `files` holds a readable path for each of `inputs_of(call)`."""

    def poll(self, ticket: Ticket) -> Running | Answer:
        """Return the state of a submitted call."""

    def fetch(self, answer: Answer, into: Path) -> None:
        """Download the media of `answer` to the new file `into`."""

    def close(self) -> None:
        """Release threads and channels; work in progress at the provider goes on."""


# --- steps -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asset:
    """A reference to bytes in the store."""

    digest: Digest
    suffix: str
    """File name suffix with its dot, such as `.jpg`."""
    origin: str = ""
    """The user's path of an imported file, for messages."""


@dataclass(frozen=True, slots=True)
class CallResult:
    """A call with its answer, from the provider or from the store."""

    key: CallKey
    call: Call
    model: str
    cost: Ticks
    from_store: bool
    started: str
    """UTC, ISO 8601: the time of the original submission, not of the answer from the store."""
    seconds: float
    text: str | None = None
    asset: Asset | None = None

    def media(self) -> Asset:
        """Return the asset of an image or video answer. Raises TypeError for a text answer."""
        if self.asset is None:
            raise TypeError(f"a {self.call.kind} call answers with text, not media")
        return self.asset


LOCAL_VERSION = 2
"""Increase it when local work produces other bytes than before, so that existing films are made again."""


class LocalKind(StrEnum):
    """The kinds of cached local work."""

    FIRST_FRAME = "first_frame"
    LAST_FRAME = "last_frame"
    CROP = "crop"
    JOIN = "join"


@dataclass(frozen=True, slots=True)
class LocalJob:
    """Free, deterministic work on this machine: a frame of a clip, a cropped still, the join of a film."""

    kind: LocalKind
    inputs: tuple[Digest, ...]
    params: Mapping[str, Json] = field(default_factory=dict)
    suffix: str = ".jpg"

    def key(self) -> CallKey:
        """Return its key in the store."""
        return CallKey(
            digest_json(
                "spicy.local.v1",
                {
                    "kind": self.kind.value,
                    "version": LOCAL_VERSION,
                    "inputs": list(self.inputs),
                    "params": dict(self.params),
                },
            )
        )


@dataclass(frozen=True, slots=True)
class LocalResult:
    """The result of local work: its bytes and facts about them."""

    asset: Asset
    report: Mapping[str, Json] = field(default_factory=dict)


class CallClient(Protocol):
    """The interface through which a step makes calls; known calls are answered from the store for $0."""

    def call(self, call: Call, purpose: str) -> CallResult:
        """Return the answer to `call`; `purpose` (sheet, clip, …) labels its cost. Raises CallError."""

    def local(self, job: LocalJob) -> LocalResult:
        """Return the result of local work, stored or new. Raises MediaError."""

    def take_in(self, path: Path) -> Asset:
        """Put a user's file into the store and return the asset. Raises StepFailed if it is unreadable."""

    def open(self, asset: Asset) -> Path:
        """Return a verified, read-only path of the asset's bytes. Raises DamagedObject."""

    def warn(self, message: str) -> None:
        """Warn the user about something that does not stop the step."""
