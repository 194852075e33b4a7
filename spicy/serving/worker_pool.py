"""What every worker does, wherever its jobs come from: take, keep alive, answer, bring back.

A `Source` hands out jobs under a lease. While the call of a job is under way its lease is renewed, so a slow
clip does not lapse. A job that ends well is brought back until the source has it or says that it is no
longer ours; the answer lies in the store all the same, so whoever does the job again gets it for $0.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from spicy.errors import (
    BudgetExceeded,
    CallError,
    Interrupted,
    OutcomeUnknown,
    Refused,
    SpicyError,
    UsageError,
)
from spicy.ids import Ticks
from spicy.jobs.model import JobRequest, Mode
from spicy.ports import CallResult

if TYPE_CHECKING:
    from spicy.engine.job_executor import JobExecutor

Tell = Callable[[str], None]
"""Where a worker says what went wrong without ending it."""

_PROGRESS_INTERVAL = 1.0
"""Seconds between two words about progress."""
_RETRY_INTERVAL = 2.0
"""Seconds until a source that could not be reached is tried again."""
_REFUSALS = 5
"""So often the end of a job is refused to our key before that is believed: the job may have been paid."""
_THREADS_PER_SHORT_JOB_THREAD = 4
"""For so many threads there is one more that takes no clips, so that a chat does not wait for one."""


class LeaseLost(SpicyError):
    """The job is no longer ours: cancelled, ended, removed, or its lease ran out."""


class SourceUnavailable(SpicyError):
    """The source cannot be asked at the moment; nothing is wrong with the job."""


@dataclass(frozen=True, slots=True)
class ClaimedJob:
    """A job in our hands, and the secret that proves it."""

    id: str
    token: str
    order: JobRequest
    lease: float
    """Seconds after which it is given to somebody else, unless renewed."""


@dataclass(frozen=True, slots=True)
class JobFailure:
    """How a job ended badly."""

    message: str
    """What a client reads: the provider's own words where there are any."""
    code: str
    """Its short name: refused, unknown, budget or failed."""
    cost: Ticks = Ticks(0)
    """What it cost all the same."""


def failure_of(error: Exception) -> JobFailure:
    """What is told about a job that raised `error`."""
    if not isinstance(error, CallError):
        words = str(error) if isinstance(error, SpicyError) else f"{type(error).__name__}: {error}"
        return JobFailure(words, "failed")
    match error:
        case Refused():
            code = "refused"
        case OutcomeUnknown():
            again = "it is not asked again; a request with another `take` is"
            return JobFailure(f"{error.message}; {again}", "unknown", error.billed)
        case BudgetExceeded():
            code = "budget"
        case _:
            code = "failed"
    return JobFailure(error.message, code, error.billed)


class JobSource(Protocol):
    """Where jobs come from. Safe for threads; every method may raise SourceUnavailable, and may then be called again.

    `renew`, `deliver` and `fail` raise LeaseLost when the job is no longer ours. `take` raises UsageError when no
    job will ever be had, such as for a wrong key.
    """

    def take(self, modes: Sequence[Mode]) -> ClaimedJob | None:
        """Claim the next job of one of `modes`, the first one first; None when there is none."""

    def wait(self, seconds: float) -> None:
        """Wait for work, `seconds` at most."""

    def renew(self, task: ClaimedJob, progress: float | None) -> None:
        """Keep the claim for another lease, and tell how far the job is."""

    def deliver(self, task: ClaimedJob, answered: CallResult) -> None:
        """End the job well. Raises CallError when this answer will never be taken."""

    def fail(self, task: ClaimedJob, failure: JobFailure) -> None:
        """End the job badly."""

    def give_back(self, task: ClaimedJob) -> None:
        """Let somebody else do it."""


class _HeldLease:
    """One claim that is kept alive."""

    def __init__(self, task: ClaimedJob) -> None:
        self.task = task
        self.progress: float | None = None
        self.told: float | None = None
        self.due = 0.0
        self.rest()

    def rest(self) -> None:
        """It was renewed just now."""
        self.due = time.monotonic() + self.task.lease / 3

    def hurry(self, seconds: float) -> None:
        """Renew it within `seconds`."""
        self.due = min(self.due, time.monotonic() + seconds)


class LeaseRenewer:
    """Renews the claims that are held, one thread for all of them."""

    def __init__(self, source: JobSource, tell: Tell) -> None:
        self._source, self._tell = source, tell
        self._changed = threading.Condition()
        self._held: dict[str, _HeldLease] = {}
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="heart", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Renew no more."""
        with self._changed:
            self._ended = True
            self._changed.notify()

    @contextlib.contextmanager
    def holding(self, task: ClaimedJob) -> Iterator[Callable[[float], None]]:
        """Keep the claim of `task` alive; gives what to call with the job's progress."""
        held = _HeldLease(task)

        def progress(done: float) -> None:
            with self._changed:
                if done != held.progress:
                    held.progress = done
                    held.hurry(_PROGRESS_INTERVAL)
                    self._changed.notify()

        with self._changed:
            self._held[task.id] = held
            self._changed.notify()
        try:
            yield progress
        finally:
            with self._changed:
                self._held.pop(task.id, None)

    def _run(self) -> None:
        while (held := self._next()) is not None:
            self._renew(held)

    def _next(self) -> _HeldLease | None:
        """Wait for the claim that is due next; None at the end."""
        with self._changed:
            while not self._ended:
                held = min(self._held.values(), key=lambda b: b.due, default=None)
                left = None if held is None else held.due - time.monotonic()
                if held is not None and left is not None and left <= 0:
                    return held
                self._changed.wait(left)
        return None

    def _renew(self, held: _HeldLease) -> None:
        told = held.progress
        try:
            self._source.renew(held.task, told)
        except LeaseLost as lost:
            self._tell(f"job {held.task.id}: {lost}")
            with self._changed:
                self._held.pop(held.task.id, None)
        except Exception as error:  # noqa: BLE001 - whatever was answered once, every claim hangs on this thread
            self._tell(f"job {held.task.id}: its claim could not be renewed: {error}")
            with self._changed:
                held.due = time.monotonic() + min(_RETRY_INTERVAL, held.task.lease / 10)
        else:
            with self._changed:
                held.rest()
                if held.progress != told:
                    held.hurry(_PROGRESS_INTERVAL)


