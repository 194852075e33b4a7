"""Keyframes: a painted place, the cast cut out of its sheets and set into it, and the light over all."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from spicy.ports import ImageCall
from spicy.providers.animatic import image_metadata as notes
from spicy.providers.animatic.drawing import finish, frame
from spicy.providers.animatic.drawing.colours import Colour, mix
from spicy.providers.animatic.drawing.layers import Stage
from spicy.providers.animatic.figures import look
from spicy.providers.animatic.judging import cutout
from spicy.providers.animatic.places import foreground, light, places, setting
from spicy.providers.animatic.places.light import Light
from spicy.providers.animatic.story.brief import Brief

_HOVERING = (look.Build.FISH, look.Build.GHOST)


@dataclass(frozen=True, slots=True)
class _Framing:
    """How near the camera is, and how high."""

    tall: float
    """Height of a figure, in shares of the frame's height."""
    foot: float
    horizon: float
    near: bool = False


def compose(call: ImageCall, brief: Brief, pictures: Sequence[Path], into: Path, seed: int) -> None:
    """Compose the still that `brief` asks for and write it as a JPEG. Raises OSError."""
    size = frame.picture(call.aspect_ratio, call.resolution)
    follows = brief.has("previous") or call.order_only is not None
    cast, before = (pictures[:-1], pictures[-1]) if follows and len(pictures) > 0 else (pictures, None)
    words = brief.first("setting") or brief.text
    where = setting.read(words)
    shine = light.read(where, brief.first("mood"), brief.first("palette", "colours"), brief.style)
    framing = _framing(brief.first("camera", "framing"), size)
    stage = Stage(size, where, shine, framing.horizon, seed)
    places.paint(stage)
    if framing.near:
        _shallow(stage)
    figures = _figures(cast, size)
    focus = _set_in(stage, figures, framing, brief, pushed=len(brief.every("correct")))
    air = foreground.paint(stage, words)
    old = _thumbnail(before) if before else None
    done = finish.graded(stage.frame, brief.style, seed, old)
    told = notes.ImageMetadata(air, focus, shine.dark, where.indoors)
    done.save(into, "JPEG", quality=92, subsampling=0, comment=notes.write(told))


def _thumbnail(path: Path) -> Image.Image:
    with Image.open(path) as opened:
        return opened.convert("RGB").resize((48, 27), Image.Resampling.BOX)


def _framing(camera: str, size: tuple[int, int]) -> _Framing:
    words = camera.lower()
    upright = size[1] > size[0] * 1.1
    horizon = 0.76 if "low angle" in words or "low-angle" in words else 0.66
    if re.search(r"high[- ]angle|overhead|bird|crane|top[- ]down|aerial", words):
        horizon = 0.50
    if re.search(r"close[- ]?up|closeup|portrait|tight", words):
        return _Framing(0.86 if upright else 1.04, 1.26 if not upright else 1.10, horizon + 0.04, True)
    if re.search(r"extreme wide|very wide|establishing|aerial", words):
        return _Framing(0.32, 0.86, horizon)
    if re.search(r"wide|long shot|full shot|panorama", words):
        return _Framing(0.44, 0.89, horizon)
    if re.search(r"medium close", words):
        return _Framing(0.84, 1.06, horizon)
    return _Framing(0.60, 0.93, horizon)


