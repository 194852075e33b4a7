"""A place to rehearse in: an empty project, its own store, and an emulator, for drills of any length.

Drills are not collected by pytest. They print figures, `python -m tests.drills.money --runs 50`; acceptance
tests run the same functions a few times.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from spicy.emulator import Emulator
from tests.conftest import Project, child_environment, clean_environment

KEY = "xai-drill-5b1e"
RECIPE = """\
extends: default
output: {resolution: 480p}
rates: {xai: {chat: 1000, image: 1000, video: 1000}}
"""
"""Small clips, and no rate limit of our own, so that drills test what they are about."""


@dataclass(frozen=True, slots=True)
class Studio:
    """A project whose calls go to an emulator."""

    project: Project
    emulator: Emulator
    home: Path

    @property
    def store(self) -> Path:
        """The folder of the store that the project's commands use."""
        return self.home / ".cache/spicy"

    def start(self, module: str, *args: str) -> subprocess.Popen[str]:
        """Start `python -m MODULE ARGS` where the project's commands run, and return at once."""
        return subprocess.Popen(
            [sys.executable, "-m", module, *args],
            cwd=self.project.root,
            env=child_environment(self.project.env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )


@contextlib.contextmanager
def studio(*, seed: int = 0, time_scale: float = 0.01) -> Iterator[Studio]:
    """Open an empty project with the recipe `quick`, its own home and store, and a fresh emulator."""
    with (
        tempfile.TemporaryDirectory(prefix="spicy-drill-", ignore_cleanup_errors=True) as folder,
        Emulator(time_scale=time_scale, seed=seed, key=KEY) as emulator,
    ):
        home, root = Path(folder, "home"), Path(folder, "project")
        home.mkdir()
        root.mkdir()
        env: Mapping[str, str] = {
            **clean_environment(home),
            "GROK_API_KEY": KEY,
            "SPICY_XAI_HOST": emulator.host,
        }
        project = Project(root, env)
        project.write("recipes/quick.yaml", RECIPE)
        yield Studio(project, emulator, home)


def film(scenes: int, *, continuity: str = "none", duration: int = 1, title: str = "The Oak") -> str:
    """A written spec: two characters, `scenes` scenes of `duration` seconds, no ideation."""
    lines = [
        "recipe: quick",
        f"title: {title}",
        "style: flat paper cut-outs",
        "characters:",
        f'  - {{name: Ember, description: "A small red fox with a white tail tip, from {title}"}}',
        f'  - {{name: Sage, description: "A great grey owl with amber eyes, from {title}"}}',
        "scenes:",
    ]
    for n in range(1, scenes + 1):
        cast = ("[Ember, Sage]", "[Ember]", "[Sage]")[n % 3]
        lines += [
            f"  - title: Scene {n}",
            f"    characters: {cast}",
            f"    setting: clearing number {n} of {title}",
            f"    action: they walk past oak number {n}",
            "    camera: slow push-in",
            f"    continuity: {continuity}",
            f"    duration: {duration}",
        ]
    return "\n".join(lines) + "\n"
