"""From candidates to poses: the best peak of each keypoint, and the rows of the people who stay."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sitepose.core.geometry import box_centers
from sitepose.core.structures import BoolArray, FloatArray, IntArray, PoseCandidates, Poses
from sitepose.tracking.pose_nms.scoring import PersonScore, person_scores


@dataclass(frozen=True, eq=False, slots=True)
class TopPeaks:
    """Everybody's best peak of each keypoint.

    Attributes:
        keypoints: Shape (P, K, 2), always finite: a keypoint without a peak lies in the middle of its box.
        scores: Shape (P, K), 0..1; 0 where there is no peak.
        present: Shape (P, K); whether there is a peak.
    """

    keypoints: FloatArray
    scores: FloatArray
    present: BoolArray


def top_peaks(candidates: PoseCandidates) -> TopPeaks:
    """Return everybody's best peaks, which the candidates hold first."""
    people, num_keypoints, num_peaks = candidates.scores.shape
    if num_peaks == 0:
        keypoints = np.full((people, num_keypoints, 2), np.nan, np.float32)
        scores = np.zeros((people, num_keypoints), np.float32)
    else:
        keypoints, scores = candidates.keypoints[:, :, 0], candidates.scores[:, :, 0]
    present = np.asarray(np.isfinite(keypoints).all(axis=2), np.bool_)
    middle = box_centers(candidates.boxes)[:, None]
    return TopPeaks(
        np.where(present[..., None], keypoints, middle), np.where(present, scores, np.float32(0)), present
    )


def make_poses(
    candidates: PoseCandidates,
    rows: IntArray,
    keypoints: FloatArray,
    keypoint_scores: FloatArray,
    rule: PersonScore,
) -> Poses:
    """Return poses that carry the boxes, ids and marks of the candidates in ``rows``.

    Args:
        candidates: Everybody who was proposed.
        rows: Which of them stay, in the order of the result, shape (N,).
        keypoints: Their keypoints, shape (N, K, 2).
        keypoint_scores: Shape (N, K), 0..1.
        rule: How the person's score is made.
    """
    box_scores = candidates.box_scores[rows]
    return Poses(
        keypoints=keypoints,
        keypoint_scores=keypoint_scores,
        boxes=candidates.boxes[rows],
        box_scores=box_scores,
        scores=person_scores(keypoint_scores, box_scores, rule),
        track_ids=None if candidates.track_ids is None else candidates.track_ids[rows],  # type: ignore[arg-type]
        from_tracks=candidates.from_tracks[rows],
    )


def best_first(poses: Poses) -> Poses:
    """Return the people in the order of their scores; equals stay in the order they came in."""
    return poses[np.argsort(-poses.scores, kind="stable")]
