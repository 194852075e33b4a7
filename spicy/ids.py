"""Types used in all layers: digests, keys, node ids, money and steps."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, NewType

Digest = NewType("Digest", str)
"""SHA-256 of a file's bytes, 64 lower-case hexadecimal digits."""

CallKey = NewType("CallKey", str)
"""SHA-256 of a call's canonical request, 64 hexadecimal digits."""

NodeKey = NewType("NodeKey", str)
"""SHA-256 of everything a node depends on; decides whether the node is stale."""

NodeId = NewType("NodeId", str)
"""`film:step/item`, for example `fox_owl:video/02`; also the name of its doit task."""

Ticks = NewType("Ticks", int)
"""Money in xAI's unit: 10^-10 US dollars (xai-sdk `usage.cost_in_usd_ticks`)."""

TICKS_PER_USD = 10_000_000_000


def usd(ticks: int) -> str:
    """Format `ticks` as dollars: two digits from a dollar on or when exact, more only for smaller sums."""
    dollars = ticks / TICKS_PER_USD
    if abs(dollars) >= 1 or dollars == round(dollars, 2):
        return f"${dollars:.2f}"
    return f"${dollars:.3f}" if abs(dollars) >= 0.01 else f"${dollars:.4f}"


MOST_DOLLARS = 1_000_000
"""The largest allowed cap; its ticks fit wherever money is stored."""


def ticks(dollars: float) -> Ticks:
    """Return dollars, as users and recipes write them, in ticks."""
    return Ticks(round(dollars * TICKS_PER_USD))


Transition = Literal["cut", "crossfade"]
"""How one clip becomes the next; recipes and the join share this one list."""


class Step(StrEnum):
    """The six steps of a film, in their order."""

    IDEATION = "ideation"
    CHARACTER = "character"
    KEYFRAME = "keyframe"
    SCRIPT = "script"
    VIDEO = "video"
    ASSEMBLY = "assembly"
