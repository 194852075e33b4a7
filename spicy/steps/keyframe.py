"""Keyframes: composes a scene's still from its characters' sheets and the previous keyframe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from spicy.plan.node import KeyframeJob
from spicy.ports import Asset, CallResult, ImageCall, LocalJob, LocalKind, OrderOnly
from spicy.steps.result import StepContext, StepResult
from spicy.steps.user_assets import own_picture
from spicy.steps.verify import Judgement, best_of, choose, judge
from spicy.story.model import Continuity


def make_keyframe(job: KeyframeJob, files: Mapping[str, Asset], context: StepContext) -> StepResult:
    """Make one scene's still; references are in the prompt's order: sheets, then the previous keyframe."""
    if job.pinned:
        # The store has attempts uncropped; cropping a pinned one gives the same bytes as when it was made.
        pin = files["pinned still"]
        return replace(own_picture(pin, context), files=(_in_shape(pin, job.story.aspect_ratio, context),))
    if job.own:
        return own_picture(files["own still"], context)
    prompts, recipe = context.prompts, context.prompts.recipe
    sheets = tuple(files[f"sheet {n}"].digest for n in range(1, len(job.cast) + 1))
    images, order_only = sheets, None
    before = files.get(job.previous) if job.previous is not None else None
    if before is not None and job.scene.continuity is Continuity.STRICT:
        images = (*sheets, before.digest)
    elif before is not None:
        order_only = OrderOnly((before.digest,), prompts.keyframe_previous(job))

    def make(number: int, problems: Sequence[str]) -> CallResult:
        call = ImageCall(
            model=recipe.models_for(prompts.provider).image,
            prompt=prompts.keyframe(job, problems),
            aspect_ratio=job.story.aspect_ratio,
            resolution=recipe.output.image_resolution,
            quality=recipe.output.image_quality,
            images=images,
            order_only=order_only,
            take=job.scene.keyframe_take,
            attempt=number,
        )
        return context.ask.call(call, "keyframe")

    def check(still: Asset) -> Judgement:
        return judge(context, prompts.keyframe_check(job), (still.digest, *sheets))

    verify = recipe.verify
    attempts = best_of(verify.keyframe_rounds, verify.threshold, context.ask, make, check)
    chosen = choose(context, attempts)
    still = _in_shape(attempts[chosen].asset, job.story.aspect_ratio, context)
    return StepResult(files=(still,), attempts=tuple(attempts), chosen=chosen)


def _in_shape(still: Asset, aspect_ratio: str, context: StepContext) -> Asset:
    """Return the still cropped to the film's aspect ratio; its clip keeps it, so no re-encoding is needed."""
    from spicy.media.crop import in_shape
    from spicy.media.probe import probe_picture

    info = probe_picture(context.ask.open(still))
    across, down = (int(part) for part in aspect_ratio.split(":"))
    if in_shape(info.width, info.height, across, down):
        return still
    job = LocalJob(LocalKind.CROP, (still.digest,), {"aspect_ratio": aspect_ratio})
    return context.ask.local(job).asset
