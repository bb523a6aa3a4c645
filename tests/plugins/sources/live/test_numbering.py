"""Places and seconds of frames: loss told from gaps, order kept over B-frames, reconnects and clock jumps."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitepose.plugins.sources.live.numbering import REMEMBERED, Numbering

TICK = Fraction(1, 90_000)
STEP = 3000  # 30 frames per second


def stamp_all(numbering, numbers, *, start=0.0, base=1_000_000):
    """Stamp packets by their number in the camera, each arriving at its time."""
    return [numbering.packet(base + n * STEP, TICK, start + n / 30) for n in numbers]


class TestPackets:
    def test_frames_are_numbered_from_0_and_timed_by_their_stamps(self):
        stamps = stamp_all(Numbering(), range(4), start=77.0)

        assert [stamp.index for stamp in stamps] == [0, 1, 2, 3]
        assert [stamp.timestamp for stamp in stamps] == [0.0, 0.033333, 0.066667, 0.1]

    def test_a_gap_between_stamps_is_a_gap_between_numbers(self):
        numbering = Numbering()
        stamps = stamp_all(numbering, [*range(10), 13, 14])

        assert [stamp.index for stamp in stamps[9:]] == [9, 13, 14]
        assert numbering.lost == 3

    def test_a_camera_that_slows_down_is_not_called_lossy_for_ever(self):
        numbering = Numbering()
        stamp_all(numbering, range(30))
        stamp_all(numbering, range(30, 200, 2))  # from 30 to 15 frames per second
        lost = numbering.lost
        stamp_all(numbering, range(200, 300, 2))

        assert numbering.lost == lost <= 20

    def test_a_camera_whose_stamps_vary_is_not_called_lossy(self):
        numbering, jitter = Numbering(), [0, 900, -800, 1100, -1000, 2000, -900, 500] * 20
        for n, late in enumerate(jitter):
            numbering.packet(n * STEP + late, TICK, n / 30)

        assert numbering.lost == 0

    def test_stamps_of_arrival_say_nothing_about_loss(self):
        numbering = Numbering()
        for n in [*range(10), 20]:
            numbering.packet(n * STEP, TICK, n / 30, count_gaps=False)

        assert numbering.lost == 0

    def test_the_same_stamp_has_the_same_place(self):
        numbering = Numbering()
        first = numbering.packet(5, TICK, 0.0)

        assert numbering.packet(5, TICK, 0.1) == first

    def test_time_goes_on_over_a_reconnect(self):
        numbering = Numbering()
        stamp_all(numbering, range(10), start=100.0)
        numbering.begin()
        after = stamp_all(numbering, range(2), start=105.0, base=7)

        assert [stamp.index for stamp in after] == [10, 11]
        assert [stamp.timestamp for stamp in after] == [5.0, 5.033333]

    def test_two_connections_never_share_a_second(self):
        numbering = Numbering()
        before = stamp_all(numbering, range(10), start=100.0)
        numbering.begin()
        (after,) = stamp_all(numbering, range(1), start=100.2)  # sooner than its stamps say

        assert after.timestamp == pytest.approx(before[-1].timestamp + 0.001)

    @pytest.mark.parametrize("hours", [pytest.param(1, id="forward"), pytest.param(-1, id="back")])
    def test_a_clock_that_is_set_neither_loses_frames_nor_moves_time(self, hours):
        numbering = Numbering()
        stamp_all(numbering, range(20))
        jumped = 1_000_000 + 20 * STEP + hours * 3600 * 90_000
        after = [numbering.packet(jumped + n * STEP, TICK, (20 + n) / 30) for n in range(3)]

        assert [stamp.index for stamp in after] == [20, 21, 22]
        assert after[0].timestamp == pytest.approx(20 / 30)
        assert numbering.jumps == [pytest.approx(hours * 3600, abs=0.1)]
        assert numbering.lost == 0

    def test_stamps_that_come_again_when_a_clock_was_set_are_new_frames(self):
        numbering = Numbering()
        stamp_all(numbering, range(60))
        again = stamp_all(numbering, range(3), start=102.0)

        assert [stamp.index for stamp in again] == [60, 61, 62]


class TestPictures:
    def test_a_picture_has_the_place_of_its_packet(self):
        numbering = Numbering()
        packets = stamp_all(numbering, range(5))

        assert numbering.picture(1_000_000 + 3 * STEP, TICK, 1.0) == packets[3]

    def test_a_picture_that_comes_before_its_packet_has_the_same_place(self):
        numbering = Numbering()
        picture = numbering.picture(500, TICK, 0.0)

        assert numbering.packet(500, TICK, 0.0) == picture

    def test_pictures_of_b_frames_are_numbered_as_they_are_shown(self):
        numbering = Numbering()
        decoding_order = [0, 3, 1, 2, 6, 4, 5]
        packets = stamp_all(numbering, decoding_order)
        pictures = [numbering.picture(1_000_000 + n * STEP, TICK, 1.0) for n in range(7)]

        assert [packet.index for packet in packets] == list(range(7))
        assert [picture.index for picture in pictures] == list(range(7))
        assert {p.timestamp for p in packets} == {p.timestamp for p in pictures}
        assert numbering.lost == 0

    def test_a_picture_waits_for_its_packet_where_packets_come_out_of_order(self):
        numbering = Numbering()
        stamp_all(numbering, [0, 1])
        assert numbering.passed(
            STEP // 2 + 1_000_000
        )  # a frame that is shown never comes: the next one is there
        for n in (4, 2):
            numbering.packet(1_000_000 + n * STEP, TICK, n / 30)

        assert numbering.passed(1_000_000 + 2 * STEP)
        assert not numbering.passed(1_000_000 + 3 * STEP)

    def test_a_picture_from_before_a_clock_jump_keeps_its_place(self):
        numbering = Numbering()
        packets = stamp_all(numbering, range(3))
        numbering.packet(10**12, TICK, 3 / 30)

        assert numbering.picture(1_000_000 + 2 * STEP, TICK, 0.2) == packets[2]

    def test_a_packet_that_the_pictures_skipped_takes_the_place_that_was_left(self):
        numbering = Numbering()
        for n in [*range(10), 12]:
            numbering.picture(n * STEP, TICK, n / 30)

        assert numbering.picture(10 * STEP, TICK, 0.5).index == 10

    @given(
        losses=st.lists(st.integers(1, 4), min_size=20, max_size=80),
        taken=st.lists(st.booleans(), min_size=80, max_size=80),
    )
    def test_order_is_kept_whatever_is_lost_and_whatever_is_taken(self, losses, taken):
        numbering, n, last, seconds = Numbering(), 0, -1, -1.0
        for loss, take in zip(losses, taken, strict=False):
            n += loss
            packet = numbering.packet(n * STEP, TICK, n / 30)
            assert packet.index > last
            assert packet.timestamp >= seconds
            last, seconds = packet.index, packet.timestamp
            if take:
                assert numbering.picture(n * STEP, TICK, n / 30) == packet

    def test_memory_is_bounded(self):
        numbering = Numbering()
        stamp_all(numbering, range(5 * REMEMBERED))

        assert len(numbering._known) <= REMEMBERED
        assert len(numbering._order) <= 2 * REMEMBERED
        assert numbering.packet(1_000_000 + 5 * REMEMBERED * STEP, TICK, 1e4).index == 5 * REMEMBERED
