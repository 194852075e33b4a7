"""What the pages of runs want to know of what lies ahead of a film, and of whom.

It stands apart from `planning`, which finds it out: that opens films for the server, which draws the pages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from spicy.ids import NodeId
from spicy.plan.node import Price


@dataclass(frozen=True, slots=True)
class RemainingWork:
    """What a build of a film would still make, and for how much; `refused` counts what it would not try again."""

    stale: int
    refused: int
    price: Price
    cost: str
    """The price in words."""


class PlanService(Protocol):
    """Who is asked."""

    def prices(self, film: str) -> Mapping[NodeId, str]:
        """What another take of each target costs, in words, of those that cost anything."""

    def rest(self, film: str, until: str = "") -> RemainingWork | None:
        """What is left of a film, or of its storyboard; None of one that cannot be built as it is."""
