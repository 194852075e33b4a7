"""Pins: which texts are one, what is said of those that are not, and how they come through a spec."""

from __future__ import annotations

from pathlib import Path

import pytest

from spicy.errors import SpecError
from spicy.ids import Digest
from spicy.recipe.load import load_recipe
from spicy.spec.load import load_spec
from spicy.spec.model import spec_schema
from spicy.spec.pins import Pin, pins_of, read_pin, take_pin
from spicy.story.resolve import resolve_story
from spicy.story.yaml_out import story_yaml

D = "0123456789abcdef" * 4
SPEC = f"""\
style: flat
characters:
  - {{name: Ember, description: a fox, sheet: store:{D}}}
scenes:
  - {{title: One, action: she runs, characters: [Ember], keyframe: store:{D.upper()}.PNG}}
  - clip: store:{D}
  - {{title: Three, setting: a hill, action: it rains}}
overrides:
  characters: {{Ember: {{sheet: store:{D}.webp}}}}
  scenes: {{3: {{keyframe: store:{D}.jpg}}}}
"""


def load(root: Path, text: str) -> list[str]:
    """The mistakes of a spec."""
    (root / "film.yaml").write_text(text)
    with pytest.raises(SpecError) as caught:
        load_spec(Path("film.yaml"), root)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("written", "field", "pin"),
    [
        (f"store:{D}", "keyframe", Pin(Digest(D), ".jpg")),
        (f"store:{D}", "sheet", Pin(Digest(D), ".jpg")),
        (f"store:{D}", "clip", Pin(Digest(D), ".mp4")),
        (f"store:{D}.jpg", "keyframe", Pin(Digest(D), ".jpg")),
        (f"store:{D.upper()}.WebP", "sheet", Pin(Digest(D), ".webp")),
        (f"store:{D}.mov", "clip", Pin(Digest(D), ".mov")),
    ],
)
def test_a_pin_is_a_digest_and_maybe_an_ending(written: str, field: str, pin: Pin) -> None:
    assert read_pin(take_pin(written, field, pytest.fail)) == pin
    assert read_pin(take_pin(pin.written(field), field, pytest.fail)) == pin


def test_the_usual_ending_goes_without_saying() -> None:
    assert Pin(Digest(D), ".jpg").written("keyframe") == f"store:{D}"
    assert Pin(Digest(D), ".png").written("keyframe") == f"store:{D}.png"
    assert Pin(Digest(D), ".mp4").written("clip") == f"store:{D}"


@pytest.mark.parametrize("path", [None, "", "art/x.jpg", "store:abc", f"store:{D}", "art/store:x.jpg"])
def test_a_path_is_no_pin(path: str | None) -> None:
    assert read_pin(path) is None


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "keyframe: store:abc",
            "film.yaml:5:15: `store:abc` names nothing in the store: behind `store:` belong the 64",
        ),
        (f"keyframe: store:{D}0", "names nothing in the store"),
        (f"keyframe: store:{D[:-1]}g", "names nothing in the store"),
        (f"keyframe: store:{D}/../x", "names nothing in the store"),
        (f"keyframe: 'store:{D}. jpg'", "names nothing in the store"),
        (f"keyframe: 'store: {D}'", "names nothing in the store"),
        ("keyframe: 'store:'", "names nothing in the store"),
        (
            f"keyframe: store:{D}.mp4",
            "film.yaml:5:15: `.mp4` is not the ending of a picture; write .jpg, .jpeg, .png",
        ),
        (f"clip: store:{D}.jpg", "film.yaml:5:11: `.jpg` is not the ending of a clip; write .mp4, .mov"),
    ],
)
def test_what_is_no_pin_is_told_with_its_place(tmp_path: Path, line: str, message: str) -> None:
    found = load(tmp_path, f"style: x\nscenes:\n  - action: a\n    setting: s\n    {line}\n")
    assert len(found) == 1
    assert message in found[0]


def test_a_reference_picture_is_a_file(tmp_path: Path) -> None:
    text = f"concept: x\nrefs: {{A: store:{D}}}\noverrides: {{characters: {{B: {{ref: store:{D}}}}}}}\n"
    wanted = "a `ref` is a file of yours; only sheet, keyframe and clip may name what the store holds"
    assert load(tmp_path, text) == [f"film.yaml:2:11: {wanted}", f"film.yaml:3:35: {wanted}"]


def test_every_pin_is_found_where_it_stands(tmp_path: Path) -> None:
    (tmp_path / "film.yaml").write_text(SPEC)
    spec = load_spec(Path("film.yaml"), tmp_path)
    assert {way: pin.suffix for way, pin in pins_of(spec)} == {
        ("characters", 0, "sheet"): ".jpg",
        ("scenes", 0, "keyframe"): ".png",
        ("scenes", 1, "clip"): ".mp4",
        ("overrides", "characters", "Ember", "sheet"): ".webp",
        ("overrides", "scenes", "3", "keyframe"): ".jpg",
    }
    assert {pin.digest for _, pin in pins_of(spec)} == {D}


def test_a_story_with_pins_is_written_as_a_spec_that_says_the_same(tmp_path: Path) -> None:
    (tmp_path / "film.yaml").write_text(SPEC)
    recipe = load_recipe("default", tmp_path)
    story = resolve_story(load_spec(Path("film.yaml"), tmp_path), recipe, None, {})
    text = story_yaml(story, "build/film")
    assert f"    sheet: store:{D}.webp\n" in text
    assert text.count("store:") == 4
    (tmp_path / "again.yaml").write_text(text)
    assert resolve_story(load_spec(Path("again.yaml"), tmp_path), recipe, None, {}) == story


@pytest.mark.parametrize(
    ("part", "field"), [("CharacterText", "sheet"), ("SceneText", "keyframe"), ("SceneChanges", "clip")]
)
def test_the_schema_tells_of_pins(part: str, field: str) -> None:
    said = str(spec_schema()["$defs"][part]["properties"][field])  # type: ignore[index, call-overload]
    assert "store:DIGEST" in said
    assert "'string'" in said
