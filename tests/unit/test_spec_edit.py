"""Editing a spec: what changes, and that nothing else does, byte for byte."""

from __future__ import annotations

import re
import time
import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spicy.errors import UsageError
from spicy.spec.edit import SpecEdit, dump
from spicy.spec.positions import Path as Way
from spicy.spec.positions import Value
from spicy.spec.yaml import parse_yaml


def edited(root: Path, text: str, way: Way, value: Value) -> str:
    """The text after one value is set."""
    return change(root, text).set_to(way, value)


class change:  # noqa: N801  # reads as a verb
    """One edit of one text."""

    def __init__(self, root: Path, text: str) -> None:
        file = root / "film.yaml"
        file.write_bytes(text.encode())
        self.edit = SpecEdit(file)

    def set_to(self, way: Way, value: Value) -> str:
        """Set a value."""
        self.edit.set(way, value)
        return self.edit.text

    def put(self, name: str, block: str) -> str:
        """Put a block."""
        self.edit.put(name, block)
        return self.edit.text

    def remove(self, name: str) -> str:
        """Remove a key."""
        self.edit.remove(name)
        return self.edit.text

    def append(self, name: str, *items: str) -> str:
        """Append to a list."""
        self.edit.append((name,), items)
        return self.edit.text


TAKE: Way = ("characters", 0, "take")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("characters:\n- name: Ember", "characters:\n- name: Ember\n  take: 2"),
        (
            "characters:\n  - name: A # a\n\n  # b\n  - name: B\n",
            "characters:\n  - name: A # a\n    take: 2\n\n  # b\n  - name: B\n",
        ),
        (
            "characters:\n  - {name: Ember, description: x } # me\n",
            "characters:\n  - {name: Ember, description: x, take: 2 } # me\n",
        ),
        ("characters:\n  - {name: E, take:  7, ref: a}\n", "characters:\n  - {name: E, take:  2, ref: a}\n"),
        ("characters: [{name: E,\n  }] # x", "characters: [{name: E, take: 2,\n  }] # x"),
        ('{"characters": [{"name": "E"}]}', '{"characters": [{"name": "E", take: 2}]}'),
        (
            "characters:\n  - name: E\n    take: 1  # first\n",
            "characters:\n  - name: E\n    take: 2  # first\n",
        ),
        ("characters:\n  - name: E\n    take:  # none\n", "characters:\n  - name: E\n    take: 2  # none\n"),
        (
            "characters:\n  - name: E\n    description: >-\n      a # b\n      c\n\n# end\n",
            "characters:\n  - name: E\n    description: >-\n      a # b\n      c\n    take: 2\n\n# end\n",
        ),
        (
            "characters:\n  - name: E\n    description: |+\n      a\n\n\nscenes: 3\n",
            "characters:\n  - name: E\n    description: |+\n      a\n\n\n    take: 2\nscenes: 3\n",
        ),
        ("\ufeffcharacters:\r\n  - name: E\r\n#x", "\ufeffcharacters:\r\n  - name: E\r\n    take: 2\r\n#x"),
        (
            "characters:\n  - name: é😀\n    role: r\n",
            "characters:\n  - name: é😀\n    role: r\n    take: 2\n",
        ),
    ],
)
def test_a_take_is_cut_in_and_nothing_else_moves(tmp_path: Path, before: str, after: str) -> None:
    assert edited(tmp_path, before, TAKE, 2) == after


