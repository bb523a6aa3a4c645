"""What leaves a live pipeline, and who takes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from sitepose.app.live.parts import LiveParts
from sitepose.core.skeleton import Skeleton
from sitepose.core.structures import TrackedFrame


@dataclass(frozen=True, eq=False, slots=True)
class LiveResult:
    """A frame whose people are known.

    Attributes:
        source: Key of the source.
        lane: Name of the lane.
        tracked: The frame, its people and what they cost.
        skeleton: What the people have.
        finished_at: ``time.monotonic()`` at which it was done.
    """

    source: str
    lane: str
    tracked: TrackedFrame
    skeleton: Skeleton
    finished_at: float


class ResultSink(Protocol):
    """Takes the results of a lane, in its thread: it must neither wait nor fail."""

    def put(self, result: LiveResult) -> None:
        """Take a result."""

    def switched(self, source: str, index: int, parts: LiveParts) -> None:
        """Take note that other parts serve ``source`` from frame ``index`` on."""
