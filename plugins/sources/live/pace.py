"""Packets that come as fast as they are read: which stamps they lack, and when each is due."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import av

MOST_HELD = 8
"""Packets without a stamp at the begin of a stream that wait for the first that has one."""


class Pace:
    """When packets are due that could be had at once. Remembers which stamp was due when.

    Args:
        time_base: Seconds per unit of the stamps.
        unrelated_s: A packet that is so much too early or too late has nothing to do with those before it.
    """

    def __init__(self, time_base: Fraction, unrelated_s: float) -> None:
        self._time_base = time_base
        self._unrelated_s = unrelated_s
        self._origin: tuple[int, float] | None = None

    def wait_s(self, stamp: int, now: float) -> float:
        """Return how long a packet is too early; 0 for one that is late, or whose stamps begin anew."""
        if self._origin is not None:
            first, began_at = self._origin
            early = began_at + float((stamp - first) * self._time_base) - now
            if abs(early) < self._unrelated_s:
                return max(0.0, early)
        self._origin = (stamp, now)
        return 0.0


def stamped(packets: Iterator[av.Packet[av.VideoStream]], step: int) -> Iterator[av.Packet[av.VideoStream]]:
    """Yield packets that hold something, with stamps also for those that come without one.

    FFmpeg gives the first packet of an RTSP stream none: it waits for the second, to be placed before it.
    """
    held: list[av.Packet[av.VideoStream]] = []
    last: int | None = None
    for packet in packets:
        if not packet.size:
            continue
        if packet.pts is None:
            packet.pts = packet.dts
        if packet.pts is None and last is not None:
            packet.pts = last + step
        if packet.pts is None and len(held) < MOST_HELD:
            held.append(packet)
            continue
        last = packet.pts = packet.pts if packet.pts is not None else 0
        for distance, early in zip(range(len(held), 0, -1), held, strict=True):
            early.pts = last - distance * step
        yield from held
        held.clear()
        yield packet
    yield from held
