"""From a look to a drawn figure on a transparent sheet."""

from __future__ import annotations

from collections.abc import Callable

from PIL import Image

from spicy.providers.animatic.drawing.vector import Brush
from spicy.providers.animatic.figures import birds, creatures, people, quadrupeds
from spicy.providers.animatic.figures.look import Build, Look

_DRAWN_BY: dict[Build, Callable[[Brush, Look], None]] = {
    Build.BEAST: quadrupeds.draw,
    Build.OWL: birds.owl,
    Build.BIRD: birds.bird,
    Build.PERSON: people.draw,
    Build.ROBOT: creatures.robot,
    Build.DRAGON: creatures.dragon,
    Build.FISH: creatures.fish,
    Build.GHOST: creatures.ghost,
    Build.CREATURE: creatures.creature,
}


def draw(look: Look, size: int, finer: int = 2) -> Image.Image:
    """Draw the figure on a square of `size` pixels, RGBA, its feet near the lower edge."""
    brush = Brush(size, finer)
    _DRAWN_BY[look.species.build](brush, look)
    return brush.finish()
