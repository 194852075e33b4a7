"""The animatic as a provider: tickets over a small pool of threads.

Work happens in the background and its outcome waits under its ticket. A ticket of another process is
unknown here and answered with `Expired`, which makes the caller ask again, for free.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import threading
from collections.abc import Mapping
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from spicy.errors import CallFailed, Expired, ProviderUnreachable
from spicy.ids import Digest, Ticks
from spicy.ports import Answer, Call, Running, Ticket

if TYPE_CHECKING:
    from spicy.providers.animatic.work import WorkResult

_KEPT_TEXTS = 512
"""Answered chats stay pollable, but not without end: a long run must not grow."""


class _Stopped(Exception):
    """The provider was closed while the work was under way."""


@dataclass(slots=True)
class _Job:
    call: Call
    progress: float = 0.0
    future: Future[WorkResult] | None = None


class AnimaticProvider:
    """Answer calls by drawing; costs nothing. Safe for any number of threads."""

    name = "animatic"
    poll_seconds = 0.02

    def __init__(self, threads: int | None = None) -> None:
        """Work on `threads` threads at most, by default one for each processor."""
        self._pool = ThreadPoolExecutor(threads or os.cpu_count() or 1, thread_name_prefix="animatic")
        self._folder = Path(tempfile.mkdtemp(prefix="spicy-animatic-"))
        self._jobs: dict[str, _Job] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def submit(self, call: Call, files: Mapping[Digest, Path]) -> Ticket:
        """Queue the work and return at once. Raises CallFailed after `close`."""
        ticket, job = Ticket(f"animatic-{secrets.token_hex(8)}"), _Job(call)
        with self._lock:
            if self._stop.is_set():
                raise CallFailed("the animatic provider is closed")
            self._jobs[ticket.id] = job
            job.future = self._pool.submit(self._work, ticket, job, dict(files))
        return ticket

    def poll(self, ticket: Ticket) -> Running | Answer:
        """Say how far the work is. Raises Expired for a ticket that is not ours, CallFailed when it failed."""
        with self._lock:
            job = self._jobs.get(ticket.id)
        if job is None or job.future is None:
            raise Expired(f"the animatic provider has no work called {ticket.id}")
        if not job.future.done():
            return Running(min(job.progress, 0.99))
        try:
            made = job.future.result()
        except CancelledError as error:
            raise CallFailed("the animatic provider was closed before it came to this call") from error
        except Exception as error:  # whatever went wrong in the thread is the failure of this call
            reason = "closed while at work" if isinstance(error, _Stopped) else str(error) or repr(error)
            raise CallFailed(f"animatic: {reason}") from error
        link = str(made.path) if made.path else None
        return Answer(model=job.call.model, cost=Ticks(0), text=made.text, link=link)

    def fetch(self, answer: Answer, into: Path) -> None:
        """Move the media to `into` and forget the work. Raises Expired when it was fetched before."""
        if answer.link is None:
            raise CallFailed("this answer is text and has no media")
        made = Path(answer.link)
        # A link is a path: only files that this very provider made may be moved, whatever the ledger says.
        if made.parent != self._folder or not made.is_file():
            raise Expired(f"{made.name or 'the link'} was fetched before, or its provider is closed")
        try:
            shutil.move(made, into)
        except OSError as error:
            raise ProviderUnreachable(f"cannot write {into}: {error.strerror}") from error
        with self._lock:
            self._jobs.pop(made.stem, None)

    def close(self) -> None:
        """Stop the threads, between two frames of a clip at the latest, and remove every temporary file."""
        with self._lock:
            self._stop.set()
        self._pool.shutdown(wait=True, cancel_futures=True)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _work(self, ticket: Ticket, job: _Job, files: Mapping[Digest, Path]) -> WorkResult:
        def report(progress: float) -> None:
            if self._stop.is_set():
                raise _Stopped
            job.progress = progress

        from spicy.providers.animatic.work import perform

        report(0.0)
        made = perform(job.call, files, self._folder / ticket.id, report)
        if made.path is None:
            self._forget_old_texts()
        return made

    def _forget_old_texts(self) -> None:
        with self._lock:
            texts = [
                id
                for id, job in self._jobs.items()
                if job.call.kind == "chat" and job.future is not None and job.future.done()
            ]
            for id in texts[:-_KEPT_TEXTS]:
                del self._jobs[id]
