"""A correction of a clip: its colours strengthened a little; its sound, length and size as they were."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

from spicy.errors import MediaError
from spicy.ports import EditCall
from spicy.providers.animatic.clips import mp4_writer
from spicy.providers.animatic.clips.progress import Report
from spicy.providers.animatic.story.brief import Brief


def correct(call: EditCall, video: Path, into: Path, report: Report) -> None:
    """Correct the clip `video` as `call` asks. Raises MediaError when it cannot be read."""
    asked = max(1, len(Brief.parse(call.prompt).every("correct")))
    push = 1.05 + 0.04 * min(asked, 3) + 0.03 * (call.attempt - 1) + 0.01 * (call.take - 1)
    levels = np.arange(256, dtype=np.float32)
    chroma = np.clip((levels - 128) * np.float32(push) + 128, 16, 240).round().astype(np.uint8)
    luma = np.clip((levels - 118) * np.float32(1.02) + 118, 16, 235).round().astype(np.uint8)
    try:
        with av.open(str(video)) as source:
            _copied(source, into, (luma, chroma), report)
    except av.error.FFmpegError as error:
        raise MediaError(f"the clip {video.name} cannot be read", detail=str(error)) from error


def _copied(
    source: av.container.InputContainer,
    into: Path,
    curves: tuple[mp4_writer.Levels, mp4_writer.Levels],
    report: Report,
) -> None:
    picture = source.streams.video[0]
    sound = source.streams.audio[0] if source.streams.audio else None
    size = picture.codec_context.width // 2 * 2, picture.codec_context.height // 2 * 2
    whole = picture.frames or 1
    with mp4_writer.writing(into) as container:
        out = mp4_writer.Reel(container, size, None, 0, picture.average_rate)
        track = container.add_stream_from_template(sound) if sound else None
        done = 0
        for packet in source.demux(*(s for s in (picture, sound) if s)):
            if packet.dts is None:
                pass
            elif sound and track and packet.stream.index == sound.index:
                packet.stream = track
                container.mux(packet)
                continue
            for frame in packet.decode() if packet.stream.index == picture.index else ():
                if isinstance(frame, av.VideoFrame):
                    report(min(1.0, done / whole))
                    out.add_frame(_curved(frame, size, curves))
                    done += 1
        out.finish()


def _curved(
    frame: av.VideoFrame, size: tuple[int, int], curves: tuple[mp4_writer.Levels, mp4_writer.Levels]
) -> av.VideoFrame:
    planes = frame.reformat(width=size[0], height=size[1], format="yuv420p").to_ndarray()
    high = size[1]
    planes[:high] = curves[0][planes[:high]]
    planes[high:] = curves[1][planes[high:]]
    return av.VideoFrame.from_ndarray(planes, format="yuv420p")
