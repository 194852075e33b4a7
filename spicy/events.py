"""The events of a run, as frozen values. Sinks write them to a terminal, JSON or a database."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import Protocol

from spicy.canonical_json import Json
from spicy.ids import CallKey, Digest, NodeId, Ticks
from spicy.story.model import Story

MONEY = frozenset({"cap", "committed", "cost", "left", "likely", "low", "paid", "saved", "worst"})
"""Event fields that hold money."""


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A build of `films` has started, with `provider`; `specs` has the spec file of each film.

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
    """A film's story is known: at the start of the run, or after its ideation."""

    film: str
    story: Story


@dataclass(frozen=True, slots=True)
class Recovering:
    """A dead build left `calls` submissions in progress, estimated at `committed`; they are resumed."""

    calls: int
    committed: Ticks


@dataclass(frozen=True, slots=True)
class Planned:
    """The graph is known or has grown after an ideation: total and stale targets, and their price."""

    film: str
    total: int
    stale: int
    low: Ticks
    likely: Ticks
    worst: Ticks


@dataclass(frozen=True, slots=True)
class NodeStarted:
    """Work on a stale target has started; `reasons` tell why it is stale."""

    node: NodeId
    title: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CallStarted:
    """A call goes to the provider (not emitted for stored answers), or local work has started."""

    node: NodeId
    key: CallKey
    kind: str
    purpose: str
    model: str


@dataclass(frozen=True, slots=True)
class CallProgress:
    """The progress of a call or of local work, 0.0 to 1.0."""

    node: NodeId
    key: CallKey
    progress: float


@dataclass(frozen=True, slots=True)
class CallDone:
    """A call is answered and stored; if it came from the store, `cost` is the amount saved."""

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
    """A warning to the user; it stops nothing."""

    node: NodeId
    message: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at a target: its asset, the judge's verdict, and its original cost."""

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
    """A node's targets are on disk, verified. `paid` is this run's cost, `scores` has its attempts' in order.

    `digests` are those of `targets`, in their order; `inputs` the digests of the inputs, by label.
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
    """A node was up to date; `digests` are those of `targets`, in their order."""

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
    """A node was not tried, because a node it needs failed."""

    node: NodeId
    by: NodeId


@dataclass(frozen=True, slots=True)
class RunFinished:
    """A build has ended with an exit code; `left` is the likely price of what is still to be made."""

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
    """Return the event's class name in snake case: `NodeDone` is `node_done`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type(event).__name__).lower()


def fields(event: Event) -> dict[str, Json]:
    """Return an event's fields for output; names of money fields get the suffix `_ticks`."""
    return _unit(dataclasses.asdict(event))


def _unit(named: dict[str, Json]) -> dict[str, Json]:
    return {f"{name}_ticks" if name in MONEY else name: _inner(value) for name, value in named.items()}


def _inner(value: Json) -> Json:
    if isinstance(value, list | tuple):
        return [_inner(item) for item in value]
    return _unit(dict(value)) if isinstance(value, dict) else value


class Sink(Protocol):
    """A receiver of events from any thread. It must return quickly; its errors are reported only once."""

    def __call__(self, event: Event) -> None:
        """Handle one event."""

    def close(self) -> None:
        """Flush the output; no event follows."""
