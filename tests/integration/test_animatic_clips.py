"""The animatic's clips: what players, joiners and eyes find in them."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from spicy.errors import MediaError
from spicy.ids import Digest
from spicy.ports import EditCall, VideoCall
from spicy.providers.animatic.clips import clip, correction

IMAGE = Digest("0" * 64)
Grey = NDArray[np.float32]


def silent(progress: float) -> None:
    """Take progress and do nothing with it."""


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A still with something to see everywhere."""
    path = tmp_path_factory.mktemp("still") / "still.png"
    rough = np.random.default_rng(3).integers(40, 215, (9, 16, 3), dtype=np.uint8)
    Image.fromarray(rough).resize((320, 180), Image.Resampling.BICUBIC).save(path)
    return path


def shoot(picture: Path, into: Path, camera: str = "static", caption: str = "", **more: object) -> Path:
    """Shoot a small clip."""
    asked = {"duration": 1, "resolution": "144p", "aspect_ratio": "16:9", **more}
    prompt = f"Paper\nCamera: {camera}" + (f"\nCaption: {caption}" if caption else "")
    call = VideoCall(model="m", prompt=prompt, image=IMAGE, **asked)  # type: ignore[arg-type]
    clip.shoot(call, picture, into, 5, silent)
    return into


def frames(path: Path) -> list[Grey]:
    """All frames, grey."""
    with av.open(str(path)) as container:
        return [f.to_ndarray(format="gray").astype(np.float32) for f in container.decode(video=0)]


def shift(a: Grey, b: Grey) -> tuple[int, int]:
    """How far the middle of the picture moved from `a` to `b`, right and down positive."""
    high, wide = a.shape
    middle = a[40 : high - 40, 60 : wide - 60]

    def off(dx: int, dy: int) -> float:
        return float(np.abs(b[40 + dy : high - 40 + dy, 60 + dx : wide - 60 + dx] - middle).mean())

    return min(((dx, dy) for dx in range(-40, 41) for dy in range(-30, 31)), key=lambda d: off(*d))


