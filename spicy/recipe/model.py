"""The recipe: how a film is made, as data. `RecipeText` is the file, `Recipe` what the rest of spicy uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field, JsonValue, field_validator

from spicy.canonical_json import digest_bytes
from spicy.errors import UsageError
from spicy.ids import Ticks, Transition, ticks
from spicy.spec.suggest import unknown
from spicy.spec.validation import Line, Prose, TextModel, Word

AspectRatio = Literal["1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3"]
Count = Annotated[int, Field(ge=1, le=999)]
Retries = Annotated[int, Field(ge=0, le=20)]
Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(gt=0, le=3600)]
Dollars = Annotated[float, Field(ge=0, le=10_000)]
Bytes = Annotated[int, Field(ge=1, le=1_000_000)]
Rate = Annotated[float, Field(gt=0, le=100_000)]


class RoleModels(TextModel):
    """Which model answers what."""

    story: Word = Field(description="Writes the story, and says whom the reference pictures show.")
    judge: Word = Field(description="Scores pictures.")
    image: Word = Field(description="Draws and edits stills.")
    video: Word = Field(description="Sets a still in motion.")
    correct: Word = Field(description="Corrects a clip by video edit.")


class PromptFiles(TextModel):
    """Template files, relative to the recipe that names them."""

    story: Word
    match: Word
    sheet: Word
    sheet_check: Word
    keyframe: Word
    keyframe_previous: Word
    keyframe_check: Word
    video: Word
    video_check: Word
    correct: Word


class ProviderPrompts(TextModel):
    """Template files of one provider, in place of the general ones."""

    story: Word | None = None
    match: Word | None = None
    sheet: Word | None = None
    sheet_check: Word | None = None
    keyframe: Word | None = None
    keyframe_previous: Word | None = None
    keyframe_check: Word | None = None
    video: Word | None = None
    video_check: Word | None = None
    correct: Word | None = None


class StorySettings(TextModel):
    """What ideation is asked for, and what written scenes leave unsaid."""

    scenes: Count = Field(description="How many, when the spec does not say.")
    characters: Count = Field(description="Assumed by `spicy plan` before the story exists.")
    most_characters: Count
    retries: Retries = Field(description="How often an invalid answer goes back with its errors.")
    style: Prose = Field(description="When the spec names none.")
    aspect_ratio: AspectRatio
    duration: Annotated[int, Field(ge=1, le=15)] = Field(description="Whole seconds of a scene.")


class Verify(TextModel):
    """Thresholds of the vision checks and lengths of the loops."""

    threshold: Share
    character_attempts: Annotated[int, Field(ge=1, le=20)]
    keyframe_rounds: Annotated[int, Field(ge=1, le=20)]
    video_corrections: Retries
    long_clip_floor: Share = Field(description="A clip too long to correct is regenerated once below this.")
    on_low: Literal["keep", "fail"]
    retry_rate: Share = Field(description="How often a round is repeated, for the likely price.")


class ModelLimits(TextModel):
    """What one model can take; what is unsaid is not known to be limited."""

    prompt_bytes: Bytes | None = Field(None, description="In place of `limits.prompt_bytes`.")
    references: Annotated[int, Field(ge=0, le=100)] | None = Field(
        None, description="Pictures beside the first frame of a clip."
    )
    reference_resolutions: list[Word] | None = Field(
        None, description="Those it makes clips with references in."
    )
    qualities: list[Word] | None = Field(None, description="Of stills.")
    edits: bool = Field(True, description="Whether it corrects clips.")


class Limits(TextModel):
    """What the models can take."""

    references_per_edit: Count
    characters_per_scene: Count
    edit_seconds: Seconds
    prompt_bytes: Bytes
    models: dict[str, ModelLimits] = Field(
        default_factory=dict, description="By model, where one takes less, or more."
    )


class Output(TextModel):
    """Parameters of stills and clips."""

    resolution: Annotated[Word, Field(pattern=r"^[1-9][0-9]{1,3}p$")]
    image_resolution: Annotated[Word, Field(pattern=r"^[1-9][0-9]{0,3}[kp]$")]
    image_quality: Word
    video_references: Literal["none", "sheets"] = Field(
        "none", description="What goes to the video model beside the keyframe."
    )
    fps: Annotated[int, Field(ge=1, le=120)]


class Assembly(TextModel):
    """How clips become a film."""

    transition: Transition
    crossfade_seconds: Annotated[float, Field(gt=0, le=5)]
    crf: Annotated[int, Field(ge=0, le=51)]
    audio_rate: Annotated[int, Field(ge=8000, le=192_000)]
    audio_channels: Literal[1, 2]
    mark: Line = Field(description="In the film's metadata.")


class RateLimits(TextModel):
    """Submits per second and model."""

    chat: Rate
    image: Rate
    video: Rate


class PriceText(TextModel):
    """Prices of one model in US dollars; what is unsaid is free."""

    per_call: Dollars = Field(0.0, description="What a chat usually takes.")
    per_call_most: Dollars | None = Field(
        None, description="What a chat may take: set aside under a cap, and counted by the worst price."
    )
    per_image: dict[str, Dollars] = Field(default_factory=dict, description="By resolution.")
    per_second: dict[str, Dollars] = Field(default_factory=dict, description="By resolution.")
    per_input: Dollars = 0.0


class PriceTable(TextModel):
    """Prices with the day on which they were true."""

    as_of: Annotated[Word, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
    models: dict[str, PriceText]


class RecipeText(TextModel):
    """A whole recipe, after `extends` has been followed."""

    version: Literal[1]
    models: dict[str, RoleModels] = Field(description="By provider.")
    prompts: PromptFiles
    provider_prompts: dict[str, ProviderPrompts] = Field(default_factory=dict, description="By provider.")
    story: StorySettings
    verify: Verify
    limits: Limits
    output: Output
    assembly: Assembly
    rates: dict[str, RateLimits] = Field(description="By provider.")
    prices: PriceTable

    @field_validator("models")
    @classmethod
    def _some_provider(cls, models: dict[str, RoleModels]) -> dict[str, RoleModels]:
        if not models:
            raise ValueError("name the models of at least one provider")
        return models


@dataclass(frozen=True, slots=True)
class ModelPrice:
    """What a model costs, in ticks; all zero for one that is free."""

    per_call: Ticks = Ticks(0)
    per_call_most: Ticks = Ticks(0)
    per_image: Mapping[str, Ticks] = field(default_factory=dict)
    per_second: Mapping[str, Ticks] = field(default_factory=dict)
    per_input: Ticks = Ticks(0)

    def image(self, resolution: str) -> Ticks:
        """One still; a resolution that the table lacks counts as its dearest, so that a cap holds."""
        return self.per_image.get(resolution, max(self.per_image.values(), default=Ticks(0)))

    def second(self, resolution: str) -> Ticks:
        """One second of a clip; see `image`."""
        return self.per_second.get(resolution, max(self.per_second.values(), default=Ticks(0)))


@dataclass(frozen=True, slots=True)
class Template:
    """A prompt template: its file, as messages name it, and its text."""

    file: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A recipe without mistakes, with the text of its templates."""

    name: str
    models: Mapping[str, RoleModels]
    story: StorySettings
    verify: Verify
    limits: Limits
    output: Output
    assembly: Assembly
    rates: Mapping[str, RateLimits]
    prices_as_of: str
    prices: Mapping[str, ModelPrice]
    templates: Mapping[str, Template] = field(repr=False)
    """By prompt, and by `provider/prompt` for those of one provider."""

    def prompt_bytes(self, model: str) -> int:
        """The longest prompt of a model, in bytes of UTF-8."""
        own = self.limits.models.get(model)
        return own.prompt_bytes if own and own.prompt_bytes is not None else self.limits.prompt_bytes

    @property
    def sends_sheets(self) -> bool:
        """Whether clips are made with the characters' sheets beside the keyframe (reference-to-video)."""
        return self.output.video_references == "sheets"

    def prompt_digest(self, prompt: str, provider: str) -> str:
        """The digest of a template's text, which tells an edited one from an old one."""
        return digest_bytes(self.template(prompt, provider).text.encode())

    def models_for(self, provider: str) -> RoleModels:
        """The models of a provider; raises UsageError when the recipe has none."""
        if provider not in self.models:
            said = unknown("provider", provider, self.models, list_as="its providers are")
            raise UsageError(f"recipe {self.name}: {said}")
        return self.models[provider]

    def price(self, model: str) -> ModelPrice:
        """What a model costs; raises UsageError when the price table does not say."""
        if model not in self.prices:
            said = unknown("model", model, self.prices, list_as="prices are known of")
            raise UsageError(f"recipe {self.name}: no price of an {said}")
        return self.prices[model]

    def template(self, prompt: str, provider: str) -> Template:
        """Return a prompt's template: the provider's own if there is one, else the shared one."""
        own = self.templates.get(f"{provider}/{prompt}")
        return own if own is not None else self.templates[prompt]


def in_ticks(text: PriceText) -> ModelPrice:
    """Turn prices as people write them into integer money."""
    return ModelPrice(
        per_call=ticks(text.per_call),
        per_call_most=ticks(max(text.per_call, text.per_call_most or 0.0)),
        per_image={k: ticks(v) for k, v in text.per_image.items()},
        per_second={k: ticks(v) for k, v in text.per_second.items()},
        per_input=ticks(text.per_input),
    )


def recipe_schema() -> dict[str, JsonValue]:
    """The JSON Schema of a recipe file, for editors; one that extends another may leave anything out."""
    schema = RecipeText.model_json_schema()
    extends = {"type": "string", "title": "Extends", "description": "Another recipe that this one changes."}
    schema["properties"] = {"extends": extends, **schema["properties"]}
    schema.pop("required")
    for part in schema["$defs"].values():
        part.pop("required", None)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "spicy recipe",
        "description": "How films are made: models, prompts, thresholds, limits, prices.",
    }
