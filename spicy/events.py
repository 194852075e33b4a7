"""What happens in a run, said once, as frozen values. Sinks turn them into a terminal, JSON or a database."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import Protocol

from spicy.canonical_json import Json
from spicy.ids import CallKey, Digest, NodeId, Ticks
from spicy.story.model import Story

MONEY = frozenset({"cap", "committed", "cost", "left", "likely", "low", "paid", "saved", "worst"})
"""Fields of events that are money."""


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A build begins; `films` and `provider` say of what and by whom, `specs` where each film is written.

    `until` is the step after which a storyboard stops; empty for a whole film.
    """

    run: str
    films: tuple[str, ...]
    provider: str
    cap: Ticks | None
    specs: tuple[str, ...] = ()
    until: str = ""


@dataclass(frozen=True, slots=True)
class StoryTold:
    """What a film is about: known when the run starts, or told by its ideation."""

    film: str
    story: Story


@dataclass(frozen=True, slots=True)
class Recovering:
    """An earlier build died with `calls` submissions under way, estimated at `committed`; they are brought home."""

    calls: int
    committed: Ticks


@dataclass(frozen=True, slots=True)
class Planned:
    """The graph is known, or has grown after an ideation: how many targets, how many of them stale."""

    film: str
    total: int
    stale: int
    low: Ticks
    likely: Ticks
    worst: Ticks


@dataclass(frozen=True, slots=True)
class NodeStarted:
    """Work on a stale target begins; `reasons` say why it was stale."""

    node: NodeId
    title: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CallStarted:
    """A call is put to the provider (not sent for stored answers)."""

    node: NodeId
    key: CallKey
    kind: str
    purpose: str
    model: str


@dataclass(frozen=True, slots=True)
class CallProgress:
    """The provider's own progress, 0.0 to 1.0."""

    node: NodeId
    key: CallKey
    progress: float


@dataclass(frozen=True, slots=True)
class CallDone:
    """A call is answered and stored; from the store, `cost` is what was saved."""

    node: NodeId
    key: CallKey
    kind: str
    purpose: str
    model: str
    cost: Ticks
    from_store: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class Warned:
    """Something the user should know that stops nothing."""

    node: NodeId
    message: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at a target: what came of it, what the judge said, and what making it cost when it was asked."""

    number: int
    take: int
    key: CallKey
    asset: Digest
    suffix: str
    score: float | None
    problems: tuple[str, ...]
    cost: Ticks
    from_store: bool
    chosen: bool


@dataclass(frozen=True, slots=True)
class NodeDone:
    """A target is on disk, verified. `paid` is the money of this run, `scores` its attempts in order.

    `digests` are those of `targets`, in their order; `inputs` what went in, by label.
    """

    node: NodeId
    targets: tuple[str, ...]
    seconds: float
    paid: Ticks
    saved: Ticks
    scores: tuple[float | None, ...]
    digests: tuple[Digest, ...] = ()
    inputs: tuple[tuple[str, Digest], ...] = ()
    attempts: tuple[Attempt, ...] = ()


@dataclass(frozen=True, slots=True)
class NodeFresh:
    """A target needed nothing; `digests` are those of `targets`, in their order."""

    node: NodeId
    targets: tuple[str, ...] = ()
    digests: tuple[Digest, ...] = ()


@dataclass(frozen=True, slots=True)
class NodeFailed:
    """A target could not be made; `kind` is refused, failed, unknown, budget, interrupted or damaged."""

    node: NodeId
    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class NodeBlocked:
    """Not tried, because a target it needs failed."""

    node: NodeId
    by: NodeId


@dataclass(frozen=True, slots=True)
class RunFinished:
    """A build ends with an exit code; `left` is the likely price of what is still to be made."""

    run: str
    exit_code: int
    made: int
    fresh: int
    failed: int
    blocked: int
    paid: Ticks
    saved: Ticks
    seconds: float
    left: Ticks = Ticks(0)


Event = (
    RunStarted
    | StoryTold
    | Recovering
    | Planned
    | NodeStarted
    | CallStarted
    | CallProgress
    | CallDone
    | Warned
    | NodeDone
    | NodeFresh
    | NodeFailed
    | NodeBlocked
    | RunFinished
)


def event_name(event: Event) -> str:
    """The event's class name in snake case: `NodeDone` is `node_done`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type(event).__name__).lower()


def fields(event: Event) -> dict[str, Json]:
    """An event's fields as they are written: money says its unit, in ticks."""
    return _unit(dataclasses.asdict(event))


def _unit(named: dict[str, Json]) -> dict[str, Json]:
    return {f"{name}_ticks" if name in MONEY else name: _inner(value) for name, value in named.items()}


def _inner(value: Json) -> Json:
    if isinstance(value, list | tuple):
        return [_inner(item) for item in value]
    return _unit(dict(value)) if isinstance(value, dict) else value


class Sink(Protocol):
    """Takes events from any thread. It must return quickly; what it raises is reported once, never passed on."""

    def __call__(self, event: Event) -> None:
        """Take one event."""

    def close(self) -> None:
        """Flush; no event follows."""
