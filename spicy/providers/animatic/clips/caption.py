"""The caption of a clip: the action, set low in the frame over a soft shade, readable on any picture."""

from __future__ import annotations

from PIL import Image, ImageChops, ImageFilter

from spicy.providers.animatic.clips.air import Planes
from spicy.providers.animatic.drawing import lettering

_IN, _OUT = 0.35, 0.55
"""Seconds of fading in at the start, and of being gone before the end, so that the last frame is clean."""


_LINES, _PAGES = 2, 4


class Caption:
    """A caption, ready to be laid on every frame; a long one is read page by page over the clip."""

    def __init__(self, text: str, size: tuple[int, int]) -> None:
        wide, high = size
        unit = min(wide, high) if wide >= high else wide * 1.15
        type_size = max(9, round(unit * (0.044 if wide >= high else 0.046)))
        room = wide * (0.80 if wide >= high else 0.84)
        lines = lettering.wrap(lettering.plain(text), type_size, room, _LINES * _PAGES)
        pages = [lines[at : at + _LINES] for at in range(0, len(lines), _LINES)]
        self._pages = [_Page(page, type_size, size) for page in pages]

    def lay(self, planes: Planes, seconds: float, whole: float) -> None:
        """Lay the page of the moment on a frame."""
        if self._pages:
            turn = whole / len(self._pages)
            at = min(int(seconds / turn), len(self._pages) - 1)
            self._pages[at].lay(planes, seconds - at * turn, turn)


class _Page:
    """At most two lines, faded in and out within their turn."""

    def __init__(self, lines: list[str], type_size: int, size: tuple[int, int]) -> None:
        wide, high = size
        leading = type_size * 1.32
        below = high * (0.085 if wide >= high else 0.13)
        first = high - below - leading * (len(lines) - 1)
        self._top = max(0, int(first - type_size * 3.2)) // 2 * 2
        tall = high - self._top
        letters = lettering.mask_of(lines, type_size, leading, (wide, tall), first - self._top)
        shade = _shade(wide, tall)
        halo = letters.filter(ImageFilter.GaussianBlur(type_size * 0.16)).point(
            [min(255, i * 2) for i in range(256)]
        )
        halo = halo.point([i * 150 // 255 for i in range(256)])
        grey = ImageChops.lighter(shade, letters).reduce(2)
        self._masks = shade, halo, letters, grey

    def lay(self, planes: Planes, seconds: float, whole: float) -> None:
        """Lay the page on a frame, faded as the moment of its turn asks."""
        strength = min(1.0, seconds / _IN, max(0.0, (whole - seconds - 0.08) / (_OUT - 0.08)))
        if strength <= 0.02:
            return
        masks = self._masks
        if strength < 1:
            fade = [round(i * strength) for i in range(256)]
            masks = masks[0].point(fade), masks[1].point(fade), masks[2].point(fade), masks[3].point(fade)
        shade, halo, letters, grey = masks
        at, half = (0, self._top), (0, self._top // 2)
        planes.y.paste(18, at, shade)
        planes.y.paste(16, at, halo)
        planes.y.paste(234, at, letters)
        planes.u.paste(128, half, grey)
        planes.v.paste(128, half, grey)


def _shade(wide: int, tall: int) -> Image.Image:
    ramp = Image.linear_gradient("L").resize((wide, tall))
    return ramp.point([round(min(1.0, i / 150) ** 1.5 * 148) for i in range(256)])
