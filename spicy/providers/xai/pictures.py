"""Local files on their way into a request: told apart by their first bytes, shrunk only when they must be."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from spicy.errors import CallFailed

if TYPE_CHECKING:
    from PIL import Image

REQUEST_BYTES = 19 << 20
"""What the files of one request may take as text; the SDK's channel carries 20 MiB."""
_PICTURE_BYTES = 10 << 20
"""The largest single picture that the server takes."""
_LONGEST_SIDE = 2048
_QUALITY = 90


@dataclass(frozen=True, slots=True)
class Inline:
    """A file's bytes and what they are."""

    data: bytes
    mime: str

    def url(self) -> str:
        """The file as a data URL."""
        return f"data:{self.mime};base64,{base64.b64encode(self.data).decode('ascii')}"

    def weight(self) -> int:
        """Length of the data URL."""
        return (len(self.data) + 2) // 3 * 4 + len(self.mime) + 13

    def suffix(self) -> str:
        """The usual file ending."""
        return f".{self.mime.partition('/')[2].replace('jpeg', 'jpg')}"


def sniff(head: bytes) -> str | None:
    """The media type that a file's first bytes (16 are enough) say it is, among those that xAI knows."""
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head[4:8] == b"ftyp":
        return "video/mp4"
    return None


def read_pictures(paths: Sequence[Path], *, webp: bool = True) -> tuple[Inline, ...]:
    """Read pictures for one request, all of them smaller when they would be too much as they are.

    `webp` says whether the model takes WebP. The files themselves are not touched. Raises CallFailed for a
    file that is no picture.
    """
    pictures = [_read(path, webp) for path in paths]
    if weight(pictures) > REQUEST_BYTES:
        pictures = [_smaller(picture, path) for picture, path in zip(pictures, paths, strict=True)]
    return tuple(pictures)


def on_canvas(picture: Inline, aspect_ratio: str, name: str) -> Inline:
    """The picture in the middle of a canvas of `aspect_ratio`, filled with the colour of its edge.

    An edit of one picture keeps that picture's shape, whatever ratio is asked for (xAI, Image Editing): a
    wide still made from a square sheet would come back square, and lose head and feet when cut. One that
    is within a twentieth of the shape stays as it is. Raises CallFailed for a file that is no picture.
    """
    from PIL import Image, ImageOps

    across, down = (float(part) for part in aspect_ratio.split(":"))
    try:
        with Image.open(io.BytesIO(picture.data)) as opened:
            whole = ImageOps.exif_transpose(opened).convert("RGB")
        wide = max(whole.width, round(whole.height * across / down))
        high = max(whole.height, round(whole.width * down / across))
        if (wide - whole.width) * 20 < wide and (high - whole.height) * 20 < high:
            return picture
        canvas = Image.new("RGB", (wide, high), _edge(whole))
        canvas.paste(whole, ((wide - whole.width) // 2, (high - whole.height) // 2))
        canvas.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE), Image.Resampling.LANCZOS)
        into = io.BytesIO()
        canvas.save(into, "JPEG", quality=95, subsampling=0)
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise CallFailed(f"{name} cannot be sent, it is no picture: {error}") from error
    return Inline(into.getvalue(), "image/jpeg")


def _edge(picture: Image.Image) -> tuple[int, int, int]:
    """The median colour of a picture's outermost pixels."""
    from PIL import Image, ImageStat

    wide, high = picture.size
    sides = [(0, 0, wide, 1), (0, high - 1, wide, high), (0, 0, 1, high), (wide - 1, 0, wide, high)]
    frame = Image.new("RGB", (2 * (wide + high), 1))
    at = 0
    for box in sides:
        strip = picture.crop(box)
        length = max(strip.size)
        frame.paste(strip if strip.height == 1 else strip.transpose(Image.Transpose.ROTATE_90), (at, 0))
        at += length
    red, green, blue = ImageStat.Stat(frame).median
    return int(red), int(green), int(blue)


def read_clip(path: Path) -> Inline:
    """Read a clip. Raises CallFailed when it is no MP4."""
    data = path.read_bytes()
    if sniff(data[:16]) != "video/mp4":
        raise CallFailed(f"{path.name} is no MP4 file, and xAI corrects nothing else")
    return Inline(data, "video/mp4")


def weight(files: Sequence[Inline]) -> int:
    """What files take in a request."""
    return sum(file.weight() for file in files)


def _read(path: Path, webp: bool) -> Inline:
    data = path.read_bytes()
    mime = sniff(data[:16])
    if mime is None or mime == "video/mp4" or (mime == "image/webp" and not webp):
        return _encoded(data, path)
    picture = Inline(data, mime)
    return picture if len(data) <= _PICTURE_BYTES else _smaller(picture, path)


def _smaller(picture: Inline, path: Path) -> Inline:
    shrunk = _encoded(picture.data, path)
    return shrunk if len(shrunk.data) < len(picture.data) else picture


def _encoded(data: bytes, path: Path) -> Inline:
    """The picture as a JPEG whose longest side is bounded."""
    from PIL import Image, ImageOps

    try:
        with Image.open(io.BytesIO(data)) as opened:
            picture = ImageOps.exif_transpose(opened)
            picture.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE), Image.Resampling.LANCZOS)
            if picture.has_transparency_data:
                sheet = Image.new("RGBA", picture.size, "white")
                picture = Image.alpha_composite(sheet, picture.convert("RGBA"))
            into = io.BytesIO()
            picture.convert("RGB").save(into, "JPEG", quality=_QUALITY)
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise CallFailed(f"{path.name} cannot be sent, it is no picture: {error}") from error
    return Inline(into.getvalue(), "image/jpeg")
