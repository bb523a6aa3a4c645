"""OKS-NMS and soft-OKS-NMS against the formulas written out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sitepose.core.geometry import box_areas
from sitepose.core.similarity import oks
from sitepose.core.structures import PoseCandidates
from sitepose.tracking.pose_nms.oks import OksSettings, SoftOksSettings, oks_nms, soft_oks_nms


def pair_of(standing, apart: float) -> PoseCandidates:
    """Two standing people some pixels apart, the second a little less sure."""
    people = standing([[0, 0, 100, 300], [apart, 0, 100 + apart, 300]])
    return PoseCandidates(people.keypoints, people.scores, people.radii, people.boxes, np.float32([0.9, 0.8]))


def oks_of_shift(apart: float, sigmas) -> float:
    return float(np.exp(-(apart**2) / (2 * 0.53 * 100 * 300 * (2 * sigmas.astype(float)) ** 2)).mean())


class TestOksNms:
    @settings(max_examples=30, deadline=None)
    @given(seed=st.integers(0, 10_000), people=st.integers(0, 10), threshold=st.floats(0.05, 0.95))
    def test_keeps_whom_the_full_table_of_similarities_keeps(self, coco, crowd, seed, people, threshold):
        candidates = crowd(seed, people)
        kept = oks_nms(candidates, coco, OksSettings(threshold=threshold, person_score="box"))
        order = np.argsort(-candidates.box_scores)
        keypoints, areas = candidates.keypoints[order, :, 0], box_areas(candidates.boxes[order]) * 0.53
        table = oks(keypoints, keypoints, (areas[:, None] + areas) / 2, coco.oks_sigmas)
        expected = []
        for i in range(people):
            if all(table[i, j] <= threshold for j in expected):
                expected.append(i)
        np.testing.assert_array_equal(kept.boxes, candidates.boxes[order][expected])

    @pytest.mark.parametrize("apart", [2.0, 5.0, 12.0])
    def test_drops_people_above_the_threshold(self, apart, coco, standing):
        similarity = oks_of_shift(apart, coco.oks_sigmas)
        pair = pair_of(standing, apart)
        assert len(oks_nms(pair, coco, OksSettings(threshold=similarity - 0.001))) == 1
        assert len(oks_nms(pair, coco, OksSettings(threshold=similarity + 0.001))) == 2

    def test_keeps_the_better_of_two(self, coco, standing):
        poses = oks_nms(pair_of(standing, 0.5), coco, OksSettings())
        np.testing.assert_allclose(poses.box_scores, [0.9])

    def test_a_keypoint_counts_only_where_both_people_have_it(self, coco, standing):
        pair = pair_of(standing, 0.0)
        keypoints, scores = pair.keypoints.copy(), pair.scores.copy()
        keypoints[0, 0], scores[0, 0] = [500, 500], 0.1
        keypoints[1, 16], scores[1, 16] = [500, 500], 0.1
        twisted = PoseCandidates(keypoints, scores, pair.radii, pair.boxes, pair.box_scores)
        assert len(oks_nms(twisted, coco, OksSettings(threshold=0.9, min_keypoint_score=0.2))) == 1
        assert len(oks_nms(twisted, coco, OksSettings(threshold=0.9))) == 2

    def test_people_with_no_common_keypoint_both_stay(self, coco, standing):
        pair = pair_of(standing, 0.0)
        scores = pair.scores.copy()
        scores[0, :9], scores[1, 9:] = 0, 0
        apart = PoseCandidates(pair.keypoints, scores, pair.radii, pair.boxes, pair.box_scores)
        assert len(oks_nms(apart, coco, OksSettings())) == 2


class TestSoftOksNms:
    @pytest.mark.parametrize("apart", [0.0, 5.0, 400.0])
    def test_lowers_the_score_of_the_worse_by_their_similarity(self, apart, coco, standing):
        poses = soft_oks_nms(pair_of(standing, apart), coco, SoftOksSettings(spread=0.5))
        similarity = oks_of_shift(apart, coco.oks_sigmas)
        np.testing.assert_allclose(poses.scores, [0.81, 0.72 * np.exp(-(similarity**2) / 0.5)], rtol=1e-4)

    def test_sorts_again_after_each_person(self, coco, standing):
        people = standing([[0, 0, 100, 300], [1, 0, 101, 300], [400, 0, 500, 300]])
        scored = PoseCandidates(
            people.keypoints, people.scores, people.radii, people.boxes, np.float32([0.9, 0.8, 0.7])
        )
        poses = soft_oks_nms(scored, coco, SoftOksSettings())
        np.testing.assert_allclose(poses.box_scores, [0.9, 0.7, 0.8])
        assert (np.diff(poses.scores) < 0).all()

    def test_keeps_at_most_max_people(self, coco, standing):
        row = standing([[120 * i, 0, 120 * i + 100, 300] for i in range(6)])
        assert len(soft_oks_nms(row, coco, SoftOksSettings(max_people=4))) == 4
