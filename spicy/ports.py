"""The seams: what a call is, what a provider promises, how a step asks. Values and protocols only.

A call is a frozen description of one request. Its key is derived from `canonical()`, so a field added
here changes every key: give it a default and leave defaults out of the canonical form.
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
    """What a call asks a provider for."""

    CHAT = "chat"
    IMAGE = "image"
    VIDEO = "video"
    EDIT = "edit"
    EXTEND = "extend"
    LOCAL = "local"


@dataclass(frozen=True, slots=True)
class Schema:
    """A JSON Schema for a structured answer; `text` is canonical JSON, `name` titles it."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class OrderOnly:
    """What is sent along but left out of the key, like make's order-only prerequisites.

    With soft continuity the previous keyframe helps when a keyframe is first made; a later change of
    it must not remake this one.
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
        """The request as data: kind and every field that differs from its default, order-only parts left out."""
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
    """A question to a language model, with pictures to look at, answered as JSON of `schema`, or freely without.

    `turns` are what was said before, oldest first.
    """

    kind: ClassVar[Kind] = Kind.CHAT
    schema: Schema | None = None
    images: tuple[Digest, ...] = ()
    turns: tuple[Turn, ...] = ()
    temperature: float | None = None
    max_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageCall(_Call):
    """A still: drawn from text alone, or an edit of `images`, which the prompt names as <IMAGE_0>, …"""

    kind: ClassVar[Kind] = Kind.IMAGE
    aspect_ratio: str
    resolution: str
    quality: str | None = None
    images: tuple[Digest, ...] = ()
    order_only: OrderOnly | None = None

    def sent_images(self) -> tuple[Digest, ...]:
        """All pictures that travel with the request, in order."""
        return self.images + (self.order_only.images if self.order_only else ())

    def sent_prompt(self) -> str:
        """The prompt as it travels."""
        return f"{self.prompt}\n{self.order_only.note}" if self.order_only else self.prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoCall(_Call):
    """A clip of `duration` whole seconds that starts from the still `image`, or is made from the prompt alone.

    With `references` (reference-to-video) those pictures show who and what is in it, all the way through;
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
    """A correction of an existing clip; length, size and shape stay as they are.

    `seconds` (rounded up) and `resolution` describe `video`; they are there for the price.
    """

    kind: ClassVar[Kind] = Kind.EDIT
    video: Digest
    seconds: int
    resolution: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtendCall(_Call):
    """An existing clip that goes on for `seconds` (2 to 10) more; the answer is the whole, longer clip.

    `resolution` describes `video`; it is there for the price.
    """

    kind: ClassVar[Kind] = Kind.EXTEND
    video: Digest
    seconds: int
    resolution: str


Call = ChatCall | ImageCall | VideoCall | EditCall | ExtendCall


def inputs_of(call: Call) -> tuple[Digest, ...]:
    """Digests of every file that travels with `call`, in the order the prompt names them."""
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
    """Derive the call key: provider and canonical request, nothing else."""
    return CallKey(digest_json("spicy.call.v1", {"provider": provider, **call.canonical()}))


def read_call(canonical: Mapping[str, Json]) -> Call:
    """The call that `canonical()` describes, less what was order-only: it has the same key.

    For work that outlived its asker. Raises ValueError for what no call of this version is.
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
    """A provider's name for work in progress; enough, with the call, to poll it from another process."""

    id: str


@dataclass(frozen=True, slots=True)
class Running:
    """Not done yet; `progress` is 0.0 to 1.0, or None when the provider does not say."""

    progress: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished call: JSON text for a chat, otherwise media that `fetch` brings in."""

    model: str
    """The model that answered, which may not be the one that was asked."""
    cost: Ticks | None
    """None when the provider does not say; it is then booked at its estimate, so that a cap still holds."""
    text: str | None = None
    link: str | None = None
    """Where `fetch` finds the media; it may expire."""


class Provider(Protocol):
    """Who answers calls. One instance serves all threads of a run.

    `submit` may cost money and is called at most once for a call; everything else is free and may be
    repeated. All three raise `CallFailed` or `Refused` only when the provider itself said so, which ends the
    call; `Expired` when it does not know the ticket or the link is dead; `ProviderUnreachable` when it could not be
    asked or the bytes did not arrive, which ends nothing. Any other exception from `submit` means that nobody
    knows whether it was accepted. `fetch` writes the media to the new file `into`.
    """

    @property
    def name(self) -> str:
        """The provider's name in keys, recipes and receipts."""

    @property
    def poll_seconds(self) -> float:
        """How long to wait between two polls of one ticket."""

    def submit(self, call: Call, files: Mapping[Digest, Path]) -> Ticket | Answer:
        """Send the call once. `files` holds a readable path for each of `inputs_of(call)`."""

    def poll(self, ticket: Ticket) -> Running | Answer:
        """Ask how a submitted call is doing."""

    def fetch(self, answer: Answer, into: Path) -> None:
        """Bring the media of `answer` to the new file `into`."""

    def close(self) -> None:
        """Release threads and channels. Work in progress elsewhere goes on."""


# --- steps -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asset:
    """Bytes that the store holds."""

    digest: Digest
    suffix: str
    """File ending with its dot, such as `.jpg`."""
    origin: str = ""
    """The user's path of a file that was taken in, for messages."""


@dataclass(frozen=True, slots=True)
class CallResult:
    """A call with its answer, from the provider or from the store."""

    key: CallKey
    call: Call
    model: str
    cost: Ticks
    from_store: bool
    started: str
    """UTC, ISO 8601: when the provider was first asked, not when the store answered."""
    seconds: float
    text: str | None = None
    asset: Asset | None = None

    def media(self) -> Asset:
        """The asset of an image or video answer."""
        if self.asset is None:
            raise TypeError(f"a {self.call.kind} call answers with text, not media")
        return self.asset


LOCAL_VERSION = 2
"""Raised when local work ends in other bytes than before, so that films made the old way are made again."""


class LocalKind(StrEnum):
    """Local work that is worth remembering."""

    FIRST_FRAME = "first_frame"
    LAST_FRAME = "last_frame"
    CROP = "crop"
    JOIN = "join"


@dataclass(frozen=True, slots=True)
class LocalJob:
    """Free, deterministic work on this machine: a frame of a clip, a still in shape, the join of a film."""

    kind: LocalKind
    inputs: tuple[Digest, ...]
    params: Mapping[str, Json] = field(default_factory=dict)
    suffix: str = ".jpg"

    def key(self) -> CallKey:
        """Its place in the store."""
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
    """What local work gave: its bytes, and what is worth telling about them."""

    asset: Asset
    report: Mapping[str, Json] = field(default_factory=dict)


class CallClient(Protocol):
    """How a step gets anything done: known questions are answered from the store for $0."""

    def call(self, call: Call, purpose: str) -> CallResult:
        """Answer `call`; `purpose` (sheet, check, clip, …) labels its cost. Raises CallError."""

    def local(self, job: LocalJob) -> LocalResult:
        """Do or recall local work. Raises MediaError."""

    def take_in(self, path: Path) -> Asset:
        """Put a file of the user's into the store. Raises StepFailed when it cannot be read."""

    def open(self, asset: Asset) -> Path:
        """A verified, read-only path of the asset's bytes. Raises DamagedObject."""

    def warn(self, message: str) -> None:
        """Tell the user something that does not stop the step."""
