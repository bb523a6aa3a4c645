from __future__ import annotations

import numpy as np

from sitepose.core.skeleton import load_skeleton
from sitepose.core.structures import Detections, Frame
from sitepose.plugins.api import PoseEstimator
from sitepose.plugins.poses.detected import DetectedPoses

COCO17 = load_skeleton("coco17")


def test_passes_on_the_detector_s_keypoints():
    frame = Frame(image=np.zeros((4, 4, 3), np.uint8), index=0, timestamp=0.0)
    keypoints = np.random.default_rng(0).random((2, 17, 2)).astype(np.float32)
    detections = Detections(
        boxes=np.float32([[0, 0, 3, 4], [1, 1, 4, 5]]),
        scores=[0.9, 0.8],
        keypoints=keypoints,
        keypoint_scores=np.ones((2, 17)),
    )
    pose = DetectedPoses(COCO17)
    found, nobody = pose.estimate([frame, frame], [detections, Detections.empty()])
    pose.close()
    assert isinstance(pose, PoseEstimator)
    assert pose.capabilities.skeleton is COCO17
    np.testing.assert_array_equal(found.keypoints[:, :, 0], keypoints)
    assert len(nobody) == 0
