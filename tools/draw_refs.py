"""Draws the reference pictures of the example specs: flat portraits on a soft round of colour.

    python tools/draw_refs.py [FOLDER]

They are made with the animatic's own figures, so they may be drawn anew at any time and belong to nobody.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter

from spicy.providers.animatic.drawing.colours import Colour, lift
from spicy.providers.animatic.figures import figure, look

SIZE = (768, 1024)
PORTRAITS: dict[str, tuple[str, Colour]] = {
    "fox": (
        "A small red fox with a white chest, a white-tipped tail, amber eyes and a green scarf.",
        (176, 214, 206),
    ),
    "owl": ("A great grey owl with a cream chest, large golden eyes and round glasses.", (226, 196, 158)),
    "robot": ("A teal robot with an orange light on the chest and cyan eyes.", (240, 214, 176)),
    "girl": ("A girl with brown braids, a yellow raincoat and red boots.", (158, 198, 222)),
    "cat": ("A black cat with green eyes, a white chest, white paws and a red collar.", (238, 196, 188)),
}


def portrait(words: str, ground: Colour) -> Image.Image:
    """Draw a figure, standing before a plain ground that darkens downwards."""
    wide, high = SIZE
    column = Image.new("RGB", (1, 2))
    column.putpixel((0, 0), lift(ground, 0.22))
    column.putpixel((0, 1), lift(ground, -0.06))
    picture = column.resize((1, high), Image.Resampling.BILINEAR).resize(SIZE)
    being = figure.draw(look.read(words), 1100)
    being = being.crop(being.getchannel("A").getbbox())
    scale = min(wide * 0.84 / being.width, high * 0.80 / being.height)
    being = being.resize((round(being.width * scale), round(being.height * scale)), Image.Resampling.LANCZOS)
    left, foot = (wide - being.width) // 2, round(high * 0.93)
    shade = Image.new("L", SIZE, 0)
    reach = being.width * 0.46
    ImageDraw.Draw(shade).ellipse((wide / 2 - reach, foot - 30, wide / 2 + reach, foot + 14), fill=34)
    picture.paste(lift(ground, -0.5), (0, 0), shade.filter(ImageFilter.GaussianBlur(9)))
    picture.paste(being, (left, foot - being.height), being)
    return picture


def main(folder: Path) -> None:
    """Draw all portraits into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (words, ground) in PORTRAITS.items():
        picture = portrait(words, ground)
        few = picture.quantize(192, Image.Quantize.MEDIANCUT, dither=Image.Dither.FLOYDSTEINBERG)
        few.save(folder / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent.parent / "specs" / "refs")
