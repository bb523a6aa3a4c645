"""Association of people and keypoints by matching: invariants, known answers, and every possible assignment."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sitepose.core.structures import PoseCandidates
from sitepose.tracking.pose_nms.association import KmSettings, km_nms
from sitepose.tracking.pose_nms.nodes import join_peaks, list_peaks

LEFT_WRIST = 9
KEEP_ALL = KmSettings(node_factor=1.0, min_share=0.0, min_score=0.0, min_keypoints=1, strength_power=0.0)


def stacked(*tables: PoseCandidates) -> PoseCandidates:
    fields = ("keypoints", "scores", "radii", "boxes", "box_scores")
    return PoseCandidates(
        **{name: np.concatenate([getattr(table, name) for table in tables]) for name in fields}
    )


def jittered(candidates: PoseCandidates, seed: int, *, places: float, scores: float) -> PoseCandidates:
    """The same people again as another crop would show them: moved a little, scored a little differently."""
    rng = np.random.default_rng(seed)
    moved = candidates.keypoints + rng.normal(0, places, candidates.keypoints.shape)
    rescored = np.clip(candidates.scores * rng.uniform(1 - scores, 1, candidates.scores.shape), 0, 1)
    return PoseCandidates(moved, rescored, candidates.radii, candidates.boxes + 1, candidates.box_scores * 0.9)


def with_second_peaks(candidates: PoseCandidates, person: int, keypoint: int, peaks) -> PoseCandidates:
    """Give everybody room for two peaks, and one person's keypoint the two ``(x, y, score)`` given."""
    keypoints = np.concatenate([candidates.keypoints, np.full_like(candidates.keypoints, np.nan)], axis=2)
    scores = np.concatenate([candidates.scores, np.zeros_like(candidates.scores)], axis=2)
    radii = np.concatenate([candidates.radii] * 2, axis=2)
    for m, (x, y, score) in enumerate(peaks):
        keypoints[person, keypoint, m], scores[person, keypoint, m] = [x, y], score
    return PoseCandidates(keypoints, scores, radii, candidates.boxes, candidates.box_scores)


