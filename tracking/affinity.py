"""How well each tracked person and each seen person agree: boxes and keypoints in one number."""

from __future__ import annotations

import numpy as np

from sitepose.core.geometry import box_areas, box_centers
from sitepose.core.similarity import COCO_AREA_SHARE, box_iou, oks
from sitepose.core.structures import FloatArray


def moved_keypoints(keypoints: FloatArray, from_boxes: FloatArray, to_boxes: FloatArray) -> FloatArray:
    """Return each person's keypoints carried along from one box to another.

    Args:
        keypoints: Shape (P, K, 2).
        from_boxes: The boxes that they were seen in, shape (P, 4).
        to_boxes: The boxes now, shape (P, 4).
    """
    old_height = np.maximum(from_boxes[:, 3] - from_boxes[:, 1], 1)
    scale = (to_boxes[:, 3] - to_boxes[:, 1]) / old_height
    offset = keypoints - box_centers(from_boxes)[:, None]
    return np.asarray(offset * scale[:, None, None] + box_centers(to_boxes)[:, None], np.float32)


def pose_affinity(
    keypoints: tuple[FloatArray, FloatArray],
    scores: tuple[FloatArray, FloatArray],
    boxes: tuple[FloatArray, FloatArray],
    sigmas: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Return OKS of every tracked with every seen person, and how far it can be trusted.

    Args:
        keypoints: Of the tracks (T, K, 2) and of the poses (P, K, 2).
        scores: Of these keypoints, (T, K) and (P, K).
        boxes: (T, 4) and (P, 4).
        sigmas: The skeleton's, shape (K,).

    Returns:
        OKS and the share of keypoints that both sides see, each (T, P), 0..1.
    """
    weights = np.sqrt(np.maximum(scores[0], 0)[:, None] * np.maximum(scores[1], 0)[None])
    areas = np.asarray(
        (box_areas(boxes[0])[:, None] + box_areas(boxes[1])[None]) / 2 * COCO_AREA_SHARE, np.float32
    )
    similarity = oks(keypoints[0], keypoints[1], areas, sigmas, weights=weights)
    return similarity, np.asarray(weights.mean(axis=-1), np.float32)


def fused_affinity(
    iou: FloatArray, similarity: FloatArray, trust: FloatArray, pose_weight: float
) -> FloatArray:
    """Return ``a * OKS + (1 - a) * IoU`` with a = ``pose_weight`` times the trust in the keypoints."""
    share = pose_weight * trust
    return np.asarray(share * similarity + (1 - share) * iou, np.float32)


def overlaps(boxes: FloatArray, others: FloatArray) -> FloatArray:
    """Return for each box its largest IoU with any of the others, shape (P,)."""
    return np.asarray(box_iou(boxes, others).max(axis=1, initial=0), np.float32)
