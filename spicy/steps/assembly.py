"""Assembly: joins the clips into the film."""

from __future__ import annotations

from collections.abc import Mapping

from spicy.canonical_json import Json
from spicy.plan.node import FilmJob
from spicy.ports import Asset, LocalJob, LocalKind
from spicy.steps.result import StepContext, StepResult


def make_film(job: FilmJob, files: Mapping[str, Asset], context: StepContext) -> StepResult:
    """Join the clips in scene order and return the film; only clips in another format are re-encoded."""
    from spicy.media.shape import frame_size

    recipe = context.prompts.recipe
    width, height = frame_size(job.story.aspect_ratio, recipe.output.resolution)
    assembly = recipe.assembly
    params: dict[str, Json] = {
        "width": width,
        "height": height,
        "fps": recipe.output.fps,
        "crf": assembly.crf,
        "audio_rate": assembly.audio_rate,
        "audio_channels": assembly.audio_channels,
        "transition": assembly.transition,
        "crossfade_seconds": assembly.crossfade_seconds,
        "title": job.story.title,
        "comment": assembly.mark,
    }
    clips = tuple(asset.digest for asset in files.values())
    done = context.ask.local(LocalJob(LocalKind.JOIN, clips, params, suffix=".mp4"))
    return StepResult(files=(done.asset,), facts=done.report)