class TestKm:
    @pytest.mark.parametrize("copies", [2, 3, 8, 30])
    def test_copies_of_one_person_are_one_person(self, copies, coco, standing):
        poses = km_nms(standing([[0, 0, 100, 300]] * copies), coco, KmSettings())
        assert len(poses) == 1
        assert (poses.keypoint_scores > 0).all()

    @settings(max_examples=40, deadline=None)
    @given(seed=st.integers(0, 10_000), copies=st.integers(1, 6))
    def test_other_crops_of_one_person_are_one_person(self, coco, standing, seed, copies):
        person = standing([[0, 0, 100, 300]])
        crops = [jittered(person, seed + n, places=0.15, scores=0.3) for n in range(copies)]
        poses = km_nms(stacked(person, *crops), coco, KmSettings())
        assert len(poses) == 1
        np.testing.assert_allclose(poses.keypoints[0], person.keypoints[0, :, 0], atol=1.0)

    @settings(max_examples=40, deadline=None)
    @given(seed=st.integers(0, 10_000), people=st.integers(1, 8))
    def test_the_order_of_the_proposals_does_not_matter(self, coco, crowd, seed, people):
        candidates = crowd(seed, people, num_peaks=3)
        shuffled = candidates[np.random.default_rng(seed).permutation(people)]
        a, b = (km_nms(one, coco, KmSettings()) for one in (candidates, shuffled))
        np.testing.assert_allclose(a.keypoints, b.keypoints, atol=1e-3)
        np.testing.assert_array_equal(a.boxes, b.boxes)

    def test_a_swapped_wrist_goes_back_to_its_person(self, coco, standing):
        """Whose crop shows the neighbour's wrist more clearly than the own one still gets the own one."""
        pair = standing([[0, 0, 100, 300], [60, 0, 160, 300]])
        own, other = pair.keypoints[0, LEFT_WRIST, 0], pair.keypoints[1, LEFT_WRIST, 0]
        confused = with_second_peaks(pair, 0, LEFT_WRIST, [(*other, 0.8), (*own, 0.6)])
        poses = km_nms(confused, coco, KmSettings())
        by_place = poses[np.argsort(poses.boxes[:, 0])]
        np.testing.assert_allclose(by_place.keypoints[:, LEFT_WRIST], [own, other], atol=1e-3)
        np.testing.assert_allclose(by_place.keypoint_scores[:, LEFT_WRIST], [0.6, 0.9], rtol=1e-5)

    def test_a_keypoint_that_was_lost_stays_at_its_peak_with_score_0(self, coco, standing):
        pair = standing([[0, 0, 100, 300], [60, 0, 160, 300]])
        other = pair.keypoints[1, LEFT_WRIST, 0]
        confused = with_second_peaks(pair, 0, LEFT_WRIST, [(*other, 0.8)])
        poses = km_nms(confused, coco, KmSettings())
        loser = int(np.argmin(poses.boxes[:, 0]))
        assert poses.keypoint_scores[loser, LEFT_WRIST] == 0
        np.testing.assert_allclose(poses.keypoints[loser, LEFT_WRIST], other)

    def test_a_keypoint_lies_in_the_middle_of_its_node(self, coco, standing):
        person = standing([[0, 0, 100, 300]])
        crop = PoseCandidates(
            person.keypoints + np.float32([0.4, 0]),
            person.scores / 2,
            person.radii,
            person.boxes,
            person.box_scores,
        )
        poses = km_nms(stacked(person, crop), coco, KmSettings())
        np.testing.assert_allclose(poses.keypoints[0], person.keypoints[0, :, 0] + [0.4 / 3, 0], atol=1e-4)

    def test_nodes_of_equal_weight_still_have_one_owner_each(self, coco, standing):
        """Three crops of two people, everything of equal score: no node is given twice."""
        people = standing([[0, 0, 100, 300], [0, 0, 100, 300], [300, 0, 400, 300]])
        poses = km_nms(people, coco, KEEP_ALL)
        given = poses.keypoints[poses.keypoint_scores > 0]
        assert len(np.unique(given, axis=0)) == len(given) == 34

    @pytest.mark.parametrize(
        ("changes", "people"),
        [
            pytest.param({}, 1, id="defaults"),
            pytest.param({"min_keypoints": 4}, 0, id="too few keypoints"),
            pytest.param({"min_score": 0.95}, 0, id="too weak keypoints"),
        ],
    )
    @pytest.mark.parametrize("form", ["paper", "top-peak"])
    def test_people_with_too_little_vanish(self, form, changes, people, coco, standing):
        person = standing([[0, 0, 100, 300]])
        scores = person.scores.copy()
        scores[:, 3:] = 0
        keypoints = np.where(scores[..., None] > 0, person.keypoints, np.nan)
        few = PoseCandidates(keypoints, scores, person.radii, person.boxes, person.box_scores)
        assert len(km_nms(few, coco, KmSettings(form=form, **changes))) == people

    def test_people_without_a_peak_in_the_graph_vanish(self, coco, standing):
        person = standing([[0, 0, 100, 300]], score=0.5)
        assert len(km_nms(person, coco, KmSettings(min_peak_score=0.51))) == 0

    @settings(max_examples=40, deadline=None)
    @given(seed=st.integers(0, 10_000), people=st.integers(1, 4))
    def test_no_other_assignment_is_worth_more(self, coco, crowd, seed, people):
        candidates = crowd(seed, people, num_peaks=2)
        poses = km_nms(candidates, coco, KEEP_ALL)
        for k in range(17):
            assert poses.keypoint_scores[:, k].sum() == pytest.approx(
                _best_total(candidates, coco, k), abs=1e-4
            )


