"""Which place and which second a frame has, over all connections of a source, and what was lost before it."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import OrderedDict, deque
from dataclasses import dataclass, field, replace
from fractions import Fraction
from statistics import median

REMEMBERED = 1024
"""Stamps kept, so that a decoded picture finds the place of its packet: half a minute of video."""

GAP = 1.6
"""A step of this many frame intervals means that a frame in between is missing."""

IRREGULAR = 0.25
"""Where a quarter of the steps differ by this share from the usual one, the stamps are times of arrival, from a
camera that gives no others: a long step says nothing about loss then."""

MIN_INTERVALS = 8
"""Steps to have seen before one of them can be called too long."""

CLOCK_BACK_S = 1.0
"""A stamp this far behind the newest one is no reordered picture: the camera has set its clock."""

CLOCK_FORWARD_S = 5.0
"""A step this much longer than the time that has really passed: the camera has set its clock."""


APART_S = 0.001
"""The first frame of a connection is at least so much later than the last of the one before: two frames
with the same timestamp would be one to a recording, whose stamps are milliseconds."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """The place of a frame.

    Attributes:
        index: Place in the capture sequence, from 0; gaps are frames that were lost.
        timestamp: Seconds since the first frame of the source, rounded to microseconds.
        arrived_at: Monotonic time at which it came, the packet where there is one.
    """

    index: int
    timestamp: float
    arrived_at: float = field(default=0.0, compare=False)


class Numbering:
    """Gives packets and pictures of the same stamp the same place. The caller keeps threads apart.

    It remembers the newest stamps, the usual step between them, and where the stamps of this connection
    lie in the time of the source. Streams whose pictures leave the decoder in another order than their packets
    came (B-frames) are numbered too: packets as they come, pictures as they are shown.

    Attributes:
        lost: Frames that never reached us, told by gaps between stamps.
        jumps: Seconds by which the camera has set its clock, each time.
    """

    def __init__(self) -> None:
        self.lost = 0
        self.jumps: list[float] = []
        self._next = 0
        self._began_at: float | None = None  # monotonic time of timestamp 0
        self._last_timestamp = 0.0
        self.begin()

    @property
    def interval_s(self) -> float | None:
        """The usual time between two frames; None until it is known."""
        return median(self._intervals) if len(self._intervals) >= MIN_INTERVALS else None

    def passed(self, pts: int) -> bool:
        """Return whether a stamp has been numbered, or a later one where none comes behind a later one."""
        later = bool(self._order and pts <= self._order[-1])
        return pts in self._known or (later and not self._reordered)

    def begin(self) -> None:
        """Forget the stamps of the last connection: the next frame is the first of a new one."""
        self._known: OrderedDict[int, Stamp] = OrderedDict()
        self._order: list[int] = []  # stamps, ascending
        self._indices: list[int] = []  # their places, ascending
        self._intervals: deque[float] = deque(maxlen=32)
        self._reordered = False
        self._anchor: tuple[int, float] | None = None  # this stamp is at this second
        self._newest_arrival = 0.0

    def packet(self, pts: int, time_base: Fraction, arrived_at: float, *, count_gaps: bool = True) -> Stamp:
        """Return the place of an encoded frame.

        Args:
            pts: Its stamp.
            time_base: Seconds per unit of the stamp.
            arrived_at: Monotonic time at which it came.
            count_gaps: Whether the stamps are the camera's; those of arrival say nothing about loss.
        """
        if not self._order or self._anchor is None:
            return self._anchored(pts, arrived_at)
        known = self._known.get(pts)
        if known is not None and arrived_at - known.arrived_at < CLOCK_BACK_S:  # else of before a clock was set
            return known
        step = (pts - self._order[-1]) * float(time_base)
        passed = arrived_at - self._newest_arrival
        if step < -CLOCK_BACK_S or step - passed > CLOCK_FORWARD_S:
            self.jumps.append(round(step - passed, 3))
            self._forget_order()
            return self._anchored(pts, arrived_at)
        if step < 0:
            self._reordered = True
        elif count_gaps:
            self._count_gap(step)
        return self._placed(pts, time_base, arrived_at)

    def picture(self, pts: int, time_base: Fraction, arrived_at: float, *, count_gaps: bool = True) -> Stamp:
        """Return the place of a decoded frame: that of its packet, or a new one where packets are not seen."""
        stamp = self._known.get(pts)
        if stamp is not None:
            rank = bisect_left(self._order, pts)
            if not self._reordered or self._order[rank : rank + 1] != [pts]:  # or from before a clock jump
                return stamp
            return replace(stamp, index=self._indices[rank])
        if self._order and pts < self._order[-1] and self._order[-1] - pts < CLOCK_BACK_S / time_base:
            return self._between(pts, time_base, arrived_at)
        return self.packet(pts, time_base, arrived_at, count_gaps=count_gaps)

    def _anchored(self, pts: int, arrived_at: float) -> Stamp:
        if self._began_at is None:
            self._began_at, earliest = arrived_at, 0.0
        else:
            earliest = self._last_timestamp + APART_S
        self._anchor = (pts, max(arrived_at - self._began_at, earliest))
        return self._placed(pts, Fraction(1), arrived_at)

    def _placed(self, pts: int, time_base: Fraction, arrived_at: float) -> Stamp:
        stamp = Stamp(self._next, self._seconds(pts, time_base), arrived_at)
        self._next += 1
        self._last_timestamp = max(self._last_timestamp, stamp.timestamp)
        self._newest_arrival = max(self._newest_arrival, arrived_at)
        self._remember(pts, stamp)
        return stamp

    def _between(self, pts: int, time_base: Fraction, arrived_at: float) -> Stamp:
        """Return the place of a frame that the pictures skipped: one of a counted gap, else its neighbour's."""
        rank = bisect_left(self._order, pts)
        before, after = self._indices[max(rank - 1, 0)], self._indices[rank]
        place = min(before + 1, max(after - 1, before))
        stamp = Stamp(place, self._seconds(pts, time_base), arrived_at)
        self._remember(pts, stamp)
        return stamp

    def _seconds(self, pts: int, time_base: Fraction) -> float:
        assert self._anchor is not None  # the callers have set it
        origin, seconds = self._anchor
        return round(max(0.0, seconds + (pts - origin) * time_base.numerator / time_base.denominator), 6)

    def _count_gap(self, step: float) -> None:
        usual = self.interval_s
        if usual and step > GAP * usual and not self._reordered and self._regular(usual):
            missing = round(step / usual) - 1
            self.lost += missing
            self._next += missing
        if step > 0:
            self._intervals.append(step)

    def _regular(self, usual: float) -> bool:
        """Return whether most steps are about as long as the usual one."""
        differences = sorted(abs(step - usual) for step in self._intervals)
        return differences[3 * len(differences) // 4] < IRREGULAR * usual

    def _remember(self, pts: int, stamp: Stamp) -> None:
        self._known[pts] = stamp
        insort(self._order, pts)
        insort(self._indices, stamp.index)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        if len(self._order) > 2 * REMEMBERED:
            del self._order[:REMEMBERED]
            del self._indices[:REMEMBERED]

    def _forget_order(self) -> None:
        self._order.clear()
        self._indices.clear()
        self._intervals.clear()
        self._reordered = False
