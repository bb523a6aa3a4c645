"""Where the frames of all connections of a source come together: numbered, counted, handed on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Protocol

from sitepose.core.structures import ImageArray
from sitepose.plugins.sources.live.mailbox import Mailbox
from sitepose.plugins.sources.live.numbering import Numbering, Stamp
from sitepose.plugins.sources.live.packets import EncodedPacket, PacketHub, StreamFormat

PACKET_S = 2.0
"""How long a decoded picture waits for its packet to be numbered; it has usually been long before. A picture
that is numbered first leaves a gap, which looks like a loss."""

NANOSECOND = Fraction(1, 1_000_000_000)


class Picture(Protocol):
    """A decoded frame as the library left it; turned into RGB only by the one who takes it."""

    def to_rgb(self) -> ImageArray:
        """Return the picture, shape (H, W, 3)."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """The stamps of a frame as it comes in.

    Attributes:
        pts: The stream's own stamp, in units of ``time_base``.
        time_base: Seconds per unit of ``pts``.
        captured_at: ``time.monotonic()`` at which it reached this program.
    """

    pts: int
    time_base: Fraction
    captured_at: float


@dataclass(frozen=True, slots=True)
class Mail:
    """A picture with its place, as it lies in the mailbox."""

    picture: Picture
    stamp: Stamp
    arrival: Arrival


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveStats:
    """Counters of a source; ``captured`` is the sum of the others.

    Attributes:
        captured: Frames that the camera has sent, as far as can be told.
        delivered: Frames that were taken.
        dropped: Frames that were not, by reason: ``network`` (never came), ``busy`` (a newer one came before it
            was taken) and ``decoder`` (came, but no picture of it was left).
        damaged: Pictures that arrived damaged or could not be converted.
        reconnects: Connections after the first.
        interval_s: The usual time between two frames; None until it is known.
    """

    captured: int
    delivered: int
    dropped: Mapping[str, int]
    damaged: int
    reconnects: int
    interval_s: float | None


class Intake:
    """Takes what connections deliver. Remembers places, counters and the newest picture.

    Args:
        hub: Where encoded packets go.

    Attributes:
        stream: What the camera sends now, or did last; None before the first frame.
        damaged: Pictures that arrived damaged or could not be converted.
    """

    def __init__(self, hub: PacketHub) -> None:
        self.hub = hub
        self.mailbox: Mailbox[Mail] = Mailbox()
        self.stream: StreamFormat | None = None
        self.damaged = 0
        self._lock = threading.Lock()
        self._numbered = threading.Condition(self._lock)
        self._numbering = Numbering()
        self._epoch = -1
        self._delivered = 0
        self._next_delivered = 0  # index that the next delivered picture has when nothing is dropped
        self._missed = 0
        self._lost_when_delivered = 0

    def begin(self) -> Delivery:
        """Return where a new connection delivers to."""
        with self._lock:
            self._epoch += 1
            self._numbering.begin()
            return Delivery(self, self._epoch)

    def place(self, arrival: Arrival, now: float, *, packet: bool, count_gaps: bool) -> Stamp:
        """Return the place of a packet or picture."""
        with self._numbered:
            number = self._numbering.packet if packet else self._numbering.picture
            stamp = number(arrival.pts, arrival.time_base, now, count_gaps=count_gaps)
            self._numbered.notify_all()
            return stamp

    def await_packet(self, pts: int, wanted: Callable[[], bool]) -> None:
        """Wait until the packet of a picture has its place, or is not wanted: their thread may be behind."""
        with self._numbered:
            self._numbered.wait_for(lambda: self._numbering.passed(pts) or not wanted(), PACKET_S)

    def wake(self) -> None:
        """Let who waits for a packet look whether it is still wanted."""
        with self._numbered:
            self._numbered.notify_all()

    @property
    def interval_s(self) -> float | None:
        """The usual time between two frames; None until it is known."""
        with self._lock:
            return self._numbering.interval_s

    def take_jumps(self) -> list[float]:
        """Return the jumps of the camera's clock since the last call, in seconds."""
        with self._lock:
            jumps, self._numbering.jumps = self._numbering.jumps, []
            return jumps

    def clock_set(self, by_s: float) -> None:
        """Take note that the camera has set its clock, where its stamps do not show it any more."""
        with self._lock:
            self._numbering.jumps.append(round(by_s, 3))

    def delivered(self, index: int) -> None:
        """Count a picture that was taken."""
        with self._lock:
            self._delivered += 1
            self._missed += max(0, index - self._next_delivered)
            self._next_delivered = max(self._next_delivered, index + 1)
            self._lost_when_delivered = self._numbering.lost

    def stats(self) -> LiveStats:
        """Return the counters up to the newest picture that was taken."""
        with self._lock:
            network = min(self._lost_when_delivered, self._missed)
            busy = min(self.mailbox.replaced, self._missed - network)
            return LiveStats(
                captured=self._delivered + self._missed,
                delivered=self._delivered,
                dropped={"network": network, "busy": busy, "decoder": self._missed - network - busy},
                damaged=self.damaged,
                reconnects=max(0, self._epoch),
                interval_s=self._numbering.interval_s,
            )


