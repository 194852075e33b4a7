"""Where a run stands: a fold over its events, which the terminal view draws and never has to ask anybody for."""

from __future__ import annotations

from dataclasses import dataclass, field

from spicy.events import (
    CallDone,
    CallProgress,
    CallStarted,
    Event,
    NodeBlocked,
    NodeDone,
    NodeFailed,
    NodeFresh,
    NodeStarted,
    Planned,
    RunStarted,
    Warned,
)
from spicy.ids import CallKey, NodeId, Ticks
from spicy.sinks.messages import STOPPED, Stops

FINAL = "final.mp4"


@dataclass(slots=True)
class Work:
    """A target that is being made, and the call it is waiting for."""

    title: str
    since: float
    call: CallKey | None = None
    purpose: str = ""
    model: str = ""
    progress: float | None = None

    def ended(self) -> None:
        """The call is answered; until the next one the work is this machine's own."""
        self.call, self.purpose, self.model, self.progress = None, "", "", None


@dataclass(slots=True)
class ProgressTally:
    """Counts, money and work in progress. One thread at a time; its owner holds the lock.

    `stopped` are the targets that the user or the budget stopped, with the kind; they did not fail. `held` are
    those that were not tried because of them.
    """

    started: RunStarted | None = None
    began: float | None = None
    running: dict[NodeId, Work] = field(default_factory=dict)
    made: int = 0
    fresh: int = 0
    failed: int = 0
    stopped: dict[NodeId, str] = field(default_factory=dict)
    blocked: int = 0
    held: set[NodeId] = field(default_factory=set)
    warnings: int = 0
    paid: int = 0
    saved: int = 0
    finals: list[str] = field(default_factory=list)
    _planned: dict[str, Planned] = field(default_factory=dict)

    @property
    def settled(self) -> int:
        """Targets of which the outcome is known."""
        return self.made + self.fresh + self.failed + len(self.stopped) + self.blocked

    @property
    def total(self) -> int:
        """Targets in all films, as far as their plans are known."""
        return max(sum(p.total for p in self._planned.values()), self.settled + len(self.running))

    @property
    def likely(self) -> Ticks:
        """The likely price of the whole run, as planned."""
        return Ticks(sum(p.likely for p in self._planned.values()))

    @property
    def stops(self) -> Stops:
        """How many targets were stopped, and by what."""
        budget = sum(kind == "budget" for kind in self.stopped.values())
        return Stops(interrupted=len(self.stopped) - budget, budget=budget)

    def held_by(self, node: NodeId) -> bool:
        """Whether what waits for `node` waits only because somebody stopped the run."""
        return node in self.stopped or node in self.held

    def seconds_left(self, now: float) -> float | None:
        """A guess from the pace so far; None until enough is made to know a pace."""
        worked = self.made + self.failed
        if self.began is None or worked < 2:
            return None
        ahead = self.total - self.fresh - self.blocked - len(self.stopped) - worked
        under_way = sum(0.3 if work.progress is None else work.progress for work in self.running.values())
        return (now - self.began) * max(0.0, ahead - under_way) / (worked + under_way)

    def take(self, event: Event, now: float) -> None:
        """Count one event."""
        match event:
            case RunStarted():
                self.started, self.began = event, now
            case Planned():
                self._planned[event.film] = event
            case NodeStarted():
                self.running[event.node] = Work(event.title, now)
            case CallStarted() | CallProgress() | CallDone():
                self._take_call(event)
            case Warned():
                self.warnings += 1
            case NodeFresh():
                self.fresh += 1
            case NodeDone() | NodeFailed() | NodeBlocked():
                self._take_end(event)
            case _:
                pass

    def _take_call(self, event: CallStarted | CallProgress | CallDone) -> None:
        if isinstance(event, CallDone):
            if event.from_store:
                self.saved += event.cost
            else:
                self.paid += event.cost
        work = self.running.get(event.node)
        if work is None:
            return
        match event:
            case CallStarted():
                work.call, work.purpose, work.model, work.progress = (
                    event.key,
                    event.purpose,
                    event.model,
                    None,
                )
            case CallProgress() if work.call == event.key:
                work.progress = min(1.0, max(0.0, event.progress))
            case CallDone() if work.call == event.key:
                work.ended()

    def _take_end(self, event: NodeDone | NodeFailed | NodeBlocked) -> None:
        self.running.pop(event.node, None)
        match event:
            case NodeDone():
                self.made += 1
                self.finals += [path for path in event.targets if path.rpartition("/")[2] == FINAL]
            case NodeFailed(kind=kind) if kind in STOPPED:
                self.stopped[event.node] = kind
            case NodeFailed():
                self.failed += 1
            case NodeBlocked():
                self.blocked += 1
                if self.held_by(event.by):
                    self.held.add(event.node)
