"""A session: everything one build works with, wired once, and what came of each node."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from spicy.engine.calls.budget import Budget
from spicy.engine.project import Film
from spicy.engine.staleness import check_node
from spicy.errors import (
    BudgetExceeded,
    Interrupted,
    MediaError,
    OutcomeUnknown,
    Refused,
    SpecError,
    SpicyError,
    StoreError,
)
from spicy.events import NodeBlocked, NodeFailed, NodeFresh, RunFinished, RunStarted, Sink, StoryTold
from spicy.files import remove_stale_drafts
from spicy.ids import Digest, NodeId, Step, Ticks
from spicy.plan.expand import STORY_ITEM
from spicy.plan.node import Node, node_id
from spicy.plan.reasons import Reason
from spicy.store.store import Store

if TYPE_CHECKING:
    from spicy.engine.maker import Maker
    from spicy.store.ledger import LedgerRow

EXIT_DONE, EXIT_FAILED, EXIT_USAGE, EXIT_BUDGET, EXIT_INTERRUPTED = 0, 1, 2, 3, 130


@dataclass(slots=True)
class RunTally:
    """What came of the nodes of a run."""

    made: set[NodeId] = field(default_factory=set)
    fresh: set[NodeId] = field(default_factory=set)
    failed: dict[NodeId, str] = field(default_factory=dict)
    blocked: set[NodeId] = field(default_factory=set)

    def exit_code(self, *, stopped: bool) -> int:
        """The run's exit code: a failure weighs more than the budget, an interruption more than both."""
        kinds = set(self.failed.values())
        if stopped and (kinds or self.blocked):
            return EXIT_INTERRUPTED
        if kinds == {"spec"}:  # a mistake that showed only once the story was there
            return EXIT_USAGE
        if kinds - {"budget"} or (self.blocked and not kinds):
            return EXIT_FAILED
        return EXIT_BUDGET if kinds else EXIT_DONE


