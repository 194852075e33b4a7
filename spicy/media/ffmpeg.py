"""Running ffmpeg: found once a call, never asking, never silent about why it failed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from typing import IO

from spicy.errors import MediaError

TAIL_LINES = 20
"""How much of ffmpeg's own words an error keeps."""

QUIET = ("-nostdin", "-hide_banner", "-loglevel", "error", "-y")


def find_ffmpeg() -> str:
    """Name the ffmpeg to run: the one on PATH, else the one that imageio-ffmpeg ships.

    Raises MediaError, with what to install, when there is neither.
    """
    if found := shutil.which("ffmpeg"):
        return found
    try:
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError) as e:
        advice = "install ffmpeg and put it on PATH, or: pip install imageio-ffmpeg"
        raise MediaError(f"no ffmpeg found; {advice}") from e


def run_ffmpeg(
    args: Sequence[str],
    *,
    progress: Callable[[float], None] | None = None,
    duration: float | None = None,
) -> None:
    """Run ffmpeg with `args` to its end; `progress` hears 0.0 to 1.0 of `duration` seconds.

    It runs in a session of its own, so that Ctrl-C reaches us and not it; when we leave early, for
    whatever reason, it is killed. Raises MediaError with the last lines it said.
    """
    talk = ("-progress", "pipe:1", "-nostats") if progress and duration else ()
    command = [find_ffmpeg(), *QUIET, *talk, *args]
    with tempfile.TemporaryFile() as words:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if talk else subprocess.DEVNULL,
                stderr=words,
                start_new_session=True,
                env=_environment(),
            )
        except OSError as e:
            raise MediaError(f"ffmpeg cannot be started: {e}") from e
        _running.add(process)
        try:
            if progress and duration and process.stdout:
                _follow(process.stdout, progress, duration)
            code = process.wait()
        finally:
            _running.discard(process)
            if process.poll() is None:
                process.kill()
                process.wait()
            if process.stdout:
                process.stdout.close()
        if code != 0:
            raise MediaError(f"ffmpeg failed with exit code {code}", detail=_tail(words))


def _environment() -> dict[str, str]:
    """This process's environment without keys: ffmpeg needs none, and what crashes may show what it was given."""
    return {name: value for name, value in os.environ.items() if not name.upper().endswith("_API_KEY")}


def kill_all() -> None:
    """Kill every ffmpeg of this process: its work is local and free, so an interrupted build does not wait for it."""
    for process in tuple(_running):
        process.kill()


_running: set[subprocess.Popen[bytes]] = set()


def _follow(lines: IO[bytes], progress: Callable[[float], None], duration: float) -> None:
    for line in lines:
        name, _, value = line.decode(errors="replace").strip().partition("=")
        if name == "out_time_us" and value.lstrip("-").isdigit():
            progress(min(1.0, max(0.0, int(value) / 1e6 / duration)))


def _tail(words: IO[bytes]) -> str:
    words.seek(0)
    return "\n".join(words.read().decode(errors="replace").splitlines()[-TAIL_LINES:])


def ffmpeg_version(program: str) -> str:
    """What an ffmpeg says it is, such as `ffmpeg version 5.1.9`."""
    said = subprocess.run([program, "-version"], capture_output=True, text=True, check=False).stdout
    return " ".join(said.split()[:3])
