"""How alike pictures are: a figure looked for in a frame, and two figures laid over each other.

All on thumbnails, so that a verdict takes a few hundredths of a second.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float32]
_COARSE, _FINE = 40, 80
"""Heights of a frame when a figure is looked for, and when what was found is compared."""
_SCALES = tuple(0.26 * 1.19**k for k in range(11))
"""Heights of a figure to try, in shares of the frame's."""


@dataclass(frozen=True, slots=True)
class Match:
    """The best place of a figure in a frame."""

    shape: float
    """Correlation of the pixels, -1 to 1."""
    colour: float
    """Mean distance of the hues and their strengths, after taking out the light that lies on all of it."""
    seen: float
    """How much of the figure is within the frame, 0 to 1."""


def lab(rgb: Floats) -> Floats:
    """Turn sRGB, 0 to 255, into CIE Lab."""
    linear = np.where(rgb > 10.31, ((rgb / 255 + 0.055) / 1.055) ** 2.4, rgb / 255 / 12.92)
    matrix = np.asarray(
        ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505)), np.float32
    )
    xyz = linear @ matrix.T / np.asarray((0.9505, 1.0, 1.089), np.float32)
    f = np.where(xyz > 0.008856, np.cbrt(np.maximum(xyz, 0)), 7.787 * xyz + 16 / 116)
    out = np.stack(
        [116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1
    )
    return out.astype(np.float32)


def find(figure: Image.Image, frame: Image.Image) -> Match:
    """Look for a figure (RGBA) in a frame, at all sizes and places, also where the frame cuts it off."""
    figure = figure.copy()
    figure.thumbnail((140, 140), Image.Resampling.BOX)
    coarse = _thumb(frame, _COARSE)
    ready = _Correlator(coarse)
    places: list[tuple[float, tuple[float, float, float]]] = []
    for scale in _SCALES:
        high = scale * _COARSE
        wide = high * figure.width / figure.height
        if high < 9 or wide < 4 or wide > coarse.shape[1] * 1.5:
            continue
        score, x, y = ready.best(_template(figure, wide, high))
        score -= 0.5 * max(0.0, 0.42 - scale)  # what is tiny is found anywhere
        places.append((score, (scale, x / coarse.shape[0], y / coarse.shape[0])))
    climber = _Climber(figure, _thumb(frame, _FINE))
    found = [climber.climb(place) for _, place in sorted(places, reverse=True)[:3]]
    return max(found, key=lambda f: f.shape - f.colour / 90, default=Match(0.0, 99.0, 0.0))


def overlaid(a: Image.Image, b: Image.Image) -> tuple[float, float]:
    """Lay two figures over each other: how much of their outlines they share, and how far their colours are apart."""
    size = 48
    parts = []
    for figure in (a, b):
        box = figure.getchannel("A").point([0] * 100 + [255] * 156).getbbox()
        small = figure.crop(box).resize((size, size), Image.Resampling.BOX)
        data = np.asarray(small, np.float32)
        parts.append(
            (lab(data[..., :3]), data[..., 3] / 255, (box[2] - box[0]) / (box[3] - box[1]) if box else 1.0)
        )
    (lab_a, mask_a, ratio_a), (lab_b, mask_b, ratio_b) = parts
    both, either = np.minimum(mask_a, mask_b), np.maximum(mask_a, mask_b)
    shared = float(both.sum() / max(1e-6, float(either.sum())))
    stretch = min(ratio_a, ratio_b) / max(ratio_a, ratio_b)
    apart = np.sqrt((((lab_a - lab_b) * np.asarray((0.6, 1, 1), np.float32)) ** 2).sum(axis=-1))
    return shared * stretch**0.5, float((apart * both).sum() / max(1e-6, float(both.sum())))


def _thumb(frame: Image.Image, high: int) -> Floats:
    wide = max(8, round(frame.width * high / frame.height))
    return np.asarray(frame.convert("RGB").resize((wide, high), Image.Resampling.BOX), np.float32)


def _template(figure: Image.Image, wide: float, high: float) -> tuple[Floats, Floats]:
    size = max(3, round(wide)), max(5, round(high))
    data = np.asarray(figure.resize(size, Image.Resampling.BOX), np.float32)
    mask = np.clip((data[..., 3] / 255 - 0.5) * 2, 0, 1)
    return data[..., :3], mask.astype(np.float32)


class _Correlator:
    """Correlates masked templates with one frame; outside of the frame nothing counts."""

    def __init__(self, frame: Floats) -> None:
        self._frame = frame
        high, wide = frame.shape[:2]
        self._shape = (_round_up(int(high * 2.7)), _round_up(int(wide * 2.6)))
        centred = np.moveaxis(frame - 128, 2, 0).astype(np.float32)
        self._colour = np.fft.rfft2(centred, self._shape)
        self._square = np.fft.rfft2(centred**2, self._shape)
        self._inside = np.fft.rfft2(np.ones((high, wide), np.float32), self._shape)

    def best(self, template: tuple[Floats, Floats]) -> tuple[float, int, int]:
        """Give the best correlation and where the template's upper left corner lies.

        Each channel is correlated for itself: the light of a scene lies on all of a figure.
        """
        rgb, mask = template
        planes = np.moveaxis(rgb - 128, 2, 0).astype(np.float32)
        m = np.conj(np.fft.rfft2(mask, self._shape))
        n = np.maximum(self._back(m * self._inside), 0.33)
        mt, mtt = (np.conj(np.fft.rfft2(x, self._shape)) for x in (planes * mask, planes**2 * mask))
        sum_t, sum_i = self._back(mt * self._inside), self._back(m * self._colour)
        var_t = np.maximum(self._back(mtt * self._inside) - sum_t**2 / n, 0)
        var_i = np.maximum(self._back(m * self._square) - sum_i**2 / n, 0)
        cross = self._back(mt * self._colour) - sum_t * sum_i / n
        each = cross / np.sqrt((var_t + n * 3) * (var_i + n * 30))
        score = np.tensordot(_channel_weights(rgb, mask), each, axes=1)
        share = n / max(1.0, float(mask.sum()))
        score = np.where(share > 0.5, score * (0.7 + 0.3 * np.minimum(share, 1)), -1)
        y, x = np.unravel_index(int(score.argmax()), score.shape)
        top = int(y) - (self._shape[0] if y > self._shape[0] // 2 else 0)
        left = int(x) - (self._shape[1] if x > self._shape[1] * 0.55 else 0)
        return float(score[y, x]), left, top

    def _back(self, spectrum: NDArray[np.complexfloating]) -> Floats:
        return np.asarray(np.fft.irfft2(spectrum, self._shape), np.float32)


def _channel_weights(rgb: Floats, mask: Floats) -> Floats:
    """Let the channels that a figure is drawn in count most."""
    inner = rgb[mask > 0.5]
    spread = inner.var(axis=0) + 40 if len(inner) else np.ones(3, np.float32)
    return np.asarray(spread / spread.sum(), np.float32)


def _round_up(n: int) -> int:
    """Find the next length that transforms quickly."""
    for size in (96, 120, 128, 144, 160, 180, 192, 216, 240, 256, 288, 320, 360, 384, 432, 480, 512):
        if size >= n:
            return size
    return n


class _Climber:
    """Climbs from a coarse place of a figure to the best one nearby, on a finer thumbnail."""

    def __init__(self, figure: Image.Image, frame: Floats) -> None:
        self._figure, self._frame = figure, frame
        self._templates: dict[tuple[int, int], tuple[Floats, Floats]] = {}

    def climb(self, place: tuple[float, float, float]) -> Match:
        """Give what is found near a place: size, left and top in shares of the frame's height."""
        scale, x, y = place
        best = self._score(scale, x, y)
        for step in (0.024, 0.012, 0.012):
            tries = [
                (scale * (1 + ds), x - ds * scale * 0.3, y - ds * scale * 0.5)
                for ds in (-3 * step, -1.5 * step, 1.5 * step, 3 * step)
            ]
            for moved in (
                None,
                *((dx, dy) for dx in (-step, 0, step) for dy in (-step, 0, step) if dx or dy),
            ):
                for s, left, top in tries if moved is None else [(scale, x + moved[0], y + moved[1])]:
                    score = self._score(s, left, top)
                    if score > best:
                        best, scale, x, y = score, s, left, top
        t, m, i, seen = self._cut(scale, x, y)
        if seen <= 0:
            return Match(-1.0, 99.0, 0.0)
        return Match(best * (0.6 + 0.4 * min(1.0, _edges_alike(t, i, m) / 0.51)), _hues_apart(t, i, m), seen)

    def _cut(self, scale: float, x: float, y: float) -> tuple[Floats, Floats, Floats, float]:
        """Lay the template on the frame: template, mask and frame where they meet, and the share that is seen."""
        high = self._frame.shape[0]
        tall = scale * high
        size = round(tall * self._figure.width / self._figure.height), round(tall)
        if size not in self._templates:
            self._templates[size] = _template(self._figure, *size)
        rgb, mask = self._templates[size]
        left, top = round(x * high), round(y * high)
        y0, x0 = max(0, top), max(0, left)
        y1, x1 = min(high, top + mask.shape[0]), min(self._frame.shape[1], left + mask.shape[1])
        if y1 - y0 < 4 or x1 - x0 < 3:
            return rgb, mask, rgb, 0.0
        window = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
        seen = float(mask[window].sum()) / max(1e-6, float(mask.sum()))
        return rgb[window], mask[window], self._frame[y0:y1, x0:x1], seen

    def _score(self, scale: float, x: float, y: float) -> float:
        t, m, i, seen = self._cut(scale, x, y)
        if seen < 0.45:
            return -1.0
        weight = (m / (float(m.sum()) + 1e-6)).ravel()
        flat_t, flat_i = t.reshape(-1, 3), i.reshape(-1, 3)
        mean_t, mean_i = weight @ flat_t, weight @ flat_i
        var_t, var_i = weight @ flat_t**2 - mean_t**2, weight @ flat_i**2 - mean_i**2
        cross = weight @ (flat_t * flat_i) - mean_t * mean_i
        weights = np.maximum(var_t, 0) + 40
        each = cross / np.sqrt((np.maximum(var_t, 0) + 2) * (np.maximum(var_i, 0) + 12))
        whole = 1 - max(0.0, 0.74 - seen)  # half a figure is easily found where none is
        return float((each * weights).sum() / weights.sum()) * whole


def _edges_alike(t: Floats, i: Floats, mask: Floats) -> float:
    """Correlate the edges inside of a figure: smooth ground may have its tones, but not its lines."""
    cross = power_t = power_i = 1e-6
    for axis in (0, 1):
        inner = np.minimum(mask[1:], mask[:-1]) if axis == 0 else np.minimum(mask[:, 1:], mask[:, :-1])
        dt, di = np.diff(t, axis=axis), np.diff(i, axis=axis)
        weight = (inner > 0.95)[..., None]
        cross += float((dt * di * weight).sum())
        power_t += float((dt * dt * weight).sum())
        power_i += float((di * di * weight).sum())
    return max(0.0, cross / math.sqrt(power_t * power_i))


def _hues_apart(t: Floats, i: Floats, mask: Floats) -> float:
    """Mean distance in Lab; what light does to everything alike is taken out, up to a point."""
    inner = mask > 0.9
    if int(inner.sum()) < 6:
        return 60.0
    was, now = t[inner], i[inner]
    gain = (now.mean(axis=0) + 4) / (was.mean(axis=0) + 4)
    light = np.clip(gain / gain.mean(), 0.72, 1.34) * gain.mean()
    away = lab(now / light)[:, 1:] - lab(was)[:, 1:]
    cast = np.clip(away.mean(axis=0), -7, 7)
    return float(np.sqrt(((away - cast) ** 2).sum(axis=1)).mean())
