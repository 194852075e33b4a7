"""New takes: a number in the spec, because a film must be the same for whoever builds it next."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import click

from spicy.engine.films import Film
from spicy.errors import UsageError
from spicy.ids import Step
from spicy.slug import slug
from spicy.spec import places
from spicy.spec.edit import SpecEdit
from spicy.spec.model import scene_at
from spicy.story.model import Character, Scene

_FIELD = {"character": "take", "keyframe": "keyframe_take", "video": "take"}
_MOST_TAKES = 1_000_000
_STORY = "story"

Target = tuple[str, str, int | None]
"""Kind, slug and, when it was given, the take."""


def parse_target(text: str) -> Target:
    """Read KIND:ID[=N], such as `video:02` or `video:02=1`. Raises UsageError."""
    match = re.fullmatch(r"(\w+)[:/]([^=]+)(?:=(.*))?", text, re.DOTALL)
    kinds = [step.value for step in Step]
    if match is None or match[1] not in kinds:
        raise UsageError(
            f"`{text}` names no target; write KIND:ID, as in video:02, with KIND one of {', '.join(kinds)}"
        )
    return match[1], slug(match[2]), None if match[3] is None else _number(text, match[3].strip())


def _number(text: str, written: str) -> int:
    if not re.fullmatch("[0-9]{1,7}", written) or int(written) > _MOST_TAKES:
        raise UsageError(f"`{text}`: a take is a whole number from 1 to {_MOST_TAKES:,}, not `{written}`")
    if int(written) == 0:
        raise UsageError(f"`{text}`: takes start at 1")
    return int(written)


def bump_takes(film: Film, targets: Sequence[Target]) -> None:
    """Write the next take (or the one given) of each target into the film's spec, and say so.

    All of them or none: raises UsageError for what has no takes, before the file is touched.
    """
    path = Path(film.spec.path)
    edit, said = SpecEdit(path), []
    for kind, item, number in targets:
        where, take = _change(film, kind, item)
        edit.set(where, number or take + 1)
        said.append(f"{path}: {kind} {item} is now take {number or take + 1}")
    edit.save(Path.cwd())
    for line in said:
        click.echo(line, err=True)


def _change(film: Film, kind: str, item: str) -> tuple[places.Path, int]:
    """Where a target's take stands, or has to, and which it is now."""
    if kind == Step.IDEATION:
        return _story_change(film, item)
    if kind not in _FIELD:
        raise UsageError(f"only a story, a character, a keyframe or a video has takes, not {kind}:{item}")
    if film.told is None:
        raise UsageError(f"the story of {film.name} is not written yet; build it first")
    story, field = film.told.story, _FIELD[kind]
    things: Sequence[Character | Scene] = story.characters if kind == "character" else story.scenes
    thing = next((thing for thing in things if thing.slug == item), None)
    if thing is None:
        raise UsageError(f"{film.name} has no {kind} `{item}`; it has {', '.join(t.slug for t in things)}")
    _refuse_own(thing, kind)
    way = _character_way(film, thing) if isinstance(thing, Character) else _scene_way(film, thing)
    return (*way, field), int(getattr(thing, field))


def _story_change(film: Film, item: str) -> tuple[places.Path, int]:
    if item != _STORY:
        raise UsageError(f"{film.name} has no ideation `{item}`; it has {_STORY}")
    if not film.spec.needs_ideation:
        raise UsageError(f"{film.spec.path} is written in full: no story is asked for, so it has no takes")
    return ("take",), film.spec.take


def _refuse_own(thing: Character | Scene, kind: str) -> None:
    """Raises UsageError for what is a file of the user's: another take of it would be the same file."""
    if isinstance(thing, Character):
        own, what, name = thing.sheet, "sheet", thing.name
    elif thing.clip is not None:
        own, what, name = thing.clip, "clip", f"scene {thing.id}"
    else:
        own, what, name = thing.keyframe if kind == "keyframe" else None, "still", f"scene {thing.id}"
    if own is not None:
        raise UsageError(f"{name} uses your own {what}, {own}: there is no other take of it")


def _character_way(film: Film, character: Character) -> places.Path:
    spec, name = film.spec, character.name
    written = [c.name for c in spec.characters or ()]
    if name in _overridden(film, "characters") or name not in written:
        return ("overrides", "characters", name)
    return ("characters", written.index(name))


def _scene_way(film: Film, scene: Scene) -> places.Path:
    """The override that means this scene already, by id or by number; else the scene, if it is written."""
    ids = [s.id for s in film.told.story.scenes] if film.told else []
    here = ids.index(scene.id)
    same = next((key for key in _overridden(film, "scenes") if scene_at(key, ids) == here), None)
    if same is None and isinstance(film.spec.scenes, tuple):
        return ("scenes", here)
    return ("overrides", "scenes", same or scene.id)


def _overridden(film: Film, kind: str) -> list[str]:
    """The keys under `overrides`, with those that say nothing yet."""
    overrides = film.spec.document.data.get("overrides")
    entries = overrides.get(kind) if isinstance(overrides, dict) else None
    return list(entries) if isinstance(entries, dict) else []
