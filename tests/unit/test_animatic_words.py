"""The animatic's reading: prompts, descriptions, settings, camera words, sizes. Pure, no picture is drawn."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise

import pytest

from spicy.providers.animatic.clips import camera
from spicy.providers.animatic.drawing import frame, lettering
from spicy.providers.animatic.drawing.colours import NAMED
from spicy.providers.animatic.figures import look
from spicy.providers.animatic.places import light, setting
from spicy.providers.animatic.story import labels
from spicy.providers.animatic.story.brief import Brief


def test_a_brief_is_style_and_labelled_lines() -> None:
    brief = Brief.parse(
        "Paper cut-out\nPalette: teal\nSetting: a hill\nwith a tree\nFigure: one\nFigure: two"
    )
    assert brief.style == "Paper cut-out"
    assert brief.first("setting") == "a hill with a tree"
    assert brief.every("figure") == ("one", "two")
    assert not brief.has("camera")


def test_remarks_and_numbers_are_no_part_of_a_label() -> None:
    brief = Brief.parse("Scene 2: a | with B\nCharacter (use exactly this name): Ember (lead): a fox: red")
    assert brief.lines == (("scene", "a | with B"), ("character", "Ember (lead): a fox: red"))


def test_a_prompt_without_labels_is_all_style_and_words() -> None:
    brief = Brief.parse("a red fox runs")
    assert (brief.style, brief.lines, brief.text) == ("a red fox runs", (), "a red fox runs")


def test_colours_go_to_the_things_that_they_stand_before() -> None:
    seen = look.read("A grey wolf with amber eyes, a white chest, wearing a blue coat and a red hat")
    assert (seen.kind, seen.body) == ("wolf", NAMED["grey"])
    assert seen.accent == NAMED["white"]
    assert seen.eyes == NAMED["amber"]
    assert seen.worn == {"coat": NAMED["blue"], "hat": NAMED["red"]}


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("a vixen", "fox"),
        ("Two owls", "owl"),
        ("a robot dog", "robot"),
        ("an old fisherman", "elder"),
        ("a girl with a fox mask", "girl"),
        ("一只狐狸", "fox"),
        ("猫头鹰", "owl"),
        ("something nameless", "creature"),
        ("curly hair and a green coat", "person"),
    ],
)
def test_every_description_is_some_being(words: str, kind: str) -> None:
    assert look.read(words).kind == kind


@pytest.mark.parametrize(
    ("words", "ground", "hour", "weather"),
    [
        ("An enchanted forest at night", "forest", "night", "clear"),
        ("a rainy city street at dusk", "city", "dusk", "rain"),
        ("mountain pass, light snow, dawn", "mountains", "dawn", "snow"),
        ("a kitchen in the morning", "kitchen", "morning", "clear"),
        ("森林", "forest", "golden", "clear"),
        ("", "hills", "golden", "clear"),
    ],
)
def test_settings_are_read(words: str, ground: str, hour: str, weather: str) -> None:
    seen = setting.read(words)
    assert (seen.ground, seen.hour, seen.weather) == (ground, hour, weather)


def test_mood_and_palette_tint_the_light() -> None:
    where = setting.read("a hill at noon")
    plain = light.read(where, "", "", "")
    assert light.read(where, "tense", "", "") != plain
    assert light.read(where, "", "teal and amber", "") != plain


@pytest.mark.parametrize(
    ("words", "zoom", "dx", "dy"),
    [
        ("slow push-in", 1, 0, 0),
        ("wide shot, pull-out", -1, 0, 0),
        ("pan left", 0, -1, 0),
        ("tracking shot moving right", 0, 1, 0),
        ("tilt up to the sky", 0, 0, -1),
        ("crane down", 0, 0, 1),
        ("static, locked off", 0, 0, 0),
    ],
)
def test_camera_words_move_the_window(words: str, zoom: int, dx: int, dy: int) -> None:
    move = camera.read(words, (0.5, 0.5), 8, 1)
    a, b = move.at(0.0), move.at(1.0)

    def sign(change: float) -> int:
        return (change > 0.01) - (change < -0.01)

    assert (sign(b.zoom - a.zoom), sign(b.x - a.x), sign(b.y - a.y)) == (zoom, dx, dy)


def test_no_move_leaves_the_still_or_jumps() -> None:
    for words in ("orbit", "handheld", "push in and pan left", "crane up", "", "tilt down, zoom out"):
        move = camera.read(words, (0.3, 0.6), 5, 7)
        boxes = [move.at(k / 119).box(1280, 720) for k in range(120)]
        assert all(x0 >= 0 and y0 >= 0 and x1 <= 1280.001 and y1 <= 720.001 for x0, y0, x1, y1 in boxes)
        assert max(abs(b[0] - a[0]) for a, b in pairwise(boxes)) < 8


@pytest.mark.parametrize(
    ("aspect", "resolution", "size"),
    [
        ("16:9", "1k", (1280, 720)),
        ("9:16", "720p", (720, 1280)),
        ("1:1", "2k", (1080, 1080)),
        ("16:9", "144p", (256, 144)),
        ("nonsense", "nonsense", (1280, 720)),
    ],
)
def test_sizes_of_pictures(aspect: str, resolution: str, size: tuple[int, int]) -> None:
    assert frame.picture(aspect, resolution) == size


def test_clips_have_the_size_of_the_film_that_they_join() -> None:
    assert frame.clip("16:9", "480p") == (848, 480)
    assert frame.clip("3:2", "720p") == (1072, 720)


def test_captions_are_wrapped_balanced_and_cut() -> None:
    lines = lettering.wrap("word " * 200, 20, 300, 2)
    assert len(lines) == 2
    assert lines[1].endswith("…")
    assert all(lettering.width(line, 20) <= 300 for line in lines)
    assert lettering.wrap("x" * 500, 20, 300, 2)[0].endswith("…")


@pytest.mark.parametrize(
    ("text", "plain"),
    [("Ünïcode – “fine”", "Unicode - “fine”"), ("狐狸", "Hu Li"), ("🦊 runs", "runs"), ("שלום", "slvm")],
)
def test_every_script_is_set_in_letters_that_the_font_has(text: str, plain: str) -> None:
    assert lettering.plain(text) == plain


def test_labels_find_their_characters() -> None:
    prompt = (
        "Label: the vixen\nLabel: Ságe\nLabel: bicycle\n"
        "Character: Ember (lead): A small red fox.\nCharacter: Sage: A grey owl."
    )
    assert labels.answer(Brief.parse(prompt)) == (
        '{"matches": [{"label": "the vixen", "name": "Ember"}, {"label": "Ságe", "name": "Sage"}, '
        '{"label": "bicycle", "name": ""}]}'
    )


def test_importing_the_provider_loads_nothing_heavy() -> None:
    code = (
        "import sys, spicy.providers.animatic\n"
        "print(sorted({'PIL', 'numpy', 'av', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
