"""What a still remembers of its making, kept in the JPEG's own comment so that it travels with the bytes.

A clip is asked for with a still and a camera move only. The note tells it what is in the air and where the
figures stand; a still of other origin has no note, and then the picture itself decides.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from PIL import Image

_MARK = "spicy-animatic-1 "


@dataclass(frozen=True, slots=True)
class ImageMetadata:
    """What a clip should know about a still."""

    air: str
    """rain, snow, fireflies, dust, stars, bubbles, leaves or motes."""
    focus: tuple[float, float]
    """Where the eye rests, in shares of width and height."""
    dark: bool
    indoors: bool


def write(note: ImageMetadata) -> bytes:
    """Put a note into words for a JPEG comment."""
    return (_MARK + json.dumps(asdict(note), sort_keys=True)).encode()


def read(picture: Image.Image) -> ImageMetadata | None:
    """Read the note of a still, if it is one of ours."""
    comment = picture.info.get("comment")
    text = comment.decode("utf-8", "replace") if isinstance(comment, bytes) else str(comment or "")
    if not text.startswith(_MARK):
        return None
    try:
        data = json.loads(text.removeprefix(_MARK))
        x, y = data["focus"]
        return ImageMetadata(
            str(data["air"]), (float(x), float(y)), bool(data["dark"]), bool(data["indoors"])
        )
    except (ValueError, KeyError, TypeError):
        return None