class Session:
    """One run over some films. Its methods are what doit's tasks do; none of them lets an error pass."""

    def __init__(
        self,
        *,
        run: str,
        provider: str,
        films: Sequence[Film],
        store: Store,
        maker: Callable[[Session], Maker],
        budget: Budget,
        sink: Sink,
        until: str = "",
    ) -> None:
        """`until` only tells the sinks that the run is a storyboard's; the runner is given what to make."""
        self.run, self.provider, self.films, self.store = run, provider, films, store
        self.until = until
        self.budget, self.sink = budget, sink
        self.stop = threading.Event()
        self.tally = RunTally()
        self._make_maker = maker
        self._maker: Maker | None = None
        self._lock = threading.Lock()
        self._reasons: dict[NodeId, tuple[Reason, ...]] = {}
        self.known: dict[str, Digest] = {}
        """Target → digest, as this run knows it."""
        self._began = time.monotonic()

    @property
    def maker(self) -> Maker:
        """Built when the first node has to be made: a build with nothing stale needs no provider."""
        with self._lock:
            if self._maker is None:
                self._maker = self._make_maker(self)
            return self._maker

    def start(self) -> None:
        """Tell the sinks that a run begins."""
        self._began = time.monotonic()
        caps = [cap for cap in (self.budget.cap, *(f.spec.budget for f in self.films)) if cap is not None]
        names, specs = tuple(f.name for f in self.films), tuple(f.spec.path for f in self.films)
        self.sink(RunStarted(self.run, names, self.provider, min(caps, default=None), specs, self.until))
        for film in self.films:
            self._tell_story(film)

    def _tell_story(self, film: Film) -> None:
        if film.told is not None:
            self.sink(StoryTold(film.name, film.told.story))

    def recover(self) -> None:
        """Sweep up after dead builds, and begin to bring home what they submitted; `finish` waits for it."""
        waiting = self._tidy()
        rows = [row for row in waiting if row.provider == self.provider and row.request]
        if rows:
            self.maker.recover(rows)

    def _tidy(self) -> list[LedgerRow]:
        if not self.store.occupied:
            return []
        from spicy.store.orphans import collect_orphans

        for build in {film.build for film in self.films}:
            remove_stale_drafts(Path(build))
        return collect_orphans(self.store)

    def is_fresh(self, node: Node) -> bool:
        """Check a node against what is on disk now, and remember why it is stale."""
        status = check_node(node, self.digest_of, self.store)
        self._reasons[node.id] = status.reasons
        if status.fresh:
            self.known.update((path, Digest(digest)) for path, digest in status.targets.items())
        if status.fresh and node.id not in self.tally.fresh and node.id not in self.tally.made:
            self.tally.fresh.add(node.id)
            digests = tuple(Digest(digest) for digest in status.targets.values())
            self.sink(NodeFresh(node.id, tuple(status.targets), digests))
        return status.fresh

    def digest_of(self, path: str) -> Digest | None:
        """What a file is, or was when this run made it or found it fresh: another build may write there too."""
        return self.known.get(path) or self.store.memo.digest(path)

    def make(self, node: Node) -> str | None:
        """Make a node; returns what went wrong, or None."""
        return self._guarded(node.id, lambda: self.maker.make(node, self._reasons.get(node.id, ())))

    def ideate(self, film: Film) -> str | None:
        """Ask for a film's story; returns what went wrong, or None."""
        id = node_id(film.name, Step.IDEATION, STORY_ITEM)
        failure = self._guarded(id, lambda: self.maker.ideate(film))
        self.tally.made.discard(id)  # its file is a node of its own
        self._tell_story(film)
        return failure

    def _guarded(self, id: NodeId, work: Callable[[], None]) -> str | None:
        if self.stop.is_set():
            self.tally.blocked.add(id)
            return "not started"
        try:
            work()
        except SpicyError as error:
            if isinstance(error, MediaError) and self.stop.is_set():
                return self._failed(id, "interrupted", "local work was stopped")
            return self._failed(id, _kind(error), str(error))
        except OSError as error:
            return self._failed(id, "failed", f"{error.filename or 'disk'}: {error.strerror or error}")
        except Exception as error:  # noqa: BLE001 - a worker's entry: a bug must not take the siblings with it
            return self._failed(
                id, "failed", f"{_where(error)}: {type(error).__name__}: {error} (a bug in spicy)"
            )
        self.tally.made.add(id)
        return None

    def _failed(self, id: NodeId, kind: str, message: str) -> str:
        self.tally.failed[id] = kind
        self.sink(NodeFailed(id, kind, message))
        return message

    def passable(self, id: str) -> bool:
        """Whether what only follows in order may go on without a node that was not made.

        Not after the budget or the user stopped it: the next build will make it.
        """
        kind = self.tally.failed.get(NodeId(id))
        stopped = self.stop.is_set() or "budget" in self.tally.failed.values()
        return not stopped if kind is None else kind not in ("budget", "interrupted")

    def blocked(self, id: NodeId, by: NodeId) -> None:
        """A node was not tried because another one failed."""
        if id in self.tally.blocked:
            return
        self.tally.blocked.add(id)
        if not self.stop.is_set():  # who interrupts a build knows why nothing more is tried
            self.sink(NodeBlocked(id, by))

    def finish(self, left: Ticks = Ticks(0)) -> int:
        """Tell the sinks how it ended, release everything, return the exit code."""
        code = self.tally.exit_code(stopped=self.stop.is_set())
        if self._maker is not None:
            self._maker.close()
        with suppress(OSError, StoreError):  # the next build sweeps as well
            self._tidy()  # another build may have died meanwhile, its work done by this one
        self.sink(self.ending(code, left))
        self.close()
        return code

    def ending(self, code: int, left: Ticks = Ticks(0)) -> RunFinished:
        """How the run ended, or ends here and now, in numbers."""
        tally = self.tally
        return RunFinished(
            self.run,
            code,
            len(tally.made),
            len(tally.fresh - tally.made),
            len(tally.failed),
            len(tally.blocked),
            self.budget.spent,
            self._maker.saved if self._maker is not None else Ticks(0),
            time.monotonic() - self._began,
            left,
        )

    def close(self) -> None:
        """Release the terminal and the store."""
        self.sink.close()
        self.store.close()


def _kind(error: SpicyError) -> str:
    match error:
        case Refused():
            return "refused"
        case OutcomeUnknown():
            return "unknown"
        case BudgetExceeded():
            return "budget"
        case Interrupted():
            return "interrupted"
        case SpecError():
            return "spec"
        case StoreError():
            return "damaged"
        case _:
            return "failed"


def _where(error: Exception) -> str:
    import traceback

    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{last.filename.rpartition('/')[2]}:{last.lineno}"
