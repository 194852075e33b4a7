"""Sizes in pixels, from an aspect ratio and the name of a resolution."""

from __future__ import annotations

import re

from spicy.errors import UsageError
from spicy.media.shape import frame_size

_SHORT_SIDE = {"1k": 720, "2k": 1080, "4k": 2160}
_CARD_LONG_SIDE = {"1k": 1024, "2k": 1536, "4k": 2048}


def ratio(aspect: str) -> tuple[int, int]:
    """Read `16:9`; anything else than two whole numbers is 16:9."""
    found = re.fullmatch(r"\s*(\d{1,3})\s*[:x/]\s*(\d{1,3})\s*", aspect)
    if found and int(found[1]) and int(found[2]):
        return int(found[1]), int(found[2])
    return 16, 9


def picture(aspect: str, resolution: str) -> tuple[int, int]:
    """Size a still: `720p` names the short side; both sides are even, and the aspect ratio is exact where it can be.

    A long side that does not come out even is rounded down to a multiple of eight.
    """
    return _fit(aspect, _short_side(resolution))


def clip(aspect: str, resolution: str) -> tuple[int, int]:
    """Size a clip as the film that it goes into will be sized, so that it is joined without encoding."""
    try:
        wide, high = frame_size(aspect, resolution)
    except UsageError:
        return picture(aspect, resolution)
    return max(32, wide // 2 * 2), max(32, high // 2 * 2)


def card(aspect: str, resolution: str) -> tuple[int, int]:
    """Size a character card; `1k` names its long side."""
    wide, high = ratio(aspect)
    if resolution in _CARD_LONG_SIDE:
        side = _CARD_LONG_SIDE[resolution] * min(wide, high) / max(wide, high)
        return _fit(aspect, max(2, int(side) // 2 * 2))
    return _fit(aspect, _short_side(resolution))


def _short_side(resolution: str) -> int:
    found = re.fullmatch(r"(\d{2,4})p", resolution)
    side = int(found[1]) if found else _SHORT_SIDE.get(resolution, 720)
    return max(32, side // 2 * 2)


def _fit(aspect: str, short: int) -> tuple[int, int]:
    wide, high = ratio(aspect)
    exact, rest = divmod(short * max(wide, high), min(wide, high))
    long = exact if not rest and exact % 2 == 0 else int(short * max(wide, high) / min(wide, high)) // 8 * 8
    return (long, short) if wide >= high else (short, long)
