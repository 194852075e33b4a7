"""Specs: what a good one becomes, and every mistake of a bad one, word for word."""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spicy.errors import SpecError
from spicy.ids import usd
from spicy.spec.load import load_spec
from spicy.spec.model import Spec, WrittenCharacter, WrittenScene, default_ids, scene_at, spec_schema

FULL = """\
style: Pixar-style 3D animation
characters:
  - {name: Ember, role: protagonist, description: "A small red fox.", ref: refs/fox.png, take: 2}
  - {name: Sage, description: A great grey owl., sheet: art/sage.PNG}
scenes:
  - id: meeting
    title: Under the old oak
    characters: [Ember, Sage]
    setting: A wood at night
    action: They look at each other
    camera: low angle
    mood: calm
    duration: 6
    continuity: strict
    take: 2
    keyframe_take: 3
  - {action: It pans, keyframe: art/s1.png}
  - clip: footage/s1.mp4
"""


def put(root: Path, *names: str) -> None:
    """Make small files below `root/specs`."""
    for name in names:
        file = root / "specs" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x")


def load(root: Path, text: str | bytes, name: str = "film.yaml") -> Spec:
    """Load a spec written to `root/specs`."""
    file = root / "specs" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return load_spec(file, root)


def mistakes(root: Path, text: str | bytes, name: str = "film.yaml") -> list[str]:
    """The mistakes of a spec, as a user reads them, without the file's name."""
    with pytest.raises(SpecError) as caught:
        load(root, text, name)
    return [str(p).removeprefix(f"specs/{name}:").strip() for p in caught.value.problems]


# --- good specs ---


def test_one_line_is_enough(tmp_path: Path) -> None:
    spec = load(tmp_path, "concept: A curious fox meets a wise owl\n", "fox_owl.yaml")
    assert spec.film == "fox_owl"
    assert spec.path == "specs/fox_owl.yaml"
    assert spec.concept == "A curious fox meets a wise owl"
    assert spec.recipe == "default"
    assert spec.needs_ideation
    unsaid = (
        spec.title,
        spec.style,
        spec.palette,
        spec.aspect_ratio,
        spec.scenes,
        spec.characters,
        spec.budget,
    )
    assert unsaid == (None,) * 7


def test_a_concept_with_pins(tmp_path: Path) -> None:
    put(tmp_path, "refs/fox.png")
    spec = load(
        tmp_path,
        """\
concept: A fox meets an owl
title: 2049
aspect_ratio: 16:9
refs: {Ember: refs/fox.png}
scenes: 3
budget: 5.00
overrides:
  characters: {Sage: {description: A great grey owl}}
  scenes: {2: {camera: push-in, duration: 6, take: 2}}
""",
    )
    assert (spec.title, spec.aspect_ratio, spec.scenes) == ("2049", "16:9", 3)
    assert spec.refs == {"Ember": "specs/refs/fox.png"}
    assert spec.budget is not None
    assert usd(spec.budget) == "$5.00"
    assert spec.overrides.characters["Sage"].description == "A great grey owl"
    assert spec.overrides.scenes["2"].duration == 6
    assert str(spec.problem(("overrides", "scenes", "2", "camera"), "odd")) == "specs/film.yaml:9:24: odd"
    assert str(spec.problem(("overrides", "scenes", "2"), "odd", at_key=True)) == "specs/film.yaml:9:12: odd"


