"""Overlap and keypoint similarity: symmetric, bounded, and what the COCO evaluation says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitepose.core.similarity import COCO_AREA_SHARE, box_iou, oks
from sitepose.core.skeleton import load_skeleton

SIGMAS = load_skeleton("coco17").oks_sigmas
SEEDS = st.integers(0, 10_000)


def random_boxes(seed, count):
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 100, (count, 2))
    return np.concatenate([corners, corners + rng.uniform(0, 60, (count, 2))], axis=1).astype(np.float32)


def random_poses(seed, count):
    return np.random.default_rng(seed).uniform(0, 60, (count, 17, 2)).astype(np.float32)


class TestBoxIou:
    @pytest.mark.parametrize(
        ("a", "b", "expected"),
        [
            pytest.param([0, 0, 2, 2], [0, 0, 2, 2], 1, id="the same"),
            pytest.param([0, 0, 2, 2], [1, 0, 3, 2], 1 / 3, id="half over"),
            pytest.param([0, 0, 2, 2], [2, 0, 4, 2], 0, id="touching"),
            pytest.param([0, 0, 4, 4], [1, 1, 3, 3], 0.25, id="inside"),
            pytest.param([0, 0, 0, 0], [0, 0, 0, 0], 0, id="both empty"),
            pytest.param([2, 2, 0, 0], [0, 0, 2, 2], 0, id="inside out"),
        ],
    )
    def test_has_known_values(self, a, b, expected):
        assert box_iou(np.float32([a]), np.float32([b]))[0, 0] == pytest.approx(expected)

    @given(SEEDS)
    def test_is_symmetric_and_between_0_and_1(self, seed):
        a, b = random_boxes(seed, 4), random_boxes(seed + 1, 3)
        overlap = box_iou(a, b)
        assert overlap.shape == (4, 3)
        assert overlap.dtype == np.float32
        assert np.allclose(overlap, box_iou(b, a).T)
        assert ((overlap >= 0) & (overlap <= 1 + 1e-6)).all()

    @given(SEEDS)
    def test_equals_pycocotools(self, seed):
        from pycocotools import mask

        a, b = (random_boxes(seed + i, 4).astype(np.float64) for i in range(2))
        sized = [np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1) for boxes in (a, b)]
        theirs = mask.iou(sized[0], sized[1], [0] * 4)
        assert np.abs(box_iou(a.astype(np.float32), b.astype(np.float32)) - theirs).max() < 1e-5

    @pytest.mark.parametrize(("m", "n"), [(0, 0), (0, 3), (3, 0)])
    def test_of_nobody_is_an_empty_matrix(self, m, n):
        assert box_iou(random_boxes(0, m), random_boxes(1, n)).shape == (m, n)


class TestOks:
    @given(SEEDS)
    def test_equals_the_coco_evaluation(self, seed):
        from pycocotools.cocoeval import COCOeval

        rng = np.random.default_rng(seed)
        labelled, reported = random_poses(seed, 3), random_poses(seed, 3) + rng.normal(0, 3, (3, 17, 2))
        visible = rng.random((3, 17)) < 0.7
        visible[:, 0] = True
        areas = rng.uniform(500, 5000, 3)
        evaluation = COCOeval(iouType="keypoints")
        for i in range(3):
            points = np.concatenate([labelled[i], 2 * visible[i][:, None]], axis=1).ravel().tolist()
            evaluation._gts[1, 1].append({"keypoints": points, "bbox": [0, 0, 1, 1], "area": areas[i]})
            points = np.concatenate([reported[i], np.ones((17, 1))], axis=1).ravel().tolist()
            evaluation._dts[1, 1].append({"keypoints": points, "score": 1 - i / 10})
        ours = oks(
            labelled,
            reported.astype(np.float32),
            areas[:, None].astype(np.float32),
            SIGMAS,
            weights=visible[:, None].astype(np.float32),
        )
        assert np.abs(ours.T - evaluation.computeOks(1, 1)).max() < 1e-5

    @given(SEEDS)
    def test_is_symmetric_and_between_0_and_1(self, seed):
        a, b = random_poses(seed, 3), random_poses(seed + 1, 2)
        areas = np.full((1, 1), 900, np.float32)
        alike = oks(a, b, areas, SIGMAS)
        assert alike.shape == (3, 2)
        assert alike.dtype == np.float32
        assert np.allclose(alike, oks(b, a, areas, SIGMAS).T, atol=1e-6)
        assert ((alike >= 0) & (alike <= 1 + 1e-6)).all()

    @given(SEEDS, st.floats(0.1, 10))
    def test_does_not_change_when_the_picture_is_resized(self, seed, scale):
        a, b = random_poses(seed, 2), random_poses(seed, 2) + np.float32(2)
        areas = np.full((1, 1), 900, np.float32)
        resized = oks(a * np.float32(scale), b * np.float32(scale), areas * np.float32(scale**2), SIGMAS)
        assert np.allclose(oks(a, b, areas, SIGMAS), resized, atol=1e-3)

    @given(SEEDS)
    def test_of_a_pose_with_itself_is_1(self, seed):
        pose = random_poses(seed, 1)
        assert oks(pose, pose, np.float32([[100]]), SIGMAS)[0, 0] == pytest.approx(1)

    def test_a_missing_keypoint_is_far_away_where_it_counts(self):
        pose = random_poses(0, 1)
        lacking = pose.copy()
        lacking[0, 4] = np.nan
        weights = np.ones((1, 1, 17), np.float32)
        assert oks(pose, lacking, np.float32([[100]]), SIGMAS, weights=weights)[0, 0] == pytest.approx(16 / 17)

    def test_is_0_where_no_keypoint_counts(self):
        pose = random_poses(0, 1)
        assert oks(pose, pose, np.float32([[100]]), SIGMAS, weights=np.zeros((1, 1, 17), np.float32))[0, 0] == 0

    @pytest.mark.parametrize(("m", "n"), [(0, 0), (0, 3), (3, 0)])
    def test_of_nobody_is_an_empty_matrix(self, m, n):
        poses = random_poses(0, m), random_poses(1, n)
        assert oks(*poses, np.zeros((m, n), np.float32), SIGMAS).shape == (m, n)
        weights = np.ones((m, n, 17), np.float32)
        assert oks(*poses, np.zeros((m, n), np.float32), SIGMAS, weights=weights).shape == (m, n)

    def test_the_share_of_a_box_that_is_person_is_cocos(self, data):
        from sitepose.core.formats.coco import read_coco

        people = read_coco(data / "coco" / "person_keypoints.json")
        people = people.select((people.num_keypoints > 0) & ~people.crowds)
        sides = people.boxes[:, 2:] - people.boxes[:, :2]
        assert np.median(people.areas / sides.prod(axis=1)) == pytest.approx(COCO_AREA_SHARE, abs=0.05)
