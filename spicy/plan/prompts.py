"""Renders the prompts of each step from a story with the recipe's templates.

The steps send the prompts, and the plan puts them into a node's ingredients, so a node is stale exactly when
a prompt it would send has changed. The wording for problems found later is in the template, whose digest is
an ingredient too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from spicy.canonical_json import Json
from spicy.errors import UsageError
from spicy.plan.node import CharacterJob, KeyframeJob, VideoJob
from spicy.recipe.model import Recipe, RoleModels
from spicy.story.model import Character, Continuity


def _cast(characters: Sequence[Character]) -> list[dict[str, str]]:
    return [{"name": c.name, "role": c.role, "description": c.description} for c in characters]


@dataclass(frozen=True, slots=True)
class StepPrompts:
    """A renderer of the prompts of one film's recipe for one provider."""

    recipe: Recipe
    provider: str
    _video_checks: dict[tuple[Character, ...], str] = field(default_factory=dict, repr=False)
    """Cached by cast: a thousand scenes have a handful of casts."""

    def _render(self, prompt: str, **values: object) -> str:
        from spicy.recipe.render import render_prompt  # loads jinja2

        return render_prompt(self.recipe, prompt, self.provider, **values)

    def _picture_prompt(self, prompt: str, model: str, what: str, **values: object) -> str:
        """Return a prompt for an image or video model. Raises UsageError if it is over the model's limit."""
        text, limit = self._render(prompt, **values), self.recipe.prompt_bytes(model)
        if len(text) * 4 > limit and (size := len(text.encode())) > limit:
            raise UsageError(
                f"the {prompt} prompt of {what} has {size:,} bytes, and recipe {self.recipe.name} allows {limit:,}"
                f" for {model} (limits): shorten the texts that go into it"
            )
        return text

    @property
    def _models(self) -> RoleModels:
        return self.recipe.models_for(self.provider)

    def sheet(self, job: CharacterJob, problems: Sequence[str] = ()) -> str:
        """Return the prompt that draws a character and avoids `problems`."""
        c = job.character
        return self._picture_prompt(
            "sheet",
            self._models.image,
            c.name,
            style=job.story.style,
            palette=job.story.palette,
            name=c.name,
            role=c.role,
            description=c.description,
            reference=job.has_ref,
            problems=list(problems),
        )

    def sheet_check(self, job: CharacterJob) -> str:
        """Return the prompt that judges a character's sheet."""
        return self._render(
            "sheet_check",
            what="sheet",
            cast=_cast([job.character]),
            description=job.character.description,
            reference=job.has_ref,
        )

    def keyframe(self, job: KeyframeJob, problems: Sequence[str] = ()) -> str:
        """Return the prompt for a scene's still, without the action: editing that remakes only the clip."""
        scene = job.scene
        strict = scene.continuity is Continuity.STRICT and job.previous is not None
        return self._picture_prompt(
            "keyframe",
            self._models.image,
            f"scene {scene.id}",
            style=job.story.style,
            palette=job.story.palette,
            setting=scene.setting,
            camera=scene.camera,
            mood=scene.mood,
            cast=_cast(job.cast),
            strict_previous=strict,
            problems=list(problems),
        )

    def keyframe_previous(self, job: KeyframeJob) -> str:
        """Return the note that is sent with the previous keyframe (order-only)."""
        return self._render("keyframe_previous", cast=_cast(job.cast))

    def keyframe_check(self, job: KeyframeJob) -> str:
        """Return the prompt that judges a scene's still."""
        return self._render(
            "keyframe_check", what="keyframe", cast=_cast(job.cast), setting=job.scene.setting
        )

    def video(self, job: VideoJob) -> str:
        """Return the prompt for a clip: motion only, plus the characters if their sheets are sent."""
        scene = job.scene
        return self._picture_prompt(
            "video",
            self._models.video,
            f"scene {scene.id}",
            style=job.story.style,
            action=scene.action,
            camera=scene.camera,
            references=_cast(job.cast) if self.recipe.sends_sheets else [],
        )

    def video_check(self, job: VideoJob) -> str:
        """Return the prompt that judges a clip's last frame."""
        if job.cast not in self._video_checks:
            self._video_checks[job.cast] = self._render("video_check", what="clip", cast=_cast(job.cast))
        return self._video_checks[job.cast]

    def correct(self, job: VideoJob, problems: Sequence[str]) -> str:
        """Return the prompt that corrects a clip by video edit."""
        return self._render("correct", style=job.story.style, problems=list(problems))

    # --- ingredients: every prompt and setting that a step would use ---

    def character_ingredients(self, job: CharacterJob) -> dict[str, Json]:
        """Return everything that a character's node depends on besides its input files."""
        if job.own:
            return {"own": True}
        verify = self.recipe.verify
        return {
            "prompt": self.sheet(job),
            "template": self.recipe.prompt_digest("sheet", self.provider),
            "check": self.sheet_check(job),
            "take": job.character.take,
            "attempts": verify.character_attempts,
            **self._still(),
        }

    def keyframe_ingredients(self, job: KeyframeJob) -> dict[str, Json]:
        """Return everything that a keyframe's node depends on besides its input files."""
        if job.pinned:
            return {"pinned": True, "aspect_ratio": job.story.aspect_ratio}
        if job.own:
            return {"own": True}
        return {
            "prompt": self.keyframe(job),
            "template": self.recipe.prompt_digest("keyframe", self.provider),
            "check": self.keyframe_check(job),
            "take": job.scene.keyframe_take,
            "attempts": self.recipe.verify.keyframe_rounds,
            **self._still(),
            "aspect_ratio": job.story.aspect_ratio,
        }

    def video_ingredients(self, job: VideoJob) -> dict[str, Json]:
        """Return everything that a clip's node depends on besides its input files."""
        if job.own:
            return {"own": True}
        models, verify = self._models, self.recipe.verify
        sheets: dict[str, Json] = {"references": "sheets"} if self.recipe.sends_sheets else {}
        return {
            **sheets,
            "prompt": self.video(job),
            "correcting template": self.recipe.prompt_digest("correct", self.provider),
            "check": self.video_check(job),
            "take": job.scene.take,
            "duration": job.scene.duration,
            "corrections": verify.video_corrections,
            "floor": verify.long_clip_floor,
            "edit_seconds": self.recipe.limits.edit_seconds,
            "model": models.video,
            "correcting model": models.correct,
            "resolution": self.recipe.output.resolution,
            "aspect_ratio": job.story.aspect_ratio,
            **self._judge(),
        }

    def _judge(self) -> dict[str, Json]:
        verify = self.recipe.verify
        return {
            "provider": self.provider,
            "judge": self._models.judge,
            "threshold": verify.threshold,
            "on_low": verify.on_low,
        }

    def _still(self) -> dict[str, Json]:
        output = self.recipe.output
        return {
            "model": self._models.image,
            "resolution": output.image_resolution,
            "quality": output.image_quality,
            **self._judge(),
        }
