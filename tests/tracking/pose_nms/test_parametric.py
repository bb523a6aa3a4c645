"""Parametric pose-NMS: both forms against what they promise, and the published form against a slow one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sitepose.core.errors import ConfigError
from sitepose.core.settings import check
from sitepose.core.skeleton import load_skeleton
from sitepose.core.structures import PoseCandidates
from sitepose.tracking.pose_nms.parametric import (
    NormalizedParameters,
    ParametricSettings,
    PublishedParameters,
    parametric_nms,
)

PUBLISHED = ParametricSettings(form="published")
NORMALIZED = ParametricSettings(form="normalized")


def shifted(candidates: PoseCandidates, by: float) -> PoseCandidates:
    """Return two people: the one given, and the same again some pixels to the right, a little less sure."""
    return PoseCandidates(
        keypoints=np.concatenate([candidates.keypoints, candidates.keypoints + np.float32([by, 0])]),
        scores=np.concatenate([candidates.scores, candidates.scores * np.float32(0.9)]),
        radii=np.concatenate([candidates.radii] * 2),
        boxes=np.concatenate([candidates.boxes, candidates.boxes + np.float32([by, 0, by, 0])]),
        box_scores=np.concatenate([candidates.box_scores] * 2),
    )


class TestPublished:
    @pytest.mark.parametrize(
        ("apart", "people"),
        [
            pytest.param(0.0, 1, id="identical"),
            pytest.param(1.0, 1, id="the K term's last pixel"),
            pytest.param(6.9, 1, id="all keypoints match"),
            pytest.param(8.0, 2, id="beyond the 7-pixel cap"),
        ],
    )
    def test_merges_by_distance_in_pixels(self, apart, people, coco, standing):
        pair = shifted(standing([[0, 0, 200, 600]]), apart)
        assert len(parametric_nms(pair, coco, PUBLISHED)) == people

    def test_small_people_match_within_a_tenth_of_their_side(self, coco, standing):
        near, far = (shifted(standing([[0, 0, 20, 50]]), apart) for apart in (4.9, 5.1))
        assert len(parametric_nms(near, coco, PUBLISHED)) == 1
        assert len(parametric_nms(far, coco, PUBLISHED)) == 2

    @pytest.mark.parametrize(
        ("skeleton", "matching", "people"),
        [
            pytest.param("coco17", 5, 1, id="5 of 17 match"),
            pytest.param("coco17", 4, 2, id="4 of 17 do not"),
            pytest.param("crowdpose14", 4, 1, id="4 of 14 match"),
            pytest.param("crowdpose14", 3, 2, id="3 of 14 do not"),
        ],
    )
    def test_the_number_of_matches_grows_with_the_skeleton(self, skeleton, matching, people, standing):
        skeleton = load_skeleton(skeleton)
        pair = shifted(standing([[0, 0, 200, 600]], num_keypoints=len(skeleton)), 3.0)
        keypoints = pair.keypoints.copy()
        keypoints[1, matching:] += 100
        changed = PoseCandidates(keypoints, pair.scores, pair.radii, pair.boxes, pair.box_scores)
        assert len(parametric_nms(changed, skeleton, PUBLISHED)) == people

    @pytest.mark.parametrize(
        ("skeleton", "full"),
        [pytest.param("coco17", 22.48, id="17"), pytest.param("crowdpose14", 18.51, id="14")],
    )
    def test_eta_grows_with_the_skeleton(self, skeleton, full, standing):
        skeleton = load_skeleton(skeleton)
        pair = shifted(standing([[0, 0, 200, 600]], score=1.0, num_keypoints=len(skeleton)), 0.5)
        near = len(skeleton) * np.exp(-0.5 / 2.65)
        agree = len(skeleton) * np.tanh(1.0) * np.tanh(0.9)
        just_below = (full - 0.01 - agree) / near
        for weight, people in ((just_below, 2), (just_below + 0.02 / near, 1)):
            parameters = PublishedParameters(distance_weight=weight, matches=1000)
            assert (
                len(parametric_nms(pair, skeleton, PUBLISHED.model_copy(update={"published": parameters})))
                == people
            )

    @settings(max_examples=40, deadline=None)
    @given(seed=st.integers(0, 10_000), people=st.integers(0, 9))
    def test_equals_the_rule_written_out(self, coco, crowd, seed, people):
        candidates = crowd(seed, people)
        poses = parametric_nms(candidates, coco, PUBLISHED)
        expected = _written_out(candidates)
        assert len(poses) == len(expected)
        order = np.lexsort(poses.boxes.T)
        for row, (box, keypoints, scores) in zip(order, sorted(expected, key=_by_box), strict=True):
            np.testing.assert_array_equal(poses.boxes[row], box)
            np.testing.assert_allclose(poses.keypoints[row], keypoints, atol=1e-3)
            np.testing.assert_allclose(poses.keypoint_scores[row], scores, atol=1e-5)


class TestNormalized:
    @pytest.mark.parametrize("score", [0.35, 0.9])
    def test_identical_people_merge(self, score, coco, standing):
        assert len(parametric_nms(shifted(standing([[0, 0, 50, 150]], score=score), 0), coco, NORMALIZED)) == 1

    @pytest.mark.parametrize("apart", [2.0, 8.0, 25.0])
    @pytest.mark.parametrize("scale", [0.1, 10.0])
    def test_does_not_depend_on_the_size_of_the_picture(self, apart, scale, coco, standing):
        pair = shifted(standing([[0, 0, 100, 300]]), apart)
        resized = PoseCandidates(
            pair.keypoints * scale, pair.scores, pair.radii * scale, pair.boxes * scale, pair.box_scores
        )
        a, b = (parametric_nms(one, coco, NORMALIZED) for one in (pair, resized))
        assert len(a) == len(b)
        np.testing.assert_allclose(a.keypoints * scale, b.keypoints, rtol=1e-4)

    def test_half_a_person_twice_is_one(self, coco, standing):
        pair = shifted(standing([[0, 0, 100, 300]]), 2.0)
        keypoints, scores = pair.keypoints.copy(), pair.scores.copy()
        keypoints[:, 9:], scores[:, 9:] = np.nan, 0
        half = PoseCandidates(keypoints, scores, pair.radii, pair.boxes, pair.box_scores)
        assert len(parametric_nms(half, coco, NORMALIZED)) == 1

    def test_people_who_share_one_wrist_are_two(self, coco, standing):
        pair = standing([[0, 0, 100, 300], [150, 0, 250, 300]])
        keypoints = pair.keypoints.copy()
        keypoints[1, 10] = keypoints[0, 9]
        touching = PoseCandidates(keypoints, pair.scores, pair.radii, pair.boxes, pair.box_scores)
        assert len(parametric_nms(touching, coco, NORMALIZED)) == 2

    def test_refuses_parameters_that_would_keep_equal_poses(self):
        with pytest.raises(ConfigError, match=r"eta must be at most 1 - score_weight = 0\.5"):
            check(NormalizedParameters, {"eta": 0.6, "score_weight": 0.5}, where="run.toml: [nms]")

    def test_takes_the_largest_allowed_eta_for_equal_poses(self, coco, standing):
        parameters = NormalizedParameters(eta=0.6, score_weight=0.4)
        weak = shifted(standing([[0, 0, 50, 150]], score=0.01), 0)
        one = NORMALIZED.model_copy(update={"normalized": parameters, "min_score": 0.0})
        assert len(parametric_nms(weak, coco, one)) == 1


class TestRank:
    @pytest.mark.parametrize(
        ("form", "survivor"),
        [
            pytest.param("published", 0, id="the surer keypoints"),
            pytest.param("normalized", 1, id="the surer person"),
        ],
    )
    def test_the_more_confident_keeps_its_box(self, form, survivor, coco, standing):
        pair = shifted(standing([[0, 0, 100, 300]]), 2.0)
        scored = PoseCandidates(pair.keypoints, pair.scores, pair.radii, pair.boxes, np.float32([0.4, 0.9]))
        poses = parametric_nms(scored, coco, ParametricSettings(form=form))
        np.testing.assert_array_equal(poses.boxes, pair.boxes[[survivor]])


class TestMerging:
    def test_places_are_weighted_by_score(self, coco, standing):
        pair = shifted(standing([[0, 0, 200, 600]], score=0.8), 4.0)
        poses = parametric_nms(pair, coco, PUBLISHED)
        weight = 0.72 / (0.8 + 0.72)
        np.testing.assert_allclose(poses.keypoints[0], pair.keypoints[0, :, 0] + [4 * weight, 0], rtol=1e-4)
        np.testing.assert_allclose(poses.keypoint_scores, (0.8**2 + 0.72**2) / (0.8 + 0.72), rtol=1e-5)

    def test_places_too_far_from_the_survivor_do_not_count(self, coco, standing):
        pair = shifted(standing([[0, 0, 200, 600]]), 4.0)
        keypoints = pair.keypoints.copy()
        keypoints[1, 0] += 20
        poses = parametric_nms(
            PoseCandidates(keypoints, pair.scores, pair.radii, pair.boxes, pair.box_scores), coco, PUBLISHED
        )
        np.testing.assert_array_equal(poses.keypoints[0, 0], keypoints[0, 0, 0])


class TestFloors:
    def test_people_without_one_sure_keypoint_vanish(self, coco, standing):
        weak = standing([[0, 0, 50, 150]], score=0.29)
        assert len(parametric_nms(weak, coco, NORMALIZED)) == 0
        assert len(parametric_nms(weak, coco, NORMALIZED.model_copy(update={"min_score": 0.2}))) == 1

    def test_people_whose_keypoints_lie_too_close_vanish(self, coco, standing):
        small = standing([[0, 0, 20, 20]])
        assert len(parametric_nms(small, coco, PUBLISHED.model_copy(update={"min_area": 1600.0}))) == 0
        assert len(parametric_nms(small, coco, PUBLISHED)) == 1


def _by_box(row):
    return tuple(row[0][::-1])


def _written_out(candidates):
    """The published rule with loops, in float64: (box, keypoints, scores) of each survivor."""
    keypoints = candidates.keypoints[:, :, 0].astype(float)
    scores = candidates.scores[:, :, 0].astype(float)
    left = sorted(range(len(candidates)), key=lambda i: -scores[i].mean())
    people = []
    while left:
        i = left[0]
        side = max(candidates.boxes[i, 2:] - candidates.boxes[i, :2])
        absorbed = [i]
        for j in left[1:]:
            similarity, matches = 0.0, 0
            for n in range(17):
                distance = np.hypot(*(keypoints[i, n] - keypoints[j, n]))
                if distance <= 1:
                    similarity += np.tanh(scores[i, n]) * np.tanh(scores[j, n])
                similarity += 1.7 * np.exp(-distance / 2.65)
                matches += distance <= min(0.1 * side, 7)
            if similarity >= 22.48 or matches >= 5:
                absorbed.append(j)
        left = [j for j in left if j not in absorbed]
        places, sums = keypoints[i].copy(), scores[i].copy()
        for n in range(17):
            near = [
                j for j in absorbed if np.hypot(*(keypoints[i, n] - keypoints[j, n])) <= min(0.1 * side, 15)
            ]
            weights = scores[near, n]
            places[n] = (weights[:, None] * keypoints[near, n]).sum(axis=0) / weights.sum()
            sums[n] = (weights**2).sum() / weights.sum()
        if sums.max() >= 0.3:
            people.append((candidates.boxes[i], places, sums))
    return people
