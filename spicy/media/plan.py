"""What every clip of a film has to look like, and how a clip differs from it. Pure.

Two clips can share one stream without re-encoding when a decoder needs nothing more than new parameter
sets between them. `deviations` is that rule, in words for people.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from spicy.ids import Transition
from spicy.media.probe import MP4, ClipInfo

VIDEO_CODEC = "h264"
AUDIO_CODEC = "aac"
PIX_FMT = "yuv420p"


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinPlan:
    """The film to be: size, rate, sound, transition, and what its metadata says."""

    width: int
    height: int
    fps: Fraction | int
    crf: int = 20
    audio_rate: int = 48_000
    audio_channels: int = 2
    transition: Transition = "cut"
    crossfade_seconds: float = 0.5
    title: str = ""
    comment: str = ""

    def __post_init__(self) -> None:
        """Refuse what no encoder could make."""
        if self.width < 2 or self.height < 2 or self.width % 2 or self.height % 2:
            raise ValueError(f"a film's size is even in both directions, not {self.width}x{self.height}")
        if self.fps <= 0 or self.audio_rate <= 0:
            raise ValueError("frame rate and sample rate are above zero")
        if self.audio_channels not in (1, 2):
            raise ValueError(f"a film's sound has 1 or 2 channels, not {self.audio_channels}")
        if self.crossfade_seconds < 0:
            raise ValueError("a crossfade cannot last less than nothing")

    @property
    def rate(self) -> Fraction:
        """Frames a second, exactly."""
        return Fraction(self.fps)


def deviations(info: ClipInfo, plan: JoinPlan) -> tuple[str, ...]:
    """Say everything about a clip that keeps it from being stream-copied; nothing when it conforms."""
    return picture_deviations(info, plan) + sound_deviations(info, plan)


def picture_deviations(info: ClipInfo, plan: JoinPlan) -> tuple[str, ...]:
    """Say what keeps a clip's pictures from being stream-copied."""
    found: list[str] = []
    if MP4 not in info.container.split(","):
        found.append(f"mp4 container wanted, {info.container} found")
    if info.video_codec != VIDEO_CODEC:
        found.append(f"{VIDEO_CODEC} video wanted, {info.video_codec} found")
    elif not _plain_avc(info.video_config):
        found.append("h264 in mp4 form wanted, another packing found")
    if (info.width, info.height) != (plan.width, plan.height):
        found.append(f"{plan.width}x{plan.height} wanted, {info.width}x{info.height} found")
    if info.rotation:
        found.append(f"upright picture wanted, turned by {info.rotation} degrees found")
    if info.sample_aspect != 1:
        found.append(f"square pixels wanted, {info.sample_aspect} found")
    if info.fps != plan.rate:
        found.append(f"{_rate(plan.rate)} fps wanted, {_rate(info.fps)} found")
    if not info.steady:
        found.append("even frame times wanted, a variable rate or an edit list found")
    if info.pix_fmt != PIX_FMT:
        found.append(f"{PIX_FMT} wanted, {info.pix_fmt} found")
    return tuple(found)


def sound_deviations(info: ClipInfo, plan: JoinPlan) -> tuple[str, ...]:
    """Say what keeps a clip's sound from being stream-copied."""
    if info.audio_codec is None:
        return ("sound wanted, none found",)
    found: list[str] = []
    if info.audio_codec != AUDIO_CODEC:
        found.append(f"{AUDIO_CODEC} sound wanted, {info.audio_codec} found")
    elif not _plain_aac(info.audio_config):
        kind = info.audio_profile or "another"
        found.append(f"plain aac (LC, in mp4 form) wanted, {kind} from {info.container} found")
    if info.sample_rate != plan.audio_rate:
        found.append(f"{plan.audio_rate} Hz wanted, {info.sample_rate} Hz found")
    if info.channels != plan.audio_channels:
        found.append(f"{_channels(plan.audio_channels)} wanted, {_channels(info.channels)} found")
    return tuple(found)


def _plain_avc(config: bytes) -> bool:
    """True for an avcC record whose packets carry four-byte lengths, as all writers of today do."""
    return len(config) > 6 and config[0] == 1 and config[4] & 3 == 3


def _plain_aac(config: bytes) -> bool:
    """True for an AudioSpecificConfig of AAC-LC (object type 2) with frames of 1,024 samples."""
    return len(config) >= 2 and config[0] >> 3 == 2 and not config[1] & 0b100


def channel_layout(channels: int) -> str:
    """ffmpeg's name for one or two channels."""
    return "mono" if channels == 1 else "stereo"


def _rate(fps: Fraction) -> str:
    return f"{float(fps):.3f}".rstrip("0").rstrip(".")


def _channels(count: int) -> str:
    return {1: "mono", 2: "stereo"}.get(count, f"{count} channels")
