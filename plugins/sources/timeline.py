"""Seconds that never go back, from a container's stamps, which may."""

from __future__ import annotations

from fractions import Fraction

JUMP_FRAMES = 5
"""A stamp this many frame intervals behind the last one means that the clock was set anew; less is jitter."""

DEFAULT_FRAME_RATE = Fraction(25)
"""Frames per second of a stream that gives neither stamps nor a rate."""


class Timeline:
    """Turns stamps into seconds since the first frame.

    A frame without a stamp comes one frame interval after the one before it. A stamp that is slightly behind
    the last one counts as equal to it. Where the clock jumps back, as in recordings that were joined, time goes
    on one frame interval after the last frame. Jumps forward are kept: they are gaps.

    >>> timeline = Timeline(Fraction(10))
    >>> [timeline.seconds(pts, Fraction(1, 100)) for pts in (500, 510, 505, None, 580, 0, 10)]
    [0.0, 0.1, 0.1, 0.2, 0.8, 0.9, 1.0]
    """

    def __init__(self, frame_rate: Fraction | None) -> None:
        self._interval = float(1 / (frame_rate or DEFAULT_FRAME_RATE))
        self._origin: int | None = None  # the stamp that is at ...
        self._start = 0.0  # ... this second
        self._last: float | None = None

    def seconds(self, pts: int | None, time_base: Fraction | None) -> float:
        """Return the time of the next frame in seconds since the first one."""
        expected = 0.0 if self._last is None else self._last + self._interval
        if pts is None or not time_base:
            self._last = expected
            return expected
        if self._origin is None:
            self._origin, self._start = pts, expected
        now = self._start + _seconds(pts - self._origin, time_base)
        if self._last is not None and now < self._last - JUMP_FRAMES * self._interval:
            self._origin, self._start = pts, expected
            now = expected
        self._last = now if self._last is None else max(now, self._last)
        return self._last


def _seconds(ticks: int, time_base: Fraction) -> float:
    """Return ticks in seconds, rounded once."""
    return ticks * time_base.numerator / time_base.denominator
