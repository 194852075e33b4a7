"""What a file really is: read through to its end, first picture decoded, never believed by its name.

Raises MediaError, with the file and the reason, for what is no video or picture, is empty or is cut off.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from spicy.errors import MediaError
from spicy.media.containers import media_url, open_packets

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

MP4 = "mp4"

MAX_PIXELS = 89_000_000
"""A larger picture is refused before it is unpacked into memory; just under where Pillow warns by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipInfo:
    """A clip's streams, free of where it lies."""

    container: str
    """ffmpeg's name of the format, which may be several: `mov,mp4,m4a,…`."""
    video_codec: str
    video_config: bytes
    """What a decoder is set up with; for H.264 in MP4 the avcC record with its parameter sets."""
    width: int
    height: int
    fps: Fraction
    steady: bool
    """Every frame lasts 1/fps, the first is a key frame, and no edit list hides any."""
    reorder: int
    """How many frames decoding runs ahead of showing."""
    pix_fmt: str
    rotation: int
    """Degrees anticlockwise that a player has to turn the picture."""
    sample_aspect: Fraction
    audio_codec: str | None
    audio_profile: str | None
    audio_config: bytes
    sample_rate: int
    channels: int
    duration: float
    """Seconds that the pictures last."""
    frames: int


@dataclass(frozen=True, slots=True)
class PictureInfo:
    """A still's size in pixels and its format in Pillow's words (`JPEG`, `PNG`, …)."""

    width: int
    height: int
    format: str


@dataclass(frozen=True, slots=True)
class _Times:
    """When the frames of a stream are shown, in decoding order."""

    fps: Fraction
    steady: bool
    reorder: int
    frames: int
    duration: float


def probe_clip(path: Path) -> ClipInfo:
    """Read a clip through and describe it. Raises MediaError when it is not a whole, decodable video."""
    import av

    if not path.is_file():
        raise MediaError(f"{path}: no such file")
    if not path.stat().st_size:
        raise MediaError(f"{path}: the file is empty")
    try:
        with _opened(path) as container:
            video = _video_stream(container, path)
            times, first = _read(container, video, path)
            return _describe(container, video, times, first)
    except av.FFmpegError as e:
        raise MediaError(f"{path}: not a readable video: {e.strerror}") from e


def probe_picture(path: Path) -> PictureInfo:
    """Decode a still and describe it. Raises MediaError when it is no whole picture, or a giant one."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as picture:
            width, height = picture.size
            if width * height > MAX_PIXELS:
                raise MediaError(f"{path}: {width}x{height} is more than {MAX_PIXELS} pixels")
            picture.load()
            return PictureInfo(width, height, picture.format or "")
    except UnidentifiedImageError as e:
        raise MediaError(f"{path}: not a picture of a known format") from e
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as e:
        raise MediaError(f"{path}: more than {MAX_PIXELS} pixels") from e
    except (OSError, ValueError, SyntaxError) as e:
        raise MediaError(f"{path}: the picture cannot be decoded: {e}") from e


def _opened(path: Path) -> InputContainer:
    """Open an MP4 by its header alone; any other format needs a look into its streams."""
    import av

    container = open_packets(path)
    if MP4 in container.format.name.split(","):
        return container
    container.close()
    return av.open(media_url(path))


def _video_stream(container: InputContainer, path: Path) -> VideoStream:
    from av.stream import Disposition

    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:
            return stream
    raise MediaError(f"{path}: not a video: it has no moving picture")


def _read(container: InputContainer, video: VideoStream, path: Path) -> tuple[_Times, VideoFrame]:
    shown: list[int] = []
    stored, whole = 0, True
    picture: VideoFrame | None = None
    for packet in container.demux(video):
        if packet.size == 0:
            continue
        if packet.is_corrupt:
            raise MediaError(f"{path}: the file is cut off after {stored} frames")
        stored += 1
        if stored == 1:
            picture = _decoded_alone(packet, video)
            whole = picture is not None
        stamp = packet.pts if packet.pts is not None else packet.dts
        whole = whole and stamp is not None and stamp >= 0 and not packet.is_discard
        if not packet.is_discard:
            shown.append(stamp or 0)
    picture = picture or _decoded_in_order(container, video)
    if picture is None or not shown:
        raise MediaError(f"{path}: not a single frame can be decoded")
    if stored < video.frames or _reach(container) > path.stat().st_size:
        raise MediaError(f"{path}: the file is cut off: its index goes on where its bytes end")
    return _times(shown, video, whole=whole), picture


def _decoded_in_order(container: InputContainer, video: VideoStream) -> VideoFrame | None:
    """The first picture that is shown, when it is not the first that is stored: an edit list hides that one."""
    container.seek(0)
    return next(container.decode(video), None)


def _reach(container: InputContainer) -> int:
    """Where an MP4's index says that the last packet of any stream ends; sound may be cut off alone."""
    if MP4 not in container.format.name.split(","):
        return 0
    last = (entries[len(entries) - 1] for s in container.streams if len(entries := s.index_entries))
    return max((entry.pos + entry.size for entry in last), default=0)


def _decoded_alone(packet: Packet[VideoStream], video: VideoStream) -> VideoFrame | None:
    """Decode one packet by itself, without the packets after it that a decoder likes to wait for."""
    import av

    try:
        frames = [*packet.decode(), *video.decode(None)]
    except av.error.InvalidDataError:
        frames = []
    video.codec_context.flush_buffers()
    return frames[0] if frames else None


def _times(shown: list[int], video: VideoStream, *, whole: bool) -> _Times:
    base = video.time_base or Fraction(1, 1000)
    first, last, count = min(shown), max(shown), len(shown)
    for fps in (video.average_rate, video.guessed_rate, video.base_rate):
        if fps and (order := _places(shown, first, base, fps)) is not None:
            reorder = max(at - place for at, place in enumerate(order))
            return _Times(fps, whole and shown[0] == first, reorder, count, float(count / fps))
    mean = Fraction(last - first, count - 1) * base if count > 1 else Fraction(1, 25)
    fps = (1 / mean).limit_denominator(1001) if mean else Fraction(25)
    return _Times(fps, False, 0, count, float((last - first) * base + mean))


def _places(shown: list[int], first: int, base: Fraction, fps: Fraction) -> list[int] | None:
    """Number the frames in the order of showing; None unless they follow one another at `fps`."""
    step, slack = float(1 / (base * fps)), 1.0
    order = [round((at - first) / step) for at in shown]
    near = all(abs((at - first) - place * step) <= slack for at, place in zip(shown, order, strict=True))
    return order if near and sorted(order) == list(range(len(order))) else None


def _describe(container: InputContainer, video: VideoStream, times: _Times, first: VideoFrame) -> ClipInfo:
    codec = video.codec_context
    sound: AudioStream | None = next(iter(container.streams.audio), None)
    return ClipInfo(
        container=container.format.name,
        video_codec=codec.name,
        video_config=codec.extradata or b"",
        width=codec.width,
        height=codec.height,
        fps=times.fps,
        steady=times.steady,
        reorder=times.reorder,
        pix_fmt=first.format.name,
        rotation=round(first.rotation),
        sample_aspect=video.sample_aspect_ratio or Fraction(1),
        audio_codec=sound.codec_context.name if sound else None,
        audio_profile=sound.codec_context.profile if sound else None,
        audio_config=(sound.codec_context.extradata or b"") if sound else b"",
        sample_rate=sound.codec_context.sample_rate if sound else 0,
        channels=sound.codec_context.channels if sound else 0,
        duration=times.duration,
        frames=times.frames,
    )
