"""Which files of a project are specs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from spicy.spec.find import list_specs


def test_what_a_dead_process_left_half_made_is_no_film(tmp_path: Path) -> None:
    (tmp_path / "specs").mkdir()
    for name in ("specs/kite.yaml", "specs/.kite.4711.0a50c636.part.yaml", "oak.yml", ".hidden.yaml"):
        (tmp_path / name).write_text("concept: A kite\n")
    assert list_specs(tmp_path) == {"kite": Path("specs/kite.yaml"), "oak": Path("oak.yml")}


def test_only_files_are_specs(tmp_path: Path) -> None:
    (tmp_path / "folder.yaml").mkdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.yaml")
    try:
        (tmp_path / "lost.yaml").symlink_to(tmp_path / "nowhere")
    except OSError:
        pytest.skip("no links can be made here")
    assert list_specs(tmp_path) == {}
