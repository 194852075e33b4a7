"""What moves in the air of a clip: rain, snow, fireflies, dust, stars, bubbles, leaves.

Drawn straight into the luma and chroma planes of a frame. Positions are not rounded: every soft speck is
kept at sixteen sub-pixel offsets, so that slow ones glide.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from math import pi, sin, tau

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

_PHASES = 4


@dataclass(frozen=True, slots=True)
class Planes:
    """One frame in YUV 4:2:0; drawn upon in place."""

    y: Image.Image
    u: Image.Image
    v: Image.Image


@dataclass(frozen=True, slots=True)
class _Manner:
    """How the specks of one kind behave."""

    count: int
    small: float
    large: float
    """Radius, in shares of the frame's short side."""
    rise: float
    """Upward speed, in shares of the height a second; below zero it falls."""
    sway: float
    light: float
    twinkle: float
    chroma: tuple[int, int] | None = None
    luma: int = 235


_MANNERS: dict[str, _Manner] = {
    "fireflies": _Manner(26, 0.008, 0.016, 0.010, 0.030, 0.90, 0.9, (84, 146), 226),
    "dust": _Manner(34, 0.003, 0.009, 0.006, 0.016, 0.42, 0.6),
    "motes": _Manner(26, 0.003, 0.008, 0.012, 0.022, 0.40, 0.6),
    "stars": _Manner(30, 0.003, 0.006, 0.0, 0.0, 0.70, 1.0),
    "bubbles": _Manner(30, 0.004, 0.010, 0.075, 0.012, 0.60, 0.2),
    "snow": _Manner(84, 0.003, 0.010, -0.105, 0.020, 0.85, 0.0),
    "leaves": _Manner(16, 0.006, 0.012, -0.070, 0.050, 0.75, 0.0, (92, 176), 132),
}


class Air:
    """The particles of one clip."""

    def __init__(self, kind: str, size: tuple[int, int], seed: int) -> None:
        self._size = size
        picks = random.Random(seed)
        self._rain = [_rain_sheet(size, picks, k) for k in range(2)] if kind == "rain" else []
        manner = _MANNERS.get(kind)
        self._manner = manner
        self._specks: list[tuple[int, float, float, float, float]] = []
        self._stamps: list[_Stamp] = []
        if manner:
            radii = [manner.small + (manner.large - manner.small) * k / 3 for k in range(4)]
            self._stamps = [_Stamp(r * min(size), manner.light) for r in radii]
            self._specks = [
                (
                    min(3, int(picks.random() ** 1.6 * 4)),
                    picks.random(),
                    picks.random(),
                    picks.random(),
                    picks.uniform(0.6, 1.3),
                )
                for _ in range(manner.count)
            ]

    def draw(self, planes: Planes, seconds: float) -> None:
        """Draw the air at a moment of the clip."""
        for k, sheet in enumerate(self._rain):
            high = sheet.height // 2
            down = int(seconds * (1.5 + 0.7 * k) * self._size[1]) % high
            planes.y.paste(
                ImageChops.add(
                    planes.y, sheet.crop((0, high - down, self._size[0], high - down + self._size[1]))
                )
            )
        if self._manner:
            for speck in self._specks:
                self._speck(planes, self._manner, speck, seconds)

    def _speck(
        self, planes: Planes, manner: _Manner, speck: tuple[int, float, float, float, float], seconds: float
    ) -> None:
        stamp, px, py, phase, pace = speck
        wide, high = self._size
        nearer = 0.6 + 0.25 * stamp
        x = (px + manner.sway * sin(tau * (seconds * 0.11 * pace + phase)) * nearer) * wide
        y = ((py - manner.rise * seconds * pace * nearer) % 1.1 - 0.05) * high
        pulse = sin(pi * (seconds * 0.35 * pace + phase * 2)) ** 2
        shine = 1 - manner.twinkle + manner.twinkle * pulse
        if shine < 0.06:
            return
        mask, left, top = self._stamps[stamp].at(x, y, shine)
        planes.y.paste(manner.luma, (left, top), mask)
        if manner.chroma:
            half = self._stamps[stamp].coarse(shine)
            planes.u.paste(manner.chroma[0], (left // 2, top // 2), half)
            planes.v.paste(manner.chroma[1], (left // 2, top // 2), half)


class _Stamp:
    """A soft round speck at all its sub-pixel offsets and eight strengths."""

    def __init__(self, radius: float, light: float) -> None:
        self._half = int(radius * 1.6) + 2
        self._masks = [
            [
                [self._mask(radius, light * (k + 1) / 8, i / _PHASES, j / _PHASES) for k in range(8)]
                for i in range(_PHASES)
            ]
            for j in range(_PHASES)
        ]
        self._coarse = [mask.reduce(2) for mask in self._masks[0][0]]

    def _mask(self, radius: float, light: float, dx: float, dy: float) -> Image.Image:
        at = np.arange(-self._half, self._half + 2, dtype=np.float32)
        away = np.sqrt((at[None, :] - dx) ** 2 + (at[:, None] - dy) ** 2) / max(radius, 0.8)
        soft = np.exp(-(away**2) * 1.6) * light * 255
        soft[soft < 2] = 0
        return Image.fromarray(soft.astype(np.uint8), "L")

    def coarse(self, shine: float) -> Image.Image:
        """Give the mask for the chroma planes."""
        return self._coarse[min(7, int(shine * 8))]

    def at(self, x: float, y: float, shine: float) -> tuple[Image.Image, int, int]:
        """Give the mask for a place, and where its corner goes."""
        left, top = int(x // 1), int(y // 1)
        mask = self._masks[int((y - top) * _PHASES)][int((x - left) * _PHASES)][min(7, int(shine * 8))]
        return mask, left - self._half, top - self._half


def _rain_sheet(size: tuple[int, int], picks: random.Random, layer: int) -> Image.Image:
    """A sheet of streaks, its own continuation below, twice the frame's height."""
    wide, high = size
    sheet = Image.new("L", (wide, high * 2), 0)
    draw = ImageDraw.Draw(sheet)
    length, count = high * (0.06 + 0.06 * layer), (150, 60)[layer]
    for _ in range(count):
        x, y, light = (
            picks.uniform(-20, wide + 40),
            picks.uniform(0, high),
            picks.randint(18, 44) + 12 * layer,
        )
        for again in (-high, 0, high):
            line = (x, y + again, x - length * 0.14, y + length + again)
            draw.line(line, fill=light, width=max(1, round(high / 600 * (1 + layer))))
    return sheet.filter(ImageFilter.BoxBlur(0.6))