@pytest.mark.parametrize(
    ("seconds", "resolution", "aspect", "size"),
    [(1, "144p", "16:9", (256, 144)), (2, "96p", "9:16", (96, 160)), (3, "96p", "1:1", (96, 96))],
)
def test_streams_are_as_asked(
    picture: Path, tmp_path: Path, seconds: int, resolution: str, aspect: str, size: tuple[int, int]
) -> None:
    path = shoot(picture, tmp_path / "c.mp4", duration=seconds, resolution=resolution, aspect_ratio=aspect)
    with av.open(str(path)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, video.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (video.width, video.height) == size
        assert video.average_rate == 24
        assert video.frames == seconds * 24
        assert (audio.codec_context.name, audio.rate, audio.layout.name) == ("aac", 48_000, "stereo")
        assert audio.duration is not None
        assert float(audio.duration * (audio.time_base or 0)) == pytest.approx(seconds, abs=0.022)
        keys = [
            float(p.pts * p.time_base)
            for p in container.demux(video)
            if p.is_keyframe and p.pts is not None and p.time_base
        ]
    assert [round(k) for k in keys] == list(range(seconds))
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize(
    ("camera", "x", "y"), [("pan left", 1, 0), ("pan right", -1, 0), ("tilt up", 0, 1), ("tilt down", 0, -1)]
)
def test_the_picture_moves_against_the_camera(
    picture: Path, tmp_path: Path, camera: str, x: int, y: int
) -> None:
    seen = frames(shoot(picture, tmp_path / "c.mp4", camera, duration=2))
    dx, dy = shift(seen[0], seen[-1])
    limit = 2
    assert ((dx > limit) - (dx < -limit), (dy > limit) - (dy < -limit)) == (x, y)


def test_static_stands_and_push_in_grows(picture: Path, tmp_path: Path) -> None:
    still = frames(shoot(picture, tmp_path / "s.mp4", "static"))
    assert np.abs(still[0] - still[-1]).mean() < 3
    grown = frames(shoot(picture, tmp_path / "p.mp4", "push-in", duration=3))
    first, last = grown[0], grown[-1]
    high, wide = first.shape

    def enlarged(zoom: float) -> Grey:
        box = (
            wide * (1 - 1 / zoom) / 2,
            high * (1 - 1 / zoom) / 2,
            wide * (1 + 1 / zoom) / 2,
            high * (1 + 1 / zoom) / 2,
        )
        return np.asarray(Image.fromarray(first).resize((wide, high), Image.Resampling.BILINEAR, box=box))

    fits = {zoom: float(np.abs(enlarged(zoom) - last).mean()) for zoom in (1.0, 1.06, 1.12, 1.18)}
    assert min(fits, key=lambda zoom: fits[zoom]) >= 1.06


def test_a_slow_move_does_not_jitter(picture: Path, tmp_path: Path) -> None:
    seen = frames(shoot(picture, tmp_path / "c.mp4", "pan right", duration=3))
    steps = [float(np.abs(b - a).mean()) for a, b in pairwise(seen[8:-8])]
    assert max(steps) < 3 * float(np.median(steps))


def test_the_caption_is_there_and_gone_at_both_ends(picture: Path, tmp_path: Path) -> None:
    bare = frames(shoot(picture, tmp_path / "a.mp4", duration=2))
    told = frames(shoot(picture, tmp_path / "b.mp4", caption="The fox runs home", duration=2))

    def written(k: int) -> float:
        return float(np.abs(bare[k] - told[k])[110:].max())

    assert written(24) > 90
    assert written(0) < 40
    assert written(-1) < 40


@pytest.mark.parametrize(
    "text", ["word " * 400, "x" * 900, "狐狸跑过森林", "שלום עולם", "🦊", "50% off: {x} \\N"]
)
def test_any_caption_can_be_set(picture: Path, tmp_path: Path, text: str) -> None:
    assert (
        len(frames(shoot(picture, tmp_path / "c.mp4", caption=text, resolution="96p", aspect_ratio="9:16")))
        == 24
    )


def test_the_sound_is_quiet_and_fades(picture: Path, tmp_path: Path) -> None:
    path = shoot(picture, tmp_path / "c.mp4", duration=3, resolution="96p")
    with av.open(str(path)) as container:
        sound = np.concatenate([f.to_ndarray() for f in container.decode(audio=0)], axis=1)
    level = 20 * np.log10(np.sqrt(np.mean(sound**2)))
    assert -32 < level < -20
    assert np.abs(sound).max() < 0.6
    assert np.abs(sound[:, :480]).max() < 0.02
    assert np.abs(sound[:, -2000:]).max() < 0.05


def test_a_still_of_any_shape_fills_the_frame(tmp_path: Path) -> None:
    Image.new("RGB", (77, 301), (200, 80, 40)).save(tmp_path / "tall.png")
    seen = frames(shoot(tmp_path / "tall.png", tmp_path / "c.mp4", resolution="96p"))
    assert seen[12][2:90, 2:-2].min() > 60


def test_a_correction_keeps_length_size_and_sound(picture: Path, tmp_path: Path) -> None:
    path = shoot(picture, tmp_path / "c.mp4", "pan left", duration=2)
    call = EditCall(model="m", prompt="Paper\nCorrect: pale", video=IMAGE, seconds=2, resolution="144p")
    correction.correct(call, path, tmp_path / "e.mp4", silent)
    with av.open(str(path)) as a, av.open(str(tmp_path / "e.mp4")) as b:
        was, now = (c.streams.video[0] for c in (a, b))
        assert (was.width, was.height, was.frames) == (now.width, now.height, now.frames)
        sounds = [b"".join(bytes(p) for p in c.demux(audio=0)) for c in (a, b)]
    assert sounds[0] == sounds[1]
    before, after = frames(path), frames(tmp_path / "e.mp4")
    assert len(before) == len(after) == 48
    assert 0.1 < np.abs(before[20] - after[20]).mean() < 12


def test_a_clip_that_cannot_be_read_is_a_media_error(tmp_path: Path) -> None:
    (tmp_path / "x.mp4").write_bytes(b"no clip")
    call = EditCall(model="m", prompt="p", video=IMAGE, seconds=1, resolution="144p")
    with pytest.raises(MediaError, match=r"x\.mp4 cannot be read"):
        correction.correct(call, tmp_path / "x.mp4", tmp_path / "y.mp4", silent)
