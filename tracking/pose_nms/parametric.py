"""Parametric pose-NMS (RMPE, arXiv 1612.00137): people too alike to a better one are merged into it.

Two forms. ``published`` has the constants and pixel limits of the public 17-keypoint settings, scaled to the
number of keypoints. ``normalized`` measures every distance in tenths of the better person's longer side and
gives a similarity in 0..1, so that its parameters hold at any resolution and for any skeleton.
"""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
from pydantic import Field, model_validator

from sitepose.core.settings import Settings
from sitepose.core.skeleton import Skeleton
from sitepose.core.structures import BoolArray, FloatArray, PoseCandidates, Poses
from sitepose.tracking.pose_nms.merging import greedy_references, merge_groups, pair_distances, ranked_pairs
from sitepose.tracking.pose_nms.peaks import TopPeaks, best_first, make_poses, top_peaks
from sitepose.tracking.pose_nms.scoring import PoseNmsSettings, person_scores

PUBLISHED_KEYPOINTS = 17
"""The number of keypoints that the public constants were tuned for; eta and matches grow with K."""

SAME_PLACE = 1.0
"""Two keypoints agree within one pixel (published) or one tenth of the person (normalized)."""

AREA_MARGIN = 1.5
"""A person's side over the extent of its keypoints, in the public smallest-area rule."""

ROUNDING = 1e-5
"""Similarities this close below eta reach it: equal poses merge also where eta is 1 - a."""

SMALLEST_UNIT = np.float32(1e-6)
"""A tenth of an empty box's side, in pixels: only coinciding keypoints are alike there."""


class PublishedParameters(Settings):
    """Public constants for 17 keypoints; distances in pixels."""

    score_scale: float = Field(default=1.0, gt=0)
    """s1: scores count as ``tanh(score / s1)``."""
    distance_scale: float = Field(default=2.65, gt=0)
    """s2 in pixels: distances count as ``exp(-distance / s2)``."""
    distance_weight: float = Field(default=1.7, ge=0)
    """lambda: how much distances count beside scores."""
    eta: float = Field(default=22.48, gt=0)
    """Similarity for 17 keypoints from which a person vanishes; K/17 of it for K keypoints (18.51 for 14)."""
    matches: int = Field(default=5, ge=1)
    """Matching keypoints of 17 from which a person vanishes; the rounded share of it for K (4 for 14)."""
    share: float = Field(default=0.1, gt=0)
    """alpha: keypoints match within this share of the person's longer side, but never beyond the limits."""
    match_limit: float = Field(default=7.0, gt=0)
    """Largest distance in pixels at which two keypoints match."""
    merge_limit: float = Field(default=15.0, gt=0)
    """Largest distance in pixels at which two keypoints are averaged."""


class NormalizedParameters(Settings):
    """Scale-free parameters, fitted on labelled images (docs/pose_nms.md)."""

    score_scale: float = Field(default=0.2, gt=0)
    """s1: scores count as ``tanh(score / s1)``."""
    distance_scale: float = Field(default=1.4, gt=0)
    """s2': distances count as ``exp(-u^2 / s2')``, u in tenths of the better person's longer side."""
    score_weight: float = Field(default=0.24, ge=0, le=1)
    """a: how much the score term counts; the distance term counts 1 - a."""
    eta: float = Field(default=0.55, ge=0.001, le=1)
    """Similarity, 0..1, from which a person vanishes; at most 1 - a, so that equal poses always merge."""
    merge_limit: float = Field(default=1.2, gt=0)
    """Largest u at which two keypoints are averaged."""

    @model_validator(mode="after")
    def _equal_poses_merge(self) -> Self:
        if self.eta > 1 - self.score_weight + ROUNDING:
            limit = f"1 - score_weight = {1 - self.score_weight:.4g}"
            raise ValueError(f"eta must be at most {limit}, or equal poses of low score would both stay")
        return self


class ParametricSettings(PoseNmsSettings):
    """Settings of ``parametric``."""

    form: Literal["published", "normalized"] = "normalized"
    """Which measure of similarity, and with it which parameters."""
    published: PublishedParameters = PublishedParameters()
    """Parameters of the ``published`` form."""
    normalized: NormalizedParameters = NormalizedParameters()
    """Parameters of the ``normalized`` form."""
    min_score: float = Field(default=0.3, ge=0, le=1)
    """People whose best keypoint scores below this vanish; the public value."""
    min_area: float = Field(default=0.0, ge=0)
    """People whose keypoints' extent times 1.5 x 1.5 is smaller, in square pixels, vanish."""


