"""Type, set in the font that Pillow carries within itself, so that every machine sets it alike.

That font knows English letters only; all others are transliterated, which also spares right-to-left shaping.
"""

from __future__ import annotations

import functools
import re
import unicodedata

from PIL import Image, ImageDraw, ImageFont

from spicy.providers.animatic.drawing.colours import Colour

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
_PUNCTUATION = "‘’“”…"


@functools.lru_cache(maxsize=64)
def font(size: int) -> Font:
    """Load the embedded font at a height in pixels."""
    return ImageFont.load_default(max(6, size))


def plain(text: str) -> str:
    """Put a text into letters that the font has, on one line; pictographs are dropped."""
    from anyascii import anyascii

    out: list[str] = []
    for char in unicodedata.normalize("NFC", text):
        if char.isspace():
            out.append(" ")
        elif (char.isprintable() and ord(char) < 0x7F) or char in _PUNCTUATION:
            out.append(char)
        elif unicodedata.category(char) not in ("So", "Sk", "Cf", "Cs", "Co", "Mn"):
            spelled = anyascii(char)
            out.append(f"{spelled} " if unicodedata.name(char, "").startswith("CJK") else spelled)
    return re.sub(r"\s+([,.;:!?]|$)", r"\1", re.sub(r"\s+", " ", "".join(out))).strip()


def width(text: str, size: int) -> float:
    """Measure a line."""
    return font(size).getlength(text)


def shorten(text: str, size: int, room: float) -> str:
    """Cut a line that is too wide and end it with an ellipsis."""
    if width(text, size) <= room:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if width(text[:middle].rstrip() + "…", size) <= room else (low, middle - 1)
    return text[:low].rstrip(" ,.;:-–") + "…"


def wrap(text: str, size: int, room: float, most: int) -> list[str]:
    """Break into at most so many lines, of balanced lengths; what does not fit ends in an ellipsis."""
    text = text[:600]
    if width(text, size) <= room:
        return [text] if text else []
    lines = _greedy(text, size, room)
    if len(lines) > most:
        return [*lines[: most - 1], shorten(" ".join(lines[most - 1 :]), size, room)]
    narrow = room
    while narrow > room * 0.5 and len(_greedy(text, size, narrow * 0.94)) == len(lines):
        narrow *= 0.94
    return _greedy(text, size, narrow)


def _greedy(text: str, size: int, room: float) -> list[str]:
    lines: list[str] = []
    line = ""
    for word in text.split():
        whole = f"{line} {word}".strip()
        if line and width(whole, size) > room:
            lines.append(line)
            line = shorten(word, size, room)
        else:
            line = whole if line else shorten(word, size, room)
    return [*lines, line] if line else lines


def spaced(draw: ImageDraw.ImageDraw, x: float, y: float, text: str, size: int, colour: Colour, gap: float,
           anchor: str = "m") -> None:  # fmt: skip
    """Set a line of letter-spaced type, centred on `x` or starting there."""
    total = sum(width(c, size) + gap for c in text) - gap
    if anchor == "m":
        x -= total / 2
    for char in text:
        draw.text((x, y), char, font=font(size), fill=colour, anchor="ls")
        x += width(char, size) + gap


def mask_of(lines: list[str], size: int, leading: float, frame: tuple[int, int], top: float) -> Image.Image:
    """Set centred lines as an opacity mask over a frame."""
    mask = Image.new("L", frame, 0)
    draw = ImageDraw.Draw(mask)
    for k, line in enumerate(lines):
        draw.text((frame[0] / 2, top + k * leading), line, font=font(size), fill=255, anchor="ms")
    return mask