def _shallow(stage: Stage) -> None:
    """Throw the background out of focus, as a long lens does."""
    wide, high = stage.size
    zoomed = stage.frame.resize(
        stage.size, Image.Resampling.BICUBIC, box=(wide * 0.12, high * 0.10, wide * 0.88, high * 0.86)
    )
    small = zoomed.resize((wide // 3, high // 3), Image.Resampling.BOX)
    radius = max(0.8, high / 3 * 0.009)
    soft = small.filter(ImageFilter.BoxBlur(radius)).filter(ImageFilter.BoxBlur(radius))
    stage.frame = soft.resize(stage.size, Image.Resampling.BICUBIC)


def _figures(cast: Sequence[Path], size: tuple[int, int]) -> list[cutout.Cut]:
    out: list[cutout.Cut] = []
    for path in cast:
        with Image.open(path) as opened:
            opened.draft("RGB", (size[1], size[1]))
            out.append(cutout.cut(opened.convert("RGB"), most=int(size[1] * 1.05)))
    return out


def _set_in(
    stage: Stage, figures: Sequence[cutout.Cut], framing: _Framing, brief: Brief, pushed: int
) -> tuple[float, float]:
    """Place the cast from left to right and say where the eye rests."""
    if not figures:
        return stage.light.sun[0], min(0.5, stage.horizon)
    picks = random.Random(stage.random.random())
    wide, high = stage.size
    if len(figures) == 1:
        spots = [0.5] if framing.near or wide < high else [picks.choice((0.35, 0.65))]
    else:
        margin = 0.29 if wide > high else 0.27
        spots = [margin + (1 - 2 * margin) * k / (len(figures) - 1) for k in range(len(figures))]
    words = [*brief.every("figure"), *[""] * len(figures)][: len(figures)]
    builds = [look.read(text).species.build for text in words]
    people = look.Build.PERSON in builds
    room = (
        wide
        / len(figures)
        * ((0.92 if wide > high else 0.84) if len(figures) > 1 else (1.0 if framing.near else 0.74))
    )
    for k, (cut, at) in enumerate(zip(figures, spots, strict=True)):
        tall = high * framing.tall * (1 + 0.06 * min(pushed, 2))
        tall *= 1.0 if framing.near else _stature(words[k], people)
        scale = min(tall / cut.figure.height, room / cut.figure.width)
        grown = scale * cut.figure.height / tall
        foot = 0.92 + (framing.foot - 0.92) * max(0.0, min(1.0, (grown - 0.5) / 0.5))
        lifted = 0.10 if builds[k] in _HOVERING else 0.0
        _stand(stage, cut, scale, (at, foot - 0.012 * (k % 2)), lifted)
    return sum(spots) / len(spots), 0.46 if framing.near else 0.58


def _stature(words: str, beside_people: bool) -> float:
    """Say how tall a figure is beside others: animals are smaller than people, and words for size count."""
    seen = look.read(words)
    build = seen.species.build
    tall = 1.1 if build is look.Build.PERSON else 0.84 if build in (look.Build.BIRD, look.Build.FISH) else 1.0
    if beside_people and build is not look.Build.PERSON:
        tall *= 0.8
    if seen.has("small", "tiny", "little"):
        tall *= 0.9
    return tall * (1.08 if seen.has("big", "great", "giant", "huge", "tall", "large") else 1.0)


def _stand(stage: Stage, cut: cutout.Cut, scale: float, at: tuple[float, float], lifted: float) -> None:
    wide, high = stage.size
    size = max(2, round(cut.figure.width * scale)), max(2, round(cut.figure.height * scale))
    figure = cut.figure.resize(size, Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.BICUBIC)
    x, foot = round(at[0] * wide - size[0] / 2), round(at[1] * high)
    y = foot - size[1] - round(lifted * high)
    if cut.keyed and at[1] <= 1:
        _ground_shadow(stage, (at[0] * wide, foot), size[0], lifted)
    lit = _lit(figure, stage.light, cut.keyed, at[0] < stage.light.sun[0])
    stage.frame.paste(lit, (x, y), lit)


def _ground_shadow(stage: Stage, foot: tuple[float, float], wide: int, lifted: float) -> None:
    mask = Image.new("L", stage.size, 0)
    draw = ImageDraw.Draw(mask)
    x, y = foot
    flat = wide * 0.085
    lean = (0.5 - stage.light.sun[0]) * wide * 0.5
    draw.ellipse(
        (x - wide * 0.50 + lean, y - flat * 1.3, x + wide * 0.50 + lean, y + flat * 0.7),
        fill=120 if lifted else 150,
    )
    draw.ellipse(
        (x - wide * 0.36, y - flat * 1.0, x + wide * 0.36, y + flat * 0.35), fill=110 if lifted else 215
    )
    stage.lay(mask, mix(stage.light.ink, (0, 0, 0), 0.35), None, 0.62, 0.010)


def _lit(figure: Image.Image, shine: Light, keyed: bool, sun_right: bool) -> Image.Image:
    """Bring a figure into the light of the place: its tint, its shade at the feet, its rim of light."""
    alpha = figure.getchannel("A")
    share = 0.22 if shine.dark else 0.14
    tint: Colour = mix(shine.key, shine.middle, 0.45) if shine.dark else shine.key
    rgb = figure.convert("RGB")
    rgb = Image.blend(rgb, ImageChops.multiply(rgb, Image.new("RGB", rgb.size, tint)), share + 0.12)
    ramp = (
        Image.linear_gradient("L").resize(rgb.size).point([round(max(0, i - 110) * 0.26) for i in range(256)])
    )
    rgb.paste(mix(shine.ink, tint, 0.2), (0, 0), ramp)
    if keyed:
        step = max(1, figure.height // 130)
        away = ImageChops.offset(alpha, -step * 2 if sun_right else step * 2, step)
        rim = ImageChops.subtract(alpha, away).filter(ImageFilter.BoxBlur(step * 0.8))
        rgb.paste(
            mix(shine.key, (255, 248, 228), 0.4),
            (0, 0),
            rim.point([round(i * (0.55 if shine.dark else 0.62)) for i in range(256)]),
        )
    rgb.putalpha(alpha)
    return rgb
