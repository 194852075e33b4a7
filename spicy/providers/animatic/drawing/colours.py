"""Colours: their names in prompts, and the few sums done with them."""

from __future__ import annotations

import colorsys
import re

Colour = tuple[int, int, int]

NAMED: dict[str, Colour] = {
    "red": (200, 52, 42), "crimson": (172, 30, 50), "scarlet": (214, 44, 34), "ruby": (168, 26, 62),
    "maroon": (118, 30, 42), "burgundy": (116, 28, 52), "rust": (180, 82, 40), "russet": (172, 86, 46),
    "orange": (234, 126, 38), "ginger": (220, 120, 48), "amber": (240, 168, 40), "copper": (192, 112, 66),
    "bronze": (168, 118, 62), "gold": (226, 178, 62), "golden": (230, 178, 64), "yellow": (246, 206, 66),
    "mustard": (212, 168, 54), "honey": (226, 166, 70), "blond": (234, 202, 122), "blonde": (234, 202, 122),
    "straw": (226, 204, 138), "sand": (218, 192, 146), "sandy": (218, 190, 140), "beige": (222, 204, 172),
    "cream": (250, 238, 212), "ivory": (250, 242, 224), "tan": (204, 162, 112), "tawny": (198, 132, 70),
    "fawn": (206, 160, 110), "brown": (128, 84, 54), "chestnut": (142, 78, 48), "chocolate": (96, 60, 42),
    "hazel": (150, 114, 62), "auburn": (150, 66, 40), "olive": (126, 130, 62), "lime": (164, 206, 66),
    "green": (74, 146, 82), "emerald": (36, 148, 102), "moss": (110, 132, 72), "mossy": (110, 132, 72),
    "mint": (152, 216, 184), "jade": (60, 160, 124), "sage": (150, 170, 136), "teal": (36, 136, 140),
    "turquoise": (56, 184, 184), "cyan": (74, 196, 214), "aqua": (92, 204, 208), "blue": (62, 116, 196),
    "azure": (74, 150, 224), "cobalt": (40, 82, 176), "navy": (36, 54, 104), "indigo": (68, 62, 142),
    "sapphire": (36, 84, 176), "violet": (128, 86, 188), "purple": (124, 72, 166), "plum": (118, 58, 110),
    "lavender": (184, 166, 222), "lilac": (194, 170, 216), "mauve": (172, 134, 170), "magenta": (196, 56, 140),
    "pink": (240, 146, 170), "rose": (226, 112, 136), "coral": (242, 126, 104), "peach": (250, 192, 154),
    "salmon": (244, 150, 128), "white": (246, 244, 240), "snowy": (240, 244, 248), "silver": (190, 198, 208),
    "silvery": (190, 198, 208), "pearl": (232, 228, 224), "grey": (132, 138, 148), "gray": (132, 138, 148),
    "ash": (150, 152, 156), "ashen": (150, 152, 156), "charcoal": (70, 74, 84), "slate": (96, 110, 128),
    "steel": (132, 148, 166), "black": (48, 48, 58), "ebony": (50, 46, 52), "raven": (46, 48, 64),
}  # fmt: skip
_SHADES = {
    "light": 0.30,
    "pale": 0.38,
    "bright": 0.06,
    "soft": 0.16,
    "dark": -0.30,
    "deep": -0.22,
    "dusty": -0.06,
}
_CJK = {
    "红": "red",
    "橙": "orange",
    "黄": "yellow",
    "绿": "green",
    "蓝": "blue",
    "紫": "purple",
    "白": "white",
}
_CJK |= {"黑": "black", "灰": "grey", "金": "gold", "银": "silver", "粉": "pink", "棕": "brown"}


def words_of(text: str) -> list[str]:
    """Split a text into lower-case words and the marks that end a clause; a few Chinese colours are read too."""
    for sign, name in _CJK.items():
        text = text.replace(sign, f" {name} ")
    return re.findall(r"[^\W_]+(?:'[a-z]+)?|[,.;:()]", text.lower())


def named(word: str) -> Colour | None:
    """Look up a colour word, also in forms such as `reddish` or `amber-eyed`."""
    word = word.removesuffix("ish") if word.endswith("ish") else word
    if word.endswith("dd"):
        word = word[:-1]
    return NAMED.get(word)


def shaded(colour: Colour, before: str) -> Colour:
    """Let the word before a colour make it lighter or darker."""
    return lift(colour, _SHADES.get(before, 0.0))


def all_named(text: str) -> list[tuple[str, Colour]]:
    """List every colour named in a text, in order and once."""
    words, found = words_of(text), dict[str, Colour]()
    for before, word in zip(["", *words], words, strict=False):
        colour = named(word)
        if colour:
            found.setdefault(word, shaded(colour, before))
    return list(found.items())


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """Blend, `share` of `b`."""
    red, green, blue = (round(x + (y - x) * share) for x, y in zip(a, b, strict=True))
    return red, green, blue


def lift(colour: Colour, by: float) -> Colour:
    """Make lighter (towards a warm white) or, below zero, darker (towards a cool ink)."""
    return mix(colour, (255, 250, 240), by) if by >= 0 else mix(colour, (18, 14, 38), -by)


def vivid(colour: Colour, factor: float) -> Colour:
    """Scale the saturation."""
    hue, light, saturation = colorsys.rgb_to_hls(*(c / 255 for c in colour))
    red, green, blue = colorsys.hls_to_rgb(hue, light, min(1.0, saturation * factor))
    return round(red * 255), round(green * 255), round(blue * 255)


def turned(colour: Colour, degrees: float) -> Colour:
    """Turn the hue."""
    hue, light, saturation = colorsys.rgb_to_hls(*(c / 255 for c in colour))
    red, green, blue = colorsys.hls_to_rgb((hue + degrees / 360) % 1, light, saturation)
    return round(red * 255), round(green * 255), round(blue * 255)


def luma(colour: Colour) -> float:
    """Perceived lightness, 0 to 1."""
    return (0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]) / 255


def saturation(colour: Colour) -> float:
    """How colourful, 0 to 1."""
    return (max(colour) - min(colour)) / 255
