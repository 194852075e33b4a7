"""Whatever happens to a build, the key is nowhere afterwards: no file, no output, no core.

    python -m tests.drills.secrets

Builds that succeed, are refused, fail, meet a wrong key, a wrong host or a bug, are interrupted, killed and crash
in mid-flight; then every byte of the project, the home with its store, the temporary files and everything that was
said is searched for the key and for what carries it.
"""

from __future__ import annotations

import base64
import contextlib
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click

from spicy.emulator.faults import Fault
from tests.conftest import child_environment
from tests.drills.studio import KEY, Studio, film, studio

WRONG = "xai-wrong-77d0e1c4"
MANAGEMENT = "xai-manage-0c9d2ab8"
SECRETS = (KEY, WRONG, MANAGEMENT)
_BEARER = re.compile(rb"(?i)bearer[\s:=]+(?!token)[\w.-]{6,}")

BUG_IN_A_NODE = """\
import sys
from spicy.engine import maker
def broken(*args):
    raise RuntimeError('a bug in a step')
make.make_keyframe = broken
from spicy.cli import main
main()
"""
BUG_OUTSIDE = """\
import sys
from spicy.runner import session
def broken(self):
    settings = self
    raise RuntimeError('a bug between steps')
session.Session.start = broken
from spicy.cli import main
main()
"""
SHOWN = """\
from spicy.engine.bootstrap import ProviderContext
from spicy.settings import read_settings
settings = read_settings()
assert settings.api_key is not None
print(settings, repr(settings), settings.model_dump(), settings.model_dump_json(), vars(settings))
print(ProviderContext(settings, None, None))
from spicy.providers.xai import XaiProvider
provider = XaiProvider(settings.api_key.get_secret_value())
print(repr(provider))
"""
CONTROL = "import os; os.abort()"
NO_LIMIT = ("sh", "-c", 'ulimit -c "$(ulimit -H -c)"; exec "$@"', "sh")
"""Runs a command that may write core files as large as it is allowed to raise its limit to."""


@dataclass(slots=True)
class Scene:
    """One thing that happened to a build: how it ended and what it said."""

    name: str
    code: int
    said: str
    cores: int = 0


@dataclass(slots=True)
class Search:
    """What was looked through, and where a secret was found."""

    scenes: list[Scene] = field(default_factory=list)
    files: int = 0
    found: list[str] = field(default_factory=list)
    control: int = 0
    """How many core files a process without our care leaves here; 0 where this machine writes none."""


def secrets_in(data: bytes) -> list[str]:
    """Which secrets, in the clear or in base64, or a bearer header, are in these bytes."""
    found = []
    for secret in SECRETS:
        raw = secret.encode()
        coded = base64.b64encode(raw)[:-4]
        if raw in data or raw[4:] in data or coded in data:
            found.append(f"{secret[:7]}…")
    if _BEARER.search(data):
        found.append("a bearer header")
    return found


def secrets(scenes: Mapping[str, Callable[[Studio], Scene]] | None = None) -> Search:
    """Let everything happen to builds in one studio, and look through what they left."""
    search = Search()
    with studio(time_scale=0.05) as place:
        (place.home / "tmp").mkdir()
        for name, act in (SCENES if scenes is None else scenes).items():
            for old in cores(place):
                old.unlink()
            scene = act(place)
            scene.name = name
            for core in cores(place):
                scene.cores += 1
                _look(search, f"core file of `{name}`", core.read_bytes())
            place.emulator.clear_faults()
            search.scenes.append(scene)
            _look(search, f"what `{name}` said", scene.said.encode())
        for file in [f for folder in (place.project.root, place.home) for f in folder.rglob("*")]:
            if file.is_file():
                search.files += 1
                _look(search, str(file), file.read_bytes())
        search.control = control(place)
    return search


def _look(search: Search, where: str, data: bytes) -> None:
    search.found += [f"{where}: {what}" for what in secrets_in(data)]


def cores(place: Studio) -> list[Path]:
    """Core files in the working directory of the builds."""
    return sorted(f for f in place.project.root.glob("core*") if f.is_file())


def control(place: Studio) -> int:
    """Let a process that holds the key crash without our care; how many core files with the key it leaves."""
    with _started(place, [sys.executable, "-c", CONTROL], {}) as process:
        process.communicate(timeout=30)
    found = cores(place)
    with_key = sum(KEY.encode() in core.read_bytes() for core in found)
    for core in found:
        core.unlink()
    return with_key


