"""The built-in worker: threads of the server itself, over its queue and its store.

After a `kill -9` the jobs that were in hand are taken up again at the next start: the call key is the same, the
ledger has the ticket, so nothing is paid twice.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from spicy.errors import StoreError
from spicy.files import copy_atomic, remove_stale_drafts
from spicy.ids import Ticks
from spicy.jobs.model import ENDS, JobRequest, JobState, Mode, Outcome
from spicy.jobs.queue import ClaimLost, NoSuchJob, Queue
from spicy.ports import CallResult, Kind
from spicy.serving.worker_pool import ClaimedJob, JobFailure, LeaseLost, SourceUnavailable, Tell, WorkerPool
from spicy.settings import ServerSettings

if TYPE_CHECKING:
    from spicy.engine.job_executor import JobExecutor

_GRACE = 10.0
"""Seconds that a call under way has, after a stop, to come to rest."""
_NAME = "builtin"


class Workers:
    """The built-in worker: `server.jobs` threads over the queue, started and stopped with the server."""

    def __init__(
        self,
        queue: Queue,
        executor: JobExecutor,
        server: ServerSettings,
        videos: Path,
        *,
        modes: Sequence[Mode] = tuple(Mode),
        tell: Tell | None = None,
    ) -> None:
        self._queue, self._executor, self._videos = queue, executor, videos
        say = tell or logging.getLogger("spicy.serving").warning
        self._pool = WorkerPool(_Local(queue, executor, server, videos), executor, modes, server.jobs, say)

    def start(self) -> None:
        """Take up what a killed server left, and begin. Raises StoreError."""
        self._videos.mkdir(parents=True, exist_ok=True)
        remove_stale_drafts(self._videos)
        self._queue.recall(self._alive)
        self._pool.start()

    def stop(self) -> None:
        """Take no more jobs and give back those in hand; what was submitted is in the ledger."""
        self._pool.stop()
        self._executor.stop.set()
        self._pool.join(_GRACE)

    def _alive(self, worker: str) -> bool:
        """Whether a worker may still be at work: only that of a dead server, over our own store, is surely not.

        Who is alive is written in the store; of a server with another one only the lease can tell.
        """
        ours, _, owner = worker.rpartition(" ")
        return ours != _name(self._executor) or self._executor.store.owner.is_alive(owner)


def _name(executor: JobExecutor) -> str:
    """What the built-in workers over one store have in common."""
    return f"{_NAME} {hashlib.sha256(bytes(executor.store.root.resolve())).hexdigest()[:12]}"


class _Local:
    """The queue of this process as a source."""

    def __init__(self, queue: Queue, executor: JobExecutor, server: ServerSettings, videos: Path) -> None:
        self._queue, self._executor, self._videos = queue, executor, videos
        self._leases = {Mode.CHAT: server.chat_timeout}
        self._lease = server.video_timeout

    def take(self, modes: Sequence[Mode]) -> ClaimedJob | None:
        """The oldest job of the first mode that has one."""
        with _queueing():
            for mode in modes:
                lease = self._leases.get(mode, self._lease)
                claim = self._queue.claim(
                    mode, f"{_name(self._executor)} {self._executor.store.owner.id}", lease
                )
                if claim is not None:
                    job = claim.job
                    order = JobRequest(mode=job.mode, model=job.model, prompt=job.prompt, request=job.request)
                    return ClaimedJob(job.id, claim.token, order, lease)
        return None

    def wait(self, seconds: float) -> None:
        """Until a job is added."""
        self._queue.wait_for_work(seconds)

    def renew(self, task: ClaimedJob, progress: float | None) -> None:
        """In the queue's own time."""
        with _queueing():
            self._queue.renew(task.id, task.token, task.lease, progress)

    def deliver(self, task: ClaimedJob, answered: CallResult) -> None:
        """The clip is whole in the video folder before its row says completed."""
        outcome = outcome_of(answered, self._executor, task.id)
        clip = self._videos / f"{task.id}.mp4"
        if task.order.mode is Mode.VIDEO:
            copy_atomic(self._executor.open(answered), clip)
        try:
            with _queueing():
                self._queue.complete(task.id, task.token, outcome)
        except LeaseLost:
            job = self._queue.find(task.id)
            if job is None or job.state in ENDS - {
                JobState.COMPLETED
            }:  # what is completed shows this very file
                clip.unlink(missing_ok=True)
            raise

    def fail(self, task: ClaimedJob, failure: JobFailure) -> None:
        """With the provider's words."""
        with _queueing():
            self._queue.fail(task.id, task.token, failure.message, failure.code, cost=failure.cost)

    def give_back(self, task: ClaimedJob) -> None:
        """To the next start of the server."""
        with _queueing():
            self._queue.release(task.id, task.token)


def outcome_of(answered: CallResult, executor: JobExecutor, job: str) -> Outcome:
    """What a job brought, from what the desk answered. Raises DamagedObject, MediaError.

    A call that this very job submitted, before its server was killed, is one that it paid.
    """
    row = executor.store.ledger.find(answered.key)
    ours = not answered.from_store or (row is not None and row.node.endswith(f"/{job}"))
    cost = answered.cost if ours else Ticks(0)
    if answered.asset is None:
        return Outcome(text=answered.text, cost=cost, from_store=not ours, answered_by=answered.model)
    path = executor.open(answered)
    return Outcome(
        media=answered.asset.digest,
        size=path.stat().st_size,
        seconds=_seconds(path) if answered.call.kind is Kind.VIDEO else None,
        cost=cost,
        from_store=not ours,
        answered_by=answered.model,
    )


def _seconds(path: Path) -> float:
    from spicy.media.probe import probe_clip

    return probe_clip(path).duration


@contextlib.contextmanager
def _queueing() -> Iterator[None]:
    """Tell what the queue says in a worker's words."""
    try:
        yield
    except (ClaimLost, NoSuchJob) as error:
        raise LeaseLost(str(error)) from error
    except StoreError as error:
        raise SourceUnavailable(str(error)) from error
