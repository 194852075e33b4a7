"""The queue, with an eye on the ends of jobs: whichever way a job ends, the log tells of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from spicy.ids import Ticks
from spicy.jobs.model import ENDS, Job, Outcome
from spicy.jobs.queue import Queue


class WatchedQueue(Queue):
    """A queue that calls `told` with each job of this process's that has just ended."""

    def __init__(self, path: Path, told: Callable[[Job], None]) -> None:
        super().__init__(path)
        self._told = told

    def complete(self, id: str, token: str | None, outcome: Outcome) -> Job:
        """As the queue does, and tell."""
        return self._tell_of(super().complete(id, token, outcome))

    def answer(self, id: str, outcome: Outcome) -> Job:
        """As the queue does, and tell."""
        return self._tell_of(super().answer(id, outcome))

    def fail(self, id: str, token: str | None, message: str, code: str, *, cost: Ticks | None = None) -> Job:
        """As the queue does, and tell."""
        return self._tell_of(super().fail(id, token, message, code, cost=cost))

    def cancel(self, id: str) -> Job | None:
        """As the queue does, and tell when this ended it."""
        before = self.find(id)
        job = super().cancel(id)
        if job is not None and before is not None and before.state not in ENDS and job.state in ENDS:
            self._tell_of(job)
        return job

    def lapse(self) -> list[Job]:
        """As the queue does, and tell of those that failed."""
        changed = super().lapse()
        for job in changed:
            if job.state in ENDS:
                self._tell_of(job)
        return changed

    def _tell_of(self, job: Job) -> Job:
        self._told(job)
        return job
