"""Thumbnails as data URLs, so that a report is one file that still shows its pictures when it travels alone."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True, slots=True)
class Size:
    """How large thumbnails may be in a report with so many pictures."""

    edge: int
    """Longest edge in pixels."""
    quality: int
    """JPEG quality."""


def size_for(pictures: int) -> Size:
    """Choose a size that keeps a report of any length within a few megabytes."""
    if pictures <= 40:
        return Size(640, 80)
    if pictures <= 150:
        return Size(420, 72)
    return Size(256, 60)


def inside(path: object) -> str | None:
    """`path` when it names a file within the film's folder, else None."""
    if not isinstance(path, str) or not path or "\\" in path or "\0" in path:
        return None
    pure = PurePosixPath(path)
    return None if pure.is_absolute() or ".." in pure.parts else path


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A thumbnail and its own size in pixels."""

    url: str
    width: int
    height: int


def thumbnail(file: Path, size: Size) -> Thumbnail | None:
    """Shrink a picture file to a JPEG data URL; None when it is not there or not a picture."""
    from PIL import Image, ImageOps

    try:
        with Image.open(file) as opened:
            opened.draft("RGB", (size.edge, size.edge))
            image = ImageOps.exif_transpose(opened)
            image.thumbnail((size.edge, size.edge), Image.Resampling.BILINEAR, reducing_gap=2.0)
            flat = _flatten(image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    out = io.BytesIO()
    flat.save(out, "JPEG", quality=size.quality)
    url = "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode("ascii")
    return Thumbnail(url, flat.width, flat.height)


def _flatten(image: Image.Image) -> Image.Image:
    """The picture without transparency, on white."""
    from PIL import Image

    if image.mode == "RGB":
        return image
    if not image.has_transparency_data:
        return image.convert("RGB")
    clear = image.convert("RGBA")
    white = Image.new("RGBA", clear.size, "white")
    return Image.alpha_composite(white, clear).convert("RGB")
