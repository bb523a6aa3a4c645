"""What happens to a frame: detect, estimate, suppress, track."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sitepose.app.pipeline.closed_loop import LAG, ClosedLoop
from sitepose.app.pipeline.runner import Stage, Work
from sitepose.app.pipeline.schedule import Schedule
from sitepose.core.errors import PluginError
from sitepose.core.structures import Detections, Frame, PoseCandidates, Poses
from sitepose.models.runtimes.workers import Workers
from sitepose.plugins.api import Detector, PoseEstimator, Tracker

Suppress = Callable[[PoseCandidates], Poses]
"""A pose-NMS with its skeleton and settings filled in."""


class Stages:
    """The steps of figure 1 of the paper, over parts that were chosen by name.

    Args:
        detector: Frames in, boxes out.
        estimator: Frames and boxes in, keypoint candidates out.
        suppress: Candidates in, poses of people out.
        tracker: Poses in, the same with identities out.
        workers: The threads that networks run on.
        select: Keep only this track id; None keeps everybody.
    """

    def __init__(
        self,
        detector: Detector,
        estimator: PoseEstimator,
        suppress: Suppress,
        tracker: Tracker,
        *,
        workers: Workers,
        select: int | None = None,
    ) -> None:
        self._detector = detector
        self._estimator = estimator
        self._suppress = suppress
        self._tracker = tracker
        self._workers = workers
        self._select = select

    def in_order(self) -> tuple[Stage, ...]:
        """Return the stages of an open loop: every frame is detected on its own."""
        # One lane more than workers keeps every worker busy while a lane waits for its last crop.
        lanes = self._workers.threads + 1
        detector_lanes = lanes if self._detector.capabilities.thread_safe else 1
        pose_lanes = lanes if self._estimator.capabilities.thread_safe else 1
        balance = self._workers.take_balance
        return (
            Stage("detect", self.detect, detector_lanes, balance),
            Stage("pose", self.estimate, pose_lanes, balance),
            Stage("nms", self.suppress),
            Stage("track", self.track),
        )

    def in_loop(self, schedule: Schedule, *, lag: int = LAG) -> tuple[Stage, ...]:
        """Return the stages of a closed loop: the tracks stand in where the detector is not asked.

        Args:
            schedule: When to ask the detector.
            lag: See :class:`sitepose.app.pipeline.closed_loop.ClosedLoop`.
        """
        loop = ClosedLoop(self, schedule, lag=lag, balance=self._workers.take_balance)
        _, pose, nms, _ = self.in_order()
        follow = Stage("follow", loop.find, balance=loop.take_balance, abandon=loop.abandon)
        return follow, pose, nms, Stage("track", loop.track)

    def detect(self, work: Work) -> None:
        """Find the people."""
        work.detections = checked_detections(self._detector.detect([work.frame]), work.frame)

    def estimate(self, work: Work) -> None:
        """Find their keypoints."""
        detections = work.detections if work.detections is not None else Detections.empty()
        work.candidates = checked_candidates(self._estimator.estimate([work.frame], [detections]), detections)

    def suppress(self, work: Work) -> None:
        """Decide which of the poses are people."""
        assert work.candidates is not None
        work.poses = self._suppress(work.candidates)

    def track(self, work: Work) -> None:
        """Keep their identities."""
        self.select(work, self.identify(work))

    def identify(self, work: Work) -> Poses:
        """Return everybody with their identities."""
        assert work.poses is not None
        return self._tracker.update(work.frame, work.poses)

    def select(self, work: Work, people: Poses) -> None:
        """Fill in who is wanted."""
        work.poses = people if self._select is None else people[people.track_ids == self._select]


def checked_detections(answer: list[Detections], frame: Frame) -> Detections:
    """Return the only element of a detector's answer, or say what is wrong with it.

    Raises:
        PluginError: The answer is not one table of finite boxes with scores 0..1.
    """
    if not isinstance(answer, list) or len(answer) != 1 or not isinstance(answer[0], Detections):
        raise PluginError(f"the detector gave {_brief(answer)}, expected a list of one Detections per frame")
    detections = answer[0]
    if not np.isfinite(detections.boxes).all():
        raise PluginError(f"the detector gave a box that is not finite in frame {frame.index}")
    if not ((detections.scores >= 0) & (detections.scores <= 1)).all():
        raise PluginError(f"the detector gave a score outside 0..1 in frame {frame.index}")
    return detections


def checked_candidates(answer: list[PoseCandidates], detections: Detections) -> PoseCandidates:
    """Return the only element of a pose estimator's answer, or say what is wrong with it.

    Raises:
        PluginError: The answer is not one table with a row for each detection.
    """
    if not isinstance(answer, list) or len(answer) != 1 or not isinstance(answer[0], PoseCandidates):
        raise PluginError(f"the pose estimator gave {_brief(answer)}, expected a list of one PoseCandidates")
    if len(answer[0]) != len(detections):
        people, boxes = len(answer[0]), len(detections)
        raise PluginError(f"the pose estimator gave {people} people for {boxes} boxes")
    return answer[0]


def _brief(answer: object) -> str:
    inner = f" of {len(answer)}" if isinstance(answer, list | tuple) else ""
    return f"{type(answer).__name__}{inner}"
