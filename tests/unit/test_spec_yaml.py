"""Our YAML: 1.2 scalars, every value with its place, and nothing that bites."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from spicy.errors import SpecError
from spicy.spec import yaml as our_yaml
from spicy.spec.scalars import resolve, written
from spicy.spec.yaml import parse_yaml, read_yaml


@pytest.fixture(params=["libyaml", "pure"], autouse=True)
def _parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "pure":
        monkeypatch.setattr(our_yaml, "_PARSER", yaml.SafeLoader)
    elif not yaml.__with_libyaml__:
        pytest.skip("PyYAML was built without libyaml")


def problems(text: str) -> list[str]:
    """What is wrong with a text, as a user reads it."""
    try:
        return [str(p) for p in parse_yaml(text, "f.yaml").problems]
    except SpecError as e:
        return str(e).splitlines()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("16:9", "16:9"),
        ("no", "no"),
        ("on", "on"),
        ("Yes", "Yes"),
        ("2026-11-06", "2026-11-06"),
        ("1_000", "1_000"),
        ("0b11", "0b11"),
        ("012", 12),
        ("-7", -7),
        ("0x1F", 31),
        ("0o17", 15),
        ("5.00", 5.0),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("1.e-2", 0.01),
        ("-.inf", float("-inf")),
        ("1.2.3", "1.2.3"),
        ("+", "+"),
        ("true", True),
        ("FALSE", False),
        ("tRue", "tRue"),
        ("~", None),
        ("", None),
        ("9" * 5000, "9" * 5000),
        ("'8'", "8"),
        ('"true"', "true"),
    ],
)
def test_plain_scalars_are_read_by_the_core_schema_of_yaml_1_2(text: str, expected: object) -> None:
    value = parse_yaml(f"key: {text}", "f.yaml").data["key"]
    assert value == expected
    assert isinstance(value, type(expected))


@pytest.mark.parametrize("text", ["007", "1.10", "0x1F", "1e3", "+5", ".NaN"])
def test_a_number_remembers_how_it_was_written(text: str) -> None:
    assert written(resolve(text)) == text


def test_keys_are_text() -> None:
    assert parse_yaml("{2: a, 02: b, no: c, 16:9 : d}", "f.yaml").data == {
        "2": "a",
        "02": "b",
        "no": "c",
        "16:9": "d",
    }


def test_every_value_has_its_place() -> None:
    document = parse_yaml("a: 1\nscenes:\n  - {camera: low,\n     mood: calm}\n  - camera: high\n", "f.yaml")
    places = document.places
    assert places.key(("scenes",)) == (2, 1)
    assert places.value(("scenes", 0)) == (3, 5)
    assert places.key(("scenes", 0, "mood")) == (4, 6)
    assert places.value(("scenes", 0, "mood")) == (4, 12)
    assert places.value(("scenes", 1, "camera")) == (5, 13)
    assert places.value(("scenes", 1, "missing")) == (5, 5)
    assert places.value(("nowhere", 7, "x")) == (1, 1)
    assert str(document.problem(("scenes", 1), "bad")) == "f.yaml:5:5: bad"


def test_byte_order_mark_windows_line_ends_and_unicode_forms_do_not_matter(tmp_path: Path) -> None:
    file = tmp_path / "f.yaml"
    file.write_bytes("\ufefftitle: Re\u0301my\r\nmood: calm\r\n".encode())
    document = read_yaml(file, "f.yaml")
    assert document.data == {"title": "R\u00e9my", "mood": "calm"}
    assert document.places.value(("mood",)) == (2, 7)


def test_aliases_work_and_have_their_own_places() -> None:
    document = parse_yaml("a: &wood {setting: A wood}\nb: *wood\n", "f.yaml")
    assert document.data["b"] == {"setting": "A wood"}
    assert document.places.value(("b",)) == (2, 4)
    assert document.places.value(("b", "setting")) == (1, 20)


def test_every_duplicate_key_is_reported() -> None:
    assert problems("a: 1\nb: {c: 1, c: 2}\na: [x]\na: 3\n") == [
        "f.yaml:2:11: duplicate key `c`; first written in line 2",
        "f.yaml:3:1: duplicate key `a`; first written in line 1",
        "f.yaml:4:1: duplicate key `a`; first written in line 1",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "f.yaml: the file is empty"),
        ("# only a comment\n", "f.yaml: the file is empty"),
        ("---\n", "f.yaml: the file is empty"),
        ("- a\n", "f.yaml:1:1: expected a mapping of keys, such as `concept: …`, found a list"),
        ("A fox", "f.yaml:1:1: expected a mapping of keys, such as `concept: …`, found one plain value"),
        ("a: 1\n---\nb: 1\n", "f.yaml:2:1: a second document begins here; a file holds one"),
        ("a:\n\t- b\n", "f.yaml:2:1: a tab cannot indent YAML; use spaces"),
        ("scenes:\n  - id: a\n\t  title: x\n", "f.yaml:3:1: a tab cannot indent YAML; use spaces"),
        ("a: *b", "f.yaml:1:4: the alias `*b` has no anchor `&b` before it"),
        ("a: &a [1, *a]", "f.yaml:1:11: the alias `*a` contains itself"),
        ("a: &a {}\n<<: *a", "f.yaml:2:1: merge keys (`<<`) are not supported; write the keys out"),
        ("? [a]\n: 1", "f.yaml:1:3: a key has to be plain text"),
        ("a: &a x\n*a : 1", "f.yaml:2:1: a key has to be plain text"),
        (
            "a: !!python/object:os.system {}",
            "f.yaml:1:4: tags such as `!!python/object:os.system` are not supported",
        ),
        ("a: !include x", "f.yaml:1:4: tags such as `!include` are not supported"),
        ('a: "\\0"', "f.yaml:1:4: the character U+0000 cannot stand in text"),
        ("a: \x07", "f.yaml:1:4: the character U+0007 is not text"),
        ("a: " + "[" * 41, "f.yaml:1:43: nested more than 40 levels deep"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(text: str, message: str) -> None:
    assert problems(text) == [message]


def test_an_alias_bomb_is_refused() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
    )
    assert problems(bomb)[0].endswith("aliases repeat more than 50,000 values")


def test_broken_yaml_says_where() -> None:
    (message,) = problems("a: [1, 2\nb: 3\n")
    assert message.startswith("f.yaml:2:")
    assert "not valid YAML" in message


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    def refused(path: Path) -> str:
        with pytest.raises(SpecError) as caught:
            read_yaml(path, path.name)
        return str(caught.value)

    latin, big = tmp_path / "latin.yaml", tmp_path / "big.yaml"
    latin.write_bytes("title: ok\nmood: caf\u00e9".encode("latin-1"))
    big.write_bytes(b"#" * (2 << 20))
    assert refused(latin) == "latin.yaml:2:10: not UTF-8 (byte 0xE9); save the file as UTF-8"
    assert refused(big) == "big.yaml: has 2.0 MiB; at most 1 MiB is read"
    assert refused(tmp_path / "none.yaml") == "none.yaml: no such file"
    assert refused(tmp_path).endswith(": is a folder, not a file")


@given(st.text(alphabet=st.sampled_from("ab:-[]{}&*!#?|>\"'%@ \n\t,\\u0~<é🦊\u2028"), max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(SpecError):
        parse_yaml(text, "f.yaml")


def test_a_thousand_scenes_are_read_at_once() -> None:
    if our_yaml._PARSER is yaml.SafeLoader:
        pytest.skip("the bound is for libyaml")
    fields = "".join(f"    field{n}: some words about it\n" for n in range(7))
    text = "scenes:\n" + "".join(f"  - id: s{n}\n{fields}" for n in range(1000))

    def best(read: Callable[[], object]) -> float:
        """Of three times the least, in seconds of this thread: the machine has other things to do."""
        taken = []
        for _ in range(3):
            begun = time.thread_time()
            read()
            taken.append(time.thread_time() - begun)
        return min(taken)

    ours = best(lambda: parse_yaml(text, "f.yaml"))
    plain = best(lambda: yaml.load(text, yaml.CSafeLoader))
    assert ours < 1.5 * plain
