"""The specs that ship are examples: they have to be right, and show what their comments say."""

from __future__ import annotations

from pathlib import Path

import pytest

from spicy.recipe.load import load_recipe
from spicy.spec.load import load_spec
from spicy.story.model import Continuity, Story
from spicy.story.resolve import resolve_story
from tests.conftest import ROOT

SPECS = sorted((ROOT / "specs").glob("*.yaml"))


def story_of(name: str) -> Story:
    """The story of a spec that is written out in full."""
    spec = load_spec(Path("specs", name), ROOT)
    return resolve_story(spec, load_recipe(spec.recipe, ROOT), None, {})


def test_they_are_all_here() -> None:
    assert {f.stem for f in SPECS} >= {"fox_owl", "lighthouse", "robot_1", "robot_2", "vertical"}


@pytest.mark.parametrize("file", SPECS, ids=lambda f: f.stem)
def test_a_shipped_spec_has_no_mistakes(file: Path) -> None:
    spec = load_spec(file.relative_to(ROOT), ROOT)
    assert spec.title


@pytest.mark.parametrize("name", ["lighthouse.yaml", "vertical.yaml", "robot_1.yaml", "robot_2.yaml"])
def test_a_written_film_needs_no_ideation_and_leaves_nothing_unsaid(name: str) -> None:
    assert not load_spec(Path("specs", name), ROOT).needs_ideation
    for scene in story_of(name).scenes:
        assert scene.title
        assert (
            scene.clip or scene.keyframe or (scene.setting and scene.action and scene.camera and scene.mood)
        )


def test_the_lighthouse_shows_every_kind_of_continuity_in_twelve_short_shots() -> None:
    scenes = story_of("lighthouse.yaml").scenes
    assert len(scenes) == 12
    assert {s.continuity for s in scenes} == set(Continuity)
    assert all(3 <= s.duration <= 5 for s in scenes)


def test_the_robots_share_a_character_sheet() -> None:
    one, two = story_of("robot_1.yaml"), story_of("robot_2.yaml")
    assert (one.style, one.palette, one.aspect_ratio) == (two.style, two.palette, two.aspect_ratio)
    assert one.characters[0] == two.characters[0]


def test_the_vertical_film_brings_a_clip_and_a_still_of_its_own() -> None:
    story = story_of("vertical.yaml")
    assert story.aspect_ratio == "9:16"
    assert [s.clip for s in story.scenes if s.clip] == ["specs/footage/plane.mp4"]
    assert [s.keyframe for s in story.scenes if s.keyframe] == ["specs/art/window.jpg"]
