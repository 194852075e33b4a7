"""The drills about money and storms, a few times and small; `python -m tests.drills.money` has the large numbers."""

from __future__ import annotations

import pytest

from tests.drills.money import capped, worst
from tests.drills.storm import storm


@pytest.mark.parametrize(
    ("seed", "exact"), [(15, True), (194, False)], ids=["nothing made again", "hard to please"]
)
def test_a_film_costs_no_less_than_low_and_no_more_than_worst(seed: int, exact: bool) -> None:
    outcome = worst(seed)
    assert not outcome.broken, outcome.evidence
    assert outcome.exact is exact


def test_a_cap_caps_and_what_it_bought_is_used() -> None:
    outcome = capped(1, scenes=3, cap=2_500_000_000, hazard="drop")
    assert not outcome.broken, outcome.evidence
    assert outcome.ratio > 0.5


def test_one_refusal_in_a_storm_costs_nobody_else_anything() -> None:
    outcome = storm(0, scenes=3)
    assert not outcome.broken, outcome.evidence
