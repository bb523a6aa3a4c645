"""People to suppress: standing figures with every keypoint where one would expect it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from sitepose.core.skeleton import Skeleton, load_skeleton
from sitepose.core.structures import FloatArray, PoseCandidates

STANDING = np.float32(
    [
        *([0.50, 0.05], [0.53, 0.03], [0.47, 0.03], [0.57, 0.05], [0.43, 0.05]),
        *([0.70, 0.20], [0.30, 0.20], [0.80, 0.35], [0.20, 0.35], [0.85, 0.50], [0.15, 0.50]),
        *([0.62, 0.52], [0.38, 0.52], [0.63, 0.75], [0.37, 0.75], [0.64, 0.97], [0.36, 0.97]),
    ]
)
"""COCO's 17 keypoints of an upright person, as shares of its box."""


@pytest.fixture(scope="session")
def coco() -> Skeleton:
    return load_skeleton("coco17")


@pytest.fixture(scope="session")
def standing() -> Callable[..., PoseCandidates]:
    """``standing(boxes, score=.9, box_score=.9)``: one person in each box, one peak per keypoint."""
    return _standing


@pytest.fixture(scope="session")
def crowd() -> Callable[..., PoseCandidates]:
    """``crowd(seed, people, num_peaks=1)``: people and near duplicates of them, all scores different."""
    return _crowd


def _standing(
    boxes: FloatArray, *, score: float = 0.9, box_score: float = 0.9, num_keypoints: int = 17
) -> PoseCandidates:
    boxes = np.asarray(boxes, np.float32).reshape(-1, 4)
    sides = boxes[:, 2:] - boxes[:, :2]
    keypoints = boxes[:, None, :2] + STANDING[None, :num_keypoints] * sides[:, None]
    shape = (len(boxes), num_keypoints, 1)
    return PoseCandidates(
        keypoints=keypoints[:, :, None],
        scores=np.full(shape, score, np.float32),
        radii=np.full(shape, 3, np.float32),
        boxes=boxes,
        box_scores=np.full(len(boxes), box_score, np.float32),
    )


def _crowd(seed: int, people: int, *, num_peaks: int = 1) -> PoseCandidates:
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 250, (people, 2))
    corners = corners[rng.integers(0, max(people, 1), people)] if people else corners
    sides = rng.uniform([40, 100], [60, 160], (people, 2))
    boxes = np.concatenate([corners, corners + sides], axis=1) + rng.normal(0, 2, (people, 4))
    spots = boxes[:, None, :2] + STANDING * (boxes[:, 2:] - boxes[:, :2])[:, None]
    spread = np.linspace(1, 30, num_peaks)[:, None]
    keypoints = spots[:, :, None] + rng.normal(0, 1, (people, 17, num_peaks, 2)) * spread
    scores = np.sort(rng.uniform(0.05, 1, (people, 17, num_peaks)), axis=2)[:, :, ::-1]
    missing = (rng.random(scores.shape) < 0.1) & (np.arange(num_peaks) > 0)
    return PoseCandidates(
        keypoints=np.where(missing[..., None], np.nan, keypoints),
        scores=np.where(missing, 0, scores),
        radii=rng.uniform(2, 5, scores.shape),
        boxes=boxes,
        box_scores=rng.uniform(0.1, 1, people),
    )
