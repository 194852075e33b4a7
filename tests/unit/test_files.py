"""A file appears whole or not at all, and what a dead process left is swept up."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from spicy.canonical_json import digest_bytes
from spicy.files import atomic_path, copy_atomic, exclusive_lock, remove_stale_drafts, write_atomic


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_atomic(path, b"old")

    def fail() -> None:
        with atomic_path(path) as draft:
            draft.write_bytes(b"ne")
            raise ValueError("half way")

    with pytest.raises(ValueError, match="half way"):
        fail()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_copy_is_refused_when_its_bytes_are_not_what_was_promised(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"rotten")
    assert not copy_atomic(tmp_path / "a", tmp_path / "b", expect=digest_bytes(b"fresh"))
    assert not (tmp_path / "b").exists()
    assert copy_atomic(tmp_path / "a", tmp_path / "b", expect=digest_bytes(b"rotten"))


def test_only_what_dead_processes_left_is_swept(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left = tmp_path / "scenes" / f".last.{dead.pid}.0a50c636.part.jpg"
    mine = tmp_path / f".clip.{os.getpid()}.0a50c636.part.mp4"
    other = tmp_path / ".notes.part"
    left.parent.mkdir()
    for path in (left, mine, other):
        path.write_bytes(b"x")
    assert remove_stale_drafts(tmp_path) == 1
    assert not left.exists()
    assert mine.exists()
    assert other.exists()


def test_those_who_change_a_folder_take_turns_and_none_waits_for_ever(tmp_path: Path) -> None:
    order: list[str] = []

    def second() -> None:
        with exclusive_lock(tmp_path, 30):
            order.append("second")

    with exclusive_lock(tmp_path):
        waiting = threading.Thread(target=second)
        waiting.start()
        with exclusive_lock(tmp_path, 0.05):
            order.append("impatient")
        order.append("first")
    waiting.join(30)
    assert order == ["impatient", "first", "second"]
    assert list(tmp_path.iterdir()) == []
    with exclusive_lock(tmp_path / "not there"):
        order.append("no folder")
    assert order[-1] == "no folder"
