"""Whether the process of a run lives: a lock that it holds for as long as it does, however it dies.

A row of the database cannot say so: who is killed writes nothing any more. Asking takes only a shared lock, so
that many who ask at once do not take each other for the one who is asked about.
"""

from __future__ import annotations

import errno
import os
import re
import socket
from pathlib import Path

from filelock import FileLock, Timeout

from spicy.files import is_locked

_RUN = re.compile(r"[0-9A-Za-z-]{4,40}")
_PATIENCE = 0.5
"""Seconds to wait for those who ask; they hold the file for a moment each."""


def is_run_id(text: str) -> bool:
    """Whether `text` can be the id of a run: it names files, so it may hold nothing that leads elsewhere."""
    return _RUN.fullmatch(text) is not None


def run_file(build: Path, run: str, ending: str) -> Path:
    """The file of a run that ends in `.lock` or `.log`. Raises ValueError for what is no run's id."""
    if not is_run_id(run):
        raise ValueError(f"not the id of a run: {run!r}")
    return build / ".runs" / f"{run}{ending}"


class RunLock:
    """This process's claim that its run is alive."""

    def __init__(self, build: Path, run: str) -> None:
        """Take the lock at once.

        Raises BlockingIOError when another process is this run, and OSError when the folder cannot be written.
        """
        self._path = run_file(build, run, ".lock")
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(self._path, thread_local=False)
        while not self._create_and_lock():
            pass

    def _create_and_lock(self) -> bool:
        """Between the file and its lock somebody may have swept the file up; then it locks nothing."""
        try:
            self._lock.acquire(timeout=_PATIENCE, poll_interval=0.01)
        except Timeout:
            raise BlockingIOError(errno.EAGAIN, "a run of this id is under way", str(self._path)) from None
        if self._path.exists():
            return True
        self._lock.release()
        return False

    def close(self) -> None:
        """Give the claim up and remove its file; a second time does nothing."""
        if not self._lock.is_locked:
            return
        if os.name == "posix":
            self._path.unlink(missing_ok=True)  # still locked: nobody can take it for a living one in between
            self._lock.release()
        else:
            self._lock.release()
            self._path.unlink(missing_ok=True)


def is_alive(build: Path, run: str) -> bool:
    """Whether the process of a run still runs; never raises, and without a file the answer is no."""
    if not is_run_id(run):
        return False
    return is_locked(run_file(build, run, ".lock"))


def place() -> str:
    """This machine and, on Linux, this namespace of processes: there a process's number means the same process."""
    try:
        return f"{socket.gethostname()} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return socket.gethostname()
