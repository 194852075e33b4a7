"""File names made of names: legal everywhere, short, stable, never empty."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spicy.slug import film_name, fold, slug


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ember", "ember"),
        ("The Wise  Owl!", "the-wise-owl"),
        ("Žluťoučký kůň", "zlutoucky-kun"),
        ("狐狸", "huli"),
        ("🦊", "fox"),
        ("../../etc", "etc"),
        ("CON", "con-x"),
        ("nul", "nul-x"),
        ("com1", "com1-x"),
        ("LPT9", "lpt9-x"),
        ("console", "console"),
        ("03", "03"),
        ("!!!", "x-e84c538e"),
        ("", "x-e3b0c442"),
    ],
)
def test_a_name_becomes_a_slug(text: str, expected: str) -> None:
    assert slug(text) == expected


def test_a_long_name_is_cut_and_stays_different_from_its_neighbour() -> None:
    one, two = slug("a" * 300 + "b"), slug("a" * 300 + "c")
    assert len(one) == 60
    assert one[:51] == "a" * 51
    assert one != two


def test_both_unicode_forms_of_a_name_are_one() -> None:
    assert slug("e\u0301\u200b?") == slug("\u00e9\u200b?")
    assert slug("\u200b") == slug("\u200b") != slug("\u200c")


@given(st.text())
def test_any_text_gives_a_safe_slug(text: str) -> None:
    made = slug(text)
    assert re.fullmatch(r"[a-z0-9-]{1,60}", made)
    assert not made.startswith("-")
    assert slug(made) == made or made.endswith("-x")


@given(st.text(alphabet=st.characters(codec=None, exclude_characters="/\0")))
def test_any_stem_gives_a_safe_film_name(stem: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,59}", film_name(f"{stem}.yaml"))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("specs/fox_owl.yaml", "fox_owl"),
        ("Fox-Owl.yml", "Fox-Owl"),
        ("my film.v2.yaml", "my-film-v2"),
        ("狐狸.yaml", "HuLi"),
        ("nul.yaml", "nul-x"),
        ("-x.yaml", "x-x"),
    ],
)
def test_a_film_is_called_like_its_spec(path: str, expected: str) -> None:
    assert film_name(path) == expected


def test_folding_forgets_case_accents_and_spacing() -> None:
    assert fold("  ÉMBER  the   Fox ") == fold("ember the fox") == "ember the fox"
    assert fold("Straße") == fold("STRASSE")
    assert fold("Ember") != fold("Emberr")
