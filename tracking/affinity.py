"""How well each tracked person and each seen person agree: one number 0..1 for each cue.

T tracks, P people seen. Boxes and keypoints of tracks are those predicted for now.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sitepose.core.geometry import box_areas, box_centers
from sitepose.core.similarity import COCO_AREA_SHARE, box_iou, oks
from sitepose.core.structures import FloatArray
from sitepose.tracking.motion import State

PLACE_TOLERANCE = 0.06
"""Standard deviation of a detector's box centre, in box heights, that the motion cue always allows for."""

PLACE_TAIL = 6.0
"""How much flatter than a Gaussian the motion cue falls off: people turn and detectors jump."""


def moved_keypoints(keypoints: FloatArray, from_boxes: FloatArray, to_boxes: FloatArray) -> FloatArray:
    """Return each person's keypoints carried along from one box to another.

    Args:
        keypoints: Shape (P, K, 2).
        from_boxes: The boxes that they were seen in, shape (P, 4).
        to_boxes: The boxes now, shape (P, 4).
    """
    old_heights = np.maximum(from_boxes[:, 3] - from_boxes[:, 1], 1)
    scale = (to_boxes[:, 3] - to_boxes[:, 1]) / old_heights
    offset = keypoints - box_centers(from_boxes)[:, None]
    return np.asarray(offset * scale[:, None, None] + box_centers(to_boxes)[:, None], np.float32)


def height_overlap(a: FloatArray, b: FloatArray) -> FloatArray:
    """Return the overlap of the vertical extents of all pairs of boxes, 0..1, shape (M, N).

    Feet and heads of walking people move little, and people farther away end higher: the vertical extent
    tells apart people who cross, where the horizontal one cannot (Hybrid-SORT's height-modulated IoU).
    """
    inner = np.minimum(a[:, None, 3], b[None, :, 3]) - np.maximum(a[:, None, 1], b[None, :, 1])
    outer = np.maximum(a[:, None, 3], b[None, :, 3]) - np.minimum(a[:, None, 1], b[None, :, 1])
    return np.asarray(np.maximum(inner, 0) / np.maximum(outer, 1e-6), np.float32)


def place_affinity(centers: State, variances: State, boxes: FloatArray, heights: State) -> FloatArray:
    """Return how likely each box is where the motion of each track leads, (T, P), 0..1.

    Args:
        centers: Predicted centres, shape (T, 2).
        variances: How unsure they are, in square pixels, shape (T, 2).
        boxes: Seen boxes, shape (P, 4).
        heights: Predicted heights, shape (T,).
    """
    seen = (boxes[:, :2] + boxes[:, 2:]) / 2
    mean_heights = (heights[:, None] + (boxes[:, 3] - boxes[:, 1])[None]) / 2
    allowed = variances[:, None] + (PLACE_TOLERANCE * mean_heights[..., None]) ** 2
    squared = (centers[:, None] - seen[None]) ** 2
    distance = (squared / np.maximum(allowed, 1e-6)).sum(axis=2)
    return np.asarray(np.exp(-distance / 2 / PLACE_TAIL), np.float32)


def direction_affinity(velocities: State, last_boxes: FloatArray, boxes: FloatArray) -> FloatArray:
    """Return the cosine between each track's velocity and the way to each box, (T, P), -1..1.

    Standing people and steps within the detector's jitter have no direction: there it fades to 0.
    """
    heights = np.maximum(last_boxes[:, 3] - last_boxes[:, 1], 1)[:, None]
    ways = (box_centers(boxes)[None] - box_centers(last_boxes)[:, None]) / heights[..., None]
    lengths = np.linalg.norm(ways, axis=2)
    speeds = np.linalg.norm(velocities, axis=1)[:, None] / heights
    product = (ways * (velocities / heights)[:, None]).sum(axis=2)
    # cosine * speed / (speed + .2 heights/s) * length / (length + .1 heights)
    return np.asarray(product / ((speeds + 0.2) * (lengths + 0.1)), np.float32)


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


def largest_overlap(boxes: FloatArray, others: FloatArray) -> FloatArray:
    """Return for each box its largest IoU with any of the others, shape (P,)."""
    return np.asarray(box_iou(boxes, others).max(axis=1, initial=0), np.float32)


def hidden_share(boxes: FloatArray, others: FloatArray) -> NDArray[np.float32]:
    """Return for each box the share of it that one of the others covers, at most, shape (P,)."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    covered = np.maximum(high - low, 0).prod(axis=2) / np.maximum(box_areas(boxes), 1e-6)[:, None]
    return np.asarray(covered.max(axis=1, initial=0), np.float32)
