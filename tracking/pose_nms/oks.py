"""OKS-NMS and soft-OKS-NMS: people who lie as close to a better one as a second labelling of it would."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from sitepose.core.geometry import box_areas
from sitepose.core.similarity import COCO_AREA_SHARE
from sitepose.core.skeleton import Skeleton
from sitepose.core.structures import FloatArray, PoseCandidates, Poses
from sitepose.tracking.pose_nms.merging import greedy_references, pair_distances, ranked_pairs
from sitepose.tracking.pose_nms.peaks import TopPeaks, make_poses, top_peaks
from sitepose.tracking.pose_nms.scoring import PersonScore, PoseNmsSettings

NEGLIGIBLE = 1e-4
"""An OKS below this is taken for 0."""

SMALLEST_AREA = np.float32(np.finfo(np.float32).eps)
"""Of an empty box, in square pixels: only coinciding keypoints are alike there."""


class OksSettings(PoseNmsSettings):
    """Settings of ``oks``."""

    threshold: float = Field(default=0.7, ge=0, le=1)
    """People above this similarity to a better one vanish; fitted (docs/pose_nms.md), publicly .9."""
    min_keypoint_score: float = Field(default=0.0, ge=0, le=1)
    """Keypoints are compared only where both people's score above this."""


class SoftOksSettings(PoseNmsSettings):
    """Settings of ``soft-oks``."""

    spread: float = Field(default=0.9, gt=0)
    """How mildly scores fall: ``score *= exp(-oks^2 / spread)`` for each better person."""
    min_keypoint_score: float = Field(default=0.0, ge=0, le=1)
    """Keypoints are compared only where both people's score above this."""
    max_people: int = Field(default=20, ge=1)
    """At most so many people stay; COCO counts no more than 20."""


def oks_nms(candidates: PoseCandidates, skeleton: Skeleton, settings: OksSettings) -> Poses:
    """Keep the best person, drop everybody too similar to it, go on with the best of the rest."""
    poses, similarity = _ranked(candidates, skeleton, settings.person_score, settings.min_keypoint_score)
    return poses[greedy_references(similarity > settings.threshold) == np.arange(len(poses))]


def soft_oks_nms(candidates: PoseCandidates, skeleton: Skeleton, settings: SoftOksSettings) -> Poses:
    """Lower everybody's score by the similarity to each better person, and keep the best ``max_people``."""
    poses, similarity = _ranked(candidates, skeleton, settings.person_score, settings.min_keypoint_score)
    decay = np.exp(-(similarity**2) / np.float32(settings.spread))
    scores = poses.scores.copy()
    waiting = np.ones(len(poses), np.bool_)
    order = []
    for _ in range(min(len(poses), settings.max_people)):
        best = int(np.argmax(np.where(waiting, scores, -1)))
        waiting[best] = False
        order.append(best)
        scores[waiting] *= decay[best, waiting]
    return poses.replace(scores=scores)[order]


def _ranked(
    candidates: PoseCandidates, skeleton: Skeleton, rule: PersonScore, min_keypoint_score: float
) -> tuple[Poses, FloatArray]:
    """Return everybody, best first, and the similarity of each with each, shape (P, P)."""
    peaks = top_peaks(candidates)
    poses = make_poses(candidates, np.arange(len(candidates)), peaks.keypoints, peaks.scores, rule)
    order = np.argsort(-poses.scores, kind="stable")
    ranked = TopPeaks(
        peaks.keypoints[order],
        peaks.scores[order],
        peaks.present[order] & (peaks.scores[order] > min_keypoint_score),
    )
    return poses[order], _similarity(ranked, candidates.boxes[order], skeleton.oks_sigmas)


def _similarity(peaks: TopPeaks, boxes: FloatArray, sigmas: FloatArray) -> FloatArray:
    """Return the OKS of each with each, shape (P, P): at the mean area of the two, over keypoints of both.

    Pairs whose keypoints all lie so far apart that it is below ``NEGLIGIBLE`` are given 0.
    """
    areas = np.maximum(box_areas(boxes) * np.float32(COCO_AREA_SHARE), SMALLEST_AREA)
    widest = 2 * sigmas.max(initial=0) * np.sqrt(2 * areas.max(initial=0) * -np.log(NEGLIGIBLE))
    i, j = ranked_pairs(peaks, np.full(len(areas), widest, np.float32))
    spread = (areas[i] + areas[j])[:, None] * (2 * sigmas) ** 2
    both = peaks.present[i] & peaks.present[j]
    summed = np.exp(-(pair_distances(peaks, i, j) ** 2) / spread).sum(axis=1)
    similarity = np.zeros((len(areas), len(areas)), np.float32)
    similarity[i, j] = summed / np.maximum(both.sum(axis=1), 1)
    return np.maximum(similarity, similarity.T)
