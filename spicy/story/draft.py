"""Structured answers of models: the story, who a picture shows, how good a picture is.

The JSON Schemas are written by hand and enter call keys: changing a letter of one asks for every story
again. They keep to what xAI documents: no free-form mappings, no tuples, every field required.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Annotated, Final, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from spicy.canonical_json import Json, canonical
from spicy.ports import Schema
from spicy.slug import fold, slug


def _one_line(value: object) -> object:
    return " ".join(value.split()) if isinstance(value, str) else value


Line = Annotated[str, BeforeValidator(_one_line)]
Prose = Annotated[str, StringConstraints(strip_whitespace=True)]


class _Answer(BaseModel):
    """A model's answer: what it adds unasked is left out, what it promised has to be there."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False, defer_build=True)


class DraftCharacter(_Answer):
    """A character as ideation wrote it."""

    name: Line
    role: Line
    description: Prose


class DraftScene(_Answer):
    """A scene as ideation wrote it."""

    title: Line
    characters: tuple[Line, ...]
    setting: Prose
    action: Prose
    camera: Prose
    mood: Prose
    duration: int


class StoryDraft(_Answer):
    """The answer of ideation."""

    title: Line
    style: Prose
    characters: tuple[DraftCharacter, ...]
    scenes: tuple[DraftScene, ...]


class LabelMatch(_Answer):
    """Which character a reference picture shows; an empty name means none."""

    label: str
    name: str


class LabelMatches(_Answer):
    """The answer to who is on the reference pictures."""

    matches: tuple[LabelMatch, ...]


class Check(_Answer):
    """A judge's verdict on a picture."""

    score: Annotated[float, Field(ge=0, le=1)]
    problems: tuple[Line, ...]


def _schema(name: str, properties: dict[str, Json]) -> Schema:
    return Schema(name, canonical(_object(properties)))


def _object(properties: dict[str, Json]) -> dict[str, Json]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _array(items: Json) -> dict[str, Json]:
    return {"type": "array", "items": items}


_TEXT: Final[dict[str, Json]] = {"type": "string"}

STORY_SCHEMA: Final = _schema(
    "story",
    {
        "title": _TEXT,
        "style": _TEXT,
        "characters": _array(_object({"name": _TEXT, "role": _TEXT, "description": _TEXT})),
        "scenes": _array(
            _object(
                {
                    "title": _TEXT,
                    "characters": _array(_TEXT),
                    "setting": _TEXT,
                    "action": _TEXT,
                    "camera": _TEXT,
                    "mood": _TEXT,
                    "duration": {"type": "integer", "minimum": 1, "maximum": 15},
                }
            )
        ),
    },
)
MATCH_SCHEMA: Final = _schema("matches", {"matches": _array(_object({"label": _TEXT, "name": _TEXT}))})
CHECK_SCHEMA: Final = _schema(
    "check",
    {"score": {"type": "number", "minimum": 0, "maximum": 1}, "problems": _array(_TEXT)},
)

A = TypeVar("A", bound=_Answer)


def read_draft(text: str) -> StoryDraft | list[str]:
    """Read ideation's answer; what is wrong with its form comes back as messages for the model."""
    try:
        return StoryDraft.model_validate_json(text)
    except ValidationError as e:
        return [_message(".".join(map(str, error["loc"])), error["msg"]) for error in e.errors()]


def read_matches(text: str) -> LabelMatches | None:
    """Read the answer to who is on the pictures; None when it cannot be read."""
    return _read(LabelMatches, text)


def read_check(text: str) -> Check | None:
    """Read a verdict; None, which is not a score of 0, when it cannot be read."""
    return _read(Check, text)


def _read(model: type[A], text: str) -> A | None:
    try:
        return model.model_validate_json(text)
    except ValidationError:
        return None


def _message(where: str, said: str) -> str:
    said = said[:1].lower() + said[1:]
    return f"{where}: {said}" if where else said


def check_draft(
    draft: StoryDraft,
    *,
    scenes: int,
    most_characters: int,
    characters_per_scene: int,
    pinned: Iterable[str] = (),
    labels: Sequence[str] = (),
) -> list[str]:
    """Say what is wrong with a story, in words to send back to the model; nothing when it is good.

    `pinned` are the names that the user wrote, which have to be among the characters.
    """
    pinned = list(pinned)
    errors = []
    if len(draft.scenes) != scenes:
        errors.append(f"There must be exactly {scenes} scenes; you wrote {len(draft.scenes)}.")
    most = max(most_characters, len(pinned))
    if len(draft.characters) > most:
        errors.append(f"There may be at most {most} characters; you wrote {len(draft.characters)}.")
    if len(draft.characters) < len(labels):
        errors.append(
            f"There are {len(labels)} reference pictures, each of another character: {', '.join(labels)}."
        )
    errors += _character_errors(draft, pinned)
    for number, scene in enumerate(draft.scenes, 1):
        errors += _scene_errors(number, scene, [c.name for c in draft.characters], characters_per_scene)
    return errors


def _character_errors(draft: StoryDraft, pinned: Sequence[str]) -> list[str]:
    errors = []
    names = [c.name for c in draft.characters]
    for number, character in enumerate(draft.characters, 1):
        if not character.name:
            errors.append(f"Character {number} has no name.")
        if not character.description:
            errors.append(f"Character {number} ({character.name}) has no description.")
    for shared, count in Counter(map(slug, filter(None, names))).items():
        if count > 1:
            alike = [name for name in names if slug(name) == shared]
            errors.append(f"These names are too much alike: {', '.join(alike)}.")
    for name in pinned:
        if name not in names:
            near = next((n for n in names if fold(n) == fold(name)), None)
            instead = f", not {near}" if near else ""
            errors.append(f"The character {name} must be there, named exactly so{instead}.")
    return errors


def _scene_errors(number: int, scene: DraftScene, names: Sequence[str], most: int) -> list[str]:
    errors = []
    if len(scene.characters) > most:
        errors.append(f"Scene {number} has {len(scene.characters)} characters; at most {most} fit.")
    if len(set(scene.characters)) < len(scene.characters):
        errors.append(f"Scene {number} names a character twice.")
    errors += [
        f"Scene {number} names {name or 'nobody'}, who is not among the characters."
        for name in dict.fromkeys(scene.characters)
        if name not in names
    ]
    if not 1 <= scene.duration <= 15:
        errors.append(f"Scene {number} lasts {scene.duration} s; it must be from 1 to 15 whole seconds.")
    errors += [
        f"Scene {number} has no {what}."
        for what, text in (("setting", scene.setting), ("action", scene.action))
        if not text
    ]
    return errors


def match_labels(labels: Iterable[str], names: Iterable[str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Match reference labels to character names: exactly, then without regard to case and accents.

    Gives the matches and the labels that match nothing, or nothing alone: never a guess.
    """
    labels, names = list(dict.fromkeys(labels)), list(dict.fromkeys(names))
    matches = {label: label for label in labels if label in names}
    free = [name for name in names if name not in matches]
    rest = [label for label in labels if label not in matches]
    for label in rest:
        same = [name for name in free if fold(name) == fold(label)]
        rivals = [other for other in rest if fold(other) == fold(label)]
        if len(same) == 1 and len(rivals) == 1:
            matches[label] = same[0]
    return matches, tuple(label for label in labels if label not in matches)