@dataclass(slots=True)
class Delivery:
    """Where one connection delivers to; after :meth:`close` everything is ignored.

    Attributes:
        intake: What it belongs to.
        epoch: Number of the connection.
        count_gaps: Whether stamps are the camera's own, so that a gap between them is a loss.
        stream: What the stream is encoded in as it comes; None before the first frame.
        began_at: Monotonic time at which the connection began.
        active_at: Monotonic time of the newest frame, encoded or not; None before the first.
        picture_at: Monotonic time of the newest picture; None before the first.
    """

    intake: Intake
    epoch: int
    count_gaps: bool = True
    stream: StreamFormat | None = None
    began_at: float = field(default_factory=time.monotonic)
    active_at: float | None = None
    picture_at: float | None = None
    _open: bool = True
    _waits: bool = True

    @property
    def packets_wanted(self) -> bool:
        """Whether somebody records: a source of raw pictures encodes only then."""
        return self.intake.hub.wanted

    def packet(
        self, arrival: Arrival, data: bytes, encoding: StreamFormat, *, keyframe: bool, ours: bool = False
    ) -> None:
        """Deliver an encoded frame.

        Args:
            arrival: Its stamps.
            data: The frame as in ``EncodedPacket``.
            encoding: What it is encoded in.
            keyframe: Whether decoding can begin here.
            ours: Whether it was encoded here, from a picture with the same stamps that is delivered as well.
        """
        if not self._open:
            return
        now = time.monotonic()
        if not ours:
            self.active_at = now
            self._show(encoding)
        stamp = self.intake.place(arrival, now, packet=not ours, count_gaps=self.count_gaps)
        self.intake.hub.put(
            EncodedPacket(
                data=data,
                keyframe=keyframe,
                format=encoding,
                index=stamp.index,
                timestamp=stamp.timestamp,
                pts=arrival.pts,
                time_base=arrival.time_base,
                captured_at=arrival.captured_at,
                wall=time.time(),
                epoch=self.epoch,
            )
        )

    def picture(self, arrival: Arrival, picture: Picture, stream: StreamFormat | None = None) -> None:
        """Deliver a decoded frame; ``stream`` says what it is where it did not come as a packet."""
        if not self._open:
            return
        self.picture_at = self.active_at = now = time.monotonic()
        if stream is not None:
            self._show(stream)
        else:
            self.intake.await_packet(arrival.pts, lambda: self._waits)
        stamp = self.intake.place(arrival, now, packet=False, count_gaps=self.count_gaps)
        if stream is None:  # it is as old as its packet, whatever the decoder took
            arrival = replace(arrival, captured_at=min(stamp.arrived_at, arrival.captured_at))
        self.intake.mailbox.put(Mail(picture, stamp, arrival))

    def clock_set(self, by_s: float) -> None:
        """Take note that the camera has set its clock, by so many seconds; stamps go on as if it had not."""
        if self._open:
            self.intake.clock_set(by_s)

    def damaged(self) -> None:
        """Count a frame that arrived damaged."""
        self.intake.damaged += 1

    def wait_no_more(self) -> None:
        """Let pictures wait for no packet any more: the connection ends."""
        self._waits = False
        self.intake.wake()

    def close(self) -> None:
        """Ignore what a connection that was given up may still deliver."""
        self._open = False

    def _show(self, stream: StreamFormat) -> None:
        if stream is not self.stream:
            self.stream = self.intake.stream = stream
