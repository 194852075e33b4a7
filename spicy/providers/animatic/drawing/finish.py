"""The last look of a still: grade, light in the lens, vignette, grain."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float32]

_STYLES: tuple[tuple[str, float, float, float], ...] = (
    ("noir monochrome black", 1.16, 0.72, 4.0),
    ("watercolour watercolor paper storybook pencil sketch gouache", 0.94, 0.92, 4.6),
    ("vintage retro film 16mm 8mm grainy seventies", 0.96, 0.88, 5.0),
    ("pastel soft dreamy", 0.95, 0.94, 2.0),
    ("comic anime bold vivid pop cartoon", 1.08, 1.14, 1.6),
    ("pixar 3d cinematic", 1.06, 1.08, 1.8),
)
"""Words of a style, then contrast, saturation, grain."""


def graded(picture: Image.Image, style: str, seed: int, before: Image.Image | None) -> Image.Image:
    """Finish a still; `before` is a thumbnail of the shot before it, some of whose colour is carried over."""
    contrast, colourful, grain = _manner(style)
    high, wide = picture.height, picture.width
    frame = np.asarray(picture, np.float32)
    grey = frame @ np.asarray((0.299, 0.587, 0.114), np.float32)
    frame = grey[..., None] + (frame - grey[..., None]) * np.float32(colourful)
    frame = (frame - 118) * np.float32(contrast) + 118
    if before is not None:
        frame += _carried(frame, before)
    frame *= _vignette(wide, high)[..., None]
    noise = np.random.default_rng(seed).normal(0, grain, (128, 128)).astype(np.float32)
    tiled = np.tile(noise, (high // 128 + 1, wide // 128 + 1))[:high, :wide]
    frame += tiled[..., None]
    return Image.fromarray(np.clip(frame, 0, 255).astype(np.uint8), "RGB")


def _manner(style: str) -> tuple[float, float, float]:
    words = set(re.findall(r"\w+", style.lower()))
    for names, contrast, colourful, grain in _STYLES:
        if words & set(names.split()):
            return contrast, colourful, grain
    return 1.05, 1.06, 2.2


def _carried(frame: Floats, before: Image.Image) -> Floats:
    """Shift the mean colour, not the brightness, a fifth of the way to that of the shot before."""
    old = np.asarray(before, np.float32).reshape(-1, 3).mean(axis=0)
    new = frame[::16, ::16].reshape(-1, 3).mean(axis=0)
    shift = (old - old.mean()) - (new - new.mean())
    return np.asarray(shift * 0.2, np.float32)


def _vignette(wide: int, high: int) -> Floats:
    x = np.linspace(-1, 1, wide, dtype=np.float32)[None, :]
    y = np.linspace(-1, 1, high, dtype=np.float32)[:, None]
    radius = x * x * np.float32(0.8) + y * y * np.float32(0.9)
    return np.asarray(1.0 - 0.19 * np.clip(radius - 0.35, 0, 2), np.float32)
