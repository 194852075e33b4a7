"""The painted stage: a frame that layers are laid on from the back to the front.

Lengths are in shares of the frame's height (`u`) unless said otherwise; x runs from 0 to `wide`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from math import sin, tau

from PIL import Image, ImageDraw, ImageFilter

from spicy.providers.animatic.drawing.colours import Colour
from spicy.providers.animatic.places.light import Light
from spicy.providers.animatic.places.setting import Setting

Point = tuple[float, float]
_FINER = 2
_BILINEAR = Image.Resampling.BILINEAR


class Pen:
    """Draws silhouettes into an opacity mask, in shares of the frame's height."""

    def __init__(self, size: tuple[int, int], finer: int = _FINER) -> None:
        self._unit = size[1] * finer
        self._finer = finer
        self.mask = Image.new("L", (size[0] * finer, size[1] * finer), 0)
        self._draw = ImageDraw.Draw(self.mask)

    def poly(self, points: Sequence[Point], fill: int = 255) -> None:
        """Fill a polygon."""
        self._draw.polygon([(x * self._unit, y * self._unit) for x, y in points], fill=fill)

    def box(self, x0: float, y0: float, x1: float, y1: float, fill: int = 255, radius: float = 0.0) -> None:
        """Fill a rectangle."""
        u = self._unit
        at = (min(x0, x1) * u, min(y0, y1) * u, max(x0, x1) * u, max(y0, y1) * u)
        if radius:
            self._draw.rounded_rectangle(at, radius * u, fill=fill)
        else:
            self._draw.rectangle(at, fill=fill)

    def oval(self, x: float, y: float, rx: float, ry: float, fill: int = 255) -> None:
        """Fill an ellipse."""
        u = self._unit
        self._draw.ellipse(((x - rx) * u, (y - ry) * u, (x + rx) * u, (y + ry) * u), fill=fill)

    def line(self, points: Sequence[Point], width: float, fill: int = 255) -> None:
        """Stroke a line."""
        u = self._unit
        self._draw.line(
            [(x * u, y * u) for x, y in points], fill=fill, width=max(1, round(width * u)), joint="curve"
        )

    def finish(self) -> Image.Image:
        """Give the mask at the frame's size."""
        return self.mask.reduce(self._finer) if self._finer > 1 else self.mask


