"""The drill of `kill -9`, at the boundaries that matter most; `python -m tests.drills.kills` does them all."""

from __future__ import annotations

import pytest

from tests.drills.kills import at_random, boundary, chain, takeover


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("accepted", "clip"),  # the reply is lost: reported with its price, asked again only on request
        ("blob-draft", "clip"),  # half-written in the store
        ("answered", "still"),  # no ticket: asked again, and said so
        ("recorded", "chat"),  # the row of a call that is answered from the store ever after
    ],
)
def test_killed_at_a_boundary(name: str, kind: str) -> None:
    assert boundary(name, kind).complaints == []


def test_whoever_waits_for_a_killed_build_takes_over() -> None:
    assert takeover("ticket", "clip").complaints == []


def test_an_heir_that_dies_too_has_an_heir() -> None:
    assert chain("ready", "halfway", "clip").complaints == []


def test_killed_at_random_moments() -> None:
    patient, kills = at_random(7, kills=2, scenes=4)
    assert patient.complaints == []
    assert kills > 0
