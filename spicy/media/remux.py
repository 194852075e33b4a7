"""Joining packets: streams are copied packet by packet onto the film's own clock, nothing is decoded.

Done in process rather than by ffmpeg's concat demuxer, because that adds up what each file claims to
last: where sound is longer than pictures the film gains frames of stillness, and drifts. Here frame k
of the film is shown at k/fps, and every packet of sound sits on one grid (see `timeline`).

Clips may have been encoded with different settings. A player sets its decoder up once, from the film's
header, so where the parameter sets differ each key frame carries its own in front.
"""

from __future__ import annotations

import heapq
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, cast

from spicy.errors import MediaError
from spicy.media.containers import media_url, open_packets
from spicy.media.plan import JoinPlan, channel_layout
from spicy.media.probe import ClipInfo
from spicy.media.timeline import PACKET_SAMPLES, Pictures, Slots, Sound, slots

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.packet import Packet
    from av.video.stream import VideoStream

    AnyPacket = Packet[VideoStream] | Packet[AudioStream]

ACCESS_UNIT_DELIMITER = 9


def remux(
    pictures: Sequence[Pictures],
    sounds: Sequence[Sound],
    infos: Mapping[Path, ClipInfo],
    into: Path,
    plan: JoinPlan,
    progress: Callable[[float], None] | None = None,
) -> None:
    """Write the film of these pieces to `into`, its index in front. Raises MediaError."""
    import av

    options = {"movflags": "+faststart", "fflags": "+bitexact"}
    try:
        with (
            open_packets(pictures[0].path) as first,
            av.open(media_url(into), "w", format="mp4", options=options) as film,
        ):
            marks = {"title": plan.title, "comment": plan.comment}
            film.metadata.update({name: text for name, text in marks.items() if text})
            video = film.add_stream_from_template(first.streams.video[0])
            audio = film.add_stream("aac", plan.audio_rate, options={"flags": "+bitexact"})
            audio.layout = channel_layout(plan.audio_channels)
            film.start_encoding()
            shown = _picture_packets(pictures, infos, video, plan, progress)
            heard = _sound_packets(sounds, audio, plan)
            for _, packet in heapq.merge(shown, heard, key=lambda timed: timed[0]):
                film.mux_one(packet)
    except av.FFmpegError as e:
        raise MediaError(f"the film cannot be put together: {e}") from e


def _picture_packets(
    pictures: Sequence[Pictures],
    infos: Mapping[Path, ClipInfo],
    stream: VideoStream,
    plan: JoinPlan,
    progress: Callable[[float], None] | None,
) -> Iterator[tuple[float, AnyPacket]]:
    configs = {infos[piece.path].video_config for piece in pictures}
    delay = max(infos[piece.path].reorder for piece in pictures)
    frame = 1 / plan.rate
    seconds = float(frame)
    total, origin = sum(piece.frames for piece in pictures), 0
    for piece in pictures:
        prefix = parameter_sets(infos[piece.path].video_config) if len(configs) > 1 else b""
        for at, (place, packet) in enumerate(_piece_packets(piece, plan.rate)):
            out = _prefixed(packet, prefix) if prefix and packet.is_keyframe else packet
            out.stream, out.time_base = stream, frame
            out.pts, out.dts, out.duration = origin + place, origin + at - delay, 1
            yield (origin + at - delay) * seconds, out
        origin += piece.frames
        if progress:
            progress(origin / total)


def _piece_packets(piece: Pictures, rate: Fraction) -> Iterator[tuple[int, Packet[VideoStream]]]:
    """The packets of a piece in decoding order, each with its frame's place within the piece."""
    from av.stream import Discard

    with open_packets(piece.path) as container:
        video = container.streams.video[0]
        for other in container.streams:
            if other is not video:
                other.discard = Discard.all
        step = float(1 / (rate * (video.time_base or 1)))
        start = video.start_time or 0
        for packet in container.demux(video):
            if packet.size == 0 or packet.pts is None:
                continue
            place = round((packet.pts - start) / step)
            if piece.start <= place < piece.until:
                yield place - piece.start, packet


def frame_order(clip: Path, rate: Fraction) -> tuple[list[int], list[bool]]:
    """Every frame's place in the film order, in decoding order, and whether it is a key frame."""
    whole = Pictures(clip, 0, sys.maxsize)
    found = [(place, packet.is_keyframe) for place, packet in _piece_packets(whole, rate)]
    return [place for place, _ in found], [key for _, key in found]


