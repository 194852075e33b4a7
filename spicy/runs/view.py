"""Where a run stands, film by film and target by target: a fold over its events, for a page to draw.

Pure: the same events give the same view, whether they are read all at once or as they happen.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

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
    Recovering,
    RunFinished,
    RunStarted,
    StoryTold,
    Warned,
)
from spicy.ids import CallKey, Digest, NodeId, Step, Ticks
from spicy.runs.model import RecordedEvent, count_targets, parts
from spicy.story.model import Story

RUN = "run"
"""What changed when the run as a whole did: its counts, its money, its end."""
LOG = "log"
"""What changed when there is something to read."""


class NodeState(StrEnum):
    """How a target stands in this run."""

    WAITING = "waiting"
    RUNNING = "running"
    MADE = "made"
    FRESH = "fresh"
    """It was up to date."""
    FAILED = "failed"
    STOPPED = "stopped"
    """By the user or the budget: the next build goes on with it."""
    BLOCKED = "blocked"
    """Not tried, because what it needs was not made."""


@dataclass(slots=True)
class NodeView:
    """One target. `purpose` and `model` are of the call it waits for, `progress` goes from 0.0 to 1.0."""

    id: NodeId
    film: str
    step: Step
    item: str
    state: NodeState = NodeState.WAITING
    title: str = ""
    since: str = ""
    """When work on it began; UTC, ISO 8601."""
    reasons: tuple[str, ...] = ()
    call: CallKey | None = None
    purpose: str = ""
    model: str = ""
    progress: float | None = None
    assets: dict[str, Digest] = field(default_factory=dict)
    """Digest by target, in the order of the targets: the first is what the target is about."""
    done: NodeDone | None = None
    failed: NodeFailed | None = None
    blocked_by: NodeId | None = None
    warnings: list[str] = field(default_factory=list)

    @property
    def digest(self) -> Digest | None:
        """Of the picture or clip that this target is; None while there is none in this run."""
        return next(iter(self.assets.values()), None)

    @property
    def suffix(self) -> str:
        """The ending of that file's name, such as `.jpg`."""
        return "." + next(iter(self.assets), "").rpartition(".")[2]

    @property
    def score(self) -> float | None:
        """The chosen attempt's; None when nobody scored it in this run."""
        return next((a.score for a in self.done.attempts if a.chosen), None) if self.done else None


@dataclass(slots=True)
class FilmView:
    """One film of a run. `story` is None until it is told."""

    name: str
    spec: str = ""
    story: Story | None = None
    planned: Planned | None = None
    final: Digest | None = None

    def targets(self, until: str) -> int:
        """How many targets it has: as planned, or as its story says, which the plan may not have known yet."""
        if self.planned is not None and self.planned.total:
            return self.planned.total
        return 0 if self.story is None else count_targets(self.story, until)


@dataclass(slots=True)
class RunView:
    """A run as a page shows it. `last` is the id of the newest event in it."""

    id: str
    last: int = 0
    started: RunStarted | None = None
    began: str = ""
    films: dict[str, FilmView] = field(default_factory=dict)
    nodes: dict[NodeId, NodeView] = field(default_factory=dict)
    recovering: Recovering | None = None
    finished: RunFinished | None = None
    paid: Ticks = Ticks(0)
    saved: Ticks = Ticks(0)

    def node(self, id: NodeId) -> NodeView:
        """A target; one that nothing is known of yet is waiting."""
        if id not in self.nodes:
            self.nodes[id] = NodeView(id, *parts(id))
        return self.nodes[id]

    def of(self, film: str, step: Step, item: str) -> NodeView:
        """A target by its parts."""
        return self.node(NodeId(f"{film}:{step.value}/{item}"))

    def count(self, *states: NodeState) -> int:
        """How many targets are in one of these states."""
        return sum(node.state in states for node in self.nodes.values())

    @property
    def ready(self) -> int:
        """Targets that are there: what failed, or was not tried, is no progress."""
        return self.count(NodeState.MADE, NodeState.FRESH)

    @property
    def total(self) -> int:
        """Targets in all films, as far as they are known; those of a run that is done are what it was asked for."""
        if self.finished is not None and self.finished.exit_code == 0:
            return self.ready
        until = "" if self.started is None else self.started.until
        return max(sum(film.targets(until) for film in self.films.values()), len(self.nodes))

    @property
    def running(self) -> list[NodeView]:
        """What is being made now."""
        return [node for node in self.nodes.values() if node.state is NodeState.RUNNING]


