"""What a person's score is made of."""

from __future__ import annotations

import numpy as np
import pytest

from sitepose.tracking.pose_nms.scoring import person_scores

KEYPOINTS = np.float32([[0.9, 0.5, 0.1], [0.1, 0.1, 0.1]])
BOXES = np.float32([0.5, 0.8])


class TestPersonScores:
    @pytest.mark.parametrize(
        ("rule", "expected"),
        [
            pytest.param("box", [0.5, 0.8], id="box"),
            pytest.param("box*kpt", [0.5 * 0.7, 0.0], id="keypoints at or below .2 do not count"),
            pytest.param("mean", [0.5, 0.1], id="mean"),
            pytest.param("published", [2.125 / 3.25, 1.025 / 3.25], id="published, out of 3.25"),
        ],
    )
    def test_follows_the_rule(self, rule, expected):
        np.testing.assert_allclose(person_scores(KEYPOINTS, BOXES, rule), expected, rtol=1e-5)

    @pytest.mark.parametrize("rule", ["box", "box*kpt", "mean", "published"])
    @pytest.mark.parametrize(("value", "expected"), [(1.0, 1.0), (0.0, 0.0)])
    def test_spans_0_to_1(self, rule, value, expected):
        scores = person_scores(np.full((1, 17), value, np.float32), np.full(1, value, np.float32), rule)
        np.testing.assert_allclose(scores, [expected], rtol=1e-6)

    @pytest.mark.parametrize("rule", ["box", "box*kpt", "mean", "published"])
    def test_nobody_is_a_normal_case(self, rule):
        assert person_scores(np.empty((0, 17), np.float32), np.empty(0, np.float32), rule).shape == (0,)
