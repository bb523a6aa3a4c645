"""Box NMS, shared by every detector of boxes."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from sitepose.core.structures import FloatArray, IntArray


def suppress_boxes(boxes: FloatArray, scores: FloatArray, *, nms_iou: float) -> IntArray:
    """Return which boxes to keep, best first: none of them overlaps a better one by more than ``nms_iou``.

    Args:
        boxes: ``xyxy``, shape (P, 4).
        scores: Shape (P,), above 0, at most 1; of equal ones the first goes first.
        nms_iou: Overlap (intersection over union) that two people may have; at 1 nothing is removed.

    Returns:
        Row numbers into ``boxes``, shape (at most P,).

    >>> boxes = np.float32([[0, 0, 4, 4], [0, 0, 4, 5], [9, 9, 12, 12]])
    >>> suppress_boxes(boxes, np.float32([0.5, 0.9, 0.7]), nms_iou=0.5)
    array([1, 2])
    """
    if nms_iou >= 1:
        return np.argsort(-scores, kind="stable")
    boxes_xywh: Any = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
    values: Any = scores
    kept = cv2.dnn.NMSBoxes(boxes_xywh, values, score_threshold=0.0, nms_threshold=nms_iou)
    return np.asarray(kept, np.int64).reshape(-1)