def test_the_fully_written_form(tmp_path: Path) -> None:
    put(tmp_path, "refs/fox.png", "art/sage.PNG", "art/s1.png", "footage/s1.mp4")
    spec = load(tmp_path, FULL)
    assert not spec.needs_ideation
    assert spec.characters == (
        WrittenCharacter(
            name="Ember", role="protagonist", description="A small red fox.", ref="specs/refs/fox.png", take=2
        ),
        WrittenCharacter(name="Sage", description="A great grey owl.", sheet="specs/art/sage.PNG"),
    )
    assert spec.scenes == (
        WrittenScene(
            id="meeting",
            title="Under the old oak",
            characters=("Ember", "Sage"),
            setting="A wood at night",
            action="They look at each other",
            camera="low angle",
            mood="calm",
            duration=6,
            continuity="strict",
            take=2,
            keyframe_take=3,
        ),
        WrittenScene(id="02", action="It pans", keyframe="specs/art/s1.png"),
        WrittenScene(id="03", clip="specs/footage/s1.mp4"),
    )
    assert spec.names_in_scenes() == ("Ember", "Sage")


SCENE = "{setting: A wood, action: It runs, characters: [Ember]}"
EMBER = "{name: Ember, description: A fox}"


@pytest.mark.parametrize(
    ("text", "needs"),
    [
        (f"concept: A fox\nscenes: [{SCENE}]", True),
        (f"concept: A fox\ncharacters: [{EMBER}]\nscenes: 2", True),
        (f"concept: A fox\ncharacters: [{EMBER}]", True),
        (f"concept: A fox\ncharacters: [{EMBER}]\nscenes: [{SCENE}]", False),
        ("scenes: [{setting: The sea, action: Waves roll}]", False),
    ],
)
def test_ideation_is_needed_for_what_nobody_wrote(tmp_path: Path, text: str, needs: bool) -> None:
    assert load(tmp_path, text).needs_ideation is needs


def test_paths_have_one_spelling(tmp_path: Path) -> None:
    root = tmp_path / "work"
    put(root, "refs/fox.png")
    (tmp_path / "owl.png").write_bytes(b"x")
    spec = load(root, "concept: x\nrefs: {A: ./refs/../refs//fox.png, B: ../../owl.png}")
    assert spec.refs == {"A": "specs/refs/fox.png", "B": (tmp_path / "owl.png").as_posix()}


@pytest.mark.parametrize("name", ["../../etc", "CON", "🦊", "狐狸", "Ünï", "!!!", "2049", "007", "no"])
def test_any_name_can_be_a_name_or_an_id(tmp_path: Path, name: str) -> None:
    quoted = f"'{name}'" if name == "!!!" else name
    spec = load(
        tmp_path,
        f"characters:\n- name: {quoted}\n  description: x\n"
        f"scenes:\n- id: {quoted}\n  characters:\n  - {quoted}\n  setting: x\n  action: x",
    )
    assert isinstance(spec.characters, tuple)
    assert isinstance(spec.scenes, tuple)
    assert (spec.characters[0].name, spec.scenes[0].id, spec.scenes[0].characters) == (name, name, (name,))


def test_scenes_are_counted_as_wide_as_the_last_one() -> None:
    assert default_ids(3) == ["01", "02", "03"]
    assert [default_ids(n)[0] for n in (99, 100, 999, 1000)] == ["01", "001", "001", "0001"]


def test_an_override_means_an_id_before_a_number() -> None:
    ids = ["opening", "2", "03"]
    assert [scene_at(key, ids) for key in ("opening", "2", "1", "01", "03", "3", "4", "0", "x")] == [
        *(0, 1, 0, 0, 2, 2),
        *(None, None, None),
    ]


# --- bad specs ---


