"""Clips: a still seen through a moving camera, with air, caption and sound."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageOps, ImageStat

from spicy.ports import VideoCall
from spicy.providers.animatic import image_metadata
from spicy.providers.animatic.clips import camera, mp4_writer, sound
from spicy.providers.animatic.clips.air import Air, Planes
from spicy.providers.animatic.clips.caption import Caption
from spicy.providers.animatic.clips.progress import Report
from spicy.providers.animatic.drawing import frame
from spicy.providers.animatic.story.brief import Brief


def shoot(call: VideoCall, still: Path, into: Path, seed: int, report: Report) -> None:
    """Make the clip of `call` from `still`. Raises MediaError, or OSError when the still cannot be read."""
    brief = Brief.parse(call.prompt)
    size = frame.clip(call.aspect_ratio, call.resolution)
    picture, told = _open(still, size)
    words = brief.first("caption") or _action(brief)
    air = Air(_air(words, told), size, seed)
    caption = Caption(words, size)
    move = camera.read(brief.first("camera", "framing") or brief.text, told.focus, call.duration, seed)
    bed = sound.bed(f"{words} {brief.style}", told.air, told.dark, call.duration, seed)
    source = planes(picture)
    count = call.duration * mp4_writer.FPS
    with mp4_writer.writing(into) as container:
        out = mp4_writer.Reel(container, size, bed, sound.RATE)
        for k in range(count):
            report(k / count)
            view = seen(source, move.at(k / max(1, count - 1)), size)
            air.draw(view, k / mp4_writer.FPS)
            caption.lay(view, k / mp4_writer.FPS, call.duration)
            out.add(view)
        out.finish()


def _open(path: Path, size: tuple[int, int]) -> tuple[Image.Image, image_metadata.ImageMetadata]:
    """Read a still, cut it to the shape of the clip, and keep no more pixels than the camera can use."""
    with Image.open(path) as opened:
        told = image_metadata.read(opened)
        picture = ImageOps.exif_transpose(opened).convert("RGB")
    shape = size[0] / size[1]
    wide, high = min(picture.width, picture.height * shape), min(picture.height, picture.width / shape)
    left, top = (picture.width - wide) / 2, (picture.height - high) / 2
    enough = min(1.3, max(1.0, wide / size[0]))
    fitted = round(size[0] * enough / 2) * 2, round(size[1] * enough / 2) * 2
    picture = picture.resize(fitted, Image.Resampling.BICUBIC, box=(left, top, left + wide, top + high))
    return picture, told or _judged(picture)


def _judged(picture: Image.Image) -> image_metadata.ImageMetadata:
    """Say of a still of other origin whether it is dark, and so what may float in its air."""
    dark = ImageStat.Stat(picture.convert("L")).mean[0] < 84
    return image_metadata.ImageMetadata("dust" if dark else "motes", (0.5, 0.5), dark, False)


def _action(brief: Brief) -> str:
    """The words of a prompt without labels, after its style; of a single line, that line."""
    lines = brief.text.splitlines()
    rest = [
        line
        for line in lines[1:] or lines
        if line.strip() and not line.lower().startswith(("camera:", "correct:"))
    ]
    return " ".join(rest)


def _air(words: str, told: image_metadata.ImageMetadata) -> str:
    text = words.lower()
    for kind, signs in (("rain", ("rain", "downpour")), ("snow", ("snowflake", "snowfall", "snow falls")), ("fireflies", ("firefl",)),
                        ("leaves", ("leaves fall", "falling leaves", "petals"))):  # fmt: skip
        if any(sign in text for sign in signs) and not told.indoors:
            return kind
    return told.air


def planes(picture: Image.Image) -> Planes:
    """Take a picture apart into luma and halved chroma, BT.709, limited range."""
    r, g, b = picture.split()
    full = picture.size
    half = full[0] // 2, full[1] // 2
    luma = (0.2126 * 219 / 255, 0.7152 * 219 / 255, 0.0722 * 219 / 255, 16)
    y = Image.merge("RGB", (r, g, b)).convert("L", luma)
    small = picture.resize(half, Image.Resampling.BOX)
    u = small.convert(
        "L", (-0.2126 / 1.8556 * 224 / 255, -0.7152 / 1.8556 * 224 / 255, 0.9278 / 1.8556 * 224 / 255, 128)
    )
    v = small.convert(
        "L", (0.7874 / 1.5748 * 224 / 255, -0.7152 / 1.5748 * 224 / 255, -0.0722 / 1.5748 * 224 / 255, 128)
    )
    return Planes(y, u, v)


def seen(source: Planes, window: camera.Window, size: tuple[int, int]) -> Planes:
    """See the source through a window; the box is not rounded, so the move is smooth."""
    box = window.box(*source.y.size)
    half = window.box(*source.u.size)
    small = size[0] // 2, size[1] // 2
    return Planes(
        source.y.resize(size, Image.Resampling.BICUBIC, box=box),
        source.u.resize(small, Image.Resampling.BILINEAR, box=half),
        source.v.resize(small, Image.Resampling.BILINEAR, box=half),
    )
