"""A small vector painter over Pillow: smooth closed shapes with gradients, drawn large and scaled down.

Coordinates are those of a sheet of 1000 x 1000 units, whatever the size in pixels, so figures are
written once and drawn at any size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from spicy.providers.animatic.drawing.colours import Colour, lift

Point = tuple[float, float]
Box = tuple[int, int, int, int]

SPAN, LEFT, ABOVE = 1160, 80, 180
"""The sheet's true width in units, and what of it lies left of and above the origin."""

_BILINEAR = Image.Resampling.BILINEAR


@dataclass(frozen=True, slots=True)
class Shape:
    """A closed outline in units."""

    points: tuple[Point, ...]

    def moved(self, dx: float, dy: float, grow: float = 1.0) -> Shape:
        """Shift, and scale about the middle of the bounding box."""
        xs, ys = [p[0] for p in self.points], [p[1] for p in self.points]
        cx, cy = (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2
        return Shape(tuple((cx + (x - cx) * grow + dx, cy + (y - cy) * grow + dy) for x, y in self.points))

    def mirrored(self) -> Shape:
        """Reflect at the middle line of the sheet."""
        return Shape(tuple((1000 - x, y) for x, y in self.points))


def blob(*points: Point, tension: float = 1.0, closed: bool = True) -> Shape:
    """Lay a smooth closed curve (Catmull-Rom) through the points."""
    out: list[Point] = []
    n = len(points)
    for i in range(n if closed else n - 1):
        p0, p1, p2, p3 = (points[j % n] for j in (i - 1, i, i + 1, i + 2))
        if not closed:
            p0, p3 = points[max(i - 1, 0)], points[min(i + 2, n - 1)]
        out += [_spline(p0, p1, p2, p3, step / 12, tension) for step in range(12)]
    if not closed:
        out.append(points[-1])
    return Shape(tuple(out))


def _spline(p0: Point, p1: Point, p2: Point, p3: Point, t: float, tension: float) -> Point:
    t2, t3 = t * t, t * t * t
    h1, h2, h3, h4 = 2 * t3 - 3 * t2 + 1, t3 - 2 * t2 + t, -2 * t3 + 3 * t2, t3 - t2

    def along(axis: int) -> float:
        m1, m2 = tension * (p2[axis] - p0[axis]) / 2, tension * (p3[axis] - p1[axis]) / 2
        return h1 * p1[axis] + h2 * m1 + h3 * p2[axis] + h4 * m2

    return along(0), along(1)


def oval(cx: float, cy: float, rx: float, ry: float, turn: float = 0.0) -> Shape:
    """An ellipse, turned by degrees."""
    c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    angles = (math.tau * i / 64 for i in range(64))
    flat = ((rx * math.cos(a), ry * math.sin(a)) for a in angles)
    return Shape(tuple((cx + x * c - y * s, cy + x * s + y * c) for x, y in flat))


def poly(*points: Point) -> Shape:
    """A shape with corners."""
    return Shape(points)


def slab(x0: float, y0: float, x1: float, y1: float, radius: float) -> Shape:
    """A rectangle with round corners."""
    radius = min(radius, (x1 - x0) / 2, (y1 - y0) / 2)
    out: list[Point] = []
    for cx, cy, start in (
        (x1 - radius, y0 + radius, -90),
        (x1 - radius, y1 - radius, 0),
        (x0 + radius, y1 - radius, 90),
        (x0 + radius, y0 + radius, 180),
    ):
        for step in range(9):
            a = math.radians(start + step * 11.25)
            out.append((cx + radius * math.cos(a), cy + radius * math.sin(a)))
    return Shape(tuple(out))


def limb(points: Sequence[Point], widths: Sequence[float]) -> Shape:
    """A tapering stroke with round ends along a smooth line: tails, arms, legs."""
    line = blob(*points, closed=False).points
    n = len(line) - 1
    left: list[Point] = []
    right: list[Point] = []
    for i, (x, y) in enumerate(line):
        (ax, ay), (bx, by) = line[max(i - 1, 0)], line[min(i + 1, n)]
        length = math.hypot(bx - ax, by - ay) or 1.0
        nx, ny = -(by - ay) / length, (bx - ax) / length
        at = i / n * (len(widths) - 1)
        k = min(int(at), len(widths) - 2)
        half = (widths[k] + (widths[k + 1] - widths[k]) * (at - k)) / 2
        left.append((x + nx * half, y + ny * half))
        right.append((x - nx * half, y - ny * half))
    return Shape((*left, *_cap(line, widths[-1] / 2), *reversed(right), *_cap(line[::-1], widths[0] / 2)))


def _cap(line: Sequence[Point], radius: float) -> list[Point]:
    (ax, ay), (bx, by) = line[-2], line[-1]
    heading = math.atan2(by - ay, bx - ax)
    turns = (heading + math.pi / 2 - math.pi * i / 8 for i in range(1, 8))
    return [(bx + radius * math.cos(a), by + radius * math.sin(a)) for a in turns]


class Brush:
    """A transparent sheet to draw on; `finish` gives it back at its true size.

    The sheet is kept premultiplied, so that laying paint on it is one masked paste. It shows a little
    more than the 1000 x 1000 units, so that hats and ears have room.
    """

    def __init__(self, size: int, finer: int = 2) -> None:
        self._finer, self._pixels = finer, size * finer
        self._unit = self._pixels / SPAN
        self._sheet = Image.new("RGBA", (self._pixels, self._pixels), (0, 0, 0, 0))

    def fill(self, shape: Shape, top: Colour, bottom: Colour | None = None, *, inside: Shape | None = None,
             alpha: float = 1.0, soft: float = 0.0) -> Shape:  # fmt: skip
        """Fill with a colour, or a gradient from top to bottom; `inside` clips, `soft` blurs the edge."""
        points = self._pixel(shape)
        clip = self._pixel(inside) if inside else None
        box = self._box(points, soft * self._unit * 3 + 2)
        if clip:
            box = _overlap(box, self._box(clip, 2))
        if box[2] <= box[0] or box[3] <= box[1]:
            return shape
        mask = _soft_mask(points, box, soft * self._unit) if soft else _mask(points, box)
        if clip:
            mask = ImageChops.multiply(mask, _mask(clip, box))
        if alpha < 1.0:
            mask = mask.point([round(i * alpha) for i in range(256)])
        self._sheet.paste(_paint(mask.size, top, bottom or top), box, mask)
        return shape

    def body(self, shape: Shape, colour: Colour) -> Shape:
        """Fill as a rounded body: lit from the upper left, darker at the lower right."""
        self.fill(shape, lift(colour, 0.10), lift(colour, -0.10))
        self.fill(shape.moved(-26, -18), lift(colour, 0.12), colour, inside=shape, alpha=0.55, soft=14)
        return shape

    def shadow(self, on: Shape, of: Shape, dy: float = 26, strength: float = 0.26) -> None:
        """Let a shape above cast a soft shadow on one below."""
        self.fill(of.moved(0, dy), (22, 14, 44), inside=on, alpha=strength, soft=10)

    def line(self, points: Sequence[Point], width: float, colour: Colour) -> None:
        """Draw a smooth stroke with round ends."""
        self.fill(limb(points, (width, width)), colour)

    def finish(self) -> Image.Image:
        """Give the drawing, RGBA, at its true size."""
        small = self._sheet.reduce(self._finer)
        return Image.frombytes("RGBa", small.size, small.tobytes()).convert("RGBA")

    def _pixel(self, shape: Shape) -> list[Point]:
        return [((x + LEFT) * self._unit, (y + ABOVE) * self._unit) for x, y in shape.points]

    def _box(self, points: list[Point], edge: float) -> Box:
        xs, ys = [p[0] for p in points], [p[1] for p in points]
        x0, y0 = (max(0, int(min(along) - edge)) for along in (xs, ys))
        x1, y1 = (min(self._pixels, int(max(along) + edge) + 1) for along in (xs, ys))
        return x0, y0, x1, y1


def _overlap(a: Box, b: Box) -> Box:
    return max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])


