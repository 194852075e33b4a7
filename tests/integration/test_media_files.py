"""Probing, frames and running ffmpeg on real files, whole and broken."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest
from PIL import Image

from spicy.errors import MediaError
from spicy.media.ffmpeg import find_ffmpeg, run_ffmpeg
from spicy.media.frames import first_frame, last_frame
from spicy.media.probe import PictureInfo, probe_clip, probe_picture


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One second that is black but for a white last frame, in a single group with reordered frames."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    picture = "color=black:s=160x90:r=24:d=1,drawbox=c=white:t=fill:enable='eq(n,23)'"
    sound = ("-f", "lavfi", "-i", "sine=r=48000:d=1.5", "-ac", "2", "-c:a", "aac")
    encode = ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-g", "999", "-sc_threshold", "0")
    run_ffmpeg(["-f", "lavfi", "-i", picture, *sound, *encode, str(path)])
    return path


def brightness(picture: Path) -> int:
    """The brightness of a picture's middle."""
    with Image.open(picture) as image:
        return int(image.convert("L").getpixel((image.width // 2, image.height // 2)))  # type: ignore[arg-type]


def test_a_clip_is_described(clip: Path) -> None:
    info = probe_clip(clip)
    assert (info.width, info.height, info.frames, info.duration) == (160, 90, 24, 1.0)
    assert info.fps == Fraction(24)
    assert (info.video_codec, info.pix_fmt, info.steady) == ("h264", "yuv420p", True)
    assert (info.audio_codec, info.sample_rate, info.channels) == ("aac", 48_000, 2)


def test_broken_files_are_named_with_the_reason(clip: Path, tmp_path: Path) -> None:
    whole = clip.read_bytes()
    picture = tmp_path / "a.png"
    Image.new("RGB", (8, 8)).save(picture)
    cases = {
        "empty": b"",
        "text": b"this is no film\n" * 100,
        "headless": whole[: len(whole) // 2],
        "noise": bytes(range(256)) * 40,
    }
    for name, data in cases.items():
        path = tmp_path / f"{name}.mp4"
        path.write_bytes(data)
        with pytest.raises(MediaError, match=f"{name}.mp4: "):
            probe_clip(path)
    with pytest.raises(MediaError, match="no such file"):
        probe_clip(tmp_path / "nowhere.mp4")


def test_a_clip_cut_off_behind_its_index_is_noticed(clip: Path, tmp_path: Path) -> None:
    fast, cut = tmp_path / "fast.mp4", tmp_path / "cut.mp4"
    run_ffmpeg(["-i", str(clip), "-c", "copy", "-movflags", "+faststart", str(fast)])
    for share in (0.6, 0.9, 0.98):
        cut.write_bytes(fast.read_bytes()[: int(fast.stat().st_size * share)])
        with pytest.raises(MediaError, match=r"cut off|decoded"):
            probe_clip(cut)


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "tone.m4a"
    run_ffmpeg(["-f", "lavfi", "-i", "sine=d=0.2", "-c:a", "aac", str(path)])
    with pytest.raises(MediaError, match="no moving picture"):
        probe_clip(path)


def test_frames_are_really_the_first_and_the_last(clip: Path, tmp_path: Path) -> None:
    first_frame(clip, tmp_path / "first.jpg")
    last_frame(clip, tmp_path / "last.jpg")
    assert probe_picture(tmp_path / "first.jpg") == PictureInfo(160, 90, "JPEG")
    assert brightness(tmp_path / "first.jpg") < 20
    assert brightness(tmp_path / "last.jpg") > 235


def test_frames_are_the_same_bytes_every_time(clip: Path, tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg"):
        last_frame(clip, tmp_path / name)
    assert (tmp_path / "a.jpg").read_bytes() == (tmp_path / "b.jpg").read_bytes()


def test_a_turned_clip_gives_upright_frames(tmp_path: Path) -> None:
    film, turned = tmp_path / "plain.mp4", tmp_path / "turned.mp4"
    source = "color=black:s=160x90:r=24:d=0.25,drawbox=w=80:h=90:c=white:t=fill"
    run_ffmpeg(["-f", "lavfi", "-i", source, "-c:v", "libx264", "-pix_fmt", "yuv420p", str(film)])
    with av.open(str(film)) as plain, av.open(str(turned), "w") as out:
        stream = out.add_stream_from_template(plain.streams.video[0])
        stream.set_display_rotation(90)
        for packet in plain.demux(video=0):
            if packet.size:
                packet.stream = stream
                out.mux(packet)
    assert probe_clip(turned).rotation % 360 == 90
    first_frame(turned, tmp_path / "ours.png")
    run_ffmpeg(["-i", str(turned), "-frames:v", "1", str(tmp_path / "theirs.png")])
    with Image.open(tmp_path / "ours.png") as ours, Image.open(tmp_path / "theirs.png") as theirs:
        assert ours.size == theirs.size == (90, 160)
        for at in ((45, 10), (45, 150)):
            assert abs(ours.convert("L").getpixel(at) - theirs.convert("L").getpixel(at)) < 20  # type: ignore[operator]


def test_a_failed_frame_leaves_the_target_as_it_was(tmp_path: Path) -> None:
    into, text = tmp_path / "last.jpg", tmp_path / "text.mp4"
    into.write_bytes(b"old")
    text.write_text("no film")
    with pytest.raises(MediaError, match=r"text\.mp4"):
        last_frame(text, into)
    assert into.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 2


def test_pictures_are_decoded_not_believed(tmp_path: Path) -> None:
    good, cut, fake = tmp_path / "good.jpg", tmp_path / "cut.jpg", tmp_path / "fake.png"
    Image.effect_noise((200, 100), 50).save(good)
    cut.write_bytes(good.read_bytes()[:2000])
    fake.write_text("PNG, honestly")
    assert probe_picture(good) == PictureInfo(200, 100, "JPEG")
    with pytest.raises(MediaError, match=r"cut\.jpg: .*decoded"):
        probe_picture(cut)
    with pytest.raises(MediaError, match=r"fake\.png: not a picture"):
        probe_picture(fake)


def test_a_giant_picture_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    giant = tmp_path / "giant.png"
    Image.new("1", (12_000, 12_000)).save(giant)
    with pytest.raises(MediaError, match="pixels"):
        probe_picture(giant)


def test_ffmpeg_fails_with_its_own_words(tmp_path: Path) -> None:
    with pytest.raises(MediaError) as caught:
        run_ffmpeg(["-i", str(tmp_path / "nowhere.mp4"), str(tmp_path / "out.mp4")])
    assert "nowhere.mp4" in caught.value.detail


def test_ffmpeg_is_given_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "ffmpeg"
    fake.write_text(f"#!/bin/sh\nenv > {tmp_path}/given\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("GROK_API_KEY", "very-secret")
    monkeypatch.setenv("XAI_API_KEY", "very-secret-too")
    run_ffmpeg([])
    given = (tmp_path / "given").read_text()
    assert "very-secret" not in given
    assert f"HOME={Path.home()}" in given.splitlines()


def test_ffmpeg_tells_its_progress(tmp_path: Path) -> None:
    told: list[float] = []
    source = ["-f", "lavfi", "-i", "testsrc2=s=160x90:d=1"]
    run_ffmpeg([*source, str(tmp_path / "out.mp4")], progress=told.append, duration=1.0)
    assert told
    assert all(0 <= part <= 1 for part in told)


def test_without_ffmpeg_on_path_the_shipped_one_is_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "imageio_ffmpeg" in find_ffmpeg()


def test_without_any_ffmpeg_the_advice_is_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", "")
    monkeypatch.setitem(__import__("sys").modules, "imageio_ffmpeg", None)
    with pytest.raises(MediaError, match="pip install imageio-ffmpeg"):
        find_ffmpeg()
