"""The drill of `kill -9`, at the boundaries that matter most; `python -m tests.drills.kills` does them all."""

from __future__ import annotations

import pytest

from tests.drills.kills import at_random, boundary, chain, outlived


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("accepted", "clip"),  # the reply is lost: reported with its price, asked again only on request
        ("answered", "still"),  # no ticket: asked again, and said so
    ],
)
def test_killed_at_a_boundary(name: str, kind: str) -> None:
    assert boundary(name, kind).complaints == []


def test_the_row_of_a_killed_build_is_closed_though_its_film_was_finished_by_another() -> None:
    assert outlived("still").complaints == []


def test_whoever_waits_for_a_killed_build_takes_over_what_that_one_took_over() -> None:
    assert chain("ready", "halfway", "clip").complaints == []


def test_killed_at_random_moments() -> None:
    patient, kills = at_random(7, kills=2, scenes=2)
    assert patient.complaints == []
    assert kills > 0
