"""What happens while a live pipeline runs, as it is told to whoever listens."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from sitepose.app.config import RunConfig

EventKind = Literal[
    "source",  # a camera connects, plays, stalls, comes back
    "scene",  # the camera was moved, refocused, or switched to infrared
    "source-failed",  # a source cannot be opened, or has ended with an error
    "source-ended",  # a file has come to its end
    "loading",  # a part is being loaded or fetched
    "switched",  # new parts have taken over
    "switch-failed",  # they cannot be had; the old ones go on
    "stage-failed",  # a stage has failed at a frame; the next frame is tried
    "output-failed",  # something cannot be written any more
    "recording",  # a recording begins, or warns
    "damaged",  # a part of a recording cannot be played, and is left out
]

FAILURES = frozenset(("source-failed", "switch-failed", "stage-failed", "output-failed"))
"""Kinds that a user has to hear of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveEvent:
    """Something that happened.

    Attributes:
        kind: What sort of thing.
        message: One line for people, without any secret.
        source: Key of the source that it is about; empty for the pipeline as a whole.
        lane: Name of the lane that it is about; empty where it is about none.
        state: State of a camera from now on; empty where it does not change.
        config: What was asked for, where it cannot be had.
        at: ``time.monotonic()`` at which it happened.
        wall: ``time.time()`` at which it happened.
    """

    kind: EventKind
    message: str
    source: str = ""
    lane: str = ""
    state: str = ""
    config: RunConfig | None = None
    at: float = field(default_factory=time.monotonic)
    wall: float = field(default_factory=time.time)

    @property
    def failed(self) -> bool:
        """Whether a user has to hear of it."""
        return self.kind in FAILURES


EventListener = Callable[[LiveEvent], None]
"""Is told of events in the engine's own threads: be quick, and hand on what takes time."""