@contextlib.contextmanager
def _started(
    place: Studio, command: Sequence[str], env: Mapping[str, str]
) -> Iterator[subprocess.Popen[str]]:
    """Start a process that may write core files of any size, with a temporary folder that is searched."""
    given = {"TMPDIR": str(place.home / "tmp"), "XAI_MANAGEMENT_KEY": MANAGEMENT, **env}
    process = subprocess.Popen(
        [*NO_LIMIT, *command],
        cwd=place.project.root,
        env=child_environment({**place.project.env, **given}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _ran(place: Studio, *args: str, code: str = "", **env: str) -> Scene:
    how = ["-c", code] if code else ["-m", "spicy"]
    with _started(place, [sys.executable, *how, *args], env) as process:
        said, _ = process.communicate(timeout=60)
    return Scene("", process.returncode, said)


def _film(place: Studio, title: str) -> str:
    """Another film, so that each has calls to make."""
    name = f"{title}.yaml"
    place.project.write(name, film(2, title=title))
    return name


def _hit(title: str, how: Callable[[subprocess.Popen[str]], None]) -> Callable[[Studio], Scene]:
    """A build that is struck while a clip of it is on its way, and afterwards built to its end."""

    def act(place: Studio) -> Scene:
        spec = _film(place, title)
        before = _clips(place)
        with _started(place, [sys.executable, "-m", "spicy", "build", spec, "--json"], {}) as process:
            while _clips(place) == before and process.poll() is None:
                time.sleep(0.01)
            how(process)
            said, _ = process.communicate(timeout=60)
        again = _ran(place, "build", spec, "--retry-unknown")
        return Scene("", process.returncode, said + again.said + f"\nthen {again.code}\n")

    return act


def _clips(place: Studio) -> int:
    return sum(record.kind == "video" for record in place.emulator.accepted)


def _fault(title: str, fault: Fault, *args: str) -> Callable[[Studio], Scene]:
    def act(place: Studio) -> Scene:
        place.emulator.set_faults([fault])
        return _ran(place, "build", _film(place, title), *args)

    return act


def _with(title: str, **env: str) -> Callable[[Studio], Scene]:
    return lambda place: _ran(place, "build", _film(place, title), **env)


def _send(number: signal.Signals) -> Callable[[subprocess.Popen[str]], None]:
    return lambda process: process.send_signal(number)


SCENES: Mapping[str, Callable[[Studio], Scene]] = {
    "success, for machines": lambda place: _ran(place, "build", _film(place, "fine"), "--json"),
    "nothing stale": lambda place: _ran(place, "build", "fine.yaml"),
    "refused": _fault("refused", Fault("video", "moderated"), "--json"),
    "failed": _fault("failed", Fault("video", "failed")),
    "reply lost": _fault("lost", Fault("video", "cut", times=1)),
    "dead links": _fault("gone", Fault("download", "gone")),
    "wrong key": _with("wrongkey", GROK_API_KEY=WRONG),
    "malformed key": _with("malformed", GROK_API_KEY=f"{WRONG} x"),
    "wrong host": _with("nowhere", SPICY_XAI_HOST="localhost:1"),
    "host without TLS": _with("plain", SPICY_XAI_HOST="127.0.0.1:1"),
    "loud gRPC": _with("loud", GRPC_VERBOSITY="debug", GRPC_TRACE="http,call,secure_endpoint,all"),
    "bug in a step": lambda place: _ran(place, "build", _film(place, "bug"), "--json", code=BUG_IN_A_NODE),
    "bug outside": lambda place: _ran(place, "build", _film(place, "bug2"), code=BUG_OUTSIDE),
    "doctor": lambda place: _ran(place, "doctor"),
    "doctor, wrong key": lambda place: _ran(place, "doctor", GROK_API_KEY=WRONG),
    "shown": lambda place: _ran(place, code=SHOWN),
    "bad setting": lambda place: _ran(place, "plan", "fine.yaml", SPICY_JOBS=KEY),
    "interrupted": _hit("interrupted", _send(signal.SIGINT)),
    "killed": _hit("killed", _send(signal.SIGKILL)),
    "SIGTERM": _hit("terminated", _send(signal.SIGTERM)),
    "SIGABRT": _hit("aborted", _send(signal.SIGABRT)),
    "SIGSEGV": _hit("segfault", _send(signal.SIGSEGV)),
}


@click.command()
def main() -> None:
    """Look for the key wherever a build may leave it."""
    done = secrets()
    for scene in done.scenes:
        click.echo(
            f"{scene.name:<22} exit {scene.code:>4}, {len(scene.said)} characters, {scene.cores} cores"
        )
    click.echo(
        f"{len(done.scenes)} scenes, {done.files} files searched, {len(done.found)} secrets found;"
        f" without our care a crash leaves {done.control} core file(s) with the key"
    )
    for line in done.found:
        click.echo(f"  {line}")
    if done.found or any(scene.cores for scene in done.scenes):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
