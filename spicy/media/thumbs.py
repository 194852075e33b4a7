"""Small copies for pages: of a picture, or of a clip's first picture, as JPEG."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from spicy.errors import MediaError
from spicy.media.probe import MAX_PIXELS

if TYPE_CHECKING:
    from PIL import Image

_QUALITY = 82


def shrink(path: Path, width: int, *, is_clip: bool) -> bytes:
    """A JPEG at most `width` wide, never larger than the original. Raises MediaError for what cannot be decoded."""
    if is_clip:
        from spicy.media.frames import first_picture

        return _small(first_picture(path), width)
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as opened:
            if opened.width * opened.height > MAX_PIXELS:
                raise MediaError(f"{path}: {opened.width}x{opened.height} is more than {MAX_PIXELS} pixels")
            opened.draft("RGB", (width, width * opened.height // max(1, opened.width)))
            return _small(ImageOps.exif_transpose(opened), width)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise MediaError(f"{path}: not a readable picture: {error}") from error


def _small(image: Image.Image, width: int) -> bytes:
    from PIL import Image

    height = max(1, round(image.height * width / image.width))
    if image.width > width:
        image = image.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0)
    out = io.BytesIO()
    _flat(image).save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()


def _flat(image: Image.Image) -> Image.Image:
    """Without transparency, on black: the pages are dark."""
    from PIL import Image

    if not image.has_transparency_data:
        return image.convert("RGB")
    clear = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", clear.size, "black"), clear).convert("RGB")
