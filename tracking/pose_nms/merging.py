"""Who is merged into whom, and what becomes of their keypoints."""

from __future__ import annotations

import numpy as np

from sitepose.core.structures import BoolArray, FloatArray, IntArray
from sitepose.tracking.pose_nms.peaks import TopPeaks


def ranked_pairs(peaks: TopPeaks, reach: FloatArray) -> tuple[IntArray, IntArray]:
    """Return pairs of people, the better ranked first, of whom some keypoints may lie within reach.

    Args:
        peaks: Everybody, in the order of their rank.
        reach: Of each person, in pixels, shape (P,); pairs whose keypoints' extents lie farther apart than
            the reach of the better ranked are left out.
    """
    seen = peaks.present[..., None]
    low = np.where(seen, peaks.keypoints, np.inf).min(axis=1, initial=np.inf)
    high = np.where(seen, peaks.keypoints, -np.inf).max(axis=1, initial=-np.inf)
    wide = reach[:, None]
    overlap = ((low - wide)[:, None] <= high[None]) & ((high + wide)[:, None] >= low[None])
    i, j = np.nonzero(np.triu(overlap.all(axis=2), k=1))
    return i, j


def pair_distances(peaks: TopPeaks, i: IntArray, j: IntArray) -> FloatArray:
    """Return how far the keypoints of people ``i`` are from those of ``j``, shape (N, K).

    Infinite where one of the two is missing.
    """
    offsets = peaks.keypoints[i] - peaks.keypoints[j]
    distances: FloatArray = np.hypot(offsets[..., 0], offsets[..., 1])
    distances[~(peaks.present[i] & peaks.present[j])] = np.inf
    return distances


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


def merge_groups(peaks: TopPeaks, references: IntArray, limits: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return every survivor's keypoints (P, K, 2) and scores (P, K), averaged over its group.

    A keypoint becomes the score-weighted mean over those of the group that lie within the limit of the
    survivor's: ``sum(c k) / sum(c)`` at ``sum(c^2) / sum(c)``. Rows of people who were absorbed mean nothing.

    Args:
        peaks: Everybody.
        references: Who represents whom, shape (P,).
        limits: How far apart averaged keypoints may lie, for each survivor, shape (P,).
    """
    people = np.arange(len(references))
    near = pair_distances(peaks, references, people) <= limits[references, None]
    weights: FloatArray = np.where(near, peaks.scores, np.float32(0))
    # Sums of differences from the survivor, so that someone who absorbed nobody stays exactly as he was.
    moved = weights[..., None] * (peaks.keypoints - peaks.keypoints[references])
    gained = weights * (peaks.scores - peaks.scores[references])
    total: FloatArray = np.maximum(_group_sums(weights, references), np.finfo(np.float32).tiny)
    keypoints = peaks.keypoints + _group_sums(moved, references) / total[..., None]
    return keypoints, peaks.scores + _group_sums(gained, references) / total


def _group_sums(rows: FloatArray, references: IntArray) -> FloatArray:
    """Return, in the row of each survivor, the sum of its group's rows; 0 elsewhere."""
    sums: FloatArray = np.zeros_like(rows)
    order = np.argsort(references, kind="stable")
    survivors, starts = np.unique(references[order], return_index=True)
    if len(survivors):
        sums[survivors] = np.add.reduceat(rows[order], starts, axis=0)
    return sums
