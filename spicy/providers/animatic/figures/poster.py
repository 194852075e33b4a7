"""Redraws a reference picture in the flat manner of the cards: few, clean colours, the same subject."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from spicy.providers.animatic.judging import cutout


def redrawn(path: Path, room: tuple[int, int], strength: float) -> Image.Image:
    """Cut the subject out (or frame it in an oval) and flatten its colours. Raises OSError."""
    with Image.open(path) as opened:
        picture = ImageOps.exif_transpose(opened)
        picture = _on_plain(picture)
    cut = cutout.cut(picture, most=max(room))
    subject = cut.figure if cut.keyed else _portrait(picture, room)
    return pushed(_flattened(subject, room), strength)


def _on_plain(picture: Image.Image) -> Image.Image:
    """Lay a picture with transparency on a ground that its own colours are far from."""
    if picture.mode not in ("RGBA", "LA", "P") and "transparency" not in picture.info:
        return picture.convert("RGB")
    whole = picture.convert("RGBA")
    if whole.getchannel("A").getextrema()[0] == 255:
        return whole.convert("RGB")
    small = np.asarray(whole.resize((32, 32), Image.Resampling.BOX), np.float32)
    bright = float((small[..., :3].mean(axis=2) * small[..., 3]).sum() / max(1.0, float(small[..., 3].sum())))
    ground = Image.new("RGBA", whole.size, (60, 66, 88, 255) if bright > 150 else (240, 238, 230, 255))
    return Image.alpha_composite(ground, whole).convert("RGB")


def _portrait(picture: Image.Image, room: tuple[int, int]) -> Image.Image:
    side = min(picture.size)
    wide, high = min(picture.width, int(side * 1.0)), min(picture.height, int(side * 1.25))
    left, top = (picture.width - wide) // 2, int((picture.height - high) * 0.3)
    square = picture.crop((left, top, left + wide, top + high))
    square.thumbnail(room, Image.Resampling.BICUBIC)
    return cutout.oval(square)


def _flattened(subject: Image.Image, room: tuple[int, int]) -> Image.Image:
    scale = min(room[0] / subject.width, room[1] / subject.height)
    subject = subject.resize(
        (max(1, round(subject.width * scale)), max(1, round(subject.height * scale))),
        Image.Resampling.BICUBIC,
    )
    alpha, rgb = subject.getchannel("A"), subject.convert("RGB")
    half = rgb.resize((max(1, rgb.width // 2), max(1, rgb.height // 2)), Image.Resampling.BOX)
    calm = half.filter(ImageFilter.MedianFilter(5))
    flat = calm.quantize(20, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).convert("RGB")
    flat = flat.filter(ImageFilter.MedianFilter(3)).resize(rgb.size, Image.Resampling.BICUBIC)
    drawn = Image.blend(rgb, flat, 0.62)
    drawn.putalpha(alpha)
    return drawn


def pushed(being: Image.Image, strength: float) -> Image.Image:
    """Strengthen colours and contrast a little, as a correction asks for."""
    if strength <= 1.0:
        return being
    alpha = being.getchannel("A")
    strong = ImageEnhance.Color(being.convert("RGB")).enhance(min(strength, 1.5))
    strong = ImageEnhance.Contrast(strong).enhance(1 + min(strength - 1, 0.5) * 0.12)
    strong.putalpha(alpha)
    return strong
