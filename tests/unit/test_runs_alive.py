"""A run lives as long as its process, and whoever asks is never fooled: not by others who ask, not by births."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from spicy.runs.liveness import RunLock, is_alive, is_run_id, place, run_file
from tests.conftest import child_environment

RUN = "20260714-101500-3fa9"
LIVES = """\
import sys, pathlib
from spicy.runs.liveness import RunLock
claim = RunLock(pathlib.Path(sys.argv[1]), sys.argv[2])
print("born", flush=True)
sys.stdin.read()
"""


def other_process(build: Path) -> subprocess.Popen[str]:
    """A process that is the run, until it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", LIVES, str(build), RUN],
        env=child_environment({}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "born\n"
    return process


def test_a_run_lives_from_its_claim_to_its_close(tmp_path: Path) -> None:
    assert not is_alive(tmp_path, RUN)
    claim = RunLock(tmp_path / "build", RUN)
    assert is_alive(tmp_path / "build", RUN)
    claim.close()
    claim.close()
    assert not is_alive(tmp_path / "build", RUN)
    assert list((tmp_path / "build/.runs").iterdir()) == []


def test_a_killed_process_is_dead_though_its_file_is_there(tmp_path: Path) -> None:
    with other_process(tmp_path) as process:
        assert is_alive(tmp_path, RUN)
        with pytest.raises(BlockingIOError, match="under way"):
            RunLock(tmp_path, RUN)
        process.kill()
    assert run_file(tmp_path, RUN, ".lock").exists()
    assert not is_alive(tmp_path, RUN)
    RunLock(tmp_path, RUN).close()


def test_many_who_ask_at_once_do_not_take_each_other_for_the_run(tmp_path: Path) -> None:
    with other_process(tmp_path) as process:
        process.kill()
    answers: list[bool] = []
    start = threading.Barrier(8)

    def ask() -> None:
        start.wait()
        answers.extend(is_alive(tmp_path, RUN) for _ in range(200))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 1600
    assert not any(answers)


def test_those_who_ask_do_not_keep_a_run_from_being_born(tmp_path: Path) -> None:
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            is_alive(tmp_path, RUN)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(30):
            claim = RunLock(tmp_path, RUN)
            assert is_alive(tmp_path, RUN)
            claim.close()
    finally:
        stop.set()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize(
    "text", ["", "abc", "../../etc/passwd", "a/bcd", "ab cd", "abcd\n", "x" * 41, "äbcd", "a\0bc"]
)
def test_what_leads_elsewhere_is_no_id(tmp_path: Path, text: str) -> None:
    assert not is_run_id(text)
    assert not is_alive(tmp_path, text)
    with pytest.raises(ValueError, match="not the id"):
        RunLock(tmp_path, text)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "build").write_text("in the way")
    with pytest.raises(OSError, match="build"):
        RunLock(tmp_path / "build", RUN)
    assert not is_alive(tmp_path / "build", RUN)


def test_the_place_is_the_same_in_each_process_of_this_machine() -> None:
    ask = "from spicy.runs.liveness import place; print(place())"
    there = subprocess.run(
        [sys.executable, "-c", ask], env=child_environment({}), capture_output=True, text=True, check=True
    )
    assert there.stdout.rstrip("\n") == place()
    assert os.uname().nodename in place()
