"""The drills of speed and idleness, with small numbers: what they prove besides the time."""

from __future__ import annotations

import pytest

from spicy.emulator.state import LATENCIES
from tests.drills.idle import idle, snapshot
from tests.drills.speed import critical, critical_path, expected, memory, steady, throughput


def test_the_critical_path_is_one_scene_from_its_sheet_to_its_last_check() -> None:
    real = 2 * LATENCIES["image"] + 3 * LATENCIES["chat"] + 8 * LATENCIES["video"]
    assert critical_path(8, 0.25) == pytest.approx(real / 4)
    assert expected(12) == {"chat": 26, "image": 14, "video": 12}


def test_a_cold_film_takes_its_calls_and_no_more_and_not_less_than_its_path() -> None:
    done = critical(3, 16, duration=1, time_scale=0.02)
    assert done.wall > done.path
    assert done.polls >= 3


def test_many_films_in_one_command_keep_the_rate_limit() -> None:
    done = throughput(4, 2, {"chat": 100.0, "image": 100.0, "video": 4.0}, jobs=16, time_scale=0.005, seed=1)
    assert done.share <= 1.05
    assert done.memory.peak > 10


def test_builds_with_nothing_to_do_leave_nothing() -> None:
    done = idle(4, scenes=2)
    assert not done.grown
    assert not done.left
    assert done.accepted == 0
    assert done.files > 20


def test_figures_are_what_they_say() -> None:
    assert steady([n / 10 for n in range(101)]) == pytest.approx(10)
    flat = memory([(n, 100.0) for n in range(50)])
    assert (flat.early, flat.late, flat.peak, flat.flat) == (100, 100, 100, True)
    assert not memory([(n, 100.0 + n * 2) for n in range(50)]).flat


def test_a_file_that_grows_is_seen(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("grows")
    (folder / "log").write_text("a")
    before = snapshot(folder)
    (folder / "log").write_text("ab")
    assert snapshot(folder) != before
