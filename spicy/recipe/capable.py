"""What a recipe asks of models that are known to refuse it: said before the stills are paid for, not after."""

from __future__ import annotations

from collections.abc import Iterator

from spicy.errors import UsageError
from spicy.recipe.model import Recipe


def check_models(recipe: Recipe, provider: str) -> None:
    """Look for what the models of `provider` would refuse. Raises UsageError with all of it."""
    said = [*_video(recipe, provider), *_correct(recipe, provider)]
    if said:
        raise UsageError("\n".join(f"recipe {recipe.name}: {line}" for line in said))


def _video(recipe: Recipe, provider: str) -> Iterator[str]:
    model, resolution = recipe.models_for(provider).video, recipe.output.resolution
    there = recipe.price(model).per_second
    if there and resolution not in there:
        yield f"{model} makes no clips at {resolution} (output.resolution), but at {', '.join(there)}"
    limits = recipe.limits.models.get(model)
    if not recipe.sends_sheets or limits is None:
        return
    most = recipe.limits.characters_per_scene
    if limits.references is not None and limits.references < most:
        yield (
            f"{model} takes {limits.references} pictures beside the keyframe, and a scene has up to {most} sheets:"
            " name another in models, or say `video_references: none`"
        )
    fit = limits.reference_resolutions
    if fit is not None and resolution not in fit:
        yield f"{model} takes references only at {', '.join(fit)}, not at {resolution} (output.resolution)"


def _correct(recipe: Recipe, provider: str) -> Iterator[str]:
    model = recipe.models_for(provider).correct
    limits = recipe.limits.models.get(model)
    if recipe.verify.video_corrections and limits is not None and not limits.edits:
        yield f"{model} cannot correct a clip: name another in models, or say `video_corrections: 0`"
