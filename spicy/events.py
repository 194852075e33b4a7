"""What happens in a run, said once, as frozen values. Sinks turn them into a terminal, JSON or a database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from spicy.ids import CallKey, NodeId, Ticks


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A build begins; `films` and `provider` say of what and by whom."""

    run: str
    films: tuple[str, ...]
    provider: str
    cap: Ticks | None


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
class NodeDone:
    """A target is on disk, verified. `paid` is the money of this run, `scores` its attempts in order."""

    node: NodeId
    targets: tuple[str, ...]
    seconds: float
    paid: Ticks
    saved: Ticks
    scores: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class NodeFresh:
    """A target needed nothing."""

    node: NodeId


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


class Sink(Protocol):
    """Takes events from any thread. It must return quickly; what it raises is reported once, never passed on."""

    def __call__(self, event: Event) -> None:
        """Take one event."""

    def close(self) -> None:
        """Flush; no event follows."""
