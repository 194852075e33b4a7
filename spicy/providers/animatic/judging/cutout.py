"""Lifts the figure off a character sheet, or off any picture with a plain backdrop.

The backdrop is read from the left and right edges, row by row, so a backdrop that grows darker downwards
is plain too. A picture without a plain backdrop is cut to a soft oval instead.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
_COARSE = 128
_UNEVEN = 13.0
"""How much the edges of a plain backdrop may vary, in levels of 255."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A figure without its backdrop."""

    figure: Image.Image
    """RGBA, cropped to the figure."""
    keyed: bool
    """False when no plain backdrop was found and the picture was cut to an oval."""


def cut(picture: Image.Image, most: int = 900) -> Cut:
    """Cut out the figure, at most so many pixels high or wide."""
    picture = picture.convert("RGB")
    if max(picture.size) > most * 1.3:
        picture.thumbnail((int(most * 1.3),) * 2, Image.Resampling.BILINEAR, reducing_gap=2.0)
    coarse = picture.copy()
    coarse.thumbnail((_COARSE, _COARSE), Image.Resampling.BOX)
    small = np.asarray(coarse, np.float32)
    backdrop = _backdrop(small)
    if backdrop is None:
        return Cut(oval(picture), False)
    kept = _figure_mask(small, backdrop)
    if kept is None:
        return Cut(oval(picture), False)
    return Cut(_key(picture, backdrop, kept), True)


def _backdrop(small: Floats) -> Floats | None:
    """Read the backdrop's colour for every row, or say that the edges are not plain."""
    edge = max(2, small.shape[1] // 40)
    sides = np.concatenate([small[:, :edge], small[:, -edge:]], axis=1)
    rows: Floats = np.median(sides, axis=1).astype(np.float32)
    rest = np.abs(sides - rows[:, None]).max(axis=2)
    if float(np.percentile(rest, 88)) > _UNEVEN * 2 or float(rest.mean()) > _UNEVEN:
        return None
    if float(np.abs(small[:edge] - rows[:edge, None]).max(axis=2).mean()) > _UNEVEN * 2:
        return None
    smooth = np.pad(rows, ((3, 3), (0, 0)), mode="edge")
    window = np.ones(7, np.float32) / 7
    return np.stack([np.convolve(smooth[:, c], window, "valid") for c in range(3)], axis=1).astype(np.float32)


def _figure_mask(small: Floats, backdrop: Floats) -> Mask | None:
    plain = np.abs(small - backdrop[:, None]).max(axis=2) < 21
    open_air = _flood(plain)
    if float(np.ptp(backdrop.mean(axis=0))) > 16:
        open_air |= (
            np.abs(small - backdrop[:, None]).max(axis=2) < 7
        )  # gaps within the figure, where no white can be meant
    parts = _components(~open_air)
    if not parts:
        return None
    largest = max(parts, key=len)
    if len(largest) < small.shape[0] * small.shape[1] * 0.012:
        return None
    y0, x0, y1, x1 = _box(largest)
    kept = np.zeros(plain.shape, np.bool_)
    for part in parts:
        top, left, bottom, right = _box(part)
        inside = top <= y1 + 1 and bottom >= y0 - 1 and left <= x1 + 1 and right >= x0 - 1
        if part is largest or (inside and len(part) > len(largest) * 0.004):
            ys, xs = zip(*part, strict=True)
            kept[list(ys), list(xs)] = True
    return kept


def _flood(plain: Mask) -> Mask:
    """Fill from the left, right and upper edges through everything plain."""
    reached = np.zeros_like(plain)
    reached[0], reached[:, 0], reached[:, -1] = plain[0], plain[:, 0], plain[:, -1]
    before = -1
    while (count := int(reached.sum())) != before:
        before = count
        for _ in range(8):
            reached = grow(reached) & plain
    return reached


def grow(mask: Mask) -> Mask:
    """Widen a mask by a pixel on all four sides."""
    out = mask.copy()
    out[1:] |= mask[:-1]
    out[:-1] |= mask[1:]
    out[:, 1:] |= mask[:, :-1]
    out[:, :-1] |= mask[:, 1:]
    return out


def _components(mask: Mask) -> list[list[tuple[int, int]]]:
    left = {(int(y), int(x)) for y, x in zip(*np.nonzero(mask), strict=True)}
    parts: list[list[tuple[int, int]]] = []
    while left:
        start = left.pop()
        part, queue = [start], deque([start])
        while queue:
            y, x = queue.popleft()
            for near in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
                if near in left:
                    left.remove(near)
                    part.append(near)
                    queue.append(near)
        parts.append(part)
    return parts


def _box(part: list[tuple[int, int]]) -> tuple[int, int, int, int]:
    ys, xs = [y for y, _ in part], [x for _, x in part]
    return min(ys), min(xs), max(ys), max(xs)


def _key(picture: Image.Image, backdrop: Floats, kept: Mask) -> Image.Image:
    size = picture.size
    inner = ~grow(grow(~kept))  # sure to be figure, whatever its colour
    solid = _enlarged(inner, size)
    region = _enlarged(grow(kept), size)
    ys, xs = np.nonzero(region > 0.02)
    y0, y1, x0, x1 = int(ys.min()), int(ys.max()) + 1, int(xs.min()), int(xs.max()) + 1
    rgb = np.asarray(picture, np.float32)[y0:y1, x0:x1]
    at = np.linspace(0, len(backdrop) - 1, size[1])[y0:y1]
    rows = np.stack([np.interp(at, np.arange(len(backdrop)), backdrop[:, c]) for c in range(3)], axis=1)
    behind = rows.astype(np.float32)[:, None]
    away = np.abs(rgb - behind).max(axis=2)
    alpha = np.clip((away - 12) / 30, 0, 1)
    alpha = np.maximum(alpha, np.clip(solid[y0:y1, x0:x1] * 1.6 - 0.3, 0, 1))
    alpha = alpha * np.clip(region[y0:y1, x0:x1] * 1.8, 0, 1)
    clean = behind + (rgb - behind) / np.maximum(alpha, 0.35)[..., None]
    out = np.dstack([np.clip(clean, 0, 255), alpha * 255]).astype(np.uint8)
    figure = Image.fromarray(out, "RGBA")
    return figure.crop(figure.getchannel("A").point(lambda a: 255 if a > 24 else 0).getbbox())


def _enlarged(mask: Mask, size: tuple[int, int]) -> Floats:
    coarse = Image.fromarray(mask.astype(np.uint8) * 255, "L")
    return np.asarray(coarse.resize(size, Image.Resampling.BILINEAR), np.float32) * np.float32(1 / 255)


def oval(picture: Image.Image) -> Image.Image:
    """Cut a picture to a soft-edged oval."""
    wide, high = picture.size
    across, down = np.linspace(-1, 1, wide, dtype=np.float32), np.linspace(-1, 1, high, dtype=np.float32)
    radius = np.sqrt(across[None, :] ** 2 + down[:, None] ** 2)
    alpha = np.clip((1.0 - radius) / 0.10, 0, 1)
    out = picture.convert("RGBA")
    out.putalpha(Image.fromarray((alpha * 255).astype(np.uint8), "L").filter(ImageFilter.BoxBlur(1)))
    return out
