"""What a person's score is: four rules, and the settings that every method of pose-NMS shares."""

from __future__ import annotations

from typing import Literal

import numpy as np

from sitepose.core.settings import Settings
from sitepose.core.structures import FloatArray

PersonScore = Literal["box", "box*kpt", "mean", "published"]

COUNTED_SCORE = 0.2
"""Keypoints must score above this to count in ``box*kpt``; HRNet's and mmpose's value."""

BEST_KEYPOINT_WEIGHT = 1.25
"""Weight of the best keypoint in the ``published`` rule, as the public AlphaPose settings have it."""

PUBLISHED_MAXIMUM = 2 + BEST_KEYPOINT_WEIGHT
"""The ``published`` score of a person with nothing but ones: divides it down to 0..1."""


class PoseNmsSettings(Settings):
    """What all methods of pose-NMS share."""

    person_score: PersonScore = "box*kpt"
    """What a person's score is made of: the box score; that times the mean of the keypoint scores above .2;
    the mean of all keypoint scores; or mean + box + 1.25 best, divided by 3.25."""


def person_scores(keypoint_scores: FloatArray, box_scores: FloatArray, rule: PersonScore) -> FloatArray:
    """Return each person's score, shape (P,), 0..1.

    ``published`` is mean + box + 1.25 best keypoint, which ranks but is no probability: it is divided by its
    largest possible value, which changes no order.

    Args:
        keypoint_scores: Shape (P, K), 0..1; 0 where a keypoint is missing.
        box_scores: Shape (P,), 0..1.
        rule: How the two make one.

    >>> person_scores(np.float32([[0.9, 0.5, 0.1]]), np.float32([0.5]), "box*kpt").round(3)
    array([0.35], dtype=float32)
    """
    if rule == "box":
        scores = box_scores
    elif rule == "box*kpt":
        scores = box_scores * _mean_above(keypoint_scores, COUNTED_SCORE)
    elif rule == "mean":
        scores = _mean_above(keypoint_scores, -1.0)
    else:
        best = keypoint_scores.max(axis=1, initial=0.0)
        published = _mean_above(keypoint_scores, -1.0) + box_scores + BEST_KEYPOINT_WEIGHT * best
        scores = published / PUBLISHED_MAXIMUM
    return np.asarray(np.clip(scores, 0.0, 1.0), np.float32)


def _mean_above(scores: FloatArray, floor: float) -> FloatArray:
    """Return the mean of each row's scores above ``floor``, shape (P,); 0 where there is none."""
    counted = scores > floor
    total = np.where(counted, scores, 0).sum(axis=1)
    return np.asarray(total / np.maximum(counted.sum(axis=1), 1), np.float32)
