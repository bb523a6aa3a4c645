"""The pre-roll, and that sinks get every packet once."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitepose.plugins.sources.live.mailbox import Mailbox
from sitepose.plugins.sources.live.packets import EncodedPacket, PacketHub, StreamFormat

FORMAT = StreamFormat("h264", (320, 180), Fraction(10), b"\x01")


def packet(index, *, gop=10, epoch=0, size=10, rate=10):
    return EncodedPacket(
        data=bytes(size),
        keyframe=index % gop == 0,
        format=FORMAT,
        index=index,
        timestamp=index / rate,
        pts=index,
        time_base=Fraction(1, rate),
        captured_at=index / rate,
        wall=1e9 + index / rate,
        epoch=epoch,
    )


def indices(collector):
    return [packet.index for packet in collector.packets]


class TestPreroll:
    def test_begins_with_a_keyframe_at_least_so_long_ago(self, collector):
        hub = PacketHub(preroll_s=2.5)
        for index in range(97):
            hub.put(packet(index))
        hub.attach(collector)

        assert indices(collector) == list(range(70, 97))

    def test_can_be_shorter_than_what_is_kept(self, collector):
        hub = PacketHub(preroll_s=5)
        for index in range(100):
            hub.put(packet(index))
        hub.attach(collector, preroll_s=0.5)

        assert indices(collector) == list(range(90, 100))

    def test_can_be_left_out(self, collector):
        hub = PacketHub(preroll_s=5)
        hub.put(packet(0))
        hub.attach(collector, preroll_s=0)
        hub.put(packet(1))

        assert indices(collector) == [1]

    def test_a_group_longer_than_the_preroll_is_kept_whole(self, collector):
        hub = PacketHub(preroll_s=1)
        for index in range(150):
            hub.put(packet(index, gop=100))
        hub.attach(collector)

        assert indices(collector) == list(range(100, 150))

    def test_packets_whose_keyframe_was_never_seen_are_not_kept(self, collector):
        hub = PacketHub(preroll_s=5)
        for index in range(3, 8):
            hub.put(packet(index))
        hub.put(packet(10))
        hub.put(packet(11, epoch=1))  # another connection, in the middle of a group
        hub.attach(collector)

        assert indices(collector) == [10]

    def test_memory_is_bounded_even_without_keyframes(self, collector):
        hub = PacketHub(preroll_s=100, max_bytes=1000)
        for index in range(500):
            hub.put(packet(index, gop=10**6))
        hub.attach(collector)

        assert sum(len(packet.data) for packet in collector.packets) <= 1000

    @given(attach_at=st.integers(0, 60), preroll_s=st.floats(0.1, 9), gop=st.integers(1, 30))
    def test_no_packet_is_missed_or_doubled(self, attach_at, preroll_s, gop):
        hub, got = PacketHub(preroll_s=preroll_s), []

        class Sink:
            def put(self, packet):
                got.append(packet)

        for index in range(80):
            if index == attach_at:
                hub.attach(Sink())
            hub.put(packet(index, gop=gop))

        assert [packet.index for packet in got] == list(range(got[0].index, 80))
        assert attach_at == 0 or (got[0].keyframe and got[0].index <= attach_at)


class TestSinks:
    def test_a_detached_sink_gets_nothing_more(self, collector):
        hub = PacketHub(preroll_s=5)
        hub.attach(collector)
        hub.put(packet(0))
        hub.detach(collector)
        hub.detach(collector)
        hub.put(packet(1))

        assert indices(collector) == [0]
        assert not hub.wanted

    def test_a_sink_that_fails_does_not_disturb_the_others(self, collector, caplog):
        class Broken:
            def put(self, packet):
                raise RuntimeError("broken")

        hub = PacketHub(preroll_s=5)
        hub.attach(Broken(), preroll_s=0)
        hub.attach(collector)
        hub.put(packet(0))

        assert indices(collector) == [0]
        assert "a recorder failed" in caplog.text


class TestMailbox:
    def test_keeps_the_newest_and_counts_the_rest(self):
        box = Mailbox()
        for item in range(5):
            box.put(item)

        assert (box.take(0), box.replaced) == (4, 4)
        assert box.take(0) is None

    def test_a_closed_one_gives_nothing_and_wakes_who_waits(self):
        box = Mailbox()
        box.put(1)
        box.close()
        box.put(2)

        assert box.take(timeout_s=60) is None
        assert box.closed

    @pytest.mark.parametrize("item", [pytest.param(0, id="zero"), pytest.param("", id="empty")])
    def test_things_that_count_as_false_are_things(self, item):
        box = Mailbox()
        box.put(item)
        box.put(item)

        assert box.replaced == 1
        assert box.take(0) == item
