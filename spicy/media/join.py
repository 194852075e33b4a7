"""Clips to a film: what deviates is encoded anew, the rest is copied, and the film is checked."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import assert_never

from spicy.errors import MediaError
from spicy.files import atomic_path
from spicy.ids import Transition
from spicy.media.commands import picture_args, sound_args
from spicy.media.crossfade import dissolved
from spicy.media.ffmpeg import run_ffmpeg
from spicy.media.frames import check_last
from spicy.media.plan import (
    JoinPlan,
    deviations,
    picture_deviations,
    sound_deviations,
)
from spicy.media.probe import ClipInfo, probe_clip
from spicy.media.remux import remux
from spicy.media.timeline import Pictures, Sound

__all__ = ["JoinPlan", "JoinReport", "deviations", "join_clips"]

PROBES = 4
"""Clips probed at a time."""

Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class JoinReport:
    """What a join did: positions of the clips copied as they were, and of the others with the reasons."""

    copied: tuple[int, ...]
    reencoded: tuple[tuple[int, tuple[str, ...]], ...]
    duration: float
    info: ClipInfo


@dataclass(frozen=True, slots=True)
class _JoinPart:
    """A clip ready to be joined: where its pictures and its sound are found now."""

    pictures: Path
    info: ClipInfo
    sound: Path | None


def join_clips(
    clips: Sequence[Path], into: Path, plan: JoinPlan, progress: Progress | None = None
) -> JoinReport:
    """Join `clips` to the film `into`, which appears whole and checked or stays as it was.

    Raises MediaError when a clip is no whole video, ffmpeg fails, or the film is not what it should be.
    """
    if not clips:
        raise MediaError("a film needs at least one clip")
    infos = _probed(clips)
    reasons = [deviations(info, plan) for info in infos]
    told = progress or _without_sound
    with tempfile.TemporaryDirectory(prefix="spicy-join-") as room:
        parts = _conforming(clips, infos, plan, Path(room), lambda done: told(done * 0.5))
        with atomic_path(into, durable=False) as draft:
            frames = _assemble(clips, parts, draft, plan, Path(room), lambda done: told(0.5 + done * 0.5))
            info = _checked(draft, plan, frames)
    return JoinReport(
        copied=tuple(at for at, why in enumerate(reasons) if not why),
        reencoded=tuple((at, why) for at, why in enumerate(reasons) if why),
        duration=info.duration,
        info=info,
    )


def _probed(clips: Sequence[Path]) -> list[ClipInfo]:
    """Probe clips side by side: decoding leaves Python free."""
    with ThreadPoolExecutor(PROBES) as pool:
        return list(pool.map(probe_clip, clips))


def _without_sound(done: float) -> None:
    """Progress that nobody asked for."""


def _conforming(
    clips: Sequence[Path], infos: Sequence[ClipInfo], plan: JoinPlan, room: Path, progress: Progress
) -> list[_JoinPart]:
    """Encode anew the pictures and the sound that deviate, each on its own."""
    parts = []
    for at, (clip, info) in enumerate(zip(clips, infos, strict=True)):
        pictures, sound = clip, clip if info.audio_codec else None
        if picture_deviations(info, plan):
            pictures = room / f"{at}.mp4"
            told = partial(_share, progress, at, len(clips))
            _encode(clip, picture_args(clip, pictures, info, plan), told, info.duration)
        if sound and sound_deviations(info, plan) and _copies_sound(plan.transition):
            sound = room / f"{at}.m4a"
            _encode(clip, sound_args(clip, sound, info, plan))
        parts.append(_JoinPart(pictures, info if pictures is clip else probe_clip(pictures), sound))
        progress((at + 1) / len(clips))
    return parts


def _copies_sound(transition: Transition) -> bool:
    """Return True if the join takes over each clip's sound packet by packet instead of mixing anew."""
    match transition:
        case "cut":
            return True
        case "crossfade":
            return False
        case _:
            assert_never(transition)


def _share(progress: Progress, at: int, clips: int, done: float) -> None:
    """Tell the progress of one clip as that of all."""
    progress((at + done) / clips)


def _encode(
    clip: Path, args: Sequence[str], progress: Progress | None = None, seconds: float | None = None
) -> None:
    try:
        run_ffmpeg(args, progress=progress, duration=seconds)
    except MediaError as e:
        raise MediaError(f"{clip}: {e.message}", detail=e.detail) from e


def _assemble(
    clips: Sequence[Path],
    parts: Sequence[_JoinPart],
    draft: Path,
    plan: JoinPlan,
    room: Path,
    progress: Progress,
) -> int:
    """Write the film and say how many frames it must have."""
    infos = {part.pictures: part.info for part in parts}
    transition: Transition = plan.transition if len(parts) > 1 else "cut"
    match transition:
        case "crossfade":
            pictures, sounds = dissolved([part.pictures for part in parts], clips, infos, plan, room)
            infos |= {piece.path: probe_clip(piece.path) for piece in pictures if piece.path not in infos}
        case "cut":
            pictures = [Pictures(part.pictures, 0, part.info.frames) for part in parts]
            sounds = [Sound(part.sound, part.info.frames / plan.rate) for part in parts]
        case _:
            assert_never(transition)
    remux(pictures, sounds, infos, draft, plan, progress)
    return sum(piece.frames for piece in pictures)


def _checked(film: Path, plan: JoinPlan, frames: int) -> ClipInfo:
    """Probe a film: it must conform to the plan, have every frame, and decode at both ends."""
    with ThreadPoolExecutor(1) as aside:
        end = aside.submit(check_last, film)
        info = probe_clip(film)
    end.result()
    if wrong := deviations(info, plan):
        raise MediaError(f"the joined film is not as planned: {'; '.join(wrong)}")
    if info.frames != frames:
        raise MediaError(f"the joined film has {info.frames} frames instead of {frames}")
    return info
