"""Builds as processes of their own: started from a page, and neither the page nor the server is needed after that.

What is known about one lies in files. `ID.log` is made before its process, and only by one of those who ask, so an
id is started once whoever asks how often. From its birth the process holds that file locked, for the lock belongs
to what it writes to, and later `ID.lock`, which says that it is a run; both locks go when it does.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import spicy
from spicy.errors import UsageError
from spicy.files import is_locked
from spicy.runs.liveness import is_alive, is_run_id, place, run_file

_PROMPT = "$ spicy "
"""What the first line of a log begins with: the command that it is the log of."""
_LONGEST = 20_000
_KEEP = 30 * 86400.0
"""Seconds for which the words of a launched build are kept."""
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchRequest:
    """A build to start: what `spicy build` is told on its command line."""

    spec: Path
    run: str
    provider: str | None = None
    until: str | None = None
    max_cost: float | None = None
    jobs: int | None = None
    retry_unknown: bool = False
    only: str | None = None
    """The one target, as KIND:ID, that is made with what it needs; None for all that is stale."""
    takes: tuple[str, ...] = ()
    """New takes, each as KIND:ID=N: the build itself writes them into the spec, so that who is not started changes nothing."""

    def arguments(self) -> list[str]:
        """The command line after `spicy`."""
        chosen = {
            "--provider": self.provider,
            "--until": self.until,
            "--max-cost": self.max_cost,
            "--jobs": self.jobs,
            "--only": self.only,
        }
        options = [f"{name}={value}" for name, value in chosen.items() if value is not None]
        again = ["--retry-unknown"] if self.retry_unknown else []
        takes = [f"--take={take}" for take in self.takes]
        return ["build", f"--run-id={self.run}", *options, *again, *takes, "--", str(self.spec)]


class LaunchedBuild(StrEnum):
    """How the process of a launched build stands. What came of the build, the runs database says."""

    UNKNOWN = "unknown"
    """No process of that id was started here, or it was swept up long ago."""
    STARTING = "starting"
    RUNNING = "running"
    ENDED = "ended"


class Launcher:
    """Starts the builds of a project, each once, and follows them. Safe for threads; any number may share a project."""

    def __init__(self, root: Path, build: Path) -> None:
        """Builds start in `root`; `build` is the build folder, as they see it from there."""
        self._root = root.absolute()
        self._build = self._root / build
        self._lock = threading.Lock()
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._lived: set[str] = set()
        _sweep(self._build)

    def start(self, order: LaunchRequest) -> bool:
        """Start a build, and return whether that was done now: an id that was started before is not started again.

        A process that cannot be started has ended, and `said` tells why. Raises UsageError, with nothing started,
        when the build folder cannot be written.
        """
        with self._lock:
            try:
                log = self._open_log(order.run)
            except OSError as error:
                said = f"{self._build} cannot be written: {error.strerror or error}; nothing was started"
                raise UsageError(said) from error
            if log is None:
                return False
            try:
                self._spawn(order, log)
            finally:
                os.close(log)  # the child's own copy stays locked
        return True

    def _open_log(self, run: str) -> int | None:
        """The new log of a run, open to write and locked; None if there is one. Raises OSError."""
        path = run_file(self._build, run, ".log")
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        except FileExistsError:
            return None
        with contextlib.suppress(
            ImportError, OSError
        ):  # without locks only this process knows about its children
            import fcntl

            fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return log

    def _spawn(self, order: LaunchRequest, log: int) -> None:
        with contextlib.suppress(OSError):  # a full disk; then nobody knows the film before the build says it
            os.write(log, f"{_PROMPT}{shlex.join(order.arguments())}\n".encode(errors="surrogateescape"))
        try:
            process = subprocess.Popen(
                command(*order.arguments()),
                cwd=self._root,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        except OSError as error:
            os.write(log, f"the build cannot be started: {error.strerror or error}\n".encode())
            return
        self._children[order.run] = process
        # Somebody has to ask for its exit code, or it stays in the table of processes for ever.
        threading.Thread(target=self._reap, args=(order.run, process), name="reap", daemon=True).start()

    def _reap(self, run: str, process: subprocess.Popen[bytes]) -> None:
        process.wait()
        with self._lock:
            self._children.pop(run, None)

    def state(self, run: str) -> LaunchedBuild:
        """How the process of a run stands, whichever server started it."""
        if not is_run_id(run):
            return LaunchedBuild.UNKNOWN
        if is_alive(self._build, run):
            self._lived.add(run)
            return LaunchedBuild.RUNNING
        log = run_file(self._build, run, ".log")
        with self._lock:  # who starts it has it locked by now
            if not log.exists():
                return LaunchedBuild.UNKNOWN
            lives = run in self._children or is_locked(log)
        if not lives:
            return LaunchedBuild.ENDED
        # The claim is given up with the record, a moment before the process ends.
        return LaunchedBuild.RUNNING if run in self._lived else LaunchedBuild.STARTING

    def said(self, run: str, limit: int = 4000) -> str:
        """The last words of a launched build, for one that ended before it could record itself; empty without any."""
        if not is_run_id(run):
            return ""
        try:
            with run_file(self._build, run, ".log").open("rb") as log:
                log.seek(max(0, log.seek(0, os.SEEK_END) - limit))
                text = log.read(limit).decode(errors="replace")
        except OSError:
            return ""
        if text.startswith(_PROMPT):
            text = text.partition("\n")[2]
        return _CONTROL.sub("", text.replace("\r", "\n")).lstrip("\ufffd").strip()

    def spec(self, run: str) -> Path | None:
        """The spec that a launched build was told to build; None when that is not known."""
        if not is_run_id(run):
            return None
        try:
            with run_file(self._build, run, ".log").open("rb") as log:
                said = log.readline(_LONGEST).decode(errors="surrogateescape")
            words = shlex.split(said.removeprefix(_PROMPT)) if said.startswith(_PROMPT) else []
        except (OSError, ValueError):
            return None
        return Path(words[-1]) if words[-2:-1] == ["--"] else None

    def cancel(self, run: str, pid: int, where: str) -> bool:
        """Interrupt a run as Ctrl-C does, and return whether it was told.

        `pid` and `where` are those that its row has: elsewhere, or when the run is over, the number is somebody
        else's. The first time calls under way are journalled; a second time the build stops at once.
        """
        if pid <= 1 or where != place() or not is_alive(self._build, run):
            return False
        try:
            os.kill(pid, signal.SIGINT)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Forget the builds that run; they go on without us."""
        with self._lock:
            self._children.clear()


def command(*arguments: str) -> list[str]:
    """This spicy again, as a process.

    What lies in the working directory is not imported, unless it is the only place where spicy itself is found.
    """
    here = Path(spicy.__file__).parents[1] == Path.cwd()
    return [sys.executable, *([] if here else ["-P"]), "-m", "spicy", *arguments]


def _sweep(build: Path) -> None:
    """Remove what long-ended runs left. What cannot be removed stays; it is in nobody's way."""
    old = time.time() - _KEEP
    for path in _files(build / ".runs"):
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < old and not is_locked(path) and not is_alive(build, path.stem):
                path.unlink()


def _files(folder: Path) -> Sequence[Path]:
    return [path for ending in ("log", "lock") for path in folder.glob(f"*.{ending}")]
