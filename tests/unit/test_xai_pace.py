"""Rates and back-offs, on a clock of their own."""

from __future__ import annotations

import threading

import pytest

from spicy.errors import Interrupted
from spicy.providers.xai.pace import Backoff, InterruptibleSleep, TokenBucket


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


def bucket(time: Time, rate: float) -> TokenBucket:
    return TokenBucket(rate, clock=time.clock, sleep=time.sleep)


def test_tokens_come_at_the_rate_and_the_first_at_once() -> None:
    time = Time()
    made = bucket(time, 4)
    assert [made.take() for _ in range(4)] == pytest.approx([100, 100.25, 100.5, 100.75])
    time.now = 500
    assert [made.take(), made.take()] == pytest.approx([500, 500.25])  # no burst after a rest


def test_exhaustion_halves_the_rate_and_starts_a_pause() -> None:
    time = Time()
    made = bucket(time, 4)
    made.slower(made.take())
    assert made.rate == 2
    assert made.take() == pytest.approx(100.5)


def test_a_crowd_that_was_let_through_together_halves_it_once() -> None:
    time = Time()
    made = bucket(time, 1000)
    taken = [made.take() for _ in range(64)]
    for one in taken:
        made.slower(one)
    assert made.rate == 500
    made.slower(made.take())
    assert made.rate == 250


def test_the_rate_has_a_floor_and_recovers_to_where_it_was() -> None:
    time = Time()
    made = bucket(time, 64)
    for _ in range(20):
        made.slower(made.take())
    assert made.rate == 1
    rates = []
    for _ in range(40):
        made.accepted()
        rates.append(made.rate)
    assert rates == sorted(rates)
    assert rates[0] < 5
    assert rates[-1] == 64


def test_a_waiting_caller_notices_that_it_became_slower() -> None:
    time = Time()
    made = TokenBucket(1, clock=time.clock, sleep=lambda seconds: slow(seconds))
    first = made.take()
    naps: list[float] = []

    def slow(seconds: float) -> None:
        time.sleep(seconds)
        naps.append(seconds)
        if len(naps) == 1:
            made.slower(first)

    assert made.take() == pytest.approx(103)  # a second, then two more at half the rate


def test_backing_off_doubles_up_to_a_limit_with_jitter() -> None:
    assert list(Backoff(5, first=1, longest=5).waits(lambda: 1.0)) == [1, 2, 4, 5, 5]
    assert list(Backoff(3, first=1, longest=5).waits(lambda: 0.0)) == [0.5, 1, 2]
    assert list(Backoff(0).waits()) == []


@pytest.mark.parametrize("by_run", [True, False])
def test_waiting_ends_when_it_is_stopped(by_run: bool) -> None:
    stop = threading.Event()
    waiting = InterruptibleSleep(stop)
    waiting.sleep(0.001)
    ended: list[str] = []

    def wait() -> None:
        with pytest.raises(Interrupted):
            waiting.sleep(60)
        ended.append("ended")

    threads = [threading.Thread(target=wait) for _ in range(4)]
    for thread in threads:
        thread.start()
    stop.set() if by_run else waiting.stop()
    for thread in threads:
        thread.join(timeout=5)
    assert ended == ["ended"] * 4
    assert waiting.stopped
    with pytest.raises(Interrupted):
        waiting.check()
