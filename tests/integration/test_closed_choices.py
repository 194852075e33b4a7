"""A closed choice is matched to its end: mypy refuses a new member until every match handles it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

CHOICES = {
    "a transition": (
        "spicy/ids.py",
        'Literal["cut", "crossfade"]',
        'Literal["cut", "crossfade", "fade_black"]',
        "spicy/media/join.py",
    ),
    "local work": (
        "spicy/ports.py",
        '    JOIN = "join"\n',
        '    JOIN = "join"\n    MIX = "mix"\n',
        "spicy/engine/calls/local_work.py",
    ),
}
"""Where a choice is declared, what stands there, what a change would make of it, and a file that mypy must then refuse."""


def test_mypy_refuses_members_that_nothing_handles(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "spicy", tmp_path / "spicy", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for declared, before, after, _ in CHOICES.values():
        text = (tmp_path / declared).read_text(encoding="utf-8")
        assert text.count(before) == 1
        (tmp_path / declared).write_text(text.replace(before, after), encoding="utf-8")
    refused = [file for *_, file in CHOICES.values()]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *refused],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert set(refused) == {line.partition(":")[0] for line in done.stdout.splitlines() if ": error:" in line}
