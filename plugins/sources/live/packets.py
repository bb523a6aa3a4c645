"""Encoded frames on their way to a recorder, and the last seconds of them kept for one who comes late."""

from __future__ import annotations

import logging
import threading
from collections import deque
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, Protocol

Codec = Literal["h264", "h265", "mjpeg", "raw"]

PREROLL_BYTES = 64 << 20
"""Bound on the pre-roll in memory: ten seconds at 50 Mbit/s."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StreamFormat:
    """What a stream is encoded in.

    Attributes:
        codec: ``raw`` where pictures come without being encoded.
        size_wh: Width and height in pixels.
        frame_rate: As announced; None where unknown.
        private: What a decoder wants first: ``avcC`` of H.264, ``hvcC`` of H.265, empty else.
    """

    codec: Codec
    size_wh: tuple[int, int]
    frame_rate: Fraction | None = None
    private: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedPacket:
    """One encoded frame, with every stamp.

    Attributes:
        data: The frame; H.264 and H.265 with 4-byte lengths before each unit, as Matroska wants it.
        keyframe: Whether decoding can begin here.
        format: What it is encoded in; another object means that something has changed.
        index: Place in the capture sequence, as in ``Frame``.
        timestamp: Seconds since the first frame of the source, as in ``Frame``.
        pts: The stream's own stamp, in units of ``time_base``.
        time_base: Seconds per unit of ``pts``.
        captured_at: ``time.monotonic()`` at which it reached this program.
        wall: ``time.time()`` at which it reached this program.
        epoch: Number of the connection that it came over.
    """

    data: bytes
    keyframe: bool
    format: StreamFormat
    index: int
    timestamp: float
    pts: int
    time_base: Fraction
    captured_at: float
    wall: float
    epoch: int


class PacketSink(Protocol):
    """Takes packets as they come."""

    def put(self, packet: EncodedPacket) -> None:
        """Take a packet; called in the source's thread, so it must neither wait nor fail."""


class PacketHub:
    """Hands packets to any number of sinks, and keeps the last seconds from a keyframe on.

    Args:
        preroll_s: Seconds that a sink gets from before it was attached, at least, if they have been seen.
        max_bytes: Bound on what is kept.
    """

    def __init__(self, *, preroll_s: float, max_bytes: int = PREROLL_BYTES) -> None:
        self._preroll_s = preroll_s
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._sinks: list[PacketSink] = []
        self._groups: deque[list[EncodedPacket]] = deque()  # each begins with a keyframe
        self._bytes = 0

    @property
    def wanted(self) -> bool:
        """Whether a sink is attached."""
        return bool(self._sinks)

    def attach(self, sink: PacketSink, *, preroll_s: float | None = None) -> None:
        """Give a sink the pre-roll, then every packet from now on; none is missed or doubled between.

        Args:
            sink: Who takes the packets.
            preroll_s: Less pre-roll than is kept; 0 for none.
        """
        with self._lock:
            for packet in self._preroll(self._preroll_s if preroll_s is None else preroll_s):
                sink.put(packet)
            self._sinks.append(sink)

    def detach(self, sink: PacketSink) -> None:
        """Give a sink nothing more; one that is not attached is fine."""
        with self._lock:
            self._sinks = [other for other in self._sinks if other is not sink]

    def put(self, packet: EncodedPacket) -> None:
        """Keep a packet and hand it on."""
        with self._lock:
            self._keep(packet)
            for sink in self._sinks:
                try:
                    sink.put(packet)
                except Exception:  # noqa: BLE001  the edge of somebody else's part: the live branch goes on
                    _log.exception("a recorder failed to take a packet")

    def _keep(self, packet: EncodedPacket) -> None:
        if packet.keyframe:
            self._groups.append([])
        elif not self._groups or self._groups[-1][0].epoch != packet.epoch:
            return  # its keyframe was never seen
        self._groups[-1].append(packet)
        self._bytes += len(packet.data)
        while len(self._groups) > 1 and self._too_much(packet.timestamp):
            self._bytes -= sum(len(old.data) for old in self._groups.popleft())
        if self._bytes > self._max_bytes:  # one group alone is too large: whoever attaches waits for a keyframe
            self._groups.clear()
            self._bytes = 0

    def _too_much(self, now: float) -> bool:
        """Return whether the first group can go, and what is left still covers the pre-roll."""
        return self._groups[1][0].timestamp <= now - self._preroll_s or self._bytes > self._max_bytes

    def _preroll(self, seconds: float) -> list[EncodedPacket]:
        if seconds <= 0 or not self._groups:
            return []
        begin = self._groups[-1][-1].timestamp - seconds
        kept = list(self._groups)
        while len(kept) > 1 and kept[1][0].timestamp <= begin:
            kept.pop(0)
        return [packet for group in kept for packet in group]
