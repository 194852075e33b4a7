"""The arithmetic of the film's clock: nothing adds up over many clips, no frame is lost or doubled."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from spicy.media.remux import parameter_sets
from spicy.media.timeline import PACKET_SAMPLES, CutPoints, copied_ranges, cut_points, fades, slots

RATE = 48_000
lengths = st.lists(st.integers(1, 400).map(lambda frames: Fraction(frames, 24)), min_size=1, max_size=40)


@given(lengths)
def test_pieces_share_the_grid_without_gap_or_overlap(pieces: list[Fraction]) -> None:
    shares = list(slots(pieces, RATE))
    assert shares[0].first == -1
    assert all(a.until == b.first for a, b in pairwise(shares))
    end = shares[-1].until * PACKET_SAMPLES
    assert 0 <= end - sum(pieces) * RATE < PACKET_SAMPLES


@given(lengths)
def test_sound_is_never_more_than_half_a_packet_off(pieces: list[Fraction]) -> None:
    for share in slots(pieces, RATE):
        assert abs(share.place(0) * PACKET_SAMPLES - share.origin) <= PACKET_SAMPLES / 2


def test_cut_points_of_a_stream_with_reordered_frames() -> None:
    # I P B B | I P B   shown as  0 3 1 2 | 4 6 5
    order, keys = [0, 3, 1, 2, 4, 6, 5], [True, False, False, False, True, False, False]
    assert cut_points(order, keys) == CutPoints(ends=(0, 1, 4, 5, 7), starts=(0, 4))


def test_a_key_frame_with_earlier_shown_frames_after_it_is_no_start() -> None:
    # an open group: the key frame at 2 is followed by 1, which needs what came before
    assert cut_points([0, 2, 1], [True, True, False]).starts == (0,)


def test_a_fade_takes_at_most_a_third_of_the_shorter_clip() -> None:
    assert fades([192, 24, 2, 192], 12) == (8, 0, 0)
    assert fades([192], 12) == ()


def test_copied_ranges_leave_room_for_the_dissolves() -> None:
    whole = CutPoints(ends=(0, 90, 100), starts=(0, 50))
    assert copied_ranges([100, 100, 100], [whole] * 3, [10, 10]) == ((0, 90), (50, 90), (50, 100))


def test_clips_without_key_frames_inside_meet_in_the_middle() -> None:
    single = CutPoints(ends=(0, 90, 100), starts=(0,))
    assert copied_ranges([100, 100, 100], [single] * 3, [10, 10]) == ((0, 90), (50, 50), (100, 100))


def test_a_side_without_a_dissolve_needs_no_encoding() -> None:
    single = CutPoints(ends=(0, 100), starts=(0,))
    assert copied_ranges([100, 100, 2], [single, single, CutPoints((0, 2), (0,))], [10, 0])[1] == (100, 100)


def test_parameter_sets_of_an_avcc_record() -> None:
    record = bytes([1, 100, 0, 31, 0xFF, 0xE1, 0, 2, 0x67, 9, 1, 0, 1, 0x68, 0xFD])
    assert parameter_sets(record) == b"\0\0\0\2\x67\x09" + b"\0\0\0\1\x68"
