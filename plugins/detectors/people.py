"""The last steps of every detector that runs a network: out of its input, into the frame, doubles dropped."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sitepose.core.structures import Detections
from sitepose.plugins.detectors.box_nms import suppress_boxes
from sitepose.plugins.detectors.network_input import Fit


def people_of_frame(found: Detections, fit: Fit, *, nms_iou: float) -> Detections:
    """Return what a network found as people of the frame, best first.

    Args:
        found: Boxes and keypoints in corner coordinates of the input, in any order. What is not finite or
            has no area is dropped; scores are cut to 0..1.
        fit: Where the frame lies in the input.
        nms_iou: Overlap (intersection over union) that two people may have.
    """
    real = np.isfinite(found.boxes).all(axis=1) & (found.boxes[:, 2:] > found.boxes[:, :2]).all(axis=1)
    if found.keypoints is not None:
        real &= np.isfinite(found.keypoints).all(axis=(1, 2))
    found = found[real]
    people = replace(found, boxes=fit.boxes(found.boxes), scores=np.clip(found.scores, 0, 1))
    if found.keypoints is not None and found.keypoint_scores is not None:
        shares = np.clip(found.keypoint_scores, 0, 1)
        people = replace(people, keypoints=fit.points(found.keypoints), keypoint_scores=shares)
    return people[suppress_boxes(people.boxes, people.scores, nms_iou=nms_iou)]
