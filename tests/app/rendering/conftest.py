"""A person whose every keypoint is known, at any place and size."""

from __future__ import annotations

import numpy as np
import pytest

from sitepose.core.skeleton import load_skeleton
from sitepose.core.structures import Poses

FIGURE = np.array(
    [
        (0.0, 0.08),
        (0.05, 0.06),
        (-0.05, 0.06),
        (0.1, 0.08),
        (-0.1, 0.08),
        (0.2, 0.2),
        (-0.2, 0.2),
        (0.3, 0.35),
        (-0.3, 0.35),
        (0.3, 0.5),
        (-0.3, 0.5),
        (0.12, 0.55),
        (-0.12, 0.55),
        (0.14, 0.75),
        (-0.14, 0.75),
        (0.14, 0.95),
        (-0.14, 0.95),
    ]
)
"""COCO's keypoints of somebody who faces us: to the right of the middle, and down, in box heights."""


@pytest.fixture
def person():
    """Return a function that makes one person: top middle and height of the box in pixels."""

    def make(x, y, height, *, track_id=0, score=0.9, observed=True, keypoint_scores=0.9):
        box = [x - 0.35 * height, y, x + 0.35 * height, y + height]
        return Poses(
            keypoints=(FIGURE * height + (x, y))[None].astype(np.float32),
            keypoint_scores=np.broadcast_to(np.float32(keypoint_scores), (1, 17)),
            boxes=np.array([box], np.float32),
            box_scores=np.array([score], np.float32),
            scores=np.array([score], np.float32),
            track_ids=np.array([track_id]),
            observed=np.array([observed]),
        )

    return make


@pytest.fixture
def coco():
    return load_skeleton("coco17")
