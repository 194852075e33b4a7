"""One run as the server knows it: what its events say, where it stands, and which parts of its page changed when.

Brought up to date from the database by whoever needs it, any number of threads; nothing is kept that could not
be read again, so a server that starts anew knows as much.
"""

from __future__ import annotations

import bisect
import io
import threading
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from spicy.errors import StoreError
from spicy.events import (
    CallDone,
    CallProgress,
    CallStarted,
    Event,
    NodeDone,
    RunFinished,
    RunStarted,
    StoryTold,
)
from spicy.ids import NodeId, Step, Ticks
from spicy.runs.liveness import is_alive
from spicy.runs.model import AttemptRow, RecordedEvent, RunState, parts, state_of
from spicy.runs.read import Tail, list_tried
from spicy.runs.view import LOG, RUN, RunView, take
from spicy.serving.build_process import LaunchedBuild, Launcher
from spicy.sinks.plain import PlainLines

_BATCH = 5_000
_STATE_SECONDS = 0.5
"""How often is asked whether the process of a run lives."""

Item = tuple[str, Step, str]
"""Film, step and item."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a run's page: its `kind`, and the film or target that it is about."""

    kind: str
    name: str = ""


HEAD = Part("head")
LINES = Part("lines")
WHOLE = Part("whole")


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of the log: the event that said it, which of its lines it is, when, and what."""

    id: int
    number: int
    at: str
    text: str


class LiveRun:
    """A run that is followed. Hold `lock` while reading what it knows."""

    def __init__(
        self,
        run: str,
        build: Path,
        launcher: Launcher,
        stopping: Collection[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`stopping` are the runs whose end somebody asked for here."""
        self.run, self.lock = run, threading.RLock()
        self.view = RunView(run)
        self.state: RunState | None = None
        """None while nobody knows of such a run."""
        self.said = ""
        """The last words of a process that ended without recording its end."""
        self.spec: Path | None = None
        """What a launched build was told to build, for one that has not said it itself."""
        self.stopping = False
        """Whether somebody asked for its end."""
        self.paid: dict[NodeId, Ticks] = {}
        self.lines: list[LogLine] = []
        self._build, self._launcher, self._stopping, self._clock = build, launcher, stopping, clock
        self._tail = Tail(build)
        self._journal: list[tuple[int, frozenset[Part]]] = []
        self._tried: dict[str, dict[Item, list[AttemptRow]]] = {}
        self._alive = False
        self._asked = -_STATE_SECONDS
        self._log = io.StringIO()
        self._words = PlainLines(self._log)

    @property
    def seq(self) -> int:
        """How often anything changed, as far as this object has seen."""
        return len(self._journal)

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen."""
        return self.state is not None and self.state.is_over

    def close(self) -> None:
        """Let go of the database; whoever still looks opens it again."""
        with self.lock:
            self._tail.close()
            self._tail = Tail(self._build)

    def advance(self) -> None:
        """Take in what happened since the last time. Raises StoreError for a database that cannot be read."""
        with self.lock:
            if self.is_over:
                return
            if not self.stopping and self.run in self._stopping:
                self.stopping = True
                self._journal.append((self.view.last, frozenset({HEAD})))
            due = self._clock() - self._asked >= _STATE_SECONDS
            # Asked before the events are read: what a process wrote before it ended is then seen as well.
            found = self._ask() if due and self.view.finished is None else None
            self._read()
            if self.view.finished is not None:
                self._stand(state_of(self.view.finished.exit_code, alive=False))
            elif found is not None:
                self._asked = self._clock()
                self._stand(found() if self.view.started is None else self._living())
            elif self.view.started is not None and self.state in (None, RunState.STARTING):
                self._stand(RunState.RUNNING)

    def _ask(self) -> Callable[[], RunState | None]:
        launched = self._launcher.state(self.run)
        self._alive = launched is LaunchedBuild.RUNNING or is_alive(self._build, self.run)

        def unrecorded() -> RunState | None:
            match launched:
                case LaunchedBuild.UNKNOWN:
                    return None
                case LaunchedBuild.STARTING | LaunchedBuild.RUNNING:
                    return RunState.STARTING
                case LaunchedBuild.ENDED:
                    return RunState.MISTAKE if self._launcher.said(self.run) else RunState.DIED

        return unrecorded

    def _living(self) -> RunState:
        return state_of(None, alive=self._alive)

    def _stand(self, state: RunState | None) -> None:
        if state is self.state:
            return
        before, self.state = self.state, state
        if state in (RunState.MISTAKE, RunState.DIED):
            self.said = self._launcher.said(self.run)
        if state is not None and self.view.started is None:
            self.spec = self._launcher.spec(self.run)
        if before is not None or state is not None:
            self._journal.append((self.view.last, frozenset({HEAD})))

    def _read(self) -> None:
        while True:
            batch = self._tail.after(self.run, self.view.last, _BATCH)
            for happened in batch:
                self._take(happened)
            if len(batch) < _BATCH:
                return

    def _take(self, happened: RecordedEvent) -> None:
        event = happened.event
        changed = _parts_of(event, take(self.view, happened))
        if isinstance(event, CallDone) and not event.from_store:
            self.paid[event.node] = Ticks(self.paid.get(event.node, 0) + event.cost)
        if isinstance(event, NodeDone):
            self._tried.pop(parts(event.node)[0], None)
        if isinstance(event, RunFinished):
            changed |= {Part("film", name) for name in self.view.films}  # what can be done with it now
        self._journal.append((happened.id, frozenset(changed)))
        self._say(happened)

    def _say(self, happened: RecordedEvent) -> None:
        self._words(happened.event)
        said = self._log.getvalue()
        if said:
            self._log.seek(0)
            self._log.truncate()
            texts = said.rstrip("\n").split("\n")
            self.lines += [LogLine(happened.id, n, happened.at, text) for n, text in enumerate(texts)]

    def changed_since(self, seq: int) -> set[Part]:
        """What changed after that many changes."""
        return {part for _, changed in self._journal[seq:] for part in changed}

    def changed_after(self, id: int) -> set[Part]:
        """What changed after the event with this id; the head may have changed without one."""
        first = bisect.bisect_right(self._journal, id, key=lambda entry: entry[0])
        return self.changed_since(first) | {HEAD}

    def lines_after(self, id: int) -> list[LogLine]:
        """The lines that events after the one with this id said."""
        return self.lines[bisect.bisect_right(self.lines, id, key=lambda line: line.id) :]

    def tried(self, film: str, step: Step, item: str) -> list[AttemptRow]:
        """Every attempt at a target that any run had, as known since this run last made something of the film.

        None when the database cannot be read just now.
        """
        if film not in self._tried:
            try:
                self._tried[film] = _by_item(list_tried(self._build, film))
            except StoreError:
                return []
        return self._tried[film].get((film, step, item), [])

    def forget_tried(self) -> None:
        """Ask for the attempts again when they are needed next: other runs may have had more."""
        with self.lock:
            self._tried.clear()


def _by_item(attempts: Iterable[AttemptRow]) -> dict[Item, list[AttemptRow]]:
    found: dict[Item, list[AttemptRow]] = {}
    for one in attempts:
        found.setdefault((one.film, one.step, one.item), []).append(one)
    return found


def _parts_of(event: Event, changed: set[str]) -> set[Part]:
    """The parts of the page that an event changes, by what the view says it changed."""
    if isinstance(event, RunStarted):
        return {WHOLE}
    found = {LINES} if LOG in changed else set()
    if RUN in changed:
        found.add(HEAD)
    nodes = {name for name in changed if ":" in name}
    if isinstance(event, StoryTold):
        return found | {Part("film", event.film)}
    if isinstance(event, CallStarted | CallProgress | CallDone):
        return found | {Part("doing", event.node)}
    for name in nodes:
        found.add(Part("node", name))
        film, step, item = parts(NodeId(name))
        if step is Step.KEYFRAME:  # the clip waits behind its keyframe's picture
            found.add(Part("node", f"{film}:{Step.VIDEO}/{item}"))
    return found
