"""OKS-NMS and soft-OKS-NMS: people who lie as close to a better one as a second labelling of it would."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from sitepose.core.geometry import box_areas
from sitepose.core.similarity import COCO_AREA_SHARE, oks
from sitepose.core.skeleton import Skeleton
from sitepose.core.structures import FloatArray, PoseCandidates, Poses
from sitepose.tracking.pose_nms.merging import greedy_references
from sitepose.tracking.pose_nms.peaks import make_poses, top_peaks
from sitepose.tracking.pose_nms.scoring import PersonScore, PoseNmsSettings


class OksSettings(PoseNmsSettings):
    """Settings of ``oks``."""

    threshold: float = Field(default=0.9, ge=0, le=1)
    """People above this similarity to a better one vanish."""
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
    return poses[order], _similarity(poses[order], skeleton, min_keypoint_score)


def _similarity(poses: Poses, skeleton: Skeleton, min_keypoint_score: float) -> FloatArray:
    """Return the OKS of each with each, at the mean area of the two, over keypoints that both have."""
    counts = poses.keypoint_scores > min_keypoint_score
    areas: FloatArray = box_areas(poses.boxes) * np.float32(COCO_AREA_SHARE)
    return oks(
        poses.keypoints,
        poses.keypoints,
        (areas[:, None] + areas[None, :]) / np.float32(2),
        skeleton.oks_sigmas,
        weights=(counts[:, None] & counts[None]).astype(np.float32),
    )
