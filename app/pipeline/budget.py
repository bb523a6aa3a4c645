"""How much a pipeline may hold at once: frames in flight, bounded in bytes and in number."""

from __future__ import annotations

import threading


class FrameBudget:
    """Lets frames in as long as those inside stay within the bounds; a lone frame always gets in.

    Args:
        max_bytes: Bytes of pixels inside.
        max_frames: Frames inside.
    """

    def __init__(self, max_bytes: int, max_frames: int) -> None:
        self._max_bytes = max_bytes
        self._max_frames = max_frames
        self._bytes = 0
        self._frames = 0
        self._closed = False
        self._changed = threading.Condition()

    def acquire(self, size: int) -> bool:
        """Wait until a frame of ``size`` bytes fits; False when the budget was closed meanwhile."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._fits(size))
            if self._closed:
                return False
            self._bytes += size
            self._frames += 1
            return True

    def release(self, size: int) -> None:
        """Give back what a frame has held."""
        with self._changed:
            self._bytes -= size
            self._frames -= 1
            self._changed.notify_all()

    def close(self) -> None:
        """Let nobody in any more, and wake who waits."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _fits(self, size: int) -> bool:
        if self._frames == 0:
            return True
        return self._frames < self._max_frames and self._bytes + size <= self._max_bytes