def scenes(*lines: str) -> str:
    """A film with one character and one scene, whose lines are given."""
    body = "".join(f"    {line}\n" for line in lines)
    return f"characters:\n  - name: Ember\n    description: A fox\nscenes:\n  - action: It runs\n{body}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "concept: x\nstlye: y\n",
            ["2:1: unknown key `stlye`; did you mean `style`?"],
        ),
        (
            "concept: x\noverrides: {foo: 1}\n",
            ["2:13: unknown key `foo`; the keys here are characters, scenes"],
        ),
        ("concept: x\nconcept: y\n", ["2:1: duplicate key `concept`; first written in line 1"]),
        ("concept: [x]\n", ["1:10: expected text, found a list"]),
        ("concept: x\nscenes: many\n", ["2:9: expected a number or a list, found the text `many`"]),
        ("concept: x\nscenes: 0\n", ["2:9: expected at least 1, found `0`"]),
        ("concept: x\nscenes: 1000\n", ["2:9: expected at most 999, found `1000`"]),
        ("concept: x\nscenes: true\n", ["2:9: expected a number or a list, found `true`"]),
        ("concept: x\nbudget: 0\n", ["2:9: expected more than 0, found `0`"]),
        ("concept: x\nbudget: much\n", ["2:9: expected a number, found the text `much`"]),
        ("concept: x\nbudget: .nan\n", ["2:9: expected a number, found `.nan`"]),
        (
            "concept: x\naspect_ratio: 16:10\n",
            ["2:15: expected one of 1:1, 16:9, 9:16, 4:3, 3:4, 3:2 or 2:3, found the text `16:10`"],
        ),
        (scenes("setting: x", "duration: 0"), ["7:15: expected at least 1, found `0`"]),
        (scenes("setting: x", "duration: 99"), ["7:15: expected at most 15, found `99`"]),
        (
            scenes("setting: x", 'duration: "eight"'),
            ["7:15: expected a whole number, found the text `eight`"],
        ),
        (scenes("setting: x", "duration: 7.5"), ["7:15: expected a whole number, found `7.5`"]),
        (scenes("setting: x", "take: 0"), ["7:11: expected at least 1, found `0`"]),
        (
            scenes("setting: x", "continuity: hard"),
            ["7:17: expected one of soft, strict or none, found the text `hard`"],
        ),
        (scenes("setting: x", "characters: Ember"), ["7:17: expected a list, found the text `Ember`"]),
        (
            scenes("setting: x", "characters: [Embre]"),
            ["7:18: unknown character `Embre`; did you mean `Ember`?"],
        ),
        (
            scenes("setting: x", "characters: [Gandalf]"),
            ["7:18: unknown character `Gandalf`; the characters are Ember"],
        ),
        (scenes("setting: x", "characters: [Ember, Ember]"), ["7:25: `Ember` is in this scene twice"]),
        (scenes(), ["5:5: scene 1 needs a `setting`, or a `keyframe` or `clip` of your own"]),
        (
            "scenes:\n- setting: The sea\n",
            ["2:3: scene 1 needs an `action`, or a `clip` of your own"],
        ),
        ("title: x\n", ["1:1: nothing to film: give a `concept`, or write `scenes` as a list"]),
        ("concept:\n", ["1:1: nothing to film: give a `concept`, or write `scenes` as a list"]),
        ("scenes: 3\n", ["1:1: nothing to film: give a `concept`, or write `scenes` as a list"]),
        ("scenes: []\n", ["1:9: write at least one scene"]),
        (
            f"scenes: [{SCENE}]\n",
            ["1:1: these scenes name characters: write them under `characters`, or give a `concept`"],
        ),
        ("concept: x\ncharacters: [{name: Ember}]\n", ["2:14: `description` is missing"]),
        ("concept: x\ncharacters: [{name: '', description: y}]\n", ["2:21: `name` is empty"]),
        ("concept: x\ncharacters: [Ember]\n", ["2:14: expected a mapping of keys, found the text `Ember`"]),
        (
            f"concept: x\ncharacters:\n- {EMBER}\n- {EMBER}\n",
            ["4:10: duplicate character `Ember`; first written in line 3"],
        ),
        (
            f"concept: x\ncharacters:\n- {EMBER}\n- {{name: ÉMBER, description: y}}\n",
            ["4:10: `ÉMBER` and `Ember` (line 3) would share the file name `ember`; rename one"],
        ),
        (
            "scenes:\n- {id: a b, setting: x, action: y}\n- {id: A-B, setting: x, action: y}\n",
            ["3:8: the scene ids `A-B` and `a b` would share the file name `a-b`"],
        ),
        (
            "scenes:\n- {id: a, setting: x, action: y}\n- {id: a, setting: x, action: y}\n",
            ["3:8: duplicate scene id `a`; scene 1 has it already"],
        ),
        (
            "scenes:\n- {id: 02, setting: x, action: y}\n- {setting: x, action: y}\n",
            ["2:8: duplicate scene id `02`; scene 1 has it already"],
        ),
        (
            scenes("setting: x") + "overrides: {characters: {Embr: {take: 2}}, scenes: {7: {take: 2}}}\n",
            [
                "7:26: unknown character `Embr`; did you mean `Ember`?",
                "7:53: unknown scene `7`; the scenes are 01",
            ],
        ),
        (
            "concept: x\nscenes: 2\noverrides: {scenes: {3: {take: 2}, 2: {take: 2}, 02: {take: 3}}}\n",
            [
                "3:22: unknown scene `3`; the scenes are 01, 02",
                "3:50: `2` and `02` mean the same scene; keep one of the two",
            ],
        ),
        ("concept: x\nrefs: {Ember: }\n", ["2:15: `Ember` names no picture"]),
        ("concept: x\nrefs: {Ember: nowhere.png}\n", ["2:15: no such file: nowhere.png"]),
        ("concept: x\nrefs: {Ember: fox.pgn}\n", ["2:15: no such file: fox.pgn; did you mean fox.png?"]),
        ("concept: x\nrefs: {Ember: folder}\n", ["2:15: folder is a folder, not a picture"]),
        (
            "concept: x\nrefs: {Ember: notes.txt}\n",
            ["2:15: notes.txt is not a picture; it should end in .jpg, .jpeg, .png, .webp"],
        ),
        ("concept: x\nrefs: {Ember: empty.png}\n", ["2:15: empty.png is empty"]),
        (
            "concept: x\nrefs: {Ember: [fox.png, fox.png]}\n",
            ["2:25: only one picture per character is supported; keep one for `Ember`"],
        ),
        (
            "concept: x\nrefs: {Ember: fox.png, EMBER: fox.png}\n",
            ["2:24: the labels `Ember` and `EMBER` would mean the same character"],
        ),
        (
            scenes("setting: x") + "refs: {Embers: fox.png}\n",
            ["7:8: unknown character `Embers`; did you mean `Ember`?"],
        ),
        (
            "scenes: [{setting: x, action: y}]\nrefs: {Ember: fox.png}\n",
            ["2:8: unknown character `Ember`"],
        ),
        (
            f"characters: [{{name: Ember, description: x, ref: fox.png}}]\nscenes: [{SCENE}]\nrefs: {{ember: fox.png}}\n",
            ["3:8: `Ember` has a `ref` of its own; keep one of the two"],
        ),
        (
            "scenes: [{clip: fox.png}]\n",
            ["1:17: fox.png is not a clip; it should end in .mp4, .mov, .m4v, .webm, .mkv"],
        ),
        ("", [": the file is empty"]),
        (b"title: caf\xe9\n", ["1:11: not UTF-8 (byte 0xE9); save the file as UTF-8"]),
        ("scenes:\n\t- clip: x\n", ["2:1: a tab cannot indent YAML; use spaces"]),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, text: str | bytes, expected: list[str]) -> None:
    put(tmp_path, "fox.png", "notes.txt", "folder/x.png")
    (tmp_path / "specs" / "empty.png").touch()
    assert mistakes(tmp_path, text) == [e.removeprefix(": ") for e in expected]


