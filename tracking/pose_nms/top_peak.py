"""Association of best peaks only, with a second choice for losers: how the public implementation is described.

Only the best peak of each proposal and keypoint enters a group. The strongest of a group gets its middle; every
other proposal falls back to its next peak, or keeps its place with next to no score.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sitepose.core.geometry import box_areas
from sitepose.core.skeleton import Skeleton
from sitepose.core.structures import FloatArray, IntArray, PoseCandidates
from sitepose.tracking.pose_nms.peaks import TopPeaks, top_peaks

CENTER_SCORE = 0.3
"""Only peaks that score at least this move a group's middle; public value."""

LOST_SCORE = np.float32(1e-5)
"""Score of a keypoint that was lost and has no second choice; public value."""

NO_GROUP = -1


@dataclass(frozen=True, eq=False, slots=True)
class _Groups:
    """Groups of best peaks, of every keypoint; G is the number of proposals.

    Attributes:
        labels: Group of each proposal's peak, shape (P, K); ``NO_GROUP`` where it entered none.
        centers: Middle of each group, shape (K, G, 2).
    """

    labels: IntArray
    centers: FloatArray


def second_choices(candidates: PoseCandidates, skeleton: Skeleton, *, min_peak_score: float) -> TopPeaks:
    """Return everybody's keypoints after the contest for the best peaks.

    Every proposal has one peak in it, so that the maximum-weight matching is the best of each group, by the
    proposal's mean score times the peak's.

    Args:
        candidates: All proposals.
        skeleton: Says how far each keypoint may deviate.
        min_peak_score: Peaks below this enter no group and stay as they are.
    """
    tops = top_peaks(candidates)
    strengths = tops.scores.mean(axis=1)
    order = np.argsort(-strengths, kind="stable")
    groups = _group(tops, order, box_areas(candidates.boxes), skeleton.oks_sigmas, min_peak_score)
    people, index = np.nonzero(groups.labels != NO_GROUP)
    labels = groups.labels[people, index]
    weights = strengths[people] * tops.scores[people, index]
    ranked = np.lexsort((np.argsort(order)[people], -weights, labels, index))
    group = (index * len(candidates) + labels)[ranked]
    winners = ranked[np.unique(group, return_index=True)[1]]
    keypoints, scores = _second_peaks(candidates, tops, groups)
    keypoints[people[winners], index[winners]] = groups.centers[index[winners], labels[winners]]
    scores[people[winners], index[winners]] = tops.scores[people[winners], index[winners]]
    return TopPeaks(keypoints, scores, tops.present)


def _group(
    tops: TopPeaks, order: IntArray, areas: FloatArray, sigmas: FloatArray, min_peak_score: float
) -> _Groups:
    """Let each peak join the nearest group within its keypoint's deviation, else found one; strongest first.

    In reach is a distance up to the deviation (COCO's, a tenth of the public tenths) times the root of the mean
    box area of the group.
    """
    people, num_keypoints = tops.scores.shape
    labels = np.full((people, num_keypoints), NO_GROUP, np.int64)
    centers = np.zeros((num_keypoints, people, 2), np.float32)
    moved_by = np.zeros((num_keypoints, people))
    total_areas, members = np.zeros((num_keypoints, people)), np.zeros((num_keypoints, people))
    counts = np.zeros(num_keypoints, np.int64)
    for i in order:
        entered = np.flatnonzero(tops.present[i] & (tops.scores[i] >= min_peak_score))
        used = slice(0, int(counts.max()) + 1)
        size = members[entered, used]
        offsets = tops.keypoints[i, entered, None] - centers[entered, used]
        reach = sigmas[entered, None] * np.sqrt(total_areas[entered, used] / np.maximum(size, 1))
        ratios = np.hypot(offsets[..., 0], offsets[..., 1]) / np.maximum(reach, np.finfo(np.float32).tiny)
        ratios[size == 0] = np.inf
        nearest = ratios.argmin(axis=1)
        founds = ratios[np.arange(len(entered)), nearest] > 1
        joined = np.where(founds, counts[entered], nearest)
        counts[entered] += founds
        at = entered, joined
        moves = founds | (tops.scores[i, entered] >= CENTER_SCORE)
        moved_by[at] += tops.scores[i, entered] >= CENTER_SCORE
        step = (tops.keypoints[i, entered] - centers[at]) / np.maximum(moved_by[at], 1)[:, None]
        centers[at] += np.where(moves[:, None], step, 0)
        total_areas[at] += areas[i]
        members[at] += 1
        labels[i, entered] = joined
    return _Groups(labels, centers)


def _second_peaks(candidates: PoseCandidates, tops: TopPeaks, groups: _Groups) -> tuple[FloatArray, FloatArray]:
    """Return the places (P, K, 2) and scores (P, K) that everybody is left with who loses every contest."""
    keypoints, scores = tops.keypoints.copy(), tops.scores.copy()
    contested = groups.labels != NO_GROUP
    scores[contested] = LOST_SCORE
    if candidates.scores.shape[2] > 1:
        second = contested & np.isfinite(candidates.keypoints[:, :, 1]).all(axis=2)
        keypoints[second] = candidates.keypoints[:, :, 1][second]
        scores[second] = candidates.scores[:, :, 1][second]
    return keypoints, scores