def _sound_packets(
    sounds: Sequence[Sound], stream: AudioStream, plan: JoinPlan
) -> Iterator[tuple[float, AnyPacket]]:
    silence = silent_packet(plan)
    ends = ceil(sum(sound.seconds for sound in sounds) * plan.audio_rate)
    sample = Fraction(1, plan.audio_rate)
    shares = slots([sound.seconds for sound in sounds], plan.audio_rate)
    for sound, share in zip(sounds, shares, strict=True):
        for slot, packet in _filled(sound, share, silence):
            packet.stream, packet.time_base = stream, sample
            packet.pts = packet.dts = slot * PACKET_SAMPLES
            packet.duration = min(PACKET_SAMPLES, ends - slot * PACKET_SAMPLES)
            yield slot * PACKET_SAMPLES / plan.audio_rate, packet


def _filled(sound: Sound, share: Slots, silence: bytes) -> Iterator[tuple[int, Packet[AudioStream]]]:
    """A packet for every slot of the share: the file's own, silence where it has none."""
    due = share.first
    for place, packet in _own_packets(sound.path, share) if sound.path else ():
        if place < due:
            continue
        if place >= share.until:
            break
        for slot in range(due, place):
            yield slot, _silent(silence)
        yield place, packet
        due = place + 1
    for slot in range(due, share.until):
        yield slot, _silent(silence)


def _silent(silence: bytes) -> Packet[AudioStream]:
    from av.packet import Packet

    return cast("Packet[AudioStream]", Packet(silence))


def _own_packets(path: Path, share: Slots) -> Iterator[tuple[int, Packet[AudioStream]]]:
    """A file's packets of sound with their slots, counted from the first: no rounding can double one."""
    from av.stream import Discard

    with open_packets(path) as container:
        audio = container.streams.audio[0]
        for other in container.streams:
            if other is not audio:
                other.discard = Discard.all
        video = next(iter(container.streams.video), None)
        rate = audio.codec_context.sample_rate
        to_samples = float((audio.time_base or Fraction(1, rate)) * rate)
        lead = round((video.start_time or 0) * (video.time_base or 0) * rate) if video else 0
        origin: tuple[int, int] | None = None
        for packet in container.demux(audio):
            if packet.size == 0 or packet.pts is None:
                continue
            sample = round(packet.pts * to_samples) - lead
            if origin is None:
                origin = sample, share.place(sample)
            yield origin[1] + round((sample - origin[0]) / PACKET_SAMPLES), packet


def silent_packet(plan: JoinPlan) -> bytes:
    """One AAC packet of silence in the film's rate and channels, which any AAC-LC decoder takes."""
    from av import AudioCodecContext, AudioFrame

    codec = AudioCodecContext.create("aac", "w")
    codec.sample_rate = plan.audio_rate
    codec.layout = channel_layout(plan.audio_channels)
    codec.format = "fltp"
    codec.options = {"flags": "+bitexact"}
    nothing = AudioFrame("fltp", channel_layout(plan.audio_channels), PACKET_SAMPLES)
    nothing.sample_rate = plan.audio_rate
    for plane in nothing.planes:
        plane.update(bytes(plane.buffer_size))
    packets = [packet for _ in range(4) for packet in codec.encode(nothing)]
    return bytes(packets[-1])


def parameter_sets(config: bytes) -> bytes:
    """The parameter sets of an avcC record, each with a four-byte length, as they stand in a packet."""
    out, at = bytearray(), 5
    for mask in (0x1F, 0xFF):
        count, at = config[at] & mask, at + 1
        for _ in range(count):
            size = int.from_bytes(config[at : at + 2])
            out += size.to_bytes(4) + config[at + 2 : at + 2 + size]
            at += 2 + size
    return bytes(out)


def _prefixed(packet: Packet[VideoStream], prefix: bytes) -> Packet[VideoStream]:
    """A copy of a key frame with parameter sets in front; an access unit delimiter stays first."""
    from av.packet import Packet

    data = bytes(packet)
    head = 0
    if len(data) > 4 and data[4] & 0x1F == ACCESS_UNIT_DELIMITER:
        head = 4 + int.from_bytes(data[:4])
    whole = cast("Packet[VideoStream]", Packet(data[:head] + prefix + data[head:]))
    whole.is_keyframe = True
    return whole
