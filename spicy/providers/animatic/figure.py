"""From a look to a drawn figure on a transparent sheet."""

from __future__ import annotations

from collections.abc import Callable

from PIL import Image

from spicy.providers.animatic import beasts, birds, oddities, people
from spicy.providers.animatic.brush import Brush
from spicy.providers.animatic.look import Build, Look

_DRAWN_BY: dict[Build, Callable[[Brush, Look], None]] = {
    Build.BEAST: beasts.draw,
    Build.OWL: birds.owl,
    Build.BIRD: birds.bird,
    Build.PERSON: people.draw,
    Build.ROBOT: oddities.robot,
    Build.DRAGON: oddities.dragon,
    Build.FISH: oddities.fish,
    Build.GHOST: oddities.ghost,
    Build.CREATURE: oddities.creature,
}


def draw(look: Look, size: int, finer: int = 2) -> Image.Image:
    """Draw the figure on a square of `size` pixels, RGBA, its feet near the lower edge."""
    brush = Brush(size, finer)
    _DRAWN_BY[look.species.build](brush, look)
    return brush.finish()
