"""Character sheets: drawn from the description, or restyled from a reference picture; or the user's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spicy.plan.node import CharacterJob
from spicy.ports import Answered, Asset, ImageCall
from spicy.steps.made import Bench, Made
from spicy.steps.own import own_picture
from spicy.steps.verify import Verdict, best_of, choose, judge

SHEET_ASPECT = "1:1"


def make_character(job: CharacterJob, files: Mapping[str, Asset], bench: Bench) -> Made:
    """Make one character's sheet: best of a few attempts, each judged against description and reference."""
    if job.own:
        return own_picture(files["own sheet"], bench)
    prompts, recipe = bench.prompts, bench.prompts.recipe
    reference = tuple(asset.digest for asset in files.values())

    def make(number: int, problems: Sequence[str]) -> Answered:
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
        return bench.ask.call(call, "sheet")

    def check(sheet: Asset) -> Verdict:
        return judge(bench, prompts.sheet_check(job), (sheet.digest, *reference))

    verify = recipe.verify
    attempts = best_of(verify.character_attempts, verify.threshold, bench.ask, make, check)
    chosen = choose(bench, attempts)
    return Made(files=(attempts[chosen].asset,), attempts=tuple(attempts), chosen=chosen)
