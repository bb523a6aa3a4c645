"""People made by chance, for the tests of core."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from sitepose.core.structures import Poses

MakePoses = Callable[..., Poses]


@pytest.fixture(scope="session")
def make_poses() -> MakePoses:
    """A function ``(people, num_keypoints=17, seed=0) -> Poses`` with every field filled."""

    def make(people: int, num_keypoints: int = 17, seed: int = 0) -> Poses:
        rng = np.random.default_rng(seed)
        corners = rng.uniform(-20, 600, (people, 2))
        return Poses(
            keypoints=rng.uniform(-20, 700, (people, num_keypoints, 2)),
            keypoint_scores=rng.uniform(0, 1, (people, num_keypoints)),
            boxes=np.concatenate([corners, corners + rng.uniform(1, 200, (people, 2))], axis=1),
            box_scores=rng.uniform(0, 1, people),
            scores=rng.uniform(0, 1, people),
            track_ids=rng.permutation(1000)[:people],
            observed=rng.uniform(size=people) < 0.8,
            from_tracks=rng.uniform(size=people) < 0.3,
        )

    return make
