"""What a recipe asks of models that are known to refuse it: said before the stills are paid for, not after."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from spicy.errors import Problem, SpecError, UsageError
from spicy.recipe.model import Recipe


def check_models(recipe: Recipe, provider: str) -> None:
    """Look for what the models of `provider` would refuse. Raises UsageError with all of it."""
    said = [
        *_roles(recipe, provider),
        *_image(recipe, provider),
        *_video(recipe, provider),
        *_correct(recipe, provider),
    ]
    if said:
        raise UsageError("\n".join(f"recipe {recipe.name}: {line}" for line in said))


def _roles(recipe: Recipe, provider: str) -> Iterator[str]:
    """A model whose prices are all for something else does something else."""
    for role, model in recipe.models_for(provider):
        price = recipe.price(model)
        does = {"chats": price.per_call, "stills": price.per_image, "clips": price.per_second}
        wanted = {"story": "chats", "judge": "chats", "image": "stills"}.get(role, "clips")
        there = [what for what, given in does.items() if given]
        if there and wanted not in there:
            yield f"{model} is priced for {' and '.join(there)}, and models.{role} makes {wanted}"


def _image(recipe: Recipe, provider: str) -> Iterator[str]:
    model, output = recipe.models_for(provider).image, recipe.output
    there = recipe.price(model).per_image
    if there and output.image_resolution not in there:
        yield (
            f"{model} makes no stills at {output.image_resolution} (output.image_resolution),"
            f" but at {', '.join(there)}"
        )
    limits = recipe.limits.models.get(model)
    if limits is not None and limits.qualities is not None and output.image_quality not in limits.qualities:
        yield (
            f"{model} knows no quality `{output.image_quality}` (output.image_quality),"
            f" but {', '.join(limits.qualities)}"
        )


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
            f"{model} takes {limits.references or 'no'} pictures beside the keyframe, and a scene has up to {most} sheets:"
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


_STILL = {"style", "palette", "cast", "problems"}
NAMES: Mapping[str, frozenset[str]] = {
    "story": frozenset(
        {"concept", "style", "palette", "scenes", "written_scenes", "characters", "labels", "most_characters"}
        | {"characters_per_scene", "errors"}
    ),
    "match": frozenset({"labels", "characters"}),
    "sheet": frozenset({"style", "palette", "name", "role", "description", "reference", "problems"}),
    "sheet_check": frozenset({"what", "cast", "description", "reference"}),
    "keyframe": frozenset(_STILL | {"setting", "camera", "mood", "strict_previous"}),
    "keyframe_previous": frozenset({"cast"}),
    "keyframe_check": frozenset({"what", "cast", "setting"}),
    "video": frozenset({"style", "action", "camera", "references"}),
    "video_check": frozenset({"what", "cast"}),
    "correct": frozenset({"style", "problems"}),
}
"""The values that each prompt is given; docs/recipe.md has them for people."""


def check_prompts(recipe: Recipe) -> None:
    """Look for names that no prompt is given, before a story is paid for. Raises SpecError with all of them."""
    from spicy.recipe.render import unknown_names

    problems = [
        Problem(template.file, 0, 0, f"`{name}` is unknown here; there is {', '.join(sorted(known))}")
        for key, template in recipe.templates.items()
        for known in [NAMES[key.rpartition("/")[2]]]
        for name in unknown_names(template, known)
    ]
    if problems:
        raise SpecError(problems)
