"""Writes clips: H.264 and AAC in MP4, bit for bit the same for the same frames.

Encoded in this process by PyAV, whose FFmpeg is the one it was built with: faster than a pipe, and no
program of this machine decides what the bytes are.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.video.stream import VideoStream
from numpy.typing import NDArray

from spicy.errors import MediaError
from spicy.providers.animatic.clips.air import Planes

Levels = NDArray[np.uint8]
FPS = 24
_X264 = (
    "threads=1:keyint=24:min-keyint=24:scenecut=0:open-gop=0:bframes=2:b-adapt=0:rc-lookahead=8:subme=0:weightp=0:"
    "colorprim=bt709:transfer=bt709:colormatrix=bt709"
)


class Reel:
    """A clip being written; frames go in as planes, sound follows along."""

    def __init__(self, container: av.container.OutputContainer, size: tuple[int, int], sound: NDArray[np.float32] | None,
                 rate: int, fps: Fraction | None = None) -> None:  # fmt: skip
        """Begin a clip of frames of `size`; without `sound`, the caller may add a track of its own."""
        self._container, self._size, self._sound, self._rate = container, size, sound, rate
        self._tick = 1 / Fraction(fps or FPS)
        self._frames = self._samples = 0
        self._video: VideoStream = container.add_stream("libx264", rate=1 / self._tick)
        self._video.width, self._video.height, self._video.pix_fmt = size[0], size[1], "yuv420p"
        self._video.time_base = self._tick
        self._video.options = {"preset": "superfast", "crf": "20", "x264-params": _X264, "profile": "high"}
        self._video.codec_context.flags |= av.codec.context.Flags.bitexact
        self._audio: AudioStream | None = None
        if sound is not None:
            self._audio = container.add_stream("aac", rate=rate, layout="stereo")
            self._audio.bit_rate = 128_000
            self._audio.options = {"aac_coder": "fast"}
            self._audio.codec_context.flags |= av.codec.context.Flags.bitexact

    def add(self, planes: Planes) -> None:
        """Write a frame, and the sound that belongs to it."""
        frame = av.VideoFrame(*self._size, "yuv420p")
        for plane, image in zip(frame.planes, (planes.y, planes.u, planes.v), strict=True):
            _copy(plane, image.tobytes(), image.width)
        self.add_frame(frame)

    def add_frame(self, frame: av.VideoFrame) -> None:
        """Write a frame that is in PyAV's own form."""
        frame.pts, frame.time_base = self._frames, self._tick
        frame.colorspace, frame.color_range = (
            av.video.reformatter.Colorspace.ITU709,
            av.video.reformatter.ColorRange.MPEG,
        )
        frame.pict_type = av.video.frame.PictureType.NONE
        self._container.mux(self._video.encode(frame))
        self._frames += 1
        self._hear(int(self._frames * self._rate * self._tick))

    def finish(self) -> None:
        """Write what the encoders still hold."""
        if self._sound is not None:
            self._hear(self._sound.shape[1], last=True)
        self._container.mux(self._video.encode(None))
        if self._audio is not None:
            self._container.mux(self._audio.encode(None))

    def _hear(self, until: int, last: bool = False) -> None:
        if self._sound is None or self._audio is None:
            return
        until = min(until, self._sound.shape[1])
        while self._samples + (0 if last else 1024) < until or (last and self._samples < until):
            part = np.ascontiguousarray(self._sound[:, self._samples : min(self._samples + 1024, until)])
            frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = self._rate, self._samples, Fraction(1, self._rate)
            self._container.mux(self._audio.encode(frame))
            self._samples += part.shape[1]


def _copy(plane: av.video.plane.VideoPlane, data: bytes, wide: int) -> None:
    """Fill a plane, whose lines may be longer than the picture's."""
    if plane.line_size == wide:
        plane.update(data)
        return
    rows = np.frombuffer(data, np.uint8).reshape(-1, wide)
    padded = np.zeros((plane.height, plane.line_size), np.uint8)
    padded[: len(rows), :wide] = rows
    plane.update(padded.tobytes())


@contextmanager
def writing(into: Path) -> Iterator[av.container.OutputContainer]:
    """Open an MP4 for writing; FFmpeg's complaints become a MediaError."""
    options = {"movflags": "+faststart", "fflags": "+bitexact"}
    try:
        with av.open(str(into), "w", format="mp4", container_options=options) as container:
            yield container
    except av.error.FFmpegError as error:
        raise MediaError(f"the clip {into.name} could not be written", detail=str(error)) from error