def take_all(view: RunView, happened: Iterable[RecordedEvent]) -> set[str]:
    """Take in what happened; returns what changed: node ids, names of films whose story came, RUN and LOG."""
    changed: set[str] = set()
    for one in happened:
        changed |= take(view, one)
    return changed


def take(view: RunView, happened: RecordedEvent) -> set[str]:
    """Take in one event; returns what changed, as `take_all` does."""
    view.last = max(view.last, happened.id)
    event = happened.event
    match event:
        case RunStarted():
            view.started, view.began = event, happened.at
            specs = event.specs or ("",) * len(event.films)
            view.films = {name: FilmView(name, spec) for name, spec in zip(event.films, specs, strict=True)}
            return {RUN, LOG}
        case StoryTold():
            view.films.setdefault(event.film, FilmView(event.film)).story = event.story
            return {event.film, RUN}
        case Planned():
            view.films.setdefault(event.film, FilmView(event.film)).planned = event
            return {RUN, LOG}
        case Recovering():
            view.recovering = event
            return {RUN, LOG}
        case RunFinished():
            view.finished, view.paid, view.saved = event, event.paid, event.saved
            return {RUN, LOG} | _come_to_rest(view)
        case _:
            return _take_node(view, event, happened.at)


def _come_to_rest(view: RunView) -> set[str]:
    """When a run is over nothing is being made any more: what an interruption left is stopped."""
    left = view.running
    for node in left:
        node.state = NodeState.STOPPED
    return {node.id for node in left}


def _take_node(
    view: RunView,
    event: Event,
    at: str,
) -> set[str]:
    if isinstance(event, RunStarted | StoryTold | Planned | Recovering | RunFinished):
        return set()
    node = view.node(event.node)
    match event:
        case NodeStarted():
            node.state, node.title, node.reasons, node.since = (
                NodeState.RUNNING,
                event.title,
                event.reasons,
                at,
            )
            node.failed = None
        case CallStarted() | CallProgress() | CallDone():
            return _take_call(view, node, event)
        case Warned():
            node.warnings.append(event.message)
            return {node.id, LOG}
        case NodeDone():
            node.state, node.done, node.call, node.progress = NodeState.MADE, event, None, None
            _assets(view, node, event)
            return {node.id, RUN, LOG}
        case NodeFresh():
            node.state = NodeState.FRESH
            _assets(view, node, event)
        case NodeFailed():
            stopped = event.kind in ("budget", "interrupted")
            node.state, node.failed = NodeState.STOPPED if stopped else NodeState.FAILED, event
            return {node.id, RUN, LOG}
        case NodeBlocked():
            node.state, node.blocked_by = NodeState.BLOCKED, event.by
            return {node.id, RUN, LOG}
    return {node.id, RUN}


def _assets(view: RunView, node: NodeView, event: NodeDone | NodeFresh) -> None:
    node.assets = dict(zip(event.targets, event.digests, strict=False))
    final = next((digest for path, digest in node.assets.items() if path.endswith("/final.mp4")), None)
    if final is not None:
        view.films.setdefault(node.film, FilmView(node.film)).final = final


def _take_call(view: RunView, node: NodeView, event: CallStarted | CallProgress | CallDone) -> set[str]:
    match event:
        case CallStarted():
            node.call, node.purpose, node.model, node.progress = event.key, event.purpose, event.model, None
        case CallProgress():
            if node.call == event.key:
                node.progress = min(1.0, max(0.0, event.progress))
        case CallDone():
            if event.from_store:
                view.saved = Ticks(view.saved + event.cost)
            else:
                view.paid = Ticks(view.paid + event.cost)
            if node.call == event.key:
                node.call, node.purpose, node.model, node.progress = None, "", "", None
            return {node.id, RUN}
    return {node.id}
