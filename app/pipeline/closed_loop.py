"""The loop in which tracks tell the pose network where to look, and the detector is asked now and then.

What the tracks say after one frame decides about the next, so detector, pose network and tracker take turns on
one thread; the crops of a frame still run side by side, and decoding, writing and drawing go on beside it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from sitepose.app.pipeline.following import BoxFollower, with_missed
from sitepose.app.pipeline.runner import Work
from sitepose.app.pipeline.schedule import Schedule


class Steps(Protocol):
    """What happens to a frame; each step fills in its part of the work."""

    def detect(self, work: Work) -> None:
        """Find the people."""

    def estimate(self, work: Work) -> None:
        """Find their keypoints."""

    def suppress(self, work: Work) -> None:
        """Decide which of the poses are people."""

    def track(self, work: Work) -> None:
        """Keep their identities."""


class ClosedLoop:
    """One step of the loop is one frame; remembers where everybody was.

    Args:
        steps: What happens to a frame.
        schedule: When to ask the detector.
        balance: See :class:`sitepose.app.pipeline.runner.Stage`.
    """

    def __init__(self, steps: Steps, schedule: Schedule, *, balance: Callable[[], float] = float) -> None:
        self._steps = steps
        self._schedule = schedule
        self._balance = balance
        self._follower = BoxFollower()

    def step(self, work: Work) -> None:
        """Find the people of one frame, by the detector where it is due."""
        with self._timed(work, "follow"):
            self._follower.look(work.frame)
            followed = self._follower.boxes()
            due = self._schedule.due(work.frame, followed.boxes)
        found: int | None = None
        if due:
            with self._timed(work, "detect"):
                self._steps.detect(work)
            assert work.detections is not None  # the detector has filled it in
            found = len(work.detections)
            work.detections = with_missed(work.detections, followed)
        else:
            work.detections = followed
        with self._timed(work, "pose"):
            self._steps.estimate(work)
        with self._timed(work, "nms"):
            self._steps.suppress(work)
        proposed = work.poses
        with self._timed(work, "track"):
            self._steps.track(work)
        assert work.poses is not None  # these steps have filled them in
        assert proposed is not None
        self._follower.learn(work.poses, proposed)
        self._schedule.learn(work.poses, detected=found)

    @contextmanager
    def _timed(self, work: Work, name: str) -> Iterator[None]:
        self._balance()
        started = time.perf_counter()
        yield
        work.timings[name] = max(time.perf_counter() - started + self._balance(), 0.0)
