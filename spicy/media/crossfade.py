"""Crossfades: only the frames around each join are encoded anew.

A clip's pictures are copied from the first key frame after its head's dissolve to the last clean cut
before its tail's. Sound is mixed and encoded as one track, because its packets overlap at every seam
and a seam in the middle of a tone would be heard.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

from spicy.errors import MediaError
from spicy.media.commands import dissolve_args
from spicy.media.ffmpeg import run_ffmpeg
from spicy.media.plan import JoinPlan
from spicy.media.probe import ClipInfo, probe_clip
from spicy.media.remux import frame_order
from spicy.media.sound import mix
from spicy.media.timeline import Join, Pictures, Sound, copied_ranges, cut_points, fades


def dissolved(
    pictures: Sequence[Path],
    clips: Sequence[Path],
    infos: Mapping[Path, ClipInfo],
    plan: JoinPlan,
    room: Path,
) -> tuple[list[Pictures], list[Sound]]:
    """Prepare the pieces of a crossfaded film; `pictures` conform, the sound comes from `clips`.

    Raises MediaError when ffmpeg fails or a dissolve comes out with frames missing.
    """
    frames = [infos[path].frames for path in pictures]
    lengths = fades(frames, round(Fraction(plan.crossfade_seconds) * plan.rate))
    points = [cut_points(*frame_order(path, plan.rate)) for path in pictures]
    ranges = copied_ranges(frames, points, lengths)
    pieces: list[Pictures] = []
    for at, (path, (start, until)) in enumerate(zip(pictures, ranges, strict=True)):
        if start < until:
            pieces.append(Pictures(path, start, until))
        if at < len(lengths):
            join = Join(until, frames[at], ranges[at + 1][0], lengths[at])
            pieces += _joined(join, path, pictures[at + 1], room / f"join-{at}.mp4", plan)
    track = room / "sound.m4a"
    mix(clips, [count / plan.rate for count in frames], [n / plan.rate for n in lengths], track, plan)
    return pieces, [Sound(track, (sum(frames) - sum(lengths)) / plan.rate)]


def _joined(join: Join, left: Path, right: Path, into: Path, plan: JoinPlan) -> list[Pictures]:
    """Encode one join; nothing to do where a clip too short to fade is cut at its edges."""
    if join.frames == 0:
        return []
    run_ffmpeg(dissolve_args(join, left, right, into, plan))
    found = probe_clip(into).frames
    if found != join.frames:
        raise MediaError(f"the crossfade from {left} to {right} has {found} frames instead of {join.frames}")
    return [Pictures(into, 0, join.frames)]
