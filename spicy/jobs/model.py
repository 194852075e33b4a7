"""A job as a value: what a client asked the server for, and how far it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from spicy.canonical_json import Json
from spicy.ids import Digest, Ticks


class JobState(StrEnum):
    """Where a job stands: pending → processing → completed, failed or cancelled."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDS = frozenset({JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED})


class Mode(StrEnum):
    """What kind of worker a job needs. Images are made by the built-in worker alone."""

    VIDEO = "video"
    CHAT = "chat"
    IMAGE = "image"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job, as the database has it. Times are seconds since the epoch."""

    id: str
    """`job_` and 24 hexadecimal digits."""
    mode: Mode
    state: JobState
    model: str
    """As the client called it."""
    prompt: str
    """What a person would call the request; for a chat its last question."""
    request: Mapping[str, Json]
    """Checked and whole; pictures are digests of blobs in the store.

    video: prompt, duration, aspect_ratio, resolution, image (digest or null), take; wire is `openai` for a job of
    that dialect
    chat: turns (each: role, text, images), temperature, max_tokens (each or null), take
    image: prompt, aspect_ratio, resolution, images (digests), take
    """
    created: float
    updated: float
    started: float | None = None
    finished: float | None = None
    lease_until: float | None = None
    tries: int = 0
    """How often it was claimed."""
    progress: float = 0.0
    """0.0 to 1.0, as the provider says."""
    error: str | None = None
    code: str | None = None
    """A short name of the failure: refused, failed, unknown, timeout, …"""
    text: str | None = None
    """A chat's answer."""
    media: Digest | None = None
    """The blob of a clip or still that the store answered with; an uploaded clip is only a file."""
    size: int | None = None
    """Bytes of the clip or still."""
    seconds: float | None = None
    """Length of the clip."""
    cost: Ticks = Ticks(0)
    """What this job paid; 0 for an answer from the store."""
    from_store: bool = False
    answered_by: str = ""
    """The model that answered."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A job in a worker's hands, and the secret that proves it."""

    job: Job
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a worker brings back."""

    text: str | None = None
    media: Digest | None = None
    size: int | None = None
    seconds: float | None = None
    cost: Ticks = Ticks(0)
    from_store: bool = False
    answered_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequest:
    """A checked request, on its way to become a job."""

    mode: Mode
    model: str
    prompt: str
    request: Mapping[str, Json] = field(default_factory=dict)
