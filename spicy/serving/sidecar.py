"""The server beside a build: a process of its own, so that neither can hurt the other, and not one that is left behind.

It holds one end of a pipe, and we the other. However we end, the pipe ends with us, and so does the server.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from spicy.serving.build_process import command

_START = 30.0
"""Seconds that a server may take until it answers."""
_LEAVE = 15.0
"""Seconds that it may take to leave: calls of its own under way have ten."""


class ServerProcess:
    """A `spicy serve` for as long as a block runs. Leaving the block ends it, and waits unless Ctrl-C is why.

    A server that cannot start, or dies, is told in one line, and that is all that comes of it.
    """

    def __init__(
        self, root: Path, options: Sequence[str], extra: Mapping[str, str], report: Callable[[str], None]
    ) -> None:
        """It runs in `root` with our environment and `extra`; `report` takes the one line."""
        self._report, self._wanted = report, True
        self._ready, self._over = threading.Event(), threading.Event()
        self._words: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
        self._url = ""
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self._process = subprocess.Popen(
                command("serve", "--leash", *options),
                cwd=root,
                env={**os.environ, **extra},
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._words,
                start_new_session=True,  # the first Ctrl-C is for the build alone
            )
        except OSError as error:
            report(f"there is no dashboard beside this build: {error.strerror or error}")
            return
        threading.Thread(target=self._watch, args=(self._process,), name="beside", daemon=True).start()

    def url(self) -> str:
        """Where it answers, which is waited for; empty when it does not."""
        if self._process is not None and self._wanted and not self._ready.wait(_START):
            self._wanted = False
            self._report(f"there is no dashboard beside this build: it did not answer within {_START:.0f} s")
        return self._url if self._wanted else ""

    def stay(self) -> None:
        """Wait for Ctrl-C, SIGTERM, or the server's own end."""
        with contextlib.suppress(KeyboardInterrupt), _sigterm_is_ctrl_c():
            self._over.wait()

    def __enter__(self) -> Self:
        """Nothing more; it runs."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of the server, and see it off."""
        self._wanted = False
        process = self._process
        if process is None or process.stdin is None:
            return
        process.stdin.close()
        if kind is KeyboardInterrupt:
            return  # it leaves by itself; who pressed Ctrl-C twice does not want to wait
        gone = False
        with contextlib.suppress(KeyboardInterrupt):
            gone = self._over.wait(_LEAVE)
        if not gone:
            process.kill()

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        if process.stdout is not None:
            with process.stdout as said:
                self._url = _reachable(said.readline().decode(errors="replace").strip())
                if self._url:
                    self._ready.set()
                process.wait()
        if self._wanted:
            what = (
                f"the dashboard at {self._url} has ended"
                if self._url
                else "there is no dashboard beside this build"
            )
            self._wanted = False
            self._report(f"{what}: {self._why(process.returncode)}")
        self._words.close()
        self._ready.set()
        self._over.set()

    def _why(self, code: int) -> str:
        self._words.seek(0)
        lines = self._words.read().decode(errors="replace").strip().splitlines()
        if code < 0 or not lines:
            return f"killed by signal {-code}" if code < 0 else f"exit code {code}"
        return lines[-1].removeprefix("spicy: ")


def _reachable(url: str) -> str:
    """An address to go to, of one to listen on."""
    return url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")


@contextlib.contextmanager
def _sigterm_is_ctrl_c() -> Iterator[None]:
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