OVERRIDE: Way = ("overrides", "scenes", "02", "take")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("scenes: 3 # n\n", 'scenes: 3 # n\noverrides:\n  scenes:\n    "02": {take: 2}\n'),
        ("scenes: 3", 'scenes: 3\noverrides:\n  scenes:\n    "02": {take: 2}'),
        ("overrides: # o\n", 'overrides: # o\n  scenes:\n    "02": {take: 2}\n'),
        ("overrides: ~ # o\n", 'overrides: {scenes: {"02": {take: 2}}} # o\n'),
        ("overrides: {}\n", 'overrides: {scenes: {"02": {take: 2}}}\n'),
        ("overrides:\n  scenes:\n    02:\n", "overrides:\n  scenes:\n    02:\n      take: 2\n"),
        ("overrides:\n  scenes:\n    02: {}\n", "overrides:\n  scenes:\n    02: {take: 2}\n"),
        (
            "overrides:\n  scenes:\n    1: {camera: x}\nscenes: 3\n",
            'overrides:\n  scenes:\n    1: {camera: x}\n    "02": {take: 2}\nscenes: 3\n',
        ),
    ],
)
def test_the_way_to_a_value_is_made(tmp_path: Path, before: str, after: str) -> None:
    assert edited(tmp_path, before, OVERRIDE, 2) == after


def test_two_values_share_the_way_that_is_made(tmp_path: Path) -> None:
    work = change(tmp_path, "scenes: 3\n")
    work.set_to(("overrides", "scenes", "2", "take"), 2)
    assert work.set_to(("overrides", "scenes", "3", "take"), 4) == (
        'scenes: 3\noverrides:\n  scenes:\n    "2": {take: 2}\n    "3": {take: 4}\n'
    )


@pytest.mark.parametrize(
    ("text", "way"),
    [
        ("characters:\n  - &a {name: E}\nrefs: *a\n", TAKE),
        ("take: &t 1\nscenes: *t\n", ("take",)),
        ("scenes: &t 1\ntake: *t\n", ("take",)),
    ],
)
def test_what_would_change_more_than_was_asked_is_refused(tmp_path: Path, text: str, way: Way) -> None:
    work = change(tmp_path, text)
    with pytest.raises(UsageError, match="change it by hand"):
        work.set_to(way, 2)
    assert work.edit.text == text


def test_a_block_takes_the_place_of_a_value_and_leaves_the_comments(tmp_path: Path) -> None:
    block = "scenes:\n  - id: a\n  - id: b\n"
    assert change(tmp_path, "# x\nscenes: 3   # a number\n\n# y\nbudget: 1\n").put("scenes", block) == (
        "# x\nscenes:   # a number\n  - id: a\n  - id: b\n\n# y\nbudget: 1\n"
    )
    assert change(tmp_path, "scenes: 3\r\nbudget: 1").put("scenes", block) == (
        "scenes:\r\n  - id: a\r\n  - id: b\r\nbudget: 1"
    )
    assert change(tmp_path, "concept: x # c\nbudget: 1").put("scenes", block) == (
        "concept: x # c\nscenes:\n  - id: a\n  - id: b\nbudget: 1"
    )
    assert change(tmp_path, "concept: x").put("scenes", block) == "concept: x\nscenes:\n  - id: a\n  - id: b"
    assert change(tmp_path, "budget: 1").put("title", "title: T\n") == "title: T\nbudget: 1"
    assert change(tmp_path, "title:\n  - a # one\n  # two\n  - b\n# three\n").put("title", "title: T\n") == (
        "title: T\n  # one\n  # two\n# three\n"
    )
    assert change(tmp_path, "{concept: x, scenes: 3}\n").put("scenes", block) == (
        "{concept: x, scenes: [{id: a}, {id: b}]}\n"
    )


def test_a_key_goes_and_its_comments_stay(tmp_path: Path) -> None:
    text = "# refs\nrefs: # r\n  # the fox\n  E: 'a#b' # fox\n  F: x\n\n# scenes\nscenes: 3 # n"
    assert change(tmp_path, text).remove("refs") == (
        "# refs\n# r\n  # the fox\n# fox\n\n# scenes\nscenes: 3 # n"
    )
    assert change(tmp_path, text).remove("nothing") == text
    assert change(tmp_path, "{a: 1, refs: {E: x}}").remove("refs") == "{a: 1, refs: {}}"


