"""Words for made-up answers, by the name of the property that they fill."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

_PHRASES: Mapping[str, Sequence[str]] = {
    "title": ("The Lantern", "A Door in the Hill", "What the River Kept", "First Snow", "The Long Way Home"),
    "style": ("Hand-painted animation, soft volumetric light, warm muted colours",),
    "role": ("protagonist", "companion", "stranger"),
    "description": (
        "A small figure with a russet coat, a cream scarf and bright amber eyes. Short legs, a round face.",
        "A tall, thin figure in a grey cloak with a silver clasp. White hair, long hands, a calm face.",
        "A stout figure in a green waistcoat with brass buttons. Ruddy cheeks, curly brown hair.",
        "A young figure in a blue raincoat and yellow boots. Freckles, a gap between the front teeth.",
    ),
    "setting": (
        "A mossy clearing among old oaks at dusk, mist close to the ground, the last light from the left.",
        "A narrow harbour street after rain, early morning, lamps still burning, wet cobbles.",
        "A high meadow under a wide sky at noon, tall grass, a single stone wall.",
        "An attic full of clocks at night, dust in a beam of moonlight from a round window.",
    ),
    "action": (
        "They walk slowly forward, stop and look up; leaves drift down.",
        "One turns the head, then raises a hand; the mist rolls past.",
        "They lean closer to a small light, which begins to glow.",
        "The wind rises, cloth and grass move; they set off to the right.",
    ),
    "camera": (
        "wide shot, static",
        "low angle, slow push-in",
        "medium shot, gentle pan right",
        "close-up, slow tilt up",
    ),
    "mood": ("quiet wonder", "gentle suspense", "warm and hopeful", "wistful calm"),
    "problem": ("the scarf has the wrong colour", "the eyes are green, not amber", "one ear is missing"),
}
_OTHER = ("a quiet place", "something bright", "the second of three", "as it should be")


def phrase(name: str, dice: random.Random) -> str:
    """A text that could stand in a property of this name."""
    for known, options in _PHRASES.items():
        if known in name.lower():
            return dice.choice(options)
    return dice.choice(_OTHER)
