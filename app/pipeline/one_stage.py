"""The pose stage of a pipeline whose detector has found the keypoints already."""

from __future__ import annotations

from collections.abc import Sequence

from sitepose.core.skeleton import Skeleton
from sitepose.core.structures import Detections, Frame, PoseCandidates
from sitepose.models.estimator import candidates_from_detections
from sitepose.plugins.api import Capabilities


class DetectedPoses:
    """A pose estimator that hands on what a one-stage detector has found.

    Args:
        skeleton: The detector's.
    """

    def __init__(self, skeleton: Skeleton) -> None:
        self._skeleton = skeleton
        self.capabilities = Capabilities(skeleton=skeleton, thread_safe=True)

    def estimate(self, frames: Sequence[Frame], detections: Sequence[Detections]) -> list[PoseCandidates]:
        """Return the detections' own keypoints as candidates."""
        del frames
        return [candidates_from_detections(people, self._skeleton) for people in detections]

    def close(self) -> None:
        """Nothing to give back."""
