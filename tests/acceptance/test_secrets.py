"""A key is used and shown nowhere: not in files, not in words, not in what a crash leaves."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import child_environment
from tests.drills.secrets import KEY, SCENES, control, cores, secrets, secrets_in
from tests.drills.studio import studio

LIMITS = """\
import ctypes, resource, subprocess, sys
from spicy.settings import read_settings
read_settings()
seen = 'import resource; print(resource.getrlimit(resource.RLIMIT_CORE)[0])'
print(resource.getrlimit(resource.RLIMIT_CORE)[0], flush=True)
print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0) if sys.platform == 'linux' else 0, flush=True)
subprocess.run([sys.executable, '-c', seen], check=True)
"""


def limits(tmp_path: Path, **env: str) -> list[str]:
    """Core limit and dumpable of a process that has read its settings, and the limit of a child of it."""
    command = ["sh", "-c", 'ulimit -c "$(ulimit -H -c)"; exec "$@"', "sh", sys.executable, "-c", LIMITS]
    done = subprocess.run(
        command, cwd=tmp_path, env=child_environment(env), capture_output=True, text=True, check=True
    )
    return done.stdout.split()


@pytest.mark.skipif(os.name != "posix", reason="core files are a thing of POSIX")
def test_a_process_with_a_key_writes_no_core_and_neither_do_its_children(tmp_path: Path) -> None:
    assert limits(tmp_path, GROK_API_KEY=KEY) == ["0", "0", "0"]


@pytest.mark.skipif(sys.platform != "linux", reason="macOS has no dumpable flag")
def test_without_a_key_nothing_is_changed(tmp_path: Path) -> None:
    assert limits(tmp_path)[1] == "1"


def test_the_search_finds_what_it_looks_for() -> None:
    assert secrets_in(b"x" + KEY.encode())
    assert secrets_in(b"Authorization: Bearer 0123456789abcdef")
    assert secrets_in(b"eGFpLWRyaWxsLTVi")
    assert not secrets_in(b"the bearer of news; authorization: redacted")


FEW = ("success, for machines", "refused", "wrong key", "bug outside", "shown", "SIGABRT")
"""The scenes that differ most; the drill plays all."""


def test_no_file_word_or_core_holds_the_key_whatever_happens() -> None:
    done = secrets({name: SCENES[name] for name in FEW})
    assert not done.found, done.found
    ended = {scene.name: scene.code for scene in done.scenes}
    assert ended == {
        "success, for machines": 0,
        "refused": 1,
        "wrong key": 2,
        "bug outside": 1,
        "shown": 0,
        "SIGABRT": -6,
    }
    assert [scene.cores for scene in done.scenes] == [0] * len(FEW)
    assert done.files > 50


def test_a_crash_without_our_care_does_leave_a_core_where_the_system_writes_them() -> None:
    with studio() as place:
        (place.home / "tmp").mkdir()
        left = control(place)
        assert not cores(place)
    if not left:
        pytest.skip("this system writes no core files into the working directory")
    assert left == 1
