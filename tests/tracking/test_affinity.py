from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sitepose.tracking.affinity import (
    direction_affinity,
    height_overlap,
    hidden_share,
    largest_overlap,
    moved_keypoints,
    place_affinity,
    pose_affinity,
)

NOBODY = np.zeros((0, 4), np.float32)
BOXES = np.float32([[0, 0, 20, 50], [100, 10, 130, 90]])


class TestHeightOverlap:
    @pytest.mark.parametrize(
        ("other", "expected"),
        [
            pytest.param([500, 0, 520, 50], 1.0, id="beside, same heights"),
            pytest.param([0, 25, 20, 75], 25 / 75, id="half a body lower"),
            pytest.param([0, 60, 20, 90], 0.0, id="below"),
        ],
    )
    def test_compares_vertical_extents_alone(self, other, expected):
        assert height_overlap(BOXES[:1], np.float32([other]))[0, 0] == pytest.approx(expected)


class TestPlaceAffinity:
    def test_is_one_at_the_prediction_and_falls_with_distance(self):
        centers, variances, heights = np.array([[10.0, 25]]), np.full((1, 2), 4.0), np.array([50.0])
        boxes = BOXES[:1] + np.float32([[0, 0, 0, 0], [3, 0, 3, 0], [12, 0, 12, 0]])
        here, near, far = place_affinity(centers, variances, boxes, heights)[0]
        assert here == pytest.approx(1)
        assert here > near > far

    def test_forgives_more_where_the_prediction_is_unsure(self):
        centers, heights, away = np.array([[10.0, 25]]), np.array([50.0]), BOXES[:1] + np.float32(12)
        sure = place_affinity(centers, np.full((1, 2), 4.0), away, heights)
        unsure = place_affinity(centers, np.full((1, 2), 400.0), away, heights)
        assert unsure > sure


class TestDirectionAffinity:
    def test_tells_onward_from_backward(self):
        last = np.float32([[100, 100, 140, 200]])
        seen = last + np.float32([[30, 0, 30, 0], [-30, 0, -30, 0]]).reshape(2, 4)
        onward, backward = direction_affinity(np.array([[80.0, 0]]), last, seen)[0]
        assert onward == pytest.approx(-backward)
        assert onward > 0.3

    def test_standing_people_have_no_direction(self):
        last = np.float32([[100, 100, 140, 200]])
        assert direction_affinity(np.zeros((1, 2)), last, last + 30)[0, 0] == 0

    @settings(deadline=None)
    @given(st.floats(-500, 500), st.floats(-500, 500), st.floats(-200, 200), st.floats(-200, 200))
    def test_stays_within_one(self, vx, vy, dx, dy):
        last = np.float32([[100, 100, 140, 200]])
        seen = last + np.float32([dx, dy, dx, dy])
        assert abs(direction_affinity(np.array([[vx, vy]]), last, seen)[0, 0]) <= 1


class TestPoseAffinity:
    def test_does_not_trust_keypoints_that_one_side_has_not_seen(self, coco17):
        keypoints = np.zeros((1, 17, 2), np.float32)
        scores = np.ones((1, 17), np.float32)
        half = scores.copy()
        half[:, 8:] = 0
        similarity, trust = pose_affinity(
            (keypoints, keypoints), (scores, half), (BOXES[:1], BOXES[:1]), coco17.oks_sigmas
        )
        assert similarity[0, 0] == pytest.approx(1)
        assert trust[0, 0] == pytest.approx(8 / 17)


class TestMovedKeypoints:
    def test_follows_the_box_in_place_and_size(self):
        keypoints = np.float32([[[10, 25], [0, 0]]])
        moved = moved_keypoints(keypoints, BOXES[:1], np.float32([[100, 100, 140, 200]]))
        assert moved == pytest.approx(np.float32([[[120, 150], [100, 100]]]))


class TestOverlaps:
    def test_hidden_share_is_of_the_box_itself(self):
        assert hidden_share(BOXES[:1], np.float32([[10, 0, 200, 50]]))[0] == pytest.approx(0.5)

    def test_nobody_hides_nobody(self):
        assert hidden_share(BOXES, NOBODY).tolist() == [0, 0]
        assert largest_overlap(BOXES, NOBODY).tolist() == [0, 0]
        assert hidden_share(NOBODY, BOXES).shape == (0,)