def test_three_characters_do_not_fit_into_a_scene(tmp_path: Path) -> None:
    cast = "".join(f"- {{name: {n}, description: x}}\n" for n in "ABC")
    text = f"characters:\n{cast}scenes:\n- {{characters: [A, B, C], setting: x, action: y}}\n"
    assert mistakes(tmp_path, text) == ["6:16: 3 characters in one scene; at most 2 fit"]
    assert load_spec(tmp_path / "specs" / "film.yaml", tmp_path, characters_per_scene=3).scenes


def test_a_film_is_not_called_like_a_command_of_doit(tmp_path: Path) -> None:
    assert mistakes(tmp_path, "concept: x\ntea: 1\n", "clean.yaml") == [
        "a film cannot be called `clean`, like a command of doit; rename the file, for example to clean_film.yaml",
        "2:1: unknown key `tea`; the keys here are concept, title, recipe, style, palette, aspect_ratio, refs, characters, scenes, take, budget, overrides",
    ]


def test_a_missing_spec_is_told(tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        load_spec(Path("specs/none.yaml"), tmp_path)
    assert str(caught.value) == "specs/none.yaml: no such file"


def test_all_mistakes_come_at_once_and_in_order(tmp_path: Path) -> None:
    text = """\
titel: The Fox
budget: -1
budget: 2
characters:
  - {name: Ember, descripton: A fox}
  - {name: ember, description: A fox}
scenes:
  - {setting: x, action: y, duration: 99, characters: [Ember, Sage, Oak]}
  - {id: 01, setting: x, action: y, keyframe: none.png}
"""
    assert mistakes(tmp_path, text) == [
        "1:1: unknown key `titel`; did you mean `title`?",
        "2:9: expected more than 0, found `-1`",
        "3:1: duplicate key `budget`; first written in line 2",
        "5:5: `description` is missing",
        "5:19: unknown key `descripton`; did you mean `description`?",
        "6:12: `ember` and `Ember` (line 5) would share the file name `ember`; rename one",
        "8:39: expected at most 15, found `99`",
        "8:55: 3 characters in one scene; at most 2 fit",
        "8:63: unknown character `Sage`; the characters are Ember, ember",
        "8:69: unknown character `Oak`; the characters are Ember, ember",
        "9:10: duplicate scene id `01`; scene 1 has it already",
        "9:47: no such file: none.png",
    ]


# --- robustness and speed ---

words = st.sampled_from(
    [
        "concept",
        "scenes",
        "characters",
        "refs",
        "overrides",
        "name",
        "id",
        "take",
        "clip",
        "Ember",
        "01",
        "<list>",
        "",
    ]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 20) | st.floats() | words | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=4),
    max_leaves=12,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(st.dictionaries(words, values, min_size=1, max_size=6))
