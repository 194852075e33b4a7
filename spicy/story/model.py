"""A film as values: style, characters, scenes. Everything after ideation works from these alone."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Continuity(StrEnum):
    """How a keyframe hangs on the previous one."""

    SOFT = "soft"
    """Used when first made, left out of the key: editing scene 1 does not remake scenes 2…n."""
    STRICT = "strict"
    """Part of the key: a changed previous keyframe remakes this one."""
    NONE = "none"
    """Not used: scenes are made in parallel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Character:
    """A character; `description` is frozen and used verbatim in every prompt that shows them."""

    name: str
    description: str
    role: str = ""
    slug: str
    """File name part, `[a-z0-9-]`, unique within the film."""
    ref: str | None = None
    """Reference picture to stylise; path relative to the working directory."""
    sheet: str | None = None
    """The user's own sheet, used as it is; a path, or a pin."""
    take: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One shot. `id` and `slug` name files and never enter a key; `title` is only shown."""

    id: str
    slug: str
    title: str
    characters: tuple[str, ...]
    setting: str
    action: str
    camera: str = ""
    mood: str = ""
    duration: int
    """Whole seconds, 1 to 15."""
    continuity: Continuity = Continuity.SOFT
    keyframe: str | None = None
    """The user's own still; a path, or a pin."""
    clip: str | None = None
    """The user's own clip; a path, or a pin."""
    take: int = 1
    """A new sample of the clip."""
    keyframe_take: int = 1
    """A new sample of the keyframe, and with it of the clip."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A whole film, ready to be expanded into targets."""

    title: str
    style: str
    palette: str = ""
    aspect_ratio: str
    characters: tuple[Character, ...]
    scenes: tuple[Scene, ...]

    def cast(self, scene: Scene) -> tuple[Character, ...]:
        """The characters of a scene, in the scene's own order."""
        by_name = {c.name: c for c in self.characters}
        return tuple(by_name[name] for name in scene.characters)
