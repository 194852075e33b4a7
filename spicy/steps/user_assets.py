"""The user's own files and pins: checked to be readable, then used unchanged, for $0."""

from __future__ import annotations

from spicy.canonical_json import Json
from spicy.errors import MediaError, StepFailed
from spicy.ports import Asset, LocalJob, LocalKind
from spicy.spec.pins import read_pin
from spicy.steps.result import StepContext, StepResult


def own_picture(asset: Asset, context: StepContext) -> StepResult:
    """Return a picture unchanged. Raises StepFailed if it is not a readable picture."""
    from spicy.media.probe import probe_picture

    try:
        info = probe_picture(context.ask.open(asset))
    except MediaError as error:
        raise StepFailed(
            f"cannot be read as a picture: {error.message}",
            file=asset.origin,
            advice=_advice(asset, "a JPEG, PNG or WebP picture"),
        ) from error
    return StepResult(files=(asset,), facts={**_whose(asset), "width": info.width, "height": info.height})


def own_clip(asset: Asset, context: StepContext) -> StepResult:
    """Return a clip unchanged, with its first and last frame. Raises StepFailed if it is unreadable."""
    from spicy.media.probe import probe_clip

    try:
        info = probe_clip(context.ask.open(asset))
        first, last = frames(asset, context)
    except MediaError as error:
        raise StepFailed(
            f"cannot be read as a clip: {error.message}",
            file=asset.origin,
            advice=_advice(asset, "a playable video"),
        ) from error
    facts = {**_whose(asset), "width": info.width, "height": info.height, "duration": round(info.duration, 3)}
    return StepResult(files=(asset, first, last), facts=facts)


def _whose(asset: Asset) -> dict[str, Json]:
    return {"own": True} if read_pin(asset.origin) is None else {"pinned": True}


def _advice(asset: Asset, what: str) -> str:
    mend = "replace the file with" if read_pin(asset.origin) is None else "pin"
    return f"{mend} {what}, or take it out of the spec"


def frames(clip: Asset, context: StepContext) -> tuple[Asset, Asset]:
    """Return the first and last frame of a clip, as JPEG. Raises MediaError."""
    first = context.ask.local(LocalJob(LocalKind.FIRST_FRAME, (clip.digest,)))
    last = context.ask.local(LocalJob(LocalKind.LAST_FRAME, (clip.digest,)))
    return first.asset, last.asset