def test_any_mapping_is_a_spec_or_a_spec_error(tmp_path: Path, data: dict[str, object]) -> None:
    with contextlib.suppress(SpecError):
        load(tmp_path, json.dumps(data, ensure_ascii=False).encode("utf-8", "replace"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(st.binary(max_size=80))
def test_any_bytes_are_a_spec_or_a_spec_error(tmp_path: Path, data: bytes) -> None:
    with contextlib.suppress(SpecError):
        load(tmp_path, data)


def test_a_thousand_scenes_load_at_once(tmp_path: Path) -> None:
    one = "".join(f"    {k}: some words about it\n" for k in ("title", "setting", "action", "camera", "mood"))
    text = "characters: [{name: Ember, description: A fox}]\nscenes:\n" + "".join(
        f"  - id: s{n}\n    characters: [Ember]\n    duration: 8\n{one}" for n in range(1000)
    )
    file = tmp_path / "long.yaml"
    file.write_text(text)
    begun = time.process_time()
    yaml.safe_load(text)
    yardstick = time.process_time() - begun
    begun = time.process_time()
    spec = load_spec(file, tmp_path)
    assert time.process_time() - begun < yardstick / 2
    assert isinstance(spec.scenes, tuple)
    assert len(spec.scenes) == 1000


def test_the_schema_describes_every_key() -> None:
    schema = spec_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    parts = [schema, *schema["$defs"].values()]  # type: ignore[union-attr,list-item]
    for part in parts:
        for key, value in part["properties"].items():  # type: ignore[union-attr,index,call-overload]
            assert value.get("title"), key
            assert value.get("description"), key
    json.dumps(schema)
