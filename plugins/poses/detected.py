"""For one-stage detectors: their own keypoints are the poses."""

from __future__ import annotations

from collections.abc import Sequence

from sitepose.core.skeleton import Skeleton
from sitepose.models.estimator import candidates_from_detections
from sitepose.plugins.api import Capabilities, Detections, Frame, PoseCandidates


class DetectedPoses:
    """Passes on the keypoints that the detector has found.

    Args:
        skeleton: The detector's keypoints.
    """

    def __init__(self, skeleton: Skeleton) -> None:
        self.capabilities = Capabilities(skeleton=skeleton, thread_safe=True)
        self._skeleton = skeleton

    def estimate(self, frames: Sequence[Frame], detections: Sequence[Detections]) -> list[PoseCandidates]:
        """Return the candidates of each frame; one row for each of its detections, in their order."""
        return [
            candidates_from_detections(found, self._skeleton)
            for _, found in zip(frames, detections, strict=True)
        ]

    def close(self) -> None:
        """Do nothing: nothing is held."""
