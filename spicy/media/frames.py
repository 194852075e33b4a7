"""The first and the last picture of a clip, as JPEG.

The last one is what the judge sees and what a later shot may start from, so it must really be the last
that decodes; only the stretch after the last key frame is decoded to find it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from spicy.errors import MediaError
from spicy.files import atomic_path
from spicy.media.containers import open_packets

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from PIL.Image import Image

QUALITY = 92


def first_frame(clip: Path, into: Path) -> None:
    """Write the first picture of `clip` to `into`. Raises MediaError when none decodes."""
    _save(_frame(clip, last=False), into)


def first_picture(clip: Path) -> Image:
    """The first picture of `clip`, to be looked at and not kept. Raises MediaError when none decodes."""
    return _picture(_frame(clip, last=False))


def last_frame(clip: Path, into: Path) -> None:
    """Write the last picture of `clip` that decodes to `into`. Raises MediaError when none does."""
    _save(_frame(clip, last=True), into)


def check_last(clip: Path) -> None:
    """Decode the last picture of `clip`. Raises MediaError when none decodes."""
    _frame(clip, last=True)


def _frame(clip: Path, *, last: bool) -> VideoFrame:
    import av

    try:
        with open_packets(clip) as container:
            if not container.streams.video:
                raise MediaError(f"{clip}: not a video: it has no moving picture")
            found = _last(container) if last else next(_decodable(container), None)
    except av.FFmpegError as e:
        raise MediaError(f"{clip}: not a readable video: {e.strerror}") from e
    if found is None:
        raise MediaError(f"{clip}: not a single frame can be decoded")
    return found


def _last(container: InputContainer) -> VideoFrame | None:
    """Decode from the last key frame on; from the start when nothing can be had there."""
    import av

    length = container.duration or 0
    for start in (max(0, (container.start_time or 0) + length), 0):
        try:
            container.seek(start)
        except av.FFmpegError:
            continue
        frame = max(_decodable(container), key=lambda f: f.pts or 0, default=None)
        if frame is not None:
            return frame
    return None


def _decodable(container: InputContainer) -> Iterator[VideoFrame]:
    """Frames in order, past packets that are damaged."""
    import av

    video = container.streams.video[0]
    video.thread_type = "AUTO"
    for packet in container.demux(video):
        try:
            yield from packet.decode()
        except av.error.InvalidDataError:
            continue


def _picture(frame: VideoFrame) -> Image:
    picture: Image = frame.to_image()  # type: ignore[no-untyped-call]
    turn = round(frame.rotation)
    return picture.rotate(turn, expand=True) if turn else picture


def _save(frame: VideoFrame, into: Path) -> None:
    with atomic_path(into, durable=False) as draft:
        _picture(frame).save(draft, "JPEG", quality=QUALITY)
