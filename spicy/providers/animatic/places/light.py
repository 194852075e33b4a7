"""Light: which colours the sky has, and what they do to the things under it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import assert_never

from spicy.providers.animatic.drawing.colours import Colour, all_named, lift, luma, mix, vivid
from spicy.providers.animatic.places.setting import Ground, Hour, Setting, Weather


@dataclass(frozen=True, slots=True)
class Light:
    """The colours of a moment."""

    top: Colour
    middle: Colour
    low: Colour
    key: Colour
    """The colour of what the light falls on."""
    ink: Colour
    """The colour that the shadows tend to."""
    sun: tuple[float, float]
    """Where the sun or moon stands, in shares of the frame."""
    dark: bool
    strength: float
    """How strongly the sun or moon glows, 0 to 1."""

    def on(self, colour: Colour, depth: float) -> Colour:
        """Light a thing: far ones (0) drown in the haze above the horizon, near ones (1) keep their colour."""
        lit = mix(colour, self.ink, 0.58 if self.dark else 0.10)
        lit = mix(
            lit, (lit[0] * self.key[0] // 255, lit[1] * self.key[1] // 255, lit[2] * self.key[2] // 255), 0.8
        )
        share = 0.16 + 0.84 * depth if self.dark else 0.36 + 0.64 * depth**0.8
        return mix(mix(self.low, self.middle, 0.35), lit, share)


_SKIES: dict[Hour, Light] = {
    Hour.DAWN: Light((92, 118, 182), (236, 172, 172), (255, 220, 172), (255, 226, 204), (58, 50, 96), (0.70, 0.52), False, 0.8),
    Hour.MORNING: Light((96, 170, 226), (172, 216, 238), (252, 240, 214), (255, 250, 236), (44, 66, 104), (0.76, 0.24), False, 0.6),
    Hour.NOON: Light((56, 140, 216), (128, 194, 236), (218, 240, 244), (255, 255, 248), (38, 62, 104), (0.66, 0.14), False, 0.5),
    Hour.GOLDEN: Light((96, 150, 196), (244, 202, 150), (255, 228, 168), (255, 236, 200), (70, 50, 82), (0.74, 0.36), False, 0.9),
    Hour.DUSK: Light((50, 46, 112), (198, 88, 118), (255, 172, 98), (255, 196, 160), (42, 28, 76), (0.66, 0.56), False, 1.0),
    Hour.NIGHT: Light((10, 16, 48), (24, 42, 96), (70, 104, 156), (190, 210, 255), (12, 16, 46), (0.74, 0.20), True, 0.7),
}  # fmt: skip

_MOODS: dict[str, tuple[Colour, float]] = {
    "tense dark ominous dangerous menacing suspense scary": ((30, 40, 70), 0.22),
    "sad melancholy lonely wistful quiet sombre somber": ((80, 106, 156), 0.18),
    "warm cosy cozy tender hopeful joyful happy triumphant playful": ((255, 190, 110), 0.16),
    "mysterious magical dreamy enchanted wonder strange": ((132, 96, 200), 0.18),
    "calm serene peaceful gentle": ((150, 210, 210), 0.12),
    "romantic love": ((244, 140, 160), 0.16),
    "angry fierce epic urgent": ((214, 84, 56), 0.16),
}


def read(place: Setting, mood: str, palette: str, style: str) -> Light:
    """Choose the light for a place; mood, palette and style tint it."""
    light = _weathered(_SKIES[place.hour], place)
    if place.ground is Ground.SPACE:
        light = replace(light, top=(8, 8, 28), middle=(26, 20, 64), low=(70, 48, 116), key=(214, 216, 255))
    elif place.ground is Ground.UNDERWATER:
        light = replace(light, top=(42, 160, 186), middle=(22, 104, 156), low=(14, 60, 112), key=(170, 236, 240), dark=False,
                        ink=(8, 36, 80), sun=(0.5, -0.05))  # fmt: skip
    words = set(re.findall(r"\w+", mood.lower()))
    for names, (tint, share) in _MOODS.items():
        if words & set(names.split()):
            light = tinted(light, tint, share)
    for k, (_, colour) in enumerate(all_named(palette)[:4]):
        light = _painted(light, colour, k)
    if {"noir", "monochrome"} & set(re.findall(r"\w+", style.lower())):
        light = _map(light, lambda c: lift(vivid(c, 0.35), -0.18))
    return light


def tinted(light: Light, tint: Colour, share: float) -> Light:
    """Mix a colour into the whole light, keeping how bright it is."""
    return _map(light, lambda c: mix(c, _as_bright(tint, luma(c)), share))


def _painted(light: Light, colour: Colour, k: int) -> Light:
    """Give a palette's colour a part of the sky: the first the top, then the middle, the horizon, the key."""
    part = ("top", "middle", "low", "key")[k]
    was: Colour = getattr(light, part)
    change: dict[str, Colour] = {
        part: mix(was, _as_bright(colour, luma(was)), 0.34 if part != "key" else 0.2)
    }
    return replace(light, **change)  # type: ignore[arg-type]


def _weathered(light: Light, place: Setting) -> Light:
    match place.weather:
        case Weather.CLEAR:
            return light
        case Weather.CLOUDY:
            grey, share, strength = (168, 178, 192), 0.42, 0.25
        case Weather.RAIN:
            grey, share, strength = (104, 122, 144), 0.55, 0.12
        case Weather.STORM:
            grey, share, strength = (62, 70, 98), 0.66, 0.08
        case Weather.FOG:
            grey, share, strength = (206, 212, 214), 0.55, 0.3
        case Weather.SNOW:
            grey, share, strength = (206, 218, 232), 0.48, 0.2
        case _:
            assert_never(place.weather)
    toned = _as_bright(grey, 0.30) if light.dark else grey
    soft = _map(light, lambda c: mix(c, toned, share * (0.6 if light.dark else 1.0)))
    return replace(soft, key=mix(light.key, (236, 240, 248), 0.5), strength=strength)


def _map(light: Light, change: Callable[[Colour], Colour]) -> Light:
    return replace(
        light,
        top=change(light.top),
        middle=change(light.middle),
        low=change(light.low),
        key=change(light.key),
    )


def _as_bright(colour: Colour, wanted: float) -> Colour:
    have = luma(colour)
    if have <= 0.01:
        return round(wanted * 255), round(wanted * 255), round(wanted * 255)
    if wanted <= have:
        factor = wanted / have
        return round(colour[0] * factor), round(colour[1] * factor), round(colour[2] * factor)
    return mix(colour, (255, 255, 255), (wanted - have) / (1.0001 - have))
