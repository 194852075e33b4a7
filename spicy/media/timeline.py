"""Where each frame and each packet of sound of the clips goes in the film. Pure arithmetic on whole numbers.

Pictures are counted in frames, sound in packets of 1,024 samples on one grid for the whole film. A clip
almost never lasts a whole number of packets; placing each clip's sound on the grid nearest to where its
pictures start keeps the two within half a packet (11 ms at 48 kHz) for any number of clips, because
nothing is carried from one clip to the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

PACKET_SAMPLES = 1024
"""Samples of one AAC-LC packet."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """Frames `start` to `until` (left out) of a file, copied as they are."""

    path: Path
    start: int
    until: int

    @property
    def frames(self) -> int:
        """How many."""
        return self.until - self.start


@dataclass(frozen=True, slots=True)
class Sound:
    """What sounds for `seconds` of the film: a file's sound from its beginning, or silence."""

    path: Path | None
    seconds: Fraction


@dataclass(frozen=True, slots=True)
class Slots:
    """Places `first` to `until` on the film's grid of packets, for a piece that starts at `origin` samples.

    The grid counts from 0 at the film's first sample; -1 is the packet that only primes the decoder.
    """

    first: int
    until: int
    origin: Fraction

    def place(self, sample: int) -> int:
        """The slot for a packet that starts `sample` samples after its clip does."""
        return round((self.origin + sample) / PACKET_SAMPLES)


def slots(lengths: Sequence[Fraction], rate: int) -> Iterator[Slots]:
    """Share out the grid among pieces of these lengths in seconds.

    A piece gets the slot just before its start as well, because an AAC packet is only heard right after
    the one before it was decoded; the piece before loses its last packet for that.
    """
    origin = Fraction(0)
    for at, length in enumerate(lengths):
        end = origin + length * rate
        first = round(origin / PACKET_SAMPLES) - 1
        last = at == len(lengths) - 1
        until = -(-end // PACKET_SAMPLES) if last else round(end / PACKET_SAMPLES) - 1
        yield Slots(first, int(until), origin)
        origin = end


@dataclass(frozen=True, slots=True)
class CutPoints:
    """Where a clip's packets can be parted without breaking a frame.

    `ends`: the packets before decode to exactly the frames before. `starts`: a decoder can begin here.
    """

    ends: tuple[int, ...]
    starts: tuple[int, ...]


def cut_points(order: Sequence[int], keys: Sequence[bool]) -> CutPoints:
    """Find the cut points of a clip from its frames' places, in decoding order, and which are key frames."""
    ends: list[int] = []
    starts: list[int] = []
    latest = -1
    for at, (place, key) in enumerate(zip(order, keys, strict=True)):
        if latest == at - 1:
            ends.append(at)
            if key and place == at:
                starts.append(at)
        latest = max(latest, place)
    ends.append(len(order))
    return CutPoints(tuple(ends), tuple(starts))


@dataclass(frozen=True, slots=True)
class Join:
    """The frames encoded anew around one crossfade: the left clip's last ones and the right clip's first."""

    left_from: int
    left_until: int
    right_until: int
    fade: int

    @property
    def frames(self) -> int:
        """How many frames come out."""
        return self.left_until - self.left_from + self.right_until - self.fade


def fades(frames: Sequence[int], wanted: int) -> tuple[int, ...]:
    """Frames that each join dissolves: as wanted, but at most a third of the shorter clip."""
    return tuple(min(wanted, a // 3, b // 3) for a, b in pairwise(frames))


def copied_ranges(
    frames: Sequence[int], points: Sequence[CutPoints], lengths: Sequence[int]
) -> tuple[tuple[int, int], ...]:
    """The frames of each clip that are copied, between the stretches that its joins encode anew.

    A clip with nothing to copy gets an empty range in its middle, where its two joins meet.
    """
    ranges = []
    for at, (count, cuts) in enumerate(zip(frames, points, strict=True)):
        head = lengths[at - 1] if at else 0
        tail = count - (lengths[at] if at < len(lengths) else 0)
        start = next((s for s in cuts.starts if s >= head), count)
        until = max(e for e in cuts.ends if e <= tail)
        ranges.append((start, until) if start < until else _nothing(head, tail, count))
    return tuple(ranges)


def _nothing(head: int, tail: int, count: int) -> tuple[int, int]:
    """An empty range at the side that has no dissolve; between two, in the middle, where their joins meet."""
    edge = count if tail == count else 0 if head == 0 else (head + tail) // 2
    return (edge, edge)
