"""Which files of a project are specs."""

from __future__ import annotations

from pathlib import Path

from spicy.spec.find import list_specs


def test_what_a_dead_process_left_half_made_is_no_film(tmp_path: Path) -> None:
    (tmp_path / "specs").mkdir()
    for name in ("specs/kite.yaml", "specs/.kite.4711.0a50c636.part.yaml", "oak.yml", ".hidden.yaml"):
        (tmp_path / name).write_text("concept: A kite\n")
    assert list_specs(tmp_path) == {"kite": Path("specs/kite.yaml"), "oak": Path("oak.yml")}
