"""The mixed sound of a crossfaded film: one clip in memory at a time, each as long as its pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from spicy.errors import MediaError
from spicy.media.containers import media_url
from spicy.media.plan import JoinPlan, channel_layout
from spicy.media.timeline import PACKET_SAMPLES

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples = NDArray[np.float32]

BIT_RATE = 192_000
GAP_SECONDS = 0.05
"""A longer jump in a clip's own clock is kept as silence; a shorter one is rounding."""


def mix(
    clips: Sequence[Path], lengths: Sequence[Fraction], fades: Sequence[Fraction], into: Path, plan: JoinPlan
) -> None:
    """Encode the clips' sound, overlapping by `fades` seconds, as AAC to `into`. Raises MediaError."""
    import av
    from av import AudioFrame

    try:
        with av.open(media_url(into), "w", format="mp4", options={"fflags": "+bitexact"}) as track:
            stream = track.add_stream("aac", plan.audio_rate, options={"flags": "+bitexact"})
            stream.layout, stream.bit_rate = channel_layout(plan.audio_channels), BIT_RATE
            at = 0
            for block in _packet_sized(_mixed(clips, lengths, fades, plan)):
                frame = AudioFrame.from_ndarray(block, "fltp", stream.layout.name)
                frame.sample_rate, frame.pts = plan.audio_rate, at
                frame.time_base = Fraction(1, plan.audio_rate)
                track.mux(stream.encode(frame))
                at += block.shape[1]
            track.mux(stream.encode(None))
    except av.FFmpegError as e:
        raise MediaError(f"the sound cannot be mixed: {e.strerror}") from e


def _mixed(
    clips: Sequence[Path], lengths: Sequence[Fraction], fades: Sequence[Fraction], plan: JoinPlan
) -> Iterator[Samples]:
    """The film's samples; each clip's edges are rounded on the film's clock, so that nothing adds up."""
    import numpy as np

    overlaps = [Fraction(0), *fades, Fraction(0)]
    steps = (length - after for length, after in zip(lengths, overlaps[1:], strict=True))
    starts = accumulate(steps, initial=Fraction(0))
    tail = np.zeros((plan.audio_channels, 0), np.float32)
    for at, (clip, start) in enumerate(zip(clips, starts, strict=False)):
        begin = round(start * plan.audio_rate)
        end = round((start + lengths[at]) * plan.audio_rate)
        own = _samples(clip, end - begin, plan)
        faded = min(tail.shape[1], own.shape[1])
        ramp = np.linspace(0, np.pi / 2, faded, dtype=np.float32)
        own[:, :faded] = own[:, :faded] * np.sin(ramp) + tail[:, :faded] * np.cos(ramp)
        keep = round((start + lengths[at] - overlaps[at + 1]) * plan.audio_rate) - begin
        yield own[:, :keep]
        tail = own[:, keep:]


def _samples(clip: Path, count: int, plan: JoinPlan) -> Samples:
    """Exactly `count` samples of a clip from its first picture on; silence where it has none."""
    import av
    import numpy as np

    out = np.zeros((plan.audio_channels, count), np.float32)
    with av.open(media_url(clip)) as container:
        if not container.streams.audio:
            return out
        video = container.streams.video[0]
        lead = (video.start_time or 0) * (video.time_base or Fraction(0))
        resampler = av.AudioResampler("fltp", channel_layout(plan.audio_channels), plan.audio_rate)
        due: int | None = None
        for decoded in (*container.decode(container.streams.audio[0]), None):
            for frame in resampler.resample(decoded):
                heard = (frame.pts or 0) * (frame.time_base or Fraction(1, plan.audio_rate)) - lead
                place = round(heard * plan.audio_rate)
                if due is None or abs(place - due) > GAP_SECONDS * plan.audio_rate:
                    due = place
                _lay(out, frame.to_ndarray().astype(np.float32, copy=False), due)
                due += frame.samples
    return out


def _lay(out: Samples, block: Samples, at: int) -> None:
    """Copy `block` into `out` from sample `at` on, as far as it fits."""
    first, last = max(at, 0), min(at + block.shape[1], out.shape[1])
    if first < last:
        out[:, first:last] = block[:, first - at : last - at]


def _packet_sized(blocks: Iterator[Samples]) -> Iterator[Samples]:
    """The same samples in blocks of one packet, only the last one shorter."""
    import numpy as np

    rest: Samples | None = None
    for block in blocks:
        rest = block if rest is None else np.concatenate([rest, block], axis=1)
        whole = rest.shape[1] - rest.shape[1] % PACKET_SAMPLES
        for at in range(0, whole, PACKET_SAMPLES):
            yield np.ascontiguousarray(rest[:, at : at + PACKET_SAMPLES])
        rest = rest[:, whole:]
    if rest is not None and rest.shape[1]:
        yield np.ascontiguousarray(rest)
