"""Joining real clips with real ffmpeg: every frame there, sound where the picture is, the rest copied."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from spicy.errors import MediaError
from spicy.media.ffmpeg import run_ffmpeg
from spicy.media.join import JoinPlan, join_clips
from spicy.media.probe import probe_clip

PLAN = JoinPlan(width=160, height=90, fps=24, title="The Fox", comment="AI-generated")
FADE = replace(PLAN, transition="crossfade", crossfade_seconds=0.25)

PICTURE = "testsrc2=s=160x90:r=24:d=1"
SOUND = "sine=f=440:r=48000:d=1"
ENCODE = ("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-ac", "2")

Maker = Callable[..., Path]


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    """Makes clips by lavfi sources and options, each only once."""
    room = tmp_path_factory.mktemp("clips")

    def build(*options: str, picture: str = PICTURE, sound: str | None = SOUND, suffix: str = ".mp4") -> Path:
        name = hashlib.sha256(repr((options, picture, sound)).encode()).hexdigest()[:12]
        clip = room / f"{name}{suffix}"
        if not clip.exists():
            heard = ("-f", "lavfi", "-i", sound) if sound else ()
            run_ffmpeg(["-f", "lavfi", "-i", picture, *heard, *ENCODE, *options, str(clip)])
        return clip

    return build


def shown(clip: Path) -> list[tuple[int, float]]:
    """Every decoded frame: the mean of its brightness, and when it is shown."""
    with av.open(str(clip)) as container:
        video = container.streams.video[0]
        return [
            (round(float(f.to_ndarray(format="gray").mean())), f.time or 0.0) for f in container.decode(video)
        ]


def heard(clip: Path) -> NDArray[np.float32]:
    """All decoded sound of the first channel, from film time 0 on."""
    with av.open(str(clip)) as container:
        blocks = [frame.to_ndarray()[0] for frame in container.decode(container.streams.audio[0])]
    return np.concatenate(blocks).astype(np.float32)


def packets(clip: Path) -> list[bytes]:
    """The bytes of every packet of pictures."""
    with av.open(str(clip)) as container:
        return [bytes(p) for p in container.demux(container.streams.video[0]) if p.size]


def assert_even(clip: Path, frames: int, fps: int = 24) -> None:
    """Decoded from end to end, frame k is shown at k/fps."""
    times = [at for _, at in shown(clip)]
    assert times == pytest.approx([k / fps for k in range(frames)], abs=0.001)


def test_conforming_clips_are_copied_byte_for_byte(make: Maker, tmp_path: Path) -> None:
    clip, film = make(), tmp_path / "film.mp4"
    report = join_clips([clip, clip, clip], film, PLAN)
    assert report.copied == (0, 1, 2)
    assert report.reencoded == ()
    assert packets(film) == packets(clip) * 3
    assert report.duration == pytest.approx(3.0)
    assert_even(film, 72)


def test_one_clip_is_a_film(make: Maker, tmp_path: Path) -> None:
    report = join_clips([make()], tmp_path / "film.mp4", FADE)
    assert (report.copied, report.info.frames) == ((0,), 24)


def test_the_film_is_marked_and_starts_fast(make: Maker, tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    join_clips([make(), make()], film, PLAN)
    data = film.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    with av.open(str(film)) as container:
        assert container.metadata["title"] == "The Fox"
        assert container.metadata["comment"] == "AI-generated"


def test_clips_of_other_encoder_settings_are_copied_and_decode(make: Maker, tmp_path: Path) -> None:
    one = make()
    two = make("-preset", "ultrafast", "-bf", "0", "-refs", "1", "-profile:v", "baseline")
    assert probe_clip(one).video_config != probe_clip(two).video_config
    film = tmp_path / "film.mp4"
    report = join_clips([one, two, one, two], film, PLAN)
    assert report.reencoded == ()
    assert_even(film, 96)
    levels = [level for level, _ in shown(film)]
    assert levels == pytest.approx(
        ([level for level, _ in shown(one)] + [level for level, _ in shown(two)]) * 2, abs=1
    )


@pytest.mark.parametrize(
    ("options", "sources", "reason"),
    [
        (("-r", "30"), {}, "24 fps wanted, 30 found"),
        ((), {"picture": "testsrc2=s=90x160:r=24:d=1"}, "160x90 wanted, 90x160 found"),
        (("-pix_fmt", "yuv444p"), {}, "yuv420p wanted, yuv444p found"),
        (("-c:v", "mpeg4"), {}, "h264 video wanted, mpeg4 found"),
        (("-ac", "1"), {}, "stereo wanted, mono found"),
        (("-ar", "44100"), {}, "48000 Hz wanted, 44100 Hz found"),
        (("-c:a", "mp3"), {}, "aac sound wanted, mp3float found"),
        (("-vf", "setsar=4/3"), {}, "square pixels wanted, 4/3 found"),
    ],
)
def test_a_deviating_clip_is_encoded_anew(
    make: Maker, tmp_path: Path, options: Sequence[str], sources: dict[str, str], reason: str
) -> None:
    film = tmp_path / "film.mp4"
    report = join_clips([make(), make(*options, **sources)], film, PLAN)
    assert report.copied == (0,)
    assert report.reencoded == ((1, (reason,)),)
    assert_even(film, 48)
    assert abs(heard(film)[60_000:90_000]).max() > 0.05


def test_a_foreign_container_is_taken(make: Maker, tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    report = join_clips([make(suffix=".mkv")], film, PLAN)
    assert report.reencoded == ((0, ("mp4 container wanted, matroska,webm found",)),)
    assert_even(film, 24)


def test_missing_sound_becomes_silence_and_pictures_stay(make: Maker, tmp_path: Path) -> None:
    mute, film = make(sound=None), tmp_path / "film.mp4"
    report = join_clips([make(), mute, make()], film, PLAN)
    assert report.reencoded == ((1, ("sound wanted, none found",)),)
    assert packets(film)[24:48] == packets(mute)
    sound = heard(film)
    assert abs(sound[52_000:94_000]).max() < 0.001
    assert abs(sound[100_000:140_000]).max() > 0.05


def test_a_film_without_any_sound_is_silent(make: Maker, tmp_path: Path) -> None:
    mute = make(sound=None)
    assert join_clips([mute, mute], tmp_path / "film.mp4", PLAN).info.channels == 2
    assert join_clips([mute, mute], tmp_path / "film.mp4", FADE).info.channels == 2


def test_only_the_deviating_stream_is_encoded_anew(make: Maker, tmp_path: Path) -> None:
    mono, film = make("-ac", "1"), tmp_path / "film.mp4"
    join_clips([mono], film, PLAN)
    assert packets(film) == packets(mono)


def test_an_upright_clip_is_padded_at_the_sides(make: Maker, tmp_path: Path) -> None:
    white = make(picture="color=white:s=90x160:r=24:d=1")
    film = tmp_path / "film.mp4"
    join_clips([white], film, PLAN)
    with av.open(str(film)) as container:
        row = next(container.decode(video=0)).to_ndarray(format="gray")[45]
    assert row[:50].max() < 40
    assert row[70:90].min() > 215
    assert row[-50:].max() < 40


def test_a_variable_rate_becomes_even(make: Maker, tmp_path: Path) -> None:
    vfr = make(
        "-vf", "setpts='(N+if(gt(N,12),6,0))/24/TB'", "-fps_mode", "vfr", "-video_track_timescale", "12288"
    )
    assert not probe_clip(vfr).steady
    film = tmp_path / "film.mp4"
    frames = join_clips([make(), vfr], film, PLAN).info.frames
    assert_even(film, frames)
    assert frames - 24 in range(28, 33)


def test_a_clip_that_an_edit_list_starts_in_its_middle_is_encoded_anew(make: Maker, tmp_path: Path) -> None:
    cut, film = tmp_path / "cut.mp4", tmp_path / "film.mp4"
    run_ffmpeg(["-ss", "0.5", "-i", str(make("-g", "999")), "-c", "copy", str(cut)])
    report = join_clips([make(), cut], film, PLAN)
    assert report.reencoded == ((1, ("even frame times wanted, a variable rate or an edit list found",)),)
    assert report.info.frames in range(35, 38)
    assert_even(film, report.info.frames)


@pytest.mark.parametrize(("plan", "count"), [(PLAN, 40), (FADE, 12)])
def test_sound_stays_with_the_picture(make: Maker, tmp_path: Path, plan: JoinPlan, count: int) -> None:
    # 25 frames are 50,000 samples, no whole number of packets; the sound is now longer, now shorter
    beep = "aevalsrc='0.5*sin(2*PI*880*t)*between(t,0.5,0.6)':s=48000:d="
    flash = "color=black:s=160x90:r=24:d=1.0416667,drawbox=c=white:t=fill:enable='between(n,12,13)'"
    clips = [make(picture=flash, sound=f"{beep}{length}") for length in (1.1, 0.9, 1.0416667)]
    film = tmp_path / "film.mp4"
    join_clips([clips[k % 3] for k in range(count)], film, plan)
    flashes = [at for (before, _), (level, at) in pairwise(shown(film)) if level > 128 > before]
    loud = np.flatnonzero(abs(heard(film)) > 0.1) / 48_000
    beeps = [loud[0], *(b for a, b in pairwise(loud) if b - a > 0.2)]
    assert len(flashes) == len(beeps) == count
    assert np.abs(np.array(flashes) - np.array(beeps)).max() < 0.05


def test_the_sound_is_as_long_as_the_pictures(make: Maker, tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    join_clips([make()] * 3, film, PLAN)
    with av.open(str(film)) as container:
        audio = container.streams.audio[0]
        assert float((audio.duration or 0) * (audio.time_base or 0)) == pytest.approx(3.0, abs=0.001)


def test_a_crossfade_shortens_the_film_and_copies_the_middles(make: Maker, tmp_path: Path) -> None:
    clip = make("-g", "6", "-keyint_min", "6", "-sc_threshold", "0")
    film = tmp_path / "film.mp4"
    report = join_clips([clip, clip, clip], film, FADE)
    assert report.info.frames == 72 - 2 * 6
    assert_even(film, 60)
    found, own = packets(film), packets(clip)
    # of the clips, frames 0…17, 6…17 and 6…23 are copies, key frames with parameter sets in front
    for at, start, until in ((0, 0, 18), (24, 6, 18), (42, 6, 24)):
        copied = found[at : at + until - start]
        assert all(theirs.endswith(mine) for theirs, mine in zip(copied, own[start:until], strict=True))


@pytest.mark.parametrize("group", ["4", "5", "999"])
def test_no_frame_is_lost_or_doubled_where_copies_meet_new_frames(
    make: Maker, tmp_path: Path, group: str
) -> None:
    # frame k of the clip has the brightness 20 + 8k, so that every frame of the film names its origin
    ramp = "nullsrc=s=160x90:r=24:d=1,geq=lum='20+8*N':cb=128:cr=128"
    clip = make("-g", group, "-keyint_min", "2", "-bf", "2", "-crf", "8", picture=ramp)
    film = tmp_path / "film.mp4"
    join_clips([clip, clip, clip], film, FADE)
    one, levels = [level for level, _ in shown(clip)], [level for level, _ in shown(film)]
    assert levels[:18] == pytest.approx(one[:18], abs=2)
    assert levels[24:36] == pytest.approx(one[6:18], abs=2)
    assert levels[42:] == pytest.approx(one[6:], abs=2)


def test_a_crossfade_dissolves(make: Maker, tmp_path: Path) -> None:
    black, white = (
        make(picture="color=black:s=160x90:r=24:d=1"),
        make(picture="color=white:s=160x90:r=24:d=1"),
    )
    film = tmp_path / "film.mp4"
    join_clips([black, white], film, FADE)
    levels = [level for level, _ in shown(film)]
    assert len(levels) == 42
    assert max(levels[:18]) < 20
    assert min(levels[25:]) > 235
    assert levels[18:24] == sorted(levels[18:24])
    assert any(60 < level < 200 for level in levels[18:24])


def test_clips_of_a_single_group_of_pictures_crossfade(make: Maker, tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    clips = [
        make("-g", "999"),
        make("-g", "999", "-preset", "ultrafast"),
        make("-g", "999"),
        make("-r", "30"),
    ]
    assert join_clips(clips, film, FADE).info.frames == 96 - 3 * 6
    assert_even(film, 78)


def test_a_fade_is_shortened_for_a_short_clip(make: Maker, tmp_path: Path) -> None:
    short, film = make(picture="testsrc2=s=160x90:r=24:d=0.25"), tmp_path / "film.mp4"
    one = make(picture="testsrc2=s=160x90:r=24:d=0.0416667")
    assert probe_clip(one).frames == 1
    assert (
        join_clips([make(), short, make(), one, make()], film, FADE).info.frames
        == 24 + 6 + 24 + 1 + 24 - 2 - 2
    )
    assert_even(film, 75)


@pytest.mark.parametrize("plan", [PLAN, FADE])
def test_the_same_clips_give_the_same_bytes(make: Maker, tmp_path: Path, plan: JoinPlan) -> None:
    clips = [make(), make("-r", "30", "-ac", "1"), make(sound=None)]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    join_clips(clips, tmp_path / "film.mp4", plan)
    join_clips([Path(shutil.copy(c, elsewhere)) for c in clips], elsewhere / "other.mp4", plan)
    assert (tmp_path / "film.mp4").read_bytes() == (elsewhere / "other.mp4").read_bytes()


@pytest.mark.parametrize("plan", [PLAN, FADE])
@pytest.mark.parametrize("name", ["it's a “film”.mp4", "-i.mp4", "a:b %d.mp4", "狐.mp4", 'q"|;&.mp4'])
def test_any_file_name_works(
    make: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, plan: JoinPlan
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(make("-r", "30", "-ar", "44100"), Path(name))
    report = join_clips([Path(name), Path(name)], Path("out " + name), plan)
    assert Path("out " + name).is_file()
    assert report.info.channels == 2


def test_an_error_leaves_the_film_as_it_was(make: Maker, tmp_path: Path) -> None:
    film, broken = tmp_path / "film.mp4", tmp_path / "broken.mp4"
    film.write_bytes(b"yesterday's film")
    broken.write_bytes(make().read_bytes()[:3000])
    with pytest.raises(MediaError, match=r"broken\.mp4"):
        join_clips([make(), broken], film, PLAN)
    assert film.read_bytes() == b"yesterday's film"
    assert sorted(tmp_path.iterdir()) == [broken, film]


def test_a_failing_write_leaves_nothing_behind(make: Maker, tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(b"yesterday's film")

    def stop(done: float) -> None:
        if done > 0.6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        join_clips([make()] * 4, film, PLAN, stop)
    assert film.read_bytes() == b"yesterday's film"
    assert list(tmp_path.iterdir()) == [film]


def test_progress_rises_to_one(make: Maker, tmp_path: Path) -> None:
    told: list[float] = []
    join_clips([make(), make("-r", "30"), make()], tmp_path / "film.mp4", PLAN, told.append)
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1.0)


def test_no_clips_are_no_film(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="at least one clip"):
        join_clips([], tmp_path / "film.mp4", PLAN)
