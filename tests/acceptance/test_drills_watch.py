"""A watched build, in small: every watcher is told of everything, and sees it."""

from __future__ import annotations

from tests.drills.watch import watch


def test_every_watcher_is_told_of_everything() -> None:
    seen = watch(3, 4, time_scale=0.05)
    assert len(seen.delays) > 4 * 3
    assert seen.pictures >= 4 * (2 + 3)  # the sheets and the keyframes