class Stage:
    """A frame being painted."""

    def __init__(
        self, size: tuple[int, int], place: Setting, light: Light, horizon: float, seed: int
    ) -> None:
        self.size, self.place, self.light, self.horizon = size, place, light, horizon
        self.wide = size[0] / size[1]
        self.random = random.Random(seed)
        self.frame = self._ramp(
            [(0.0, light.top), (horizon * 0.62, light.middle), (horizon, light.low), (1.0, light.low)]
        )

    def pen(self, finer: int = _FINER) -> Pen:
        """Start a mask."""
        return Pen(self.size, finer)

    def lay(self, pen: Pen | Image.Image, top: Colour, bottom: Colour | None = None, alpha: float = 1.0,
            blur: float = 0.0) -> None:  # fmt: skip
        """Lay paint through a mask: one colour, or a gradient over the mask's own height."""
        mask = pen.finish() if isinstance(pen, Pen) else pen
        if blur:
            mask = self.soft(mask, blur)
        box = mask.getbbox()
        if box is None:
            return
        part = mask.crop(box)
        if alpha < 1.0:
            part = part.point([round(i * alpha) for i in range(256)])
        column = Image.new("RGB", (1, 2))
        column.putdata([top, bottom or top])
        tall = column.resize((1, part.height), _BILINEAR).resize(part.size, Image.Resampling.NEAREST)
        self.frame.paste(tall, box[:2], part)

    def soft(self, mask: Image.Image, blur: float) -> Image.Image:
        """Blur a mask by a share of the height, coarsely and quickly."""
        step = 4
        small = mask.resize((max(2, mask.width // step), max(2, mask.height // step)), Image.Resampling.BOX)
        radius = max(0.6, blur * self.size[1] / step)
        small = small.filter(ImageFilter.BoxBlur(radius)).filter(ImageFilter.BoxBlur(radius))
        return small.resize(mask.size, _BILINEAR)

    def glow(self, x: float, y: float, radius: float, colour: Colour, strength: float) -> None:
        """Add a soft round light; parts outside the frame are cut off."""
        side = max(4, int(radius * 2 * self.size[1]))
        small = Image.radial_gradient("L").point(
            [round(max(0.0, 1 - i / 181) ** 2.2 * 255 * strength) for i in range(256)]
        )
        left, top = int(x * self.size[1]) - side // 2, int(y * self.size[1]) - side // 2
        box = max(0, left), max(0, top), min(self.size[0], left + side), min(self.size[1], top + side)
        if box[2] <= box[0] or box[3] <= box[1]:
            return
        scale = small.width / side
        cropped = (
            (box[0] - left) * scale,
            (box[1] - top) * scale,
            (box[2] - left) * scale,
            (box[3] - top) * scale,
        )
        self.frame.paste(
            colour, box, small.resize((box[2] - box[0], box[3] - box[1]), _BILINEAR, box=cropped)
        )

    def disc(
        self, x: float, y: float, radius: float, top: Colour, bottom: Colour, alpha: float = 1.0
    ) -> None:
        """Lay a hard-edged disc."""
        pen = self.pen()
        pen.oval(x, y, radius, radius)
        self.lay(pen, top, bottom, alpha)

    def ridge(self, y: float, height: float, rough: float = 1.0, step: float = 0.012) -> list[Point]:
        """Make a skyline of hills between the edges, closed at the bottom of the frame."""
        waves = [
            (
                self.random.uniform(0.6, 1.4) * k,
                self.random.uniform(0, tau),
                height / k**1.15 * self.random.uniform(0.6, 1.1),
            )
            for k in (1, 2, 3, 5, 8, 13, 21)[: 3 + int(4 * rough)]
        ]
        line: list[Point] = []
        for i in range(int((self.wide + 0.1) / step) + 2):
            x = -0.05 + i * step
            line.append((x, y - sum(a * sin(f * x * 2.6 + p) for f, p, a in waves) * 0.5))
        return [*line, (self.wide + 0.1, 1.02), (-0.06, 1.02)]

    def crags(self, y: float, height: float, count: int) -> list[Point]:
        """Make a skyline of sharp peaks by midpoint displacement."""
        line: list[Point] = [(-0.05, y)]
        for k in range(count):
            x = (k + self.random.uniform(0.3, 0.7)) / count * (self.wide + 0.1) - 0.05
            line += [
                (x, y - height * self.random.uniform(0.55, 1.0)),
                (-0.05 + (k + 1) / count * (self.wide + 0.1), y),
            ]
        for roughness in (0.16, 0.09, 0.05, 0.028):
            finer: list[Point] = []
            for (ax, ay), (bx, by) in pairwise(line):
                off = self.random.uniform(-1, 1) * roughness * height
                finer += [(ax, ay), ((ax + bx) / 2 + off * 0.3, (ay + by) / 2 + off)]
            line = [*finer, line[-1]]
        return [*line, (self.wide + 0.1, 1.02), (-0.06, 1.02)]

    def scatter(self, count: int, draw: Callable[[float, int], None], spread: float = 0.35) -> None:
        """Call `draw` at about even distances from edge to edge."""
        for k in range(count):
            draw((k + 0.5 + self.random.uniform(-spread, spread)) / count * (self.wide + 0.1) - 0.05, k)

    def _ramp(self, stops: Iterable[tuple[float, Colour]]) -> Image.Image:
        fixed = list(stops)
        high = self.size[1]
        rows: list[Colour] = []
        for y in range(high):
            at = y / high
            k = next((i for i in range(len(fixed) - 1) if at <= fixed[i + 1][0]), len(fixed) - 2)
            (a, low), (b, up) = fixed[k], fixed[k + 1]
            share = min(1.0, max(0.0, (at - a) / max(b - a, 1e-6)))
            share = share * share * (3 - 2 * share)
            rows.append(tuple(round(p + (q - p) * share) for p, q in zip(low, up, strict=True)))  # type: ignore[arg-type]
        column = Image.new("RGB", (1, high))
        column.putdata(rows)
        return column.resize(self.size, Image.Resampling.NEAREST)