KEYFRAME: Way = ("scenes", 0, "keyframe")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("scenes:\n  - title: A\n    keyframe: x\n    mood: m\n", "scenes:\n  - title: A\n    mood: m\n"),
        ("scenes:\n  - title: A # a\n    keyframe: x", "scenes:\n  - title: A # a\n"),
        ("scenes:\n  - keyframe: x\n    title: A\n", "scenes:\n  - title: A\n"),
        (
            "scenes:\n- keyframe: x # the one\n\n  # soft\n  title: A # a\n",
            "scenes:\n- # the one\n  # soft\n  title: A # a\n",
        ),
        (
            "scenes:\r\n  - title: A\r\n    # why\r\n    keyframe: x # the one\r\n    mood: m\r\n",
            "scenes:\r\n  - title: A\r\n    # why\r\n# the one\r\n    mood: m\r\n",
        ),
        ("scenes:\n  - {title: A, keyframe: x, mood: m} # s\n", "scenes:\n  - {title: A, mood: m} # s\n"),
        ("scenes:\n  - {title: A, keyframe: x } # s\n", "scenes:\n  - {title: A } # s\n"),
        ("scenes:\n  - {keyframe: 'x', title: A}\n", "scenes:\n  - {title: A}\n"),
        ('{"scenes": [{"title": "A", "keyframe": "x"}]}', '{"scenes": [{"title": "A"}]}'),
        (
            "scenes: [{title: A, # a\n  keyframe: x, # k\n  mood: m}]\n",
            "scenes: [{title: A, # a\n  # k\n  mood: m}]\n",
        ),
        ("scenes: [{title: A, # a\n  keyframe: x}]\n", "scenes: [{title: A, # a\n  }]\n"),
        ("scenes:\n  - keyframe: x\n", "scenes:\n  - {}\n"),
        ("scenes: [{title: A}]\n", "scenes: [{title: A}]\n"),
        (
            "scenes:\n  - title: A\n    keyframe: >-\n      x\n    mood: |\n      m\n",
            "scenes:\n  - title: A\n    mood: |\n      m\n",
        ),
    ],
)
def test_a_value_goes_and_nothing_else_moves(tmp_path: Path, before: str, after: str) -> None:
    work = change(tmp_path, before)
    work.edit.drop(KEYFRAME)
    assert work.edit.text == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("scenes: 3\noverrides:\n  scenes:\n    02: {take: 2}\n", "scenes: 3\n"),
        (
            "overrides: # o\n  scenes: # s\n    02: {take: 2} # two\nscenes: 3\n",
            "# o\n# s\n# two\nscenes: 3\n",
        ),
        (
            "overrides:\n  scenes:\n    02: {take: 2}\n    3: {mood: m}\n",
            "overrides:\n  scenes:\n    3: {mood: m}\n",
        ),
        (
            "overrides: {scenes: {02: {take: 2}}, characters: {E: {take: 2}}}\n",
            "overrides: {characters: {E: {take: 2}}}\n",
        ),
        ("overrides:\n  scenes:\n    02: {take: 2, mood: m}\n", "overrides:\n  scenes:\n    02: {mood: m}\n"),
        ("overrides: {scenes: {02: {take: 2}}}\n", "{}\n"),
    ],
)
def test_what_would_be_empty_without_it_goes_too(tmp_path: Path, before: str, after: str) -> None:
    work = change(tmp_path, before)
    work.edit.drop(OVERRIDE)
    assert work.edit.text == after


def test_what_two_places_share_is_not_taken_from_one(tmp_path: Path) -> None:
    text = "scenes:\n  - &a {title: A, keyframe: x}\n  - *a\n"
    work = change(tmp_path, text)
    with pytest.raises(UsageError, match="change it by hand"):
        work.edit.drop(KEYFRAME)
    assert work.edit.text == text


