"""Cutting a still to an exact shape.

Image-to-video keeps the shape of its still (xAI, Video Generation), and Grok's stills are only nearly in
shape: 1408x768 for 16:9. A still cut to the film's own shape gives a clip that needs no second encoding.
"""

from __future__ import annotations

from pathlib import Path

from spicy.errors import MediaError
from spicy.files import atomic_path

QUALITY = 95


def in_shape(width: int, height: int, across: int, down: int) -> bool:
    """Whether a picture has the shape `across`:`down`, to the nearest pixel."""
    return abs(width * down - height * across) < max(across, down)


def crop_to(picture: Path, into: Path, across: int, down: int) -> None:
    """Cut the middle of `picture` that has the shape `across`:`down`, as JPEG. Raises MediaError."""
    from PIL import Image

    try:
        with Image.open(picture) as image:
            width, height = image.size
            unit = min(width // across, height // down)
            wide, high = unit * across, unit * down
            left, top = (width - wide) // 2, (height - high) // 2
            cut = image.convert("RGB").crop((left, top, left + wide, top + high))
        with atomic_path(into, durable=False) as draft:
            cut.save(draft, "JPEG", quality=QUALITY, subsampling=0)
    except (OSError, ValueError) as error:
        raise MediaError(f"{picture}: cannot be cut to {across}:{down}: {error}") from error
