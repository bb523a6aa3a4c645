"""Who is merged into whom, and what becomes of their keypoints."""

from __future__ import annotations

import numpy as np

from sitepose.core.structures import BoolArray, FloatArray, IntArray
from sitepose.tracking.pose_nms.peaks import TopPeaks


def greedy_references(alike: BoolArray) -> IntArray:
    """Return for each person the one that represents it, shape (P,); survivors represent themselves.

    Args:
        alike: Shape (P, P), people in the order of their rank; ``alike[i, j]``: i may absorb j.

    >>> greedy_references(np.array([[1, 1, 0], [1, 1, 1], [0, 1, 1]], bool))
    array([0, 0, 2])
    """
    references = np.full(len(alike), -1, np.int64)
    for i in range(len(alike)):
        if references[i] < 0:
            references[alike[i] & (references < 0)] = i
            references[i] = i
    return references


def merge_groups(
    peaks: TopPeaks, references: IntArray, distances: FloatArray, limits: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return every survivor's keypoints (P, K, 2) and scores (P, K), averaged over its group.

    A keypoint becomes the score-weighted mean over those of the group that lie within the limit of the
    survivor's: ``sum(c k) / sum(c)`` at ``sum(c^2) / sum(c)``. Rows of people who were absorbed mean nothing.

    Args:
        peaks: Everybody.
        references: Who represents whom, shape (P,).
        distances: From keypoint to keypoint, shape (P, P, K), infinite where one is missing.
        limits: How far apart averaged keypoints may lie, for each survivor, shape (P,).
    """
    people = np.arange(len(references))
    near = distances[references, people] <= limits[references, None]
    weights = np.where(near, peaks.scores, 0)
    # Sums of differences from the survivor, so that someone who absorbed nobody stays exactly as he was.
    moved = weights[..., None] * (peaks.keypoints - peaks.keypoints[references])
    gained = weights * (peaks.scores - peaks.scores[references])
    member = (references[None, :] == people[:, None]).astype(np.float32)
    total = member @ weights
    total[total == 0] = 1
    num_keypoints = weights.shape[1]
    moved = (member @ moved.reshape(len(moved), 2 * num_keypoints)).reshape(moved.shape)
    return peaks.keypoints + moved / total[..., None], peaks.scores + (member @ gained) / total