class WorkerPool:
    """`count` threads that do the jobs of a source through one desk, and a few more that only do what is quick.

    `stop` ends the taking of jobs; calls under way are ended by the desk's own `stop`, and their jobs given back.
    """

    def __init__(
        self, source: JobSource, executor: JobExecutor, modes: Sequence[Mode], count: int, tell: Tell
    ) -> None:
        self._source, self._executor, self._tell = source, executor, tell
        self._stop = threading.Event()
        self._lease_renewer = LeaseRenewer(source, tell)
        self._turns = (threading.Lock(), threading.Lock())
        self._doing: set[str] = set()
        self._at_work = 0
        self._left = threading.Condition()
        self.broken: UsageError | None = None
        """Why there will never be a job."""
        modes = [mode for mode in (Mode.CHAT, Mode.IMAGE, Mode.VIDEO) if mode in modes]
        swift = [mode for mode in modes if mode is not Mode.VIDEO]
        more = -(-count // _THREADS_PER_SHORT_JOB_THREAD) if swift and swift != modes else 0
        self._threads = [
            threading.Thread(
                target=self._work,
                args=(modes if number < count else swift, self._turns[number < count]),
                name=f"worker-{number}",
                daemon=True,
            )
            for number in range(count + more)
        ]

    @property
    def doing(self) -> list[str]:
        """The jobs in hand."""
        return sorted(self._doing)

    def start(self) -> None:
        """Begin to take jobs."""
        self._lease_renewer.start()
        self._at_work = len(self._threads)
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Take no more jobs. Returns at once."""
        self._stop.set()

    def join(self, seconds: float | None = None) -> bool:
        """Wait until the last job is out of hand, `seconds` at most; True when it is.

        Not by Thread.join: interrupted by Ctrl-C, that takes a thread that is at work for dead (bpo-45274).
        """
        with self._left:
            if not self._left.wait_for(lambda: self._at_work == 0, seconds):
                return False
        self._lease_renewer.stop()
        return True

    def _work(self, modes: Sequence[Mode], turn: threading.Lock) -> None:
        try:
            while (task := self._next(modes, turn)) is not None:
                self._doing.add(task.id)
                try:
                    self._do(task)
                finally:
                    self._doing.discard(task.id)
        finally:
            with self._left:
                self._at_work -= 1
                self._left.notify_all()

    def _next(self, modes: Sequence[Mode], turn: threading.Lock) -> ClaimedJob | None:
        with turn:  # one thread asks, the others stand behind it: an idle crew asks once at a time
            return self._take(modes)

    def _take(self, modes: Sequence[Mode]) -> ClaimedJob | None:
        """The next job, waited for; None when there is to be no next."""
        while not self._stop.is_set():
            try:
                task = self._source.take(modes)
                if task is not None:
                    return task
                self._source.wait(_PROGRESS_INTERVAL)
            except UsageError as error:
                self._break(error)
            except SourceUnavailable as unheard:
                self._tell(str(unheard))
                self._stop.wait(_RETRY_INTERVAL)
            except Exception as error:  # noqa: BLE001 - a thread that ends here is missed by nobody
                self._tell(f"no job could be taken: {type(error).__name__}: {error}")
                self._stop.wait(_RETRY_INTERVAL)
        return None

    def _do(self, task: ClaimedJob) -> None:
        with self._lease_renewer.holding(task) as progress:
            try:
                answered = self._executor.answer(task.order, job=task.id, progress=progress)
            except Interrupted:
                self._insist(task, lambda: self._source.give_back(task))
            except Exception as error:  # noqa: BLE001 - a job that stumbles must not take its worker with it
                self._insist(task, self._failing(task, error))
            else:
                self._insist(task, lambda: self._source.deliver(task, answered))

    def _failing(self, task: ClaimedJob, error: Exception) -> Callable[[], None]:
        failure = failure_of(error)
        self._tell(f"job {task.id} {failure.code}: {failure.message}")
        return lambda: self._source.fail(task, failure)

    def _insist(self, task: ClaimedJob, end: Callable[[], None]) -> None:
        """Bring the end of a job back, however long the source cannot be reached, until we are stopped."""
        failing, refusals = False, 0
        while True:
            try:
                end()
            except LeaseLost as lost:
                self._tell(f"job {task.id}: {lost}")
            except SourceUnavailable as unheard:
                self._tell(f"job {task.id}: {unheard}")
                if not self._executor.stop.wait(_RETRY_INTERVAL):
                    continue
            except UsageError as error:
                refusals += 1
                self._tell(f"job {task.id}: {error}")
                if refusals < _REFUSALS and not self._executor.stop.wait(_RETRY_INTERVAL):
                    continue
                self._break(error)
            except Exception as error:  # noqa: BLE001 - the answer is in the store, but cannot be handed over
                end = self._failing(task, error)
                if not failing:
                    failing = True
                    continue
            return

    def _break(self, error: UsageError) -> None:
        self.broken = error
        self._stop.set()
