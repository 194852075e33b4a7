"""The spec: as the user writes it (`SpecText`), and as the rest of spicy sees it (`Spec`).

In the text every field is optional, because what is needed depends on the other fields and because one
missing word must not hide the other mistakes of a file: `spicy.spec.checks` says what is missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import BeforeValidator, Discriminator, Field, JsonValue, Tag, WithJsonSchema

from spicy.errors import Problem
from spicy.ids import MOST_DOLLARS, Ticks
from spicy.spec.positions import Document, Path
from spicy.spec.suggest import unknown
from spicy.spec.validation import LIST, NUMBER, Line, Prose, TextModel, Word

AspectRatio = Literal["1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3"]
Continuity = Literal["soft", "strict", "none"]
Take = Annotated[int, Field(ge=1, le=1_000_000)]
Names = Annotated[tuple[Word, ...], Field(strict=False)]


def _as_list(value: object) -> object:
    return value if value is None or isinstance(value, list | dict) else [value]


Pictures = Annotated[
    tuple[Word, ...],
    Field(strict=False),
    BeforeValidator(_as_list),
    WithJsonSchema({"type": ["string", "array"], "items": {"type": "string"}}),
]


class CharacterChanges(TextModel):
    """What can be said about a character besides the name; unsaid things stay as they are."""

    role: Line | None = Field(None, description="The part in the story, such as protagonist.")
    description: Prose | None = Field(
        None, description="What the character looks like; copied word for word into every prompt."
    )
    ref: Word | None = Field(None, description="A reference picture to redraw in the film's style.")
    sheet: Word | None = Field(
        None, description="Your own character sheet, or store:DIGEST, used as it is for $0."
    )
    take: Take | None = Field(None, description="Another number asks for a new sample of the sheet.")


class CharacterText(CharacterChanges):
    """A character as written in a spec."""

    name: Line | None = Field(None, description="The name that scenes use.")


class SceneChanges(TextModel):
    """What can be said about a scene; unsaid things stay as they are."""

    title: Line | None = Field(None, description="Only shown, never sent to a model.")
    characters: Names | None = Field(None, description="Names of the characters in the shot, two at most.")
    setting: Prose | None = Field(None, description="Place, time of day, weather, light.")
    action: Prose | None = Field(None, description="What moves in the shot, and how.")
    camera: Prose | None = Field(None, description="One framing and one move, such as low angle push-in.")
    mood: Prose | None = Field(None, description="Two or three words.")
    duration: Annotated[int, Field(ge=1, le=15)] | None = Field(
        None, description="Whole seconds; a clip above 8.7 s cannot be corrected by video edit."
    )
    continuity: Continuity | None = Field(None, description="How the still hangs on the previous scene's.")
    keyframe: Word | None = Field(None, description="Your own still, a picture file, or store:DIGEST.")
    clip: Word | None = Field(None, description="Your own clip, a video file, or store:DIGEST.")
    take: Take | None = Field(None, description="Another number asks for a new sample of the clip.")
    keyframe_take: Take | None = Field(
        None, description="Another number asks for a new sample of the still, and so of the clip."
    )


class SceneText(SceneChanges):
    """A scene as written in a spec."""

    id: Word | None = Field(None, description="Names the scene's files; 01, 02, … when not given.")


class OverridesText(TextModel):
    """Changes to what ideation, or the user further up, wrote."""

    characters: dict[str, CharacterChanges | None] | None = Field(None, description="By character name.")
    scenes: dict[str, SceneChanges | None] | None = Field(None, description="By scene id or number.")


def _number_or_list(value: object) -> str | None:
    match value:
        case list() | tuple():
            return LIST
        case bool():
            return None
        case int() | float():
            return NUMBER
        case _:
            return None


Scenes = Annotated[
    Annotated[int, Field(ge=1, le=999), Tag(NUMBER)]
    | Annotated[tuple[SceneText, ...], Field(strict=False), Tag(LIST)],
    Discriminator(_number_or_list),
]


class SpecText(TextModel):
    """A whole spec file."""

    concept: Prose | None = Field(None, description="The film in a sentence or two, for ideation.")
    title: Line | None = Field(None, description="The film's title.")
    recipe: Word | None = Field(None, description="A file in recipes/, without .yaml; `default` if unsaid.")
    style: Prose | None = Field(None, description="The style lock: every picture prompt starts with it.")
    palette: Prose | None = Field(None, description="The film's colours.")
    aspect_ratio: AspectRatio | None = Field(None, description="The shape of the picture.")
    refs: dict[str, Pictures | None] | None = Field(
        None, description="Reference pictures by character label; paths are relative to this file."
    )
    characters: Annotated[tuple[CharacterText, ...], Field(strict=False)] | None = Field(
        None, description="The characters, if you write them yourself."
    )
    scenes: Scenes | None = Field(None, description="How many scenes to invent, or the scenes themselves.")
    take: Take | None = Field(None, description="Another number asks for a new story.")
    budget: Annotated[float, Field(gt=0, le=MOST_DOLLARS)] | None = Field(
        None, description="A cap for one build, in US dollars."
    )
    overrides: OverridesText | None = Field(
        None, title="Overrides", description="Patches over what ideation wrote."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenCharacter:
    """A character that the user wrote; paths are canonical."""

    name: str
    description: str
    role: str = ""
    ref: str | None = None
    sheet: str | None = None
    take: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenScene:
    """A scene that the user wrote; `id` is given or counted, None leaves the choice to the recipe."""

    id: str
    title: str = ""
    characters: tuple[str, ...] = ()
    setting: str = ""
    action: str = ""
    camera: str = ""
    mood: str = ""
    duration: int | None = None
    continuity: Continuity = "soft"
    keyframe: str | None = None
    clip: str | None = None
    take: int = 1
    keyframe_take: int = 1


@dataclass(frozen=True, slots=True)
class Overrides:
    """Patches by character name and by scene id or number; paths are canonical."""

    characters: Mapping[str, CharacterChanges] = field(default_factory=dict)
    scenes: Mapping[str, SceneChanges] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """A spec without mistakes. Paths are POSIX, relative to the working directory for files below it."""

    film: str
    path: str
    concept: str | None
    title: str | None
    recipe: str
    style: str | None
    palette: str | None
    aspect_ratio: str | None
    refs: Mapping[str, str]
    """Reference picture by character label."""
    scenes: int | tuple[WrittenScene, ...] | None
    characters: tuple[WrittenCharacter, ...] | None
    budget: Ticks | None
    take: int
    """Of the story."""
    overrides: Overrides
    needs_ideation: bool
    """Whether a model has to write characters or scenes."""
    document: Document = field(repr=False, compare=False)

    def problem(self, path: Path, message: str, *, at_key: bool = False) -> Problem:
        """A mistake of this file that shows only later, at the value (or key) at `path`."""
        place = self.document.key_problem if at_key else self.document.problem
        return place(path, message)

    def names_in_scenes(self) -> tuple[str, ...]:
        """The characters that written scenes name, each once, in order of appearance."""
        scenes = self.scenes if isinstance(self.scenes, tuple) else ()
        return tuple(dict.fromkeys(name for scene in scenes for name in scene.characters))


def default_ids(count: int) -> list[str]:
    """Scene ids by position: 01, 02, …, as wide as the last one needs."""
    width = max(2, len(str(count)))
    return [f"{n:0{width}}" for n in range(1, count + 1)]


def scene_at(key: str, ids: Sequence[str]) -> int | None:
    """Find the position of the scene that an override means: by id, else by number from 1."""
    if key in ids:
        return ids.index(key)
    number = int(key) if key.isascii() and key.isdigit() and len(key) < 6 else 0
    return number - 1 if 1 <= number <= len(ids) else None


def unknown_character(name: str, known: Sequence[str]) -> str:
    """The message about a character that is nowhere written."""
    return unknown("character", name, known, list_as="the characters are")


def unknown_scene(key: str, ids: Sequence[str]) -> str:
    """The message about a scene that is nowhere written."""
    return unknown("scene", key, ids, list_as="the scenes are")


def spec_schema() -> dict[str, JsonValue]:
    """The JSON Schema of a spec, for editors."""
    schema = SpecText.model_json_schema()
    schema["$defs"]["CharacterText"]["required"] = ["name", "description"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "spicy spec",
        "description": "A film for `spicy build`: a concept, or characters and scenes, or both.",
    }
