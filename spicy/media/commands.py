"""ffmpeg's argument lists, built from values and run elsewhere.

Bit-exact flags and a fixed number of threads keep dates, versions and the number of cores out of the
result: the same inputs give the same bytes.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from spicy.media.containers import media_url
from spicy.media.plan import PIX_FMT, JoinPlan
from spicy.media.probe import ClipInfo
from spicy.media.timeline import Join

AUDIO_BITRATE = "192k"
THREADS = "4"


def picture_args(clip: Path, into: Path, info: ClipInfo, plan: JoinPlan) -> list[str]:
    """Re-encode a clip's pictures to the plan: whole picture kept, padded to size; sound left out."""
    return [
        *("-i", media_url(clip), "-map", "0:V:0", "-an"),
        *("-vf", fitting_filter(info, plan)),
        *_encoder(plan),
        media_url(into),
    ]


def sound_args(clip: Path, into: Path, info: ClipInfo, plan: JoinPlan) -> list[str]:
    """Re-encode a clip's sound to the plan, for as long as its pictures last."""
    return [
        *("-i", media_url(clip), "-map", "0:a:0", "-vn"),
        *("-af", f"aresample={plan.audio_rate}:async=1:first_pts=0", "-ac", str(plan.audio_channels)),
        *("-t", f"{info.duration:.6f}", "-c:a", "aac", "-profile:a", "aac_low", "-b:a", AUDIO_BITRATE),
        *("-map_metadata", "-1", "-fflags", "+bitexact", "-flags:a", "+bitexact", "-f", "mp4"),
        media_url(into),
    ]


def dissolve_args(join: Join, left: Path, right: Path, into: Path, plan: JoinPlan) -> list[str]:
    """Encode the frames around one join: the left clip's end dissolving into the right clip's start."""
    return [
        *_from_frame(join.left_from, plan),
        *("-i", media_url(left), "-i", media_url(right)),
        *("-filter_complex", dissolve_filter(join, plan), "-map", "[film]", "-an"),
        *_encoder(plan),
        media_url(into),
    ]


def fitting_filter(info: ClipInfo, plan: JoinPlan) -> str:
    """Filters that bring a clip to the film's rate, size and pixels without cutting anything off."""
    size = f"{plan.width}:{plan.height}"
    square = ["scale=w='max(2,trunc(iw*sar/2)*2)':h=ih", "setsar=1"] if info.sample_aspect != 1 else []
    return ",".join(
        [
            f"fps={plan.rate}",
            *square,
            f"scale={size}:force_original_aspect_ratio=decrease:force_divisible_by=2:out_range=tv",
            f"pad={size}:(ow-iw)/2:(oh-ih)/2",
            "setsar=1",
            f"format={PIX_FMT}",
        ]
    )


def dissolve_filter(join: Join, plan: JoinPlan) -> str:
    """Filter graph of one join; counted in frames, so that no rounding of seconds can lose one."""
    even = f"settb=1/({plan.rate}),setpts=N,fps={plan.rate}"
    seconds = join.fade / plan.rate
    offset = (join.left_until - join.left_from - join.fade) / plan.rate
    return (
        f"[0:V:0]trim=end_frame={join.left_until - join.left_from},{even}[left];"
        f"[1:V:0]trim=end_frame={join.right_until},{even}[right];"
        f"[left][right]xfade=transition=fade:duration={float(seconds):.6f}:offset={float(offset):.6f},"
        f"format={PIX_FMT}[film]"
    )


def _from_frame(frame: int, plan: JoinPlan) -> tuple[str, ...]:
    """Start at a frame; half a frame early, so that rounding cannot skip it."""
    return ("-ss", f"{float((frame - Fraction(1, 2)) / plan.rate):.6f}") if frame else ()


def _encoder(plan: JoinPlan) -> tuple[str, ...]:
    video = ("-c:v", "libx264", "-preset", "medium", "-crf", str(plan.crf), "-pix_fmt", PIX_FMT)
    exact = ("-map_metadata", "-1", "-fflags", "+bitexact", "-flags:v", "+bitexact", "-f", "mp4")
    return (*video, "-threads", THREADS, *exact)
