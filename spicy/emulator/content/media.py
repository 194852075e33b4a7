"""Real pictures and clips, made in milliseconds and byte for byte the same from the same seed.

A clip is a short cycle of intra frames, encoded once and repeated, with a steady tone beside it; so its
cost does not grow with its length.
"""

from __future__ import annotations

import io
import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import av
import numpy as np
from PIL import Image, ImageDraw, UnidentifiedImageError

from spicy.emulator.services.catalogue import FPS

CYCLE = 8
RATE = 48_000
SAMPLES = 1024
TONE_PACKETS = 36
TONE_PERIODS = 169  # whole periods of 220 Hz in TONE_PACKETS, so that the tone repeats without a click
THUMBNAIL = 320
_LEAD_IN = 4

_ENCODING = threading.Semaphore(2)
"""Encoders of the size of a film at work at once; more would only wait for processors and memory."""


class Unreadable(ValueError):
    """Bytes that are no picture or clip."""


@dataclass(frozen=True, slots=True)
class Clip:
    """What a clip is, as far as the API cares."""

    width: int
    height: int
    seconds: float
    codec: str


def picture_shape(data: bytes) -> tuple[str, int, int]:
    """Format, width and height of a picture. Raises Unreadable."""
    try:
        with Image.open(io.BytesIO(data)) as picture:
            return picture.format or "", picture.width, picture.height
    except (UnidentifiedImageError, OSError, ValueError) as e:
        raise Unreadable(str(e)) from e


def thumbnail(data: bytes) -> bytes:
    """A small JPEG of a picture, to be remembered in its place. Raises Unreadable."""
    try:
        with Image.open(io.BytesIO(data)) as picture:
            picture.draft("RGB", (THUMBNAIL, THUMBNAIL))
            small = picture.convert("RGB")
    except (UnidentifiedImageError, OSError, ValueError) as e:
        raise Unreadable(str(e)) from e
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    return _jpeg(small)


def probe_clip(data: bytes) -> tuple[Clip, bytes]:
    """What a clip is, and a thumbnail of its first frame. Raises Unreadable."""
    try:
        with av.open(io.BytesIO(data), "r") as container:
            if not container.streams.video:
                raise Unreadable("no video stream")
            stream = container.streams.video[0]
            seconds = (
                float(stream.duration * stream.time_base)
                if stream.duration and stream.time_base
                else float(container.duration or 0) / 1_000_000
            )
            frame = next(container.decode(stream))
            first = Image.fromarray(frame.to_ndarray(format="rgb24"))
            clip = Clip(stream.width, stream.height, seconds, stream.codec_context.name)
    except (av.FFmpegError, StopIteration, ValueError) as e:
        raise Unreadable(str(e)) from e
    first.thumbnail((THUMBNAIL, THUMBNAIL))
    return clip, _jpeg(first)


def draw_picture(seed: str, size: tuple[int, int], inputs: Sequence[bytes]) -> bytes:
    """A JPEG that nothing else looks like; its inputs are seen in it, side by side."""
    return _jpeg(_canvas(seed, size, inputs))


def draw_clip(
    seed: str, size: tuple[int, int], frames: int, background: bytes | None, *, sound: bool
) -> bytes:
    """An MP4 of H.264, with AAC when `sound`; it begins with `background` when there is one."""
    with _ENCODING:
        still = _canvas(seed, size, ())
        if background is not None:
            with Image.open(io.BytesIO(background)) as picture:
                still = _marked(picture.convert("RGB").resize(size), seed)
        return _mux(_cycle(still, seed), size, frames, sound=sound)


def _jpeg(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=85)
    return out.getvalue()


