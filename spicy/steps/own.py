"""The user's own files: used as they are, for $0, once they are known to be readable."""

from __future__ import annotations

from spicy.errors import MediaError, StepFailed
from spicy.ports import Asset, LocalJob, LocalKind
from spicy.steps.made import Bench, Made


def own_picture(asset: Asset, bench: Bench) -> Made:
    """Take a picture as it is. Raises StepFailed when it is none."""
    from spicy.media.probe import probe_picture

    try:
        info = probe_picture(bench.ask.open(asset))
    except MediaError as error:
        raise StepFailed(
            f"cannot be read as a picture: {error.message}",
            file=asset.origin,
            advice="replace the file with a JPEG, PNG or WebP picture, or take it out of the spec",
        ) from error
    return Made(files=(asset,), facts={"own": True, "width": info.width, "height": info.height})


def own_clip(asset: Asset, bench: Bench) -> Made:
    """Take a clip as it is, with its first and last frame. Raises StepFailed when it is none."""
    from spicy.media.probe import probe_clip

    try:
        info = probe_clip(bench.ask.open(asset))
        first, last = frames(asset, bench)
    except MediaError as error:
        raise StepFailed(
            f"cannot be read as a clip: {error.message}",
            file=asset.origin,
            advice="replace the file with a playable video, or take it out of the spec",
        ) from error
    facts = {"own": True, "width": info.width, "height": info.height, "duration": round(info.duration, 3)}
    return Made(files=(asset, first, last), facts=facts)


def frames(clip: Asset, bench: Bench) -> tuple[Asset, Asset]:
    """First and last frame of a clip, as JPEG."""
    first = bench.ask.local(LocalJob(LocalKind.FIRST_FRAME, (clip.digest,)))
    last = bench.ask.local(LocalJob(LocalKind.LAST_FRAME, (clip.digest,)))
    return first.asset, last.asset
