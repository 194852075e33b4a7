"""New takes: a number in the spec, because a film must be the same for whoever builds it next."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from spicy.engine.films import Film
from spicy.errors import UsageError
from spicy.spec.edit import set_values
from spicy.story.model import Character, Scene

_FIELD = {"character": "take", "keyframe": "keyframe_take", "video": "take"}


def bump_takes(film: Film, targets: Sequence[tuple[str, str, int | None]]) -> None:
    """Write the next take (or the one given) of each (kind, slug, number) into the film's spec.

    Raises UsageError for what the film does not have, before the file is touched.
    """
    if film.told is None:
        raise UsageError(f"the story of {film.name} is not written yet; build it first")
    story = film.told.story
    changes: dict[tuple[str | int, ...], object] = {}
    for kind, slug, number in targets:
        if kind not in _FIELD:
            raise UsageError(f"only a character, a keyframe or a video has takes, not {kind}")
        things: tuple[Character | Scene, ...] = story.characters if kind == "character" else story.scenes
        index = next((i for i, thing in enumerate(things) if thing.slug == slug), None)
        if index is None:
            raise UsageError(
                f"{film.name} has no {kind} `{slug}`; it has {', '.join(t.slug for t in things)}"
            )
        thing, field = things[index], _FIELD[kind]
        take = number or int(getattr(thing, field)) + 1
        changes[_place(film, thing, index, field)] = take
        click.echo(f"{film.spec.path}: {kind} {slug} is now take {take}", err=True)
    set_values(Path(film.spec.path), changes)


def _place(film: Film, thing: Character | Scene, index: int, field: str) -> tuple[str | int, ...]:
    spec = film.spec
    if isinstance(thing, Character):
        if spec.characters is not None and thing.name not in spec.overrides.characters:
            return ("characters", index, field)
        return ("overrides", "characters", thing.name, field)
    if isinstance(spec.scenes, tuple) and thing.id not in spec.overrides.scenes:
        return ("scenes", index, field)
    return ("overrides", "scenes", thing.id, field)
