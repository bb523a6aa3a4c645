"""Keeps the stamps of a GStreamer pipeline going forward when the camera sets its clock.

rtspsrc begins at 0 again then. Decoders never give a stamp smaller than the one before: every picture would
have the same one until the camera has been on for as long again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from sitepose.plugins.sources.live.numbering import CLOCK_BACK_S

SECOND_NS = 1_000_000_000


class ClockKeeper:
    """Moves what comes after a step back: time goes on. Remembers the newest stamp, and how far it was moved.

    Args:
        gst: The module ``Gst``.
        pad: Where encoded frames leave in whole; what is behind it must keep to one segment.
        tell: Told of a step in seconds, less the time that has passed, in GStreamer's thread.
    """

    def __init__(self, gst: Any, pad: Any, tell: Callable[[float], None]) -> None:
        self._gst = gst
        self._pad = pad
        self._tell = tell
        self._newest: int | None = None
        self._seen_at = 0
        self._moved = 0
        self._probe = pad.add_probe(gst.PadProbeType.BUFFER, self._look)

    def close(self) -> None:
        """Look no more."""
        self._pad.remove_probe(self._probe)

    def _look(self, _pad: Any, info: Any) -> Any:
        stamp, now = info.get_buffer().pts, time.monotonic_ns()
        if stamp != self._gst.CLOCK_TIME_NONE:
            if self._newest is not None and stamp < self._newest - CLOCK_BACK_S * SECOND_NS:
                passed = now - self._seen_at
                self._tell((stamp - self._newest - passed) / SECOND_NS)
                self._moved += self._newest + passed - stamp
                self._pad.set_offset(self._moved)  # sent on before this frame
            self._newest, self._seen_at = stamp, now
        return self._gst.PadProbeReturn.OK