def _mask(points: list[Point], box: Box) -> Image.Image:
    mask = Image.new("L", (box[2] - box[0], box[3] - box[1]), 0)
    ImageDraw.Draw(mask).polygon([(x - box[0], y - box[1]) for x, y in points], fill=255)
    return mask


def _soft_mask(points: list[Point], box: Box, radius: float) -> Image.Image:
    """Blur at a quarter of the size: the eye sees no difference, the clock does."""
    size = box[2] - box[0], box[3] - box[1]
    coarse = max(1, size[0] // 4), max(1, size[1] // 4)
    fx, fy = coarse[0] / size[0], coarse[1] / size[1]
    small = Image.new("L", coarse, 0)
    ImageDraw.Draw(small).polygon([((x - box[0]) * fx, (y - box[1]) * fy) for x, y in points], fill=255)
    return (
        small.filter(ImageFilter.BoxBlur(radius / 4))
        .filter(ImageFilter.BoxBlur(radius / 4))
        .resize(size, _BILINEAR)
    )


def _paint(size: tuple[int, int], top: Colour, bottom: Colour) -> Image.Image:
    if top == bottom:
        return Image.new("RGBA", size, (*top, 255))
    column = Image.new("RGBA", (1, 2))
    column.putdata([(*top, 255), (*bottom, 255)])
    return column.resize((1, size[1]), _BILINEAR).resize(size, Image.Resampling.NEAREST)