def parametric_nms(candidates: PoseCandidates, skeleton: Skeleton, settings: ParametricSettings) -> Poses:
    """Keep the most confident person, merge everybody alike into it, go on with the rest.

    The survivor's keypoints become the score-weighted means over those of the merged people who place them
    nearby; its box stays.
    """
    peaks = top_peaks(candidates)
    order = np.argsort(-_confidence(peaks, candidates, settings), kind="stable")
    peaks = TopPeaks(peaks.keypoints[order], peaks.scores[order], peaks.present[order])
    sides = _longer_sides(candidates.boxes[order])
    if settings.form == "published":
        alike = _published_alike(peaks, sides, settings.published)
        limits = np.minimum(settings.published.share * sides, settings.published.merge_limit)
    else:
        alike = _normalized_alike(peaks, sides, settings.normalized)
        limits = settings.normalized.merge_limit * sides / 10
    references = greedy_references(alike)
    keypoints, scores = merge_groups(peaks, references, limits)
    kept = np.flatnonzero(references == np.arange(len(order)))
    kept = kept[_worth_keeping(peaks.keypoints[kept], scores[kept], settings)]
    return best_first(make_poses(candidates, order[kept], keypoints[kept], scores[kept], settings.person_score))


def _confidence(peaks: TopPeaks, candidates: PoseCandidates, settings: ParametricSettings) -> FloatArray:
    """Return what people are ranked by, shape (P,): the mean keypoint score, or the person's score.

    The latter knows the box, which tells among many crops of one person the well-placed one.
    """
    if settings.form == "published":
        return np.asarray(peaks.scores.mean(axis=1), np.float32)
    return person_scores(peaks.scores, candidates.box_scores, settings.person_score)


def _longer_sides(boxes: FloatArray) -> FloatArray:
    """Return the longer side of each box, shape (P,)."""
    return np.asarray(np.maximum(boxes[:, 2:] - boxes[:, :2], 0).max(axis=1), np.float32)


def _published_alike(peaks: TopPeaks, sides: FloatArray, parameters: PublishedParameters) -> BoolArray:
    """Return who (rows) absorbs whom (columns) by the published rule, shape (P, P); rows rank first."""
    limits = np.minimum(parameters.share * sides, parameters.match_limit)
    # Farther apart than this in every keypoint, not even the distance term of all of them reaches eta.
    full = PUBLISHED_KEYPOINTS * parameters.distance_weight / parameters.eta
    reach = max(SAME_PLACE, parameters.distance_scale * np.log(max(full, 1.0)))
    i, j = ranked_pairs(peaks, np.maximum(limits, reach))
    distances = pair_distances(peaks, i, j)
    weighted = np.tanh(peaks.scores / np.float32(parameters.score_scale))
    agree = np.where(distances <= SAME_PLACE, weighted[i] * weighted[j], 0).sum(axis=1)
    near = np.exp(distances / np.float32(-parameters.distance_scale)).sum(axis=1)
    matches = (distances <= limits[i, None]).sum(axis=1)
    share = peaks.scores.shape[1] / PUBLISHED_KEYPOINTS
    similar = agree + parameters.distance_weight * near >= parameters.eta * share
    alike = np.zeros((len(sides), len(sides)), np.bool_)
    alike[i, j] = similar | (matches >= max(1, round(parameters.matches * share)))
    return alike


def _normalized_alike(peaks: TopPeaks, sides: FloatArray, parameters: NormalizedParameters) -> BoolArray:
    """Return who (rows) absorbs whom (columns) by the scale-free rule, shape (P, P); rows rank first.

    Both terms are means over the keypoints that at least one of the two has.
    """
    units = np.maximum(sides / 10, SMALLEST_UNIT)
    # Farther apart than this in every keypoint, not even the distance term of all of them reaches eta.
    full = (1 - parameters.score_weight) / (parameters.eta - ROUNDING)
    reach = max(SAME_PLACE, float(np.sqrt(parameters.distance_scale * np.log(max(full, 1.0)))))
    i, j = ranked_pairs(peaks, units * np.float32(reach))
    tenths = pair_distances(peaks, i, j) / units[i, None]
    weighted = np.tanh(peaks.scores / np.float32(parameters.score_scale))
    agree = np.where(tenths <= SAME_PLACE, weighted[i] * weighted[j], 0).sum(axis=1)
    near = np.exp(tenths * tenths / np.float32(-parameters.distance_scale)).sum(axis=1)
    count = (peaks.present[i] | peaks.present[j]).sum(axis=1)
    similarity = parameters.score_weight * agree + (1 - parameters.score_weight) * near
    alike = np.zeros((len(sides), len(sides)), np.bool_)
    alike[i, j] = similarity >= (parameters.eta - ROUNDING) * count
    return alike


def _worth_keeping(keypoints: FloatArray, scores: FloatArray, settings: ParametricSettings) -> BoolArray:
    """Return which people have a keypoint above the floor and are large enough, shape (P,)."""
    extent = AREA_MARGIN**2 * np.ptp(keypoints, axis=1).prod(axis=1) if len(keypoints) else np.empty(0)
    return np.asarray(
        (scores.max(axis=1, initial=0) >= settings.min_score) & (extent >= settings.min_area), np.bool_
    )
