"""The newest frame of each source, taken in turn: the one place where the live pipeline drops frames."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass

from sitepose.core.structures import Frame


@dataclass(frozen=True, slots=True)
class Mail:
    """A frame that waits, or has waited, to be looked at.

    Attributes:
        source: Key of its source.
        frame: The frame.
        put_at: ``time.monotonic()`` at which it was left.
        dropped: Frames of the same source that newer ones have replaced since the last one was taken.
    """

    source: str
    frame: Frame
    put_at: float
    dropped: int = 0


class TurnBox:
    """One place for each source. Remembers whose turn it is, and how many frames were never taken.

    A source that sends more often than another gets no more turns than it.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._places: dict[str, Mail] = {}
        self._order: list[str] = []
        self._in_hand = ""
        self._since_taken: Counter[str] = Counter()
        self._replaced: Counter[str] = Counter()
        self._closed = False

    def begin(self, source: str) -> None:
        """Count what a source loses from 0."""
        with self._changed:
            self._replaced[source] = self._since_taken[source] = 0

    def put(self, source: str, frame: Frame) -> None:
        """Leave the newest frame of a source; one that nobody has taken is lost, and counted."""
        with self._changed:
            if self._closed:
                return
            if source in self._places:
                self._replaced[source] += 1
                self._since_taken[source] += 1
            elif source not in self._order:
                self._order.append(source)
            self._places[source] = Mail(source, frame, time.monotonic(), self._since_taken[source])
            self._changed.notify()

    def take(self, timeout_s: float) -> Mail | None:
        """Return the frame of the source whose turn it is; None when none has come in time."""
        with self._changed:
            self._changed.wait_for(lambda: self._places or self._closed, timeout_s)
            for source in self._order:
                if source in self._places:
                    self._order.remove(source)
                    self._order.append(source)
                    self._since_taken[source] = 0
                    self._in_hand = source
                    return self._places.pop(source)
            return None

    def done(self) -> None:
        """Say that the frame that was taken last has been dealt with."""
        with self._changed:
            self._in_hand = ""

    def replaced(self, source: str) -> int:
        """Return how many frames of a source were never taken, because a newer one came."""
        with self._changed:
            return self._replaced[source]

    def waiting(self, source: str) -> int:
        """Return how many frames of a source wait, or were taken and are not done."""
        with self._changed:
            return int(source in self._places) + int(self._in_hand == source)

    def forget(self, source: str) -> int:
        """Throw away what waits of a source, and give it no more turns; return how many frames that were."""
        with self._changed:
            if source in self._order:
                self._order.remove(source)
            return int(self._places.pop(source, None) is not None)

    def close(self) -> None:
        """Take nothing more, and wake who waits."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
