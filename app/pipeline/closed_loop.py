"""The loop in which tracks tell the pose network where to look, and the detector is asked now and then.

What the tracks say after one frame decides about the next, so detector, pose network and tracker take turns on
one thread; the crops of a frame still run side by side, and decoding, writing and drawing go on beside it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from sitepose.app.pipeline.following import BoxFollower
from sitepose.app.pipeline.runner import Work
from sitepose.app.pipeline.schedule import Schedule

Step = Callable[[Work], None]


class ClosedLoop:
    """One step of the loop is one frame; remembers where everybody was.

    Args:
        detect: Fills in the detections of a frame.
        rest: What comes after, by name: pose, nms, track.
        schedule: When to ask the detector.
        balance: See :class:`sitepose.app.pipeline.runner.Stage`.
    """

    def __init__(
        self,
        detect: Step,
        rest: Mapping[str, Step],
        schedule: Schedule,
        *,
        balance: Callable[[], float] = float,
    ) -> None:
        self._detect = detect
        self._rest = rest
        self._schedule = schedule
        self._balance = balance
        self._follower = BoxFollower()
        self.detected = 0

    def step(self, work: Work) -> None:
        """Find the people of one frame, by the detector where it is due."""
        with self._timed(work, "follow"):
            self._follower.look(work.frame)
            followed = self._follower.boxes()
            due = self._schedule.due(work.frame, followed.boxes)
        if due:
            with self._timed(work, "detect"):
                self._detect(work)
            self.detected += 1
        else:
            work.detections = followed
        for name, function in self._rest.items():
            with self._timed(work, name):
                function(work)
        assert work.poses is not None  # the tracker has filled it in
        self._follower.learn(work.poses, detected=due)
        self._schedule.learn(work.frame, work.poses, detected=due)

    @contextmanager
    def _timed(self, work: Work, name: str) -> Iterator[None]:
        self._balance()
        started = time.perf_counter()
        yield
        work.timings[name] = max(time.perf_counter() - started + self._balance(), 0.0)
