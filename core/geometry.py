"""Boxes and the pixel convention.

Everywhere: float32, ``xyxy``, full-frame pixels, the centre of the top-left pixel is (0, 0).
"""

from __future__ import annotations

import numpy as np

from sitepose.core.structures import FloatArray


def box_areas(boxes: FloatArray) -> FloatArray:
    """Return width times height of each box, shape (P,); 0 for boxes turned inside out.

    >>> box_areas(np.float32([[0, 0, 2, 3], [1, 1, 0, 0]]))
    array([6., 0.], dtype=float32)
    """
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    return np.asarray(sides[:, 0] * sides[:, 1], np.float32)


def box_centers(boxes: FloatArray) -> FloatArray:
    """Return the centre of each box, shape (P, 2)."""
    return np.asarray((boxes[:, :2] + boxes[:, 2:]) / 2, np.float32)


def frame_box(width: int, height: int) -> FloatArray:
    """Return the box of a whole frame, shape (4,).

    >>> frame_box(640, 480).tolist()
    [-0.5, -0.5, 639.5, 479.5]
    """
    return np.array([-0.5, -0.5, width - 0.5, height - 0.5], np.float32)


def clip_boxes(boxes: FloatArray, width: int, height: int) -> FloatArray:
    """Cut boxes at the frame's border: for crops only, reported boxes are never clipped."""
    low, high = frame_box(width, height).reshape(2, 2)
    return np.asarray(np.clip(boxes.reshape(-1, 2, 2), low, high).reshape(-1, 4), np.float32)


def resize_points(points: FloatArray, scale: FloatArray | float) -> FloatArray:
    """Move pixel centres along with a resize by ``scale``: x -> (x + .5) s - .5.

    >>> resize_points(np.float32([[0, 0]]), 2.0)
    array([[0.5, 0.5]], dtype=float32)
    """
    return np.asarray((points + 0.5) * scale - 0.5, np.float32)


def keypoint_boxes(keypoints: FloatArray, keypoint_scores: FloatArray, *, min_score: float = 0.0) -> FloatArray:
    """Return the box around each person's keypoints that score above ``min_score``.

    Args:
        keypoints: Shape (P, K, 2).
        keypoint_scores: Shape (P, K).
        min_score: Keypoints at or below it do not count.

    Returns:
        ``xyxy``, shape (P, 4); NaN for people without such a keypoint.
    """
    seen = (keypoint_scores > min_score)[..., None] & np.isfinite(keypoints).all(axis=2, keepdims=True)
    low = np.where(seen, keypoints, np.inf).min(axis=1, initial=np.inf)
    high = np.where(seen, keypoints, -np.inf).max(axis=1, initial=-np.inf)
    boxes = np.concatenate([low, high], axis=1)
    return np.where(np.isfinite(boxes), boxes, np.nan).astype(np.float32)
