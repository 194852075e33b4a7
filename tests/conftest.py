"""Set up every test: network blocked, clean environment, empty project folder."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
ROOT = TESTS.parent
WALL = TESTS / "wall"

sys.path.insert(0, str(WALL))
sys.modules.pop("sitecustomize", None)  # some Python installations have their own
import sitecustomize as wall  # noqa: E402  # importing it blocks the network

QUICK_RECIPE = """\
extends: default
output: {resolution: 144p, image_resolution: 144p}
"""
"""Small pictures, so that a whole film takes a second or two."""

SCRUBBED = (
    "GROK_API_KEY",
    "XAI_",
    "GRPC_",
    "XDG_",
    "SPICY_",
    "DOIT_",
    "FORCE_COLOR",
    "CLICOLOR",
    "PYTEST_",
)
"""Variables, or prefixes of their names, that no test inherits."""


def clean_environment(home: Path) -> dict[str, str]:
    """Return this process's environment without secrets and settings, with its own home."""
    kept = {k: v for k, v in os.environ.items() if not k.upper().startswith(SCRUBBED)}
    doors = dict.fromkeys(("http_proxy", "https_proxy", "grpc_proxy", "all_proxy"), wall.CLOSED_DOOR)
    return {
        **kept,
        **doors,
        **{k.upper(): v for k, v in doors.items()},
        "no_proxy": wall.NO_PROXY,
        "NO_PROXY": wall.NO_PROXY,
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_DATA_HOME": str(home / ".local/share"),
        "SPICY_CACHE_DIR": str(home / ".cache/spicy"),
        "NO_COLOR": "1",
        "TERM": "dumb",
        "COLUMNS": "100",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
    }


@pytest.fixture(autouse=True)
def _clean_environment(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    clean = clean_environment(tmp_path_factory.mktemp("home"))
    for name in set(os.environ) - set(clean) - {"PYTEST_CURRENT_TEST", "PYTEST_XDIST_WORKER"}:
        monkeypatch.delenv(name)
    for name, value in clean.items():
        monkeypatch.setenv(name, value)


@dataclass(frozen=True, slots=True)
class Ran:
    """The result of a `spicy` process."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Project:
    """A user's project folder, which is also the working directory, with methods to run `spicy` in it."""

    root: Path
    env: Mapping[str, str] = field(default_factory=dict)

    def write(self, path: str, text: str) -> Path:
        """Write a text file in the project, create its folders, and return its path."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def read(self, path: str) -> str:
        """Return the content of a text file in the project."""
        return (self.root / path).read_text(encoding="utf-8")

    def files(self, below: str = ".") -> list[str]:
        """Return every file below a folder, as sorted POSIX paths relative to the project."""
        found = (self.root / below).rglob("*")
        return sorted(f.relative_to(self.root).as_posix() for f in found if f.is_file())

    def start(self, *args: str | Path, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start `spicy ARGS` and return its process without waiting; for tests that kill it."""
        return subprocess.Popen(
            command(args),
            cwd=self.root,
            env=child_environment({**self.env, **(env or {})}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def spicy(self, *args: str | Path, env: Mapping[str, str] | None = None, timeout: float = 60) -> Ran:
        """Run `spicy ARGS` to its end and return the result. Raises TimeoutExpired after `timeout` seconds."""
        with self.start(*args, env=env) as process:
            try:
                out, err = process.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        return Ran(process.returncode, out, err)


def command(args: Sequence[str | Path]) -> list[str]:
    """Return the command line that runs this checkout's spicy with this Python."""
    return [sys.executable, "-m", "spicy", *map(str, args)]


def child_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """Return the test's environment for a child process, with the network blocked there too."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(WALL), str(ROOT)]), **extra}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Return an empty project in the working directory, with the recipe `quick`."""
    monkeypatch.chdir(tmp_path)
    made = Project(tmp_path)
    made.write("recipes/quick.yaml", QUICK_RECIPE)
    return made
