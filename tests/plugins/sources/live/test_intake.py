"""Pictures and packets of one connection, which come in two threads."""

from __future__ import annotations

import threading
import time
from fractions import Fraction

import pytest

from sitepose.plugins.sources.live.intake import PACKET_S, Arrival, Intake
from sitepose.plugins.sources.live.packets import PacketHub, StreamFormat

TICK = Fraction(1, 30)
H264 = StreamFormat("h264", (64, 48), Fraction(30))
FRAMES = 20


class Picture:
    def to_rgb(self):
        raise AssertionError("nobody asked for it")


@pytest.fixture
def intake():
    return Intake(PacketHub(preroll_s=0))


def arrival(number):
    return Arrival(number, TICK, time.monotonic())


def send_packets(delivery, numbers):
    for number in numbers:
        delivery.packet(arrival(number), b"", H264, keyframe=number == 0)


class TestDelivery:
    def test_a_picture_whose_packet_is_late_waits_for_it_and_nothing_is_called_lost(self, intake):
        delivery = intake.begin()
        send_packets(delivery, range(FRAMES))
        late = threading.Timer(0.4, send_packets, (delivery, range(FRAMES, FRAMES + 6)))
        late.start()
        delivery.picture(arrival(FRAMES + 5), Picture())
        late.join()
        mail = intake.mailbox.take(0)
        intake.delivered(mail.stamp.index)

        assert mail.stamp.index == FRAMES + 5
        assert intake.stats().dropped["network"] == 0

    def test_a_connection_that_ends_waits_for_nothing(self, intake):
        delivery = intake.begin()
        send_packets(delivery, range(FRAMES))
        ending = threading.Timer(0.1, delivery.wait_no_more)
        ending.start()
        began = time.monotonic()
        delivery.picture(arrival(FRAMES + 5), Picture())
        ending.join()

        assert time.monotonic() - began < PACKET_S
        assert intake.mailbox.take(0) is not None
