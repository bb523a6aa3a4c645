"""The loop in which tracks tell the pose network where to look, and the detector is asked now and then.

Where to look follows from the tracks of ``LAG`` frames before, moved by optical flow: so the frames between are
still at work while the next one begins, and the processors never wait for the tracker. Which frame's tracks are
taken is fixed, not whichever are ready: equal runs give equal bytes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Protocol

import numpy as np

from sitepose.app.pipeline.following import BoxFollower, small_grey
from sitepose.app.pipeline.runner import Work
from sitepose.app.pipeline.schedule import Schedule
from sitepose.core.structures import Poses

LAG = 2
"""Frames from the tracks to the frame that they are followed into, where stages run side by side.

One frame in the pose network while the next is looked for keeps two processors busy. On four forms of
TUD-Stadtmitte, MOTA in the mean is .789 with 1, .787 with 2 and .728 with 3.
"""


class Steps(Protocol):
    """What happens to a frame."""

    def detect(self, work: Work) -> None:
        """Find the people, and fill them in."""

    def identify(self, work: Work) -> Poses:
        """Return everybody of the frame with their identities."""

    def select(self, work: Work, people: Poses) -> None:
        """Fill in those who are wanted."""


@dataclass(frozen=True, slots=True, eq=False)
class _Told:
    """What came out of a frame.

    Attributes:
        index: Of the frame.
        tracked: After tracking.
        asked: Whether the detector was asked.
    """

    index: int
    tracked: Poses
    asked: bool


class ClosedLoop:
    """Its first and its last step; between them are the pose network and the pose-NMS.

    Remembers where everybody was, and a few small pictures.

    Args:
        steps: What happens to a frame.
        schedule: When to ask the detector.
        lag: Frames between the two steps, each in a thread of its own; 0 where frames go through one by one,
            each through all steps, in one thread. Then a frame may also be lost on the way.
        balance: See :class:`sitepose.app.pipeline.runner.Stage`.
    """

    def __init__(
        self, steps: Steps, schedule: Schedule, *, lag: int = LAG, balance: Callable[[], float] = float
    ) -> None:
        self._steps = steps
        self._schedule = schedule
        self._lag = lag
        self._balance = balance
        self._follower = BoxFollower()
        self._told: SimpleQueue[_Told | None] = SimpleQueue()
        self._begun = 0
        self._elsewhere_s = 0.0

    def find(self, work: Work) -> None:
        """Fill in where the people of a frame are, by the detector where it is due."""
        with self._not_counted():
            self._learn()
        index, picture = work.frame.index, small_grey(work.frame.image)
        self._follower.look(index, picture)
        followed = self._follower.boxes(work.frame.size_wh)
        work.detections = followed
        work.asked = self._schedule.due(picture, followed.boxes / np.float32(work.frame.size_wh[0]))
        if work.asked:
            with self._not_counted():
                started = time.perf_counter()
                self._balance()
                self._steps.detect(work)
                work.timings["detect"] = max(time.perf_counter() - started + self._balance(), 0.0)
            self._follower.found(index, work.detections)

    def track(self, work: Work) -> None:
        """Keep the identities, and tell :meth:`find` what came out."""
        tracked = self._steps.identify(work)
        self._told.put(_Told(work.frame.index, tracked, work.asked))
        self._steps.select(work, tracked)

    def take_balance(self) -> float:
        """Return what to add to the seconds of :meth:`find`: it waits, and the detector has its own row."""
        elsewhere, self._elsewhere_s = self._elsewhere_s, 0.0
        return self._balance() - elsewhere

    def abandon(self) -> None:
        """Let :meth:`find` wait no longer: no frame comes out any more."""
        self._told.put(None)

    def _learn(self) -> None:
        """Take in what came out of the frame ``lag`` before this one, or of all frames before."""
        self._begun += 1
        expected = self._told.qsize() if not self._lag else int(self._begun > self._lag)
        for _ in range(expected):
            told = self._told.get()
            if told is None:
                return
            self._follower.learn(told.index, told.tracked)
            self._schedule.learn(told.tracked, asked=told.asked)

    @contextmanager
    def _not_counted(self) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self._elsewhere_s += time.perf_counter() - started
