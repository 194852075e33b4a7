"""When a ticket is asked for again: seldom while the end is far, soon when it is near."""

from __future__ import annotations

import pytest

from spicy.engine.calls.submission import next_poll


def polls(length: float, *, told: bool, longest: float = 1.0) -> list[float]:
    """The moments at which a job of `length` seconds is asked for, until it is done."""
    moments, now = [], 0.0
    while now < length:
        moments.append(now)
        now += next_poll(longest, now, min(0.99, int(100 * now / length) / 100) if told else None)
    return [*moments, now]


@pytest.mark.parametrize("length", [0.5, 2, 10, 40, 200])
@pytest.mark.parametrize("told", [True, False])
def test_a_finished_clip_does_not_lie_about(length: float, told: bool) -> None:
    late = polls(length, told=told)[-1] - length
    assert late <= 1.0
    if told:
        assert late <= max(0.1, length * 0.02) + 1e-9


def test_it_asks_hardly_more_often_than_every_second() -> None:
    assert len(polls(40, told=True)) <= 46
    assert len(polls(40, told=False)) <= 50


def test_one_that_stays_at_the_end_for_long_is_not_pestered() -> None:
    assert next_poll(1.0, 100.0, 0.99) == 1.0
    assert next_poll(1.0, 10.0, 0.99) == pytest.approx(0.2)


def test_no_wait_is_longer_or_shorter_than_the_provider_says() -> None:
    for waited in (0.0, 0.01, 1.0, 1e6):
        for done in (None, 0.0, 0.5, 1.0):
            assert 0.1 <= next_poll(1.0, waited, done) <= 1.0
