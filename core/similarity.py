"""How alike two people are: overlap of boxes, similarity of keypoints."""

from __future__ import annotations

import numpy as np

from sitepose.core.geometry import box_areas
from sitepose.core.structures import FloatArray

COCO_AREA_SHARE = 0.53
"""Median share of its box that a person's COCO segment covers: turns a box area into the area of OKS."""


def box_iou(a: FloatArray, b: FloatArray) -> FloatArray:
    """Return the overlap of every box with every other, 0..1.

    Args:
        a: ``xyxy``, shape (M, 4).
        b: ``xyxy``, shape (N, 4).

    Returns:
        Intersection over union, shape (M, N); 0 where both boxes are empty.

    >>> box_iou(np.float32([[0, 0, 2, 2]]), np.float32([[1, 0, 3, 2]])).round(2)
    array([[0.33]], dtype=float32)
    """
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    inner = np.maximum(high - low, 0).prod(axis=2)
    union = box_areas(a)[:, None] + box_areas(b)[None, :] - inner
    return np.asarray(np.divide(inner, union, out=np.zeros_like(inner), where=union > 0), np.float32)


def oks(
    a: FloatArray, b: FloatArray, areas: FloatArray, sigmas: FloatArray, *, weights: FloatArray | None = None
) -> FloatArray:
    """Return the object keypoint similarity of every pose with every other, 0..1 (COCO).

    ``mean_k exp(-d_k^2 / (2 A (2 s_k)^2))`` over keypoints that count.

    Args:
        a: Keypoints, shape (M, K, 2).
        b: Keypoints, shape (N, K, 2).
        areas: Area A of each pair in square pixels, broadcastable to (M, N).
        sigmas: COCO's per-keypoint deviations, shape (K,).
        weights: How much keypoint k counts in each pair, broadcastable to (M, N, K); all alike by default.

    Returns:
        Shape (M, N); 0 where no keypoint counts.

    >>> pose = np.zeros((1, 2, 2), np.float32)
    >>> oks(pose, pose, np.float32([[9]]), np.float32([0.1, 0.1]))
    array([[1.]], dtype=float32)
    """
    squared = ((a[:, None] - b[None]) ** 2).sum(axis=-1, dtype=np.float32)
    spread = 2 * np.maximum(areas, np.finfo(np.float32).eps)[..., None] * (2 * sigmas) ** 2
    similarity = np.exp(-squared / spread)
    if weights is None:
        return np.asarray(similarity.mean(axis=-1), np.float32)
    similarity = np.where(np.isfinite(similarity), similarity, 0)
    weights = np.broadcast_to(weights, similarity.shape)
    total = weights.sum(axis=-1)
    summed = (similarity * weights).sum(axis=-1)
    return np.asarray(np.divide(summed, total, out=np.zeros_like(summed), where=total > 0), np.float32)