class TestTopPeak:
    def test_copies_of_one_person_are_one_person(self, coco, standing):
        assert len(km_nms(standing([[0, 0, 100, 300]] * 5), coco, KmSettings(form="top-peak"))) == 1

    def test_the_loser_of_a_keypoint_takes_its_second_peak(self, coco, standing):
        pair = standing([[0, 0, 100, 300], [60, 0, 160, 300]])
        own, other = pair.keypoints[0, LEFT_WRIST, 0], pair.keypoints[1, LEFT_WRIST, 0]
        confused = with_second_peaks(pair, 0, LEFT_WRIST, [(*other, 0.8), (*own, 0.6)])
        poses = km_nms(confused, coco, KmSettings(form="top-peak"))
        by_place = poses[np.argsort(poses.boxes[:, 0])]
        np.testing.assert_allclose(by_place.keypoints[:, LEFT_WRIST], [own, other], atol=1e-3)

    def test_the_loser_without_a_second_peak_keeps_its_place_with_next_to_no_score(self, coco, standing):
        pair = standing([[0, 0, 100, 300], [60, 0, 160, 300]])
        other = pair.keypoints[1, LEFT_WRIST, 0]
        poses = km_nms(
            with_second_peaks(pair, 0, LEFT_WRIST, [(*other, 0.8)]), coco, KmSettings(form="top-peak")
        )
        loser = int(np.argmin(poses.boxes[:, 0]))
        np.testing.assert_allclose(poses.keypoints[loser, LEFT_WRIST], other)
        assert poses.keypoint_scores[loser, LEFT_WRIST] == pytest.approx(1e-5)

    def test_weak_peaks_do_not_move_the_middle_of_a_group(self, coco, standing):
        person = standing([[0, 0, 100, 300]])
        near = person.keypoints + np.float32([0.3, 0])
        for score, moved in ((0.29, 0.0), (0.31, 0.15)):
            crop = PoseCandidates(
                near, np.full_like(person.scores, score), person.radii, person.boxes, person.box_scores
            )
            poses = km_nms(stacked(person, crop), coco, KmSettings(form="top-peak"))
            np.testing.assert_allclose(poses.keypoints[0], person.keypoints[0, :, 0] + [moved, 0], atol=1e-4)


class TestNodes:
    @settings(max_examples=40, deadline=None)
    @given(seed=st.integers(0, 10_000), people=st.integers(0, 10), factor=st.floats(0.5, 20))
    def test_no_node_holds_two_peaks_of_a_person_or_two_keypoints(self, coco, crowd, seed, people, factor):
        peaks = list_peaks(crowd(seed, people, num_peaks=3), min_score=0.05)
        nodes = join_peaks(peaks, coco.oks_sigmas * 10 * factor)
        for label in range(len(nodes.places)):
            inside = nodes.labels == label
            assert len(np.unique(peaks.people[inside])) == inside.sum()
            assert len(np.unique(peaks.keypoints[inside])) == 1

    def test_peaks_join_within_the_smaller_radius_times_the_deviation(self, coco, standing):
        person = standing([[0, 0, 100, 300]])
        limits = 3.0 * 10 * coco.oks_sigmas
        for factor, nodes in ((0.99, 17), (1.01, 34)):
            moved = person.keypoints + np.stack([limits * factor, np.zeros(17)], axis=1)[None, :, None]
            wide = PoseCandidates(moved, person.scores, person.radii * 5, person.boxes, person.box_scores)
            peaks = list_peaks(stacked(person, wide), min_score=0.05)
            assert len(join_peaks(peaks, coco.oks_sigmas * 10).places) == nodes

    def test_the_closest_join_first_where_a_person_has_two_peaks_in_reach(self, coco, standing):
        pair = standing([[0, 0, 100, 300]] * 2)
        nose = pair.keypoints[1, 0, 0]
        two = with_second_peaks(pair, 0, 0, [(nose[0] + 0.4, nose[1], 0.9), (nose[0] - 0.2, nose[1], 0.5)])
        peaks = list_peaks(two, min_score=0.05)
        labels = join_peaks(peaks, coco.oks_sigmas * 10).labels
        noses = peaks.keypoints == 0
        own_second = labels[noses & (peaks.people == 0) & (peaks.scores == np.float32(0.5))]
        assert own_second == labels[noses & (peaks.people == 1)]


def _best_total(candidates, skeleton, k):
    """The largest sum of responses over every way to give the nodes of keypoint ``k`` to people."""
    peaks = list_peaks(candidates, min_score=0.05)
    labels = join_peaks(peaks, skeleton.oks_sigmas * 10).labels
    choices = [[(None, 0.0)] for _ in range(len(candidates))]
    for person, keypoint, label, score in zip(peaks.people, peaks.keypoints, labels, peaks.scores, strict=True):
        if keypoint == k:
            choices[person].append((label, float(score)))
    best = 0.0
    for choice in product(*choices):
        nodes = [node for node, _ in choice if node is not None]
        if len(nodes) == len(set(nodes)):
            best = max(best, sum(score for _, score in choice))
    return best
