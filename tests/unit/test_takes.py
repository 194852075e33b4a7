"""What `--take` and `--only` take for a target."""

from __future__ import annotations

import pytest

from spicy.engine.takes import parse_target
from spicy.errors import UsageError


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("video:02", ("video", "02", None)),
        ("video/02=1", ("video", "02", 1)),
        ("character:Émile=1000000", ("character", "emile", 1_000_000)),
        ("ideation:story=3", ("ideation", "story", 3)),
    ],
)
def test_a_target_is_a_kind_an_id_and_maybe_a_take(text: str, target: tuple[str, str, int | None]) -> None:
    assert parse_target(text) == target


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("video:02=0", "`video:02=0`: takes start at 1"),
        ("video:02=x", "a take is a whole number from 1 to 1,000,000, not `x`"),
        ("video:02=-1", "not `-1`"),
        ("video:02=1.5", "not `1.5`"),
        ("video:02=", "not ``"),
        ("video:02=1000001", "not `1000001`"),
        ("clip:02", "with KIND one of ideation, character, keyframe, script, video, assembly"),
        ("video", "`video` names no target"),
        ("video:=2", "names no target"),
    ],
)
def test_what_is_no_target_is_said(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_target(text)
    assert message in str(caught.value)
