"""Character cards: the figure, its name and role, and the colours that it is made of, on a plain ground.

The ground stays plain so that the figure can be lifted off again for every keyframe.
"""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from spicy.ports import ImageCall
from spicy.providers.animatic.drawing import frame, lettering
from spicy.providers.animatic.drawing.colours import Colour, lift, luma, mix, saturation
from spicy.providers.animatic.figures import figure, look, poster
from spicy.providers.animatic.story.brief import Brief

_INK: Colour = (46, 42, 58)
_PAPER: Colour = (247, 244, 238)


def draw(call: ImageCall, brief: Brief, pictures: Sequence[Path], into: Path) -> None:
    """Draw the card that `brief` asks for; a reference picture is redrawn as a poster. Raises OSError."""
    size = frame.card(call.aspect_ratio, call.resolution)
    pushed = 1.0 + 0.14 * (call.attempt - 1) + 0.10 * len(brief.every("correct"))
    room = _figure_room(size)
    if pictures:
        being = poster.redrawn(pictures[0], room, pushed)
    else:
        words = brief.first("description") or brief.text
        being = _drawn(words, min(room), pushed)
    shades = palette(being)
    ground = _ground(being, call.take + call.attempt)
    sheet = _sheet(size, ground)
    _place(sheet, being, ground)
    _title(sheet, brief, shades, ground)
    sheet.save(into, "JPEG", quality=93, subsampling=0)


def _figure_room(size: tuple[int, int]) -> tuple[int, int]:
    wide, high = size
    return (int(wide * 0.56), int(high * 0.88)) if wide > high * 1.2 else (int(wide * 0.88), int(high * 0.72))


def _drawn(words: str, side: int, pushed: float) -> Image.Image:
    seen = look.read(words)
    being = figure.draw(seen, int(side * 1.12))
    box = being.getchannel("A").getbbox()
    being = being.crop(box) if box else being
    if pushed > 1.0:
        being = poster.pushed(being, pushed)
    return being


