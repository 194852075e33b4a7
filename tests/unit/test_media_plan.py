"""What deviates, in words, and the argument lists that put it right."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from spicy.media.commands import dissolve_args, fitting_filter, picture_args, sound_args
from spicy.media.plan import JoinPlan, deviations
from spicy.media.probe import ClipInfo
from spicy.media.timeline import Join

AVCC = bytes([1, 100, 0, 31, 0xFF, 0xE1, 0, 1, 0x67, 1, 0, 1, 0x68])
AAC_LC_48K_STEREO = bytes([0x11, 0x90])
PLAN = JoinPlan(width=1280, height=720, fps=24)
GOOD = ClipInfo(
    container="mov,mp4,m4a,3gp,3g2,mj2",
    video_codec="h264",
    video_config=AVCC,
    width=1280,
    height=720,
    fps=Fraction(24),
    steady=True,
    reorder=2,
    pix_fmt="yuv420p",
    rotation=0,
    sample_aspect=Fraction(1),
    audio_codec="aac",
    audio_profile="LC",
    audio_config=AAC_LC_48K_STEREO,
    sample_rate=48_000,
    channels=2,
    duration=8.0,
    frames=192,
)


def test_a_conforming_clip_has_nothing_to_say() -> None:
    assert deviations(GOOD, PLAN) == ()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"container": "matroska,webm"}, "mp4 container wanted, matroska,webm found"),
        ({"video_codec": "hevc"}, "h264 video wanted, hevc found"),
        ({"video_config": b"\0\0\0\1"}, "h264 in mp4 form wanted, another packing found"),
        ({"width": 720, "height": 1280}, "1280x720 wanted, 720x1280 found"),
        ({"rotation": 90}, "upright picture wanted, turned by 90 degrees found"),
        ({"sample_aspect": Fraction(4, 3)}, "square pixels wanted, 4/3 found"),
        ({"fps": Fraction(30)}, "24 fps wanted, 30 found"),
        ({"fps": Fraction(24000, 1001)}, "24 fps wanted, 23.976 found"),
        ({"steady": False}, "even frame times wanted, a variable rate or an edit list found"),
        ({"pix_fmt": "yuv444p"}, "yuv420p wanted, yuv444p found"),
        ({"audio_codec": None}, "sound wanted, none found"),
        ({"audio_codec": "mp3"}, "aac sound wanted, mp3 found"),
        (
            {"audio_config": b"\x2b\x92", "audio_profile": "HE-AAC"},
            "plain aac (LC, in mp4 form) wanted, HE-AAC from mov,mp4,m4a,3gp,3g2,mj2 found",
        ),
        ({"sample_rate": 44_100}, "48000 Hz wanted, 44100 Hz found"),
        ({"channels": 1}, "stereo wanted, mono found"),
    ],
)
def test_each_deviation_is_said_in_words(change: dict[str, object], words: str) -> None:
    assert deviations(replace(GOOD, **change), PLAN) == (words,)  # type: ignore[arg-type]


def test_all_deviations_are_said_at_once() -> None:
    odd = replace(GOOD, width=640, height=480, fps=Fraction(30), audio_codec=None)
    assert len(deviations(odd, PLAN)) == 3


@pytest.mark.parametrize(
    "wrong", [{"width": 1281}, {"height": 0}, {"fps": 0}, {"audio_channels": 6}, {"crossfade_seconds": -1}]
)
def test_a_plan_that_cannot_be_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        JoinPlan(**{"width": 1280, "height": 720, "fps": 24, **wrong})  # type: ignore[arg-type]


def test_paths_travel_as_urls_so_that_no_dash_or_colon_means_anything() -> None:
    args = picture_args(Path("/x/-v 1:2.mp4"), Path("/y/o.mp4"), GOOD, PLAN)
    assert "file:/x/-v 1:2.mp4" in args
    assert args[-1] == "file:/y/o.mp4"


def test_pictures_are_scaled_whole_and_padded() -> None:
    assert fitting_filter(GOOD, PLAN) == (
        "fps=24,scale=1280:720:force_original_aspect_ratio=decrease:force_divisible_by=2:out_range=tv,"
        "pad=1280:720:(ow-iw)/2:(oh-ih)/2,setsar=1,format=yuv420p"
    )
    assert "iw*sar" in fitting_filter(replace(GOOD, sample_aspect=Fraction(4, 3)), PLAN)


def test_sound_is_brought_to_rate_and_channels() -> None:
    args = sound_args(Path("a.mp4"), Path("o.m4a"), GOOD, replace(PLAN, audio_rate=44_100, audio_channels=1))
    assert args[args.index("-af") + 1].startswith("aresample=44100")
    assert args[args.index("-ac") + 1] == "1"


def test_a_dissolve_starts_half_a_frame_early_and_counts_frames() -> None:
    args = dissolve_args(Join(168, 192, 12, 12), Path("a"), Path("b"), Path("o.mp4"), PLAN)
    assert args[:2] == ["-ss", f"{167.5 / 24:.6f}"]
    graph = args[args.index("-filter_complex") + 1]
    assert "[0:V:0]trim=end_frame=24" in graph
    assert "[1:V:0]trim=end_frame=12" in graph
    assert "duration=0.500000:offset=0.500000" in graph
