"""Seconds between frames, from their own stamps."""

from __future__ import annotations

from sitepose.core.structures import Frame

ASSUMED_INTERVAL_S = 0.04
"""Seconds between neighbouring frames of a source whose stamps stand still (25 frames per second)."""


class FrameClock:
    """Remembers the last frame's stamps, so that dropped frames and pauses count as the time that they took."""

    def __init__(self) -> None:
        self._index: int | None = None
        self._timestamp = 0.0
        self.now = 0.0
        """Seconds since the first frame."""

    def advance(self, frame: Frame) -> float:
        """Return the seconds since the last frame; 0 at the first.

        Stamps that stand still (a folder of photographs) are replaced by the frames' places in the sequence.
        """
        if self._index is None:
            elapsed = 0.0
        else:
            elapsed = frame.timestamp - self._timestamp
            if elapsed <= 0:
                elapsed = max(frame.index - self._index, 1) * ASSUMED_INTERVAL_S
        self._index, self._timestamp = frame.index, frame.timestamp
        self.now += elapsed
        return elapsed