def palette(being: Image.Image, most: int = 5) -> list[Colour]:
    """Find the colours that a figure is made of, the commonest first."""
    small = being.copy()
    small.thumbnail((96, 96), Image.Resampling.BOX)
    pixels = np.asarray(small).reshape(-1, 4)
    opaque = np.ascontiguousarray(pixels[pixels[:, 3] > 200][:, :3])
    if not len(opaque):
        return [(160, 160, 160)]
    few = Image.fromarray(opaque[None], "RGB").quantize(24, Image.Quantize.MEDIANCUT)
    table = few.getpalette() or []
    counts = sorted(enumerate(few.histogram()[: len(table) // 3]), key=lambda c: -c[1])
    counted = [(count, (table[3 * k], table[3 * k + 1], table[3 * k + 2])) for k, count in counts if count]
    ranked = sorted(counted, key=lambda c: (-c[0] * (0.5 + saturation(c[1])), c[1]))
    chosen: list[Colour] = []
    for _, colour in ranked:
        if all(sum(abs(a - b) for a, b in zip(colour, other, strict=True)) > 84 for other in chosen):
            chosen.append(colour)
    return chosen[:most]


def _ground(being: Image.Image, turn: int) -> tuple[Colour, Colour]:
    """Choose the quiet ground that the figure's own colours are farthest from, so that nothing drowns in it."""
    small = being.copy()
    small.thumbnail((64, 64), Image.Resampling.BOX)
    pixels = np.asarray(small, np.float32).reshape(-1, 4)
    colours = pixels[pixels[:, 3] > 160][:, :3]
    best: tuple[float, tuple[Colour, Colour]] | None = None
    for light, colourful, liked in (
        (0.80, 0.36, 14.0),
        (0.70, 0.34, 8.0),
        (0.46, 0.26, 4.0),
        (0.34, 0.30, 0.0),
    ):
        for hue in range(12):
            near = colorsys.hls_to_rgb((hue / 12 + 0.02 * (turn % 4)) % 1, light, colourful)
            middle = (round(near[0] * 255), round(near[1] * 255), round(near[2] * 255))
            ground = lift(middle, 0.16), lift(middle, -0.05)
            away = np.min([np.abs(colours - np.asarray(g, np.float32)).max(axis=1) for g in ground], axis=0)
            score = float(min(np.percentile(away, 3), 60.0)) + liked
            if best is None or score > best[0] + 1e-3:
                best = score, ground
    return best[1] if best else (_PAPER, _PAPER)


def _sheet(size: tuple[int, int], ground: tuple[Colour, Colour]) -> Image.Image:
    column = Image.new("RGB", (1, 2))
    column.putdata(list(ground))
    return column.resize((1, size[1]), Image.Resampling.BILINEAR).resize(size)


def _place(sheet: Image.Image, being: Image.Image, ground: tuple[Colour, Colour]) -> None:
    wide, high = sheet.size
    landscape = wide > high * 1.2
    room = _figure_room(sheet.size)
    scale = min(room[0] / being.width, room[1] / being.height)
    being = being.resize(
        (max(1, round(being.width * scale)), max(1, round(being.height * scale))), Image.Resampling.LANCZOS
    )
    middle = int(wide * (0.33 if landscape else 0.5))
    foot = int(high * (0.93 if landscape else 0.785))
    mask = Image.new("L", sheet.size, 0)
    reach, deep = being.width * 0.52, max(3, high * 0.016)
    ImageDraw.Draw(mask).ellipse((middle - reach, foot - deep * 1.4, middle + reach, foot + deep), fill=26)
    small = mask.resize((max(1, wide // 4), max(1, high // 4))).filter(
        ImageFilter.BoxBlur(max(1, high // 260))
    )
    sheet.paste(
        Image.new("RGB", sheet.size, lift(ground[1], -0.6)),
        (0, 0),
        small.resize(sheet.size, Image.Resampling.BILINEAR),
    )
    sheet.paste(being, (middle - being.width // 2, foot - being.height), being)


def _title(sheet: Image.Image, brief: Brief, shades: Sequence[Colour], ground: tuple[Colour, Colour]) -> None:
    wide, high = sheet.size
    landscape = wide > high * 1.2
    ink = _INK if luma(ground[1]) > 0.5 else _PAPER
    quiet = mix(ink, ground[1], 0.38)
    draw = ImageDraw.Draw(sheet)
    unit = min(wide, high * (0.9 if landscape else 1.0)) / 1000
    room = wide * (0.34 if landscape else 0.88)
    x, y = (wide * 0.79, high * 0.46) if landscape else (wide / 2, high * 0.883)
    name = lettering.plain(brief.first("card")) or _subject(brief)
    size = int(74 * unit)
    while size > 42 * unit and lettering.width(name, size) > room:
        size = int(size * 0.92)
    lines = lettering.wrap(name, size, room, 2)
    for k, line in enumerate(lines):
        draw.text(
            (x, y - (len(lines) - 1 - k) * size * 1.1), line, font=lettering.font(size), fill=ink, anchor="ms"
        )
    role = lettering.plain(brief.first("role")).upper()
    small = max(8, int(22 * unit))
    gap = 5 * unit
    while role and lettering.width(role, small) + gap * len(role) > room:
        role = role[:-2].rstrip() + "…" if len(role) > 3 else ""
    if role:
        lettering.spaced(draw, x, y + 42 * unit, role, small, quiet, gap)
    _swatches(sheet, shades, x, y + (88 if landscape else 78) * unit, 17 * unit, quiet)


def _subject(brief: Brief) -> str:
    kind = look.read(brief.text).kind
    return "Character" if kind in ("creature", "person") else kind.capitalize()


def _swatches(
    sheet: Image.Image, shades: Sequence[Colour], x: float, y: float, radius: float, rim: Colour
) -> None:
    finer, step = 4, radius * 2.8
    left, high = x - step * (len(shades) - 1) / 2, int(radius * 2.4)
    for k, shade in enumerate(shades):
        dot = Image.new("L", (high * finer, high * finer), 0)
        edge = high * finer * 0.1
        ImageDraw.Draw(dot).ellipse((edge, edge, high * finer - edge, high * finer - edge), fill=255)
        at = int(left + k * step - high / 2), int(y - high / 2)
        under = sheet.crop((*at, at[0] + 1, at[1] + 1)).tobytes()
        near = sum(abs(a - b) for a, b in zip(shade, under, strict=True)) < 60
        sheet.paste(mix(shade, rim, 0.35 if near else 0.0), at, dot.reduce(finer))