def _canvas(seed: str, size: tuple[int, int], inputs: Sequence[bytes]) -> Image.Image:
    dice = random.Random(seed)
    coarse = Image.frombytes("RGB", (8, 5), dice.randbytes(120))
    canvas = coarse.resize(size, Image.Resampling.BICUBIC)
    for number, data in enumerate(inputs):
        with Image.open(io.BytesIO(data)) as picture:
            small = picture.convert("RGB")
        small.thumbnail((size[0] // (len(inputs) + 1), size[1] * 2 // 3))
        canvas.paste(small, (size[0] * (number + 1) // (len(inputs) + 1) - small.width // 2, size[1] // 6))
    return _marked(canvas, seed)


def _marked(picture: Image.Image, seed: str) -> Image.Image:
    """A picture with a row of squares in the colours of `seed`, so that no two are alike."""
    dice = random.Random(f"mark/{seed}")
    pen = ImageDraw.Draw(picture)
    side = max(4, picture.width // 40)
    for number in range(12):
        corner = (side * (2 + 3 * number), picture.height - 3 * side)
        pen.rectangle((*corner, corner[0] + 2 * side, corner[1] + 2 * side), fill=tuple(dice.randbytes(3)))
    return picture


def _cycle(still: Image.Image, seed: str) -> list[Image.Image]:
    """A few pictures in which a ball swings to and fro."""
    width, height = still.size
    radius = max(4, height // 14)
    colour = tuple(random.Random(f"ball/{seed}").randbytes(3))
    pictures = []
    for number in range(CYCLE):
        picture = still.copy()
        x = width // 4 + width // 2 * (CYCLE // 2 - abs(number - CYCLE // 2)) // (CYCLE // 2)
        box = (x - radius, height // 2 - radius, x + radius, height // 2 + radius)
        ImageDraw.Draw(picture).ellipse(box, fill=colour)
        pictures.append(picture)
    return pictures


def _mux(pictures: Sequence[Image.Image], size: tuple[int, int], frames: int, *, sound: bool) -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        video = container.add_stream("libx264", rate=FPS)
        video.width, video.height = size
        video.pix_fmt = "yuv420p"
        video.options = {"preset": "ultrafast", "crf": "33", "x264-params": "keyint=1:bframes=0"}
        video.codec_context.thread_count = 1
        audio = container.add_stream("aac", rate=RATE, layout="stereo") if sound else None
        intra = [bytes(p) for picture in pictures for p in video.encode(_frame(picture))]
        intra += [bytes(p) for p in video.encode(None)]
        container.start_encoding()
        sounds = round(frames / FPS * RATE / SAMPLES) if audio else 0
        tone = _tone() if audio else ()
        done = 0
        for number in range(frames):
            packet = av.Packet(intra[number % len(intra)])
            packet.stream = video
            packet.pts = packet.dts = number
            packet.time_base, packet.duration, packet.is_keyframe = Fraction(1, FPS), 1, True
            container.mux(packet)
            while audio and done < min(sounds, (number + 1) * RATE // (FPS * SAMPLES) + 1):
                packet = av.Packet(tone[done % len(tone)])
                packet.stream = audio
                packet.pts = packet.dts = done * SAMPLES
                packet.time_base, packet.duration = Fraction(1, RATE), SAMPLES
                packet.is_keyframe = True
                container.mux(packet)
                done += 1
    return out.getvalue()


def _frame(picture: Image.Image) -> av.VideoFrame:
    return av.VideoFrame.from_ndarray(np.asarray(picture), format="rgb24")


@lru_cache(maxsize=1)
def _tone() -> tuple[bytes, ...]:
    """AAC packets of a soft tone that can be repeated end to end."""
    coder = av.CodecContext.create("aac", "w")
    assert isinstance(coder, av.AudioCodecContext)  # noqa: S101  # an AAC encoder is an audio one
    coder.sample_rate, coder.layout, coder.format = RATE, "stereo", "fltp"
    coder.time_base = Fraction(1, RATE)
    coder.flags |= 1 << 22  # global header, as MP4 wants it
    packets = []
    turn = 2 * np.pi * TONE_PERIODS / (TONE_PACKETS * SAMPLES)
    for number in range(TONE_PACKETS + _LEAD_IN):
        wave = 0.05 * np.sin(turn * (number * SAMPLES + np.arange(SAMPLES)))
        frame = av.AudioFrame.from_ndarray(np.stack([wave, wave]).astype(np.float32), "fltp", "stereo")
        frame.sample_rate, frame.pts, frame.time_base = RATE, number * SAMPLES, Fraction(1, RATE)
        packets += [bytes(p) for p in coder.encode(frame)]
    packets += [bytes(p) for p in coder.encode(None)]
    return tuple(packets[_LEAD_IN : _LEAD_IN + TONE_PACKETS])
