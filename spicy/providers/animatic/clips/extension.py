"""A clip that goes on: its frames as they were, then its last one, seen through a camera that moves on."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
from PIL import Image

from spicy.errors import MediaError
from spicy.ports import ExtendCall
from spicy.providers.animatic.clips import camera, clip, mp4_writer
from spicy.providers.animatic.clips.progress import Report
from spicy.providers.animatic.story.brief import Brief


def extend(call: ExtendCall, video: Path, into: Path, seed: int, report: Report) -> None:
    """Make the clip `video` longer as `call` asks; what is added is silent. Raises MediaError."""
    try:
        with av.open(str(video)) as source, mp4_writer.writing(into) as container:
            _extended(source, container, call, seed, report)
    except av.error.FFmpegError as error:
        raise MediaError(f"the clip {video.name} cannot be read", detail=str(error)) from error


def _extended(
    source: av.container.InputContainer,
    container: av.container.OutputContainer,
    call: ExtendCall,
    seed: int,
    report: Report,
) -> None:
    picture = source.streams.video[0]
    sound = source.streams.audio[0] if source.streams.audio else None
    size = picture.codec_context.width // 2 * 2, picture.codec_context.height // 2 * 2
    rate = picture.average_rate or Fraction(mp4_writer.FPS)
    added = round(call.seconds * rate)
    whole = (picture.frames or 1) + added
    out = mp4_writer.Reel(container, size, None, 0, rate)
    track = container.add_stream_from_template(sound) if sound else None
    last: av.VideoFrame | None = None
    done = 0
    for packet in source.demux(*(s for s in (picture, sound) if s)):
        if sound and track and packet.dts is not None and packet.stream.index == sound.index:
            packet.stream = track
            container.mux(packet)
            continue
        for frame in packet.decode() if packet.stream.index == picture.index else ():
            if isinstance(frame, av.VideoFrame):
                report(min(1.0, done / whole))
                last = frame.reformat(width=size[0], height=size[1], format="yuv420p")
                out.add_frame(last)
                done += 1
    if last is None:
        raise MediaError("the clip has no frames")
    planes = clip.planes(Image.fromarray(last.to_ndarray(format="rgb24")))
    move = camera.read(Brief.parse(call.prompt).text, (0.5, 0.5), call.seconds, seed)
    for k in range(added):
        report(min(1.0, (done + k) / whole))
        out.add(clip.seen(planes, move.at(k / max(1, added - 1)), size))
    out.finish()
