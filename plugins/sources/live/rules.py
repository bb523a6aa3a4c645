"""When something takes a camera too long."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sitepose.plugins.sources.live.backoff import FIRST_DELAY_S, LONGEST_DELAY_S
from sitepose.plugins.sources.live.events import ConnectionFault
from sitepose.plugins.sources.live.intake import Delivery

STALL_INTERVALS = 3
"""A camera that sends rarely is not silent before it has missed this many frames."""

UNDECODED_S = 20.0
"""Packets without a picture for so long: longer than any distance between keyframes, so decoding has failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What is too long, and what is done then.

    Attributes:
        stall_s: Silence after which a connection is given up.
        connect_timeout_s: Time for the first frame of a connection.
        retry_failed_s: Wait after a fault that trying again at once will not mend.
        retry_s: First and longest wait after any other fault.
        decodes: Whether pictures are expected as well as packets.
        loops: Whether the end of a connection is no fault but the place to begin again.
    """

    stall_s: float
    connect_timeout_s: float
    retry_failed_s: float = 600.0
    retry_s: tuple[float, float] = (FIRST_DELAY_S, LONGEST_DELAY_S)
    decodes: bool = True
    loops: bool = False

    def fault(
        self, delivery: Delivery, interval_s: float | None, now: float, awake_since: float = -math.inf
    ) -> ConnectionFault | None:
        """Return what is wrong with a connection; None when all is well.

        Args:
            delivery: What has come over it.
            interval_s: The usual time between two frames; None until it is known.
            now: Monotonic time.
            awake_since: Monotonic time since when we could have seen anything.
        """
        if delivery.active_at is None:
            waited = now - max(delivery.began_at, awake_since)
            message = f"no picture within {self.connect_timeout_s:g} s"
            return ConnectionFault("unreachable", message) if waited > self.connect_timeout_s else None
        silent = now - max(delivery.active_at, awake_since)
        if silent > max(self.stall_s, STALL_INTERVALS * (interval_s or 0.0)):
            return ConnectionFault("stalled", f"no picture for {silent:.1f} s")
        blind = now - max(delivery.picture_at or delivery.began_at, awake_since)
        if self.decodes and blind > UNDECODED_S + self.stall_s:
            return ConnectionFault("broken", f"no frame could be decoded for {blind:.0f} s")
        return None
