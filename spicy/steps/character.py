"""Character sheets: generated from the description, restyled from a reference picture, or the user's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spicy.plan.node import CharacterJob
from spicy.ports import Asset, CallResult, ImageCall
from spicy.steps.result import StepContext, StepResult
from spicy.steps.user_assets import own_picture
from spicy.steps.verify import Judgement, best_of, choose, judge

SHEET_ASPECT = "1:1"


def make_character(job: CharacterJob, files: Mapping[str, Asset], context: StepContext) -> StepResult:
    """Make one character's sheet: the best of several attempts, judged by description and reference."""
    if job.own:
        return own_picture(files["own sheet"], context)
    prompts, recipe = context.prompts, context.prompts.recipe
    reference = tuple(asset.digest for asset in files.values())

    def make(number: int, problems: Sequence[str]) -> CallResult:
        call = ImageCall(
            model=recipe.models_for(prompts.provider).image,
            prompt=prompts.sheet(job, problems),
            aspect_ratio=SHEET_ASPECT,
            resolution=recipe.output.image_resolution,
            quality=recipe.output.image_quality,
            images=reference,
            take=job.character.take,
            attempt=number,
        )
        return context.ask.call(call, "sheet")

    def check(sheet: Asset) -> Judgement:
        return judge(context, prompts.sheet_check(job), (sheet.digest, *reference))

    verify = recipe.verify
    attempts = best_of(verify.character_attempts, verify.threshold, context.ask, make, check)
    chosen = choose(context, attempts)
    return StepResult(files=(attempts[chosen].asset,), attempts=tuple(attempts), chosen=chosen)
