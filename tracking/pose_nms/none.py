"""No pose-NMS: every candidate becomes a person."""

from __future__ import annotations

import numpy as np

from sitepose.core.skeleton import Skeleton
from sitepose.core.structures import PoseCandidates, Poses
from sitepose.tracking.pose_nms.peaks import make_poses, top_peaks
from sitepose.tracking.pose_nms.scoring import PoseNmsSettings


class KeepAllSettings(PoseNmsSettings):
    """Settings of ``none``."""


def keep_all(candidates: PoseCandidates, skeleton: Skeleton, settings: KeepAllSettings) -> Poses:
    """Return everybody's best peaks, in the order of the candidates."""
    peaks = top_peaks(candidates)
    return make_poses(
        candidates, np.arange(len(candidates)), peaks.keypoints, peaks.scores, settings.person_score
    )
