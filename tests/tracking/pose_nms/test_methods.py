"""What every method of pose-NMS owes its callers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sitepose.core.errors import ConfigError
from sitepose.core.settings import check
from sitepose.core.structures import UNTRACKED, PoseCandidates
from sitepose.tracking.pose_nms.methods import POSE_NMS_METHODS, pose_nms_method
from sitepose.tracking.pose_nms.parametric import ParametricSettings, parametric_nms

VARIANTS = [
    pytest.param("parametric", {"form": "normalized"}, id="parametric normalized"),
    pytest.param("parametric", {"form": "published"}, id="parametric published"),
    pytest.param("km", {}, id="km"),
    pytest.param("km", {"form": "top-peak"}, id="km top-peak"),
    pytest.param("oks", {}, id="oks"),
    pytest.param("soft-oks", {}, id="soft-oks"),
    pytest.param("none", {}, id="none"),
]


def suppress(name, values, candidates, skeleton):
    method = pose_nms_method(name)
    return method.suppress(candidates, skeleton, check(method.settings, values, where="test"))


@pytest.mark.parametrize(("name", "values"), VARIANTS)
class TestEveryMethod:
    @pytest.mark.parametrize("num_peaks", [0, 1, 3])
    def test_nobody_in_the_picture_gives_nobody(self, name, values, num_peaks, coco):
        poses = suppress(name, values, PoseCandidates.empty(17, num_peaks), coco)
        assert poses.keypoints.shape == (0, 17, 2)

    @settings(max_examples=25, deadline=None)
    @given(seed=st.integers(0, 10_000), people=st.integers(0, 12), num_peaks=st.integers(1, 3))
    def test_never_returns_more_people_than_it_got(self, name, values, coco, crowd, seed, people, num_peaks):
        poses = suppress(name, values, crowd(seed, people, num_peaks=num_peaks), coco)
        assert len(poses) <= people

    @settings(max_examples=25, deadline=None)
    @given(seed=st.integers(0, 10_000), people=st.integers(1, 10))
    def test_the_order_of_the_proposals_does_not_matter(self, name, values, coco, crowd, seed, people):
        candidates = crowd(seed, people, num_peaks=2)
        shuffled = candidates[np.random.default_rng(seed).permutation(people)]
        poses = [suppress(name, values, one, coco) for one in (candidates, shuffled)]
        a, b = (one[np.lexsort(one.boxes.T)] for one in poses)
        np.testing.assert_allclose(a.keypoints, b.keypoints, atol=1e-3)
        np.testing.assert_allclose(a.scores, b.scores, atol=1e-5)
        np.testing.assert_array_equal(a.boxes, b.boxes)

    @settings(max_examples=25, deadline=None)
    @given(seed=st.integers(0, 10_000), people=st.integers(0, 8))
    def test_scores_and_places_are_finite_and_scores_are_shares(self, name, values, coco, crowd, seed, people):
        poses = suppress(name, values, crowd(seed, people, num_peaks=3), coco)
        assert np.isfinite(poses.keypoints).all()
        for scores in (poses.scores, poses.keypoint_scores):
            assert ((scores >= 0) & (scores <= 1)).all()

    def test_a_person_alone_stays_exactly_where_it_was(self, name, values, coco, standing):
        alone = standing([[10, 20, 60, 170]])
        poses = suppress(name, values, alone, coco)
        np.testing.assert_array_equal(poses.keypoints, alone.keypoints[:, :, 0])
        np.testing.assert_array_equal(poses.keypoint_scores, alone.scores[:, :, 0])
        np.testing.assert_allclose(poses.scores, [0.81], rtol=1e-6)

    def test_two_people_far_apart_both_stay(self, name, values, coco, standing):
        poses = suppress(name, values, standing([[0, 0, 50, 150], [200, 0, 250, 150]]), coco)
        assert len(poses) == 2

    def test_a_keypoint_without_a_peak_has_score_0_and_lies_in_its_box(self, name, values, coco, standing):
        person = standing([[10, 20, 60, 170]])
        keypoints, scores = person.keypoints.copy(), person.scores.copy()
        keypoints[0, 9], scores[0, 9] = np.nan, 0
        candidates = PoseCandidates(keypoints, scores, person.radii, person.boxes, person.box_scores)
        poses = suppress(name, values, candidates, coco)
        assert poses.keypoint_scores[0, 9] == 0
        np.testing.assert_allclose(poses.keypoints[0, 9], [35, 95])

    def test_people_without_any_peak_are_no_fault(self, name, values, coco):
        nothing = PoseCandidates(
            keypoints=np.full((2, 17, 1, 2), np.nan),
            scores=np.zeros((2, 17, 1)),
            radii=np.zeros((2, 17, 1)),
            boxes=[[0, 0, 10, 10], [0, 0, 10, 10]],
            box_scores=[0.5, 0.6],
        )
        poses = suppress(name, values, nothing, coco)
        assert (poses.keypoint_scores == 0).all()

    def test_boxes_ids_and_origin_are_those_of_the_survivor(self, name, values, coco, standing):
        people = standing([[0, 0, 50, 150], [200, 0, 250, 150]])
        marked = PoseCandidates(
            people.keypoints,
            people.scores,
            people.radii,
            people.boxes,
            np.float32([0.5, 0.9]),
            track_ids=np.array([4, 7]),
            from_tracks=np.array([True, False]),
        )
        poses = suppress(name, values, marked, coco)
        by_id = {int(track_id): row for row, track_id in enumerate(poses.track_ids)}
        assert poses.from_tracks[by_id[4]]
        assert not poses.from_tracks[by_id[7]]
        np.testing.assert_array_equal(poses.boxes[by_id[7]], [200, 0, 250, 150])
        np.testing.assert_allclose(poses.box_scores[by_id[4]], 0.5)

    def test_nobody_has_an_id_before_tracking(self, name, values, coco, standing):
        assert suppress(name, values, standing([[0, 0, 50, 150]]), coco).track_ids.tolist() == [UNTRACKED]


class TestPoseNmsMethod:
    def test_finds_every_method_by_its_own_name(self):
        assert all(pose_nms_method(name).name == name for name in POSE_NMS_METHODS)

    def test_suggests_the_name_that_was_meant(self):
        with pytest.raises(ConfigError, match="unknown pose NMS 'parametrc'; did you mean 'parametric'"):
            pose_nms_method("parametrc")

    def test_settings_are_strict(self):
        with pytest.raises(ConfigError, match="did you mean 'person_score'"):
            check(pose_nms_method("none").settings, {"person_scor": "box"}, where="run.toml: [nms]")

    def test_is_pure(self, coco, crowd):
        candidates = crowd(3, 6)
        first, second = (parametric_nms(candidates, coco, ParametricSettings()) for _ in range(2))
        np.testing.assert_array_equal(first.keypoints, second.keypoints)