def test_what_somebody_else_saved_meanwhile_is_not_lost(tmp_path: Path) -> None:
    work = change(tmp_path, "concept: x\n")
    work.set_to(("take",), 2)
    (tmp_path / "film.yaml").write_text("concept: y\n")
    with pytest.raises(UsageError, match=r"film\.yaml was changed by somebody else meanwhile"):
        work.edit.save(tmp_path)
    assert [f.name for f in tmp_path.iterdir()] == ["film.yaml"]
    assert (tmp_path / "film.yaml").read_text() == "concept: y\n"


def test_items_are_added_in_the_list_s_own_manner(tmp_path: Path) -> None:
    item = "- name: B\n  role: r\n"
    assert change(tmp_path, "characters:\n- name: A # a\n\n# x\n").append("characters", item) == (
        "characters:\n- name: A # a\n- name: B\n  role: r\n\n# x\n"
    )
    assert change(tmp_path, "characters:\n    - name: A").append("characters", item) == (
        "characters:\n    - name: A\n    - name: B\n      role: r"
    )
    assert change(tmp_path, "characters: [{name: A}] # x").append("characters", item) == (
        "characters: [{name: A}, {name: B, role: r}] # x"
    )


@pytest.mark.parametrize("key", ["x: 1 # one", "x: >- # one\n  long\n  text", "x:\n  - a # one\n  - b"])
def test_a_comment_of_a_value_outlives_it(tmp_path: Path, key: str) -> None:
    after = edited(tmp_path, key + "\n# two\n", ("x",), ["u", "v"])
    assert parse_yaml(after, "x").data == {"x": ["u", "v"]}
    assert re.findall("#.*", after) == ["# one", "# two"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(
    value=st.text(max_size=12).filter(lambda s: s.isprintable())
    | st.sampled_from(["12e3", "no", "07", "a: b", "'"])
)
def test_any_text_can_be_set_in_any_layout(tmp_path: Path, value: str) -> None:
    value = unicodedata.normalize("NFC", value)
    for text in ("x: 1 # c\n", "a: {x: 1}\n", "a:\n  - {y: 2}\n"):
        way: Way = ("x",) if text.startswith("x") else ("a", "x") if "x" in text else ("a", 0, "x")
        edited(tmp_path, text, way, value)  # checks itself


def test_a_spec_that_would_be_wrong_is_not_written(tmp_path: Path) -> None:
    work = change(tmp_path, "concept: x\n")
    work.set_to(("take",), 0)
    with pytest.raises(UsageError, match=r"is left as it is; changed, it would be wrong: .*film\.yaml:2:7: "):
        work.edit.save(tmp_path)
    assert [f.name for f in tmp_path.iterdir()] == ["film.yaml"]
    assert (tmp_path / "film.yaml").read_text() == "concept: x\n"


def test_saving_keeps_links_and_permissions(tmp_path: Path) -> None:
    real = tmp_path / "real.yaml"
    real.write_text("concept: x\n")
    real.chmod(0o640)
    (tmp_path / "film.yaml").symlink_to(real)
    edit = SpecEdit(tmp_path / "film.yaml")
    edit.set(("take",), 3)
    edit.save(tmp_path)
    assert (tmp_path / "film.yaml").is_symlink()
    assert real.read_text() == "concept: x\ntake: 3\n"
    assert real.stat().st_mode & 0o777 == 0o640


def test_a_new_spec_is_read_back_as_it_was_meant() -> None:
    values = {"concept": "Été: a #1 fox 🦊 " * 12 + ".", "aspect_ratio": "16:9", "refs": {"no": "a.png"}}
    assert parse_yaml(dump(values), "x").data == values


def test_a_thousand_scenes_are_edited_in_a_moment(tmp_path: Path) -> None:
    text = "scenes:\n" + "".join(f"  - title: T{n}\n    action: a # c\n    setting: s\n" for n in range(1000))
    began = time.perf_counter()
    assert edited(tmp_path, text, ("scenes", 700, "take"), 2).count("take: 2") == 1
    assert time.perf_counter() - began < 2
