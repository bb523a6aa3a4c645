"""Tracking metrics: the published figures of a real clip, and TrackEval and py-motmetrics as judges."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sitepose.core.formats.mot import read_mot, read_mot_truth
from sitepose.core.skeleton import load_skeleton
from sitepose.core.structures import Poses
from sitepose.models.metrics.tracking import (
    TrackedBoxes,
    TrackedPoses,
    TrackingScores,
    compare_boxes,
    compare_poses,
    score_tracks,
    tracked_poses,
)

PUBLISHED = {
    "IDF1": 0.645, "IDP": 0.820, "IDR": 0.531, "Rcll": 0.609, "Prcn": 0.940, "GT": 10, "MT": 5, "PT": 4,
    "ML": 1, "FP": 45, "FN": 452, "IDs": 7, "FM": 6, "MOTA": 0.564, "MOTP": 0.346,
}  # fmt: skip
"""Of ``reference_result.txt``, as stated beside it, to three decimals."""


def boxes_of(rows):
    return TrackedBoxes(frames=rows.frames, track_ids=rows.track_ids, boxes=rows.boxes)


def random_scene(seed, num_frames=30, num_people=6):
    """People who walk and are lost, found again under other names, invented and moved by noise.

    Each has a size of their own: a box inside those of two people of one size would overlap with both alike,
    and which of the two it belongs to would be nobody's to say.
    """
    rng = np.random.default_rng(seed)
    sizes = np.array([40, 90]) * (1 + np.arange(num_people)[:, None] / 100)
    start, speed = rng.uniform(0, 300, (num_people, 2)), rng.normal(0, 4, (num_people, 2))
    truth, result = [], []
    names = rng.permutation(20)[:num_people]
    for t in range(num_frames):
        for i in range(num_people):
            corner, size = start[i] + speed[i] * t, sizes[i]
            if rng.random() < 0.85:
                truth.append([t, i * 3, *corner, *(corner + size)])
            if rng.random() < 0.08:
                names[i] = (set(range(20)) - set(names)).pop()
            if rng.random() < 0.75:
                noise = rng.normal(0, 6, 4)
                result.append([t, names[i], *(np.concatenate([corner, corner + size]) + noise)])
        if rng.random() < 0.3:
            corner = rng.uniform(0, 300, 2)
            result.append([t, 100 + t, *corner, *(corner + size)])
        if rng.random() < 0.1:  # a frame with nobody in it, on one side or both
            side = rng.integers(0, 3)
            truth = [row for row in truth if row[0] != t or side == 1]
            result = [row for row in result if row[0] != t or side == 0]
    return tuple(
        TrackedBoxes(
            frames=np.array([row[0] for row in rows], np.int64),
            track_ids=np.array([row[1] for row in rows], np.int64),
            boxes=np.array([row[2:] for row in rows], np.float64).reshape(-1, 4),
        )
        for rows in (truth, result)
    )


def frames_of(comparison):
    return [
        (comparison.truth_ids[truths], comparison.track_ids[tracks], similarity)
        for truths, tracks, similarity in comparison.frames()
    ]


def by_trackeval(comparison):
    """TrackEval's HOTA, CLEAR and Identity on the same similarities."""
    metrics = pytest.importorskip(
        "trackeval.metrics", reason="needs trackeval, installed without its dependencies"
    )
    frames = frames_of(comparison)
    data = {
        "num_timesteps": len(frames),
        "gt_ids": [frame[0] for frame in frames],
        "tracker_ids": [frame[1] for frame in frames],
        "similarity_scores": [frame[2] for frame in frames],
        "num_gt_dets": len(comparison.truth_ids),
        "num_tracker_dets": len(comparison.track_ids),
        "num_gt_ids": comparison.num_truths,
        "num_tracker_ids": comparison.num_tracks,
    }
    quiet = {"PRINT_CONFIG": False}
    return tuple(
        metric.eval_sequence(data) for metric in (metrics.HOTA(), metrics.CLEAR(quiet), metrics.Identity(quiet))
    )


def by_motmetrics(comparison, monkeypatch):
    """py-motmetrics on the same similarities."""
    monkeypatch.setattr(np, "asfarray", lambda array: np.asarray(array, float), raising=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        motmetrics = pytest.importorskip("motmetrics")
        accumulator = motmetrics.MOTAccumulator(auto_id=True)
        for truth_ids, track_ids, similarity in frames_of(comparison):
            distances = np.where(similarity >= 0.5, 1 - similarity, np.nan)
            accumulator.update(truth_ids, track_ids, distances)
        summary = motmetrics.metrics.create().compute(
            accumulator, metrics=motmetrics.metrics.motchallenge_metrics
        )
    return summary.iloc[0].to_dict()


def assert_as_trackeval(comparison):
    scores = score_tracks(comparison, rules="trackeval")
    theirs_hota, theirs_clear, theirs_identity = by_trackeval(comparison)
    ours_hota, clear = scores.hota, scores.clear
    assert ours_hota.hota_by_alpha == pytest.approx(theirs_hota["HOTA"], abs=1e-12)
    for name, value in (
        ("DetA", ours_hota.det_a), ("AssA", ours_hota.ass_a), ("AssRe", ours_hota.ass_re),
        ("AssPr", ours_hota.ass_pr), ("LocA", ours_hota.loc_a),
    ):  # fmt: skip
        assert value == pytest.approx(theirs_hota[name].mean(), abs=1e-12), name
    for name, value in (
        ("CLR_TP", clear.matches), ("CLR_FN", clear.misses), ("CLR_FP", clear.false_alarms),
        ("IDSW", clear.switches), ("MT", clear.mostly_tracked), ("PT", clear.partly_tracked),
        ("ML", clear.mostly_lost),
        ("Frag", clear.fragments),
    ):  # fmt: skip
        assert value == theirs_clear[name], name
    assert clear.mota == pytest.approx(theirs_clear["MOTA"], abs=1e-12)
    assert 1 - clear.motp == pytest.approx(theirs_clear["MOTP"], abs=1e-12)
    for name, value in (
        ("IDF1", scores.identity.idf1),
        ("IDP", scores.identity.idp),
        ("IDR", scores.identity.idr),
    ):
        assert value == pytest.approx(theirs_identity[name], abs=1e-12), name


def assert_as_motmetrics(comparison, monkeypatch):
    theirs = by_motmetrics(comparison, monkeypatch)
    ours = score_tracks(comparison).as_row()
    for name, other in (
        ("IDF1", "idf1"), ("IDP", "idp"), ("IDR", "idr"), ("Rcll", "recall"), ("Prcn", "precision"),
        ("GT", "num_unique_objects"), ("MT", "mostly_tracked"), ("PT", "partially_tracked"),
        ("ML", "mostly_lost"), ("FP", "num_false_positives"), ("FN", "num_misses"), ("IDs", "num_switches"),
        ("FM", "num_fragmentations"), ("MOTA", "mota"), ("MOTP", "motp"),
    ):  # fmt: skip
        assert ours[name] == pytest.approx(theirs[other], abs=1e-12), name


@pytest.fixture(scope="module")
def comparison(data):
    """A published tracker's output on a real clip, beside the truth."""
    folder = data / "mot" / "TUD-Stadtmitte"
    return compare_boxes(
        boxes_of(read_mot_truth(folder / "gt.txt")), boxes_of(read_mot(folder / "reference_result.txt"))
    )


class TestRealClip:
    def test_gives_the_published_figures(self, comparison):
        scores = score_tracks(comparison).as_row()
        assert {name: round(scores[name], 3) for name in PUBLISHED} == PUBLISHED

    def test_equals_trackeval(self, comparison):
        assert_as_trackeval(comparison)

    def test_equals_motmetrics(self, comparison, monkeypatch):
        assert_as_motmetrics(comparison, monkeypatch)


class TestRandomScenes:
    @pytest.mark.parametrize("seed", range(25))
    def test_equal_trackeval(self, seed):
        assert_as_trackeval(compare_boxes(*random_scene(seed)))

    @pytest.mark.parametrize("seed", range(8))
    def test_equal_motmetrics(self, seed, monkeypatch):
        assert_as_motmetrics(compare_boxes(*random_scene(seed)), monkeypatch)

    @given(seed=st.integers(0, 10_000))
    @settings(max_examples=25, deadline=None)
    def test_the_truth_against_itself_is_perfect(self, seed):
        truth, _ = random_scene(seed)
        row = score_tracks(compare_boxes(truth, truth)).as_row()
        assert [row[name] for name in ("HOTA", "DetA", "AssA", "LocA", "MOTA", "IDF1", "Rcll", "Prcn")] == [
            1
        ] * 8
        assert (row["FP"], row["FN"], row["IDs"], row["FM"], row["MOTP"]) == (0, 0, 0, 0, 0)

    @given(seed=st.integers(0, 10_000))
    @settings(max_examples=25, deadline=None)
    def test_other_names_for_the_tracks_change_nothing(self, seed):
        truth, result = random_scene(seed)
        renamed = TrackedBoxes(frames=result.frames, track_ids=900 - result.track_ids, boxes=result.boxes)
        ours, theirs = (score_tracks(compare_boxes(truth, table)).as_row() for table in (result, renamed))
        assert ours == pytest.approx(theirs, abs=1e-12)

    @given(seed=st.integers(0, 10_000))
    @settings(max_examples=25, deadline=None)
    def test_the_order_of_the_results_rows_changes_nothing(self, seed):
        truth, result = random_scene(seed)
        order = np.random.default_rng(seed).permutation(len(result.frames))
        mixed = TrackedBoxes(
            frames=result.frames[order], track_ids=result.track_ids[order], boxes=result.boxes[order]
        )
        ours, theirs = (score_tracks(compare_boxes(truth, table)).as_row() for table in (result, mixed))
        assert ours == pytest.approx(theirs, abs=1e-12)


class TestSums:
    def test_scores_of_two_sequences_are_those_of_one_after_the_other(self):
        scenes = [random_scene(seed) for seed in (1, 2)]
        added = sum((score_tracks(compare_boxes(*scene)) for scene in scenes), TrackingScores())
        joined = [
            TrackedBoxes(
                frames=np.concatenate([first.frames, second.frames + 100]),
                track_ids=np.concatenate([first.track_ids, second.track_ids + 1000]),
                boxes=np.concatenate([first.boxes, second.boxes]),
            )
            for first, second in zip(*scenes, strict=True)
        ]
        assert added.as_row() == pytest.approx(score_tracks(compare_boxes(*joined)).as_row(), abs=1e-12)

    def test_hota_adds_up_as_in_trackeval(self):
        metrics = pytest.importorskip("trackeval.metrics", reason="needs trackeval")
        comparisons = [compare_boxes(*random_scene(seed)) for seed in (3, 4, 5)]
        theirs = metrics.HOTA().combine_sequences(
            {str(i): by_trackeval(c)[0] for i, c in enumerate(comparisons)}
        )
        ours = sum((score_tracks(c) for c in comparisons), TrackingScores()).hota
        assert ours.hota_by_alpha == pytest.approx(theirs["HOTA"], abs=1e-12)
        assert ours.loc_a == pytest.approx(theirs["LocA"].mean(), abs=1e-12)


class TestPoses:
    @staticmethod
    def walkers(seed=0, num_frames=20, num_people=3):
        rng = np.random.default_rng(seed)
        shape = rng.uniform(0, 60, (num_people, 17, 2))
        for t in range(num_frames):
            keypoints = shape + 200 * np.arange(num_people)[:, None, None] + 2 * t
            boxes = np.concatenate([keypoints.min(axis=1), keypoints.max(axis=1)], axis=1)
            ones = np.ones(num_people)
            yield t, Poses(keypoints, np.ones((num_people, 17)), boxes, ones, ones, np.arange(num_people))

    def test_the_similarity_is_the_oks_of_the_coco_evaluation(self):
        from pycocotools.cocoeval import COCOeval

        coco17, rng = load_skeleton("coco17"), np.random.default_rng(5)
        ((_, truth),) = self.walkers(num_frames=1)
        labelled = rng.random((3, 17)) < 0.7
        truth = truth.replace(keypoint_scores=labelled)
        moved = truth.replace(keypoints=truth.keypoints + rng.normal(0, 4, truth.keypoints.shape))
        ours = compare_poses(
            tracked_poses([(0, truth)]), tracked_poses([(0, moved)]), coco17.oks_sigmas
        ).similarities.reshape(3, 3)
        areas = tracked_poses([(0, truth)]).areas
        evaluation = COCOeval(iouType="keypoints")
        for i in range(3):
            points = np.concatenate([truth.keypoints[i], 2 * labelled[i][:, None]], axis=1)
            person = {"keypoints": points.ravel().tolist(), "bbox": [0, 0, 1, 1], "area": areas[i]}
            evaluation._gts[1, 1].append(person)
            points = np.concatenate([moved.keypoints[i], np.ones((17, 1))], axis=1)
            evaluation._dts[1, 1].append({"keypoints": points.ravel().tolist(), "score": 1 - i / 10})
        assert np.abs(ours.T - evaluation.computeOks(1, 1)).max() < 1e-7

    def test_poses_that_keep_their_names_are_perfect(self):
        frames = list(self.walkers())
        truth = tracked_poses(frames)
        scores = score_tracks(compare_poses(truth, truth, load_skeleton("coco17").oks_sigmas))
        assert scores.hota.hota == 1
        assert scores.identity.idf1 == 1

    def test_hota_of_poses_equals_trackeval_on_the_same_similarities(self):
        rng = np.random.default_rng(1)
        frames = list(self.walkers())
        noisy = [
            (
                t,
                poses.replace(keypoints=poses.keypoints + rng.normal(0, 5, poses.keypoints.shape))[
                    rng.random(3) < 0.8
                ],
            )
            for t, poses in frames
        ]
        sigmas = load_skeleton("coco17").oks_sigmas
        assert_as_trackeval(compare_poses(tracked_poses(frames), tracked_poses(noisy), sigmas))

    def test_keypoints_can_be_cut_to_those_that_two_skeletons_share(self):
        coco17, common12 = load_skeleton("coco17"), load_skeleton("common12")
        frames = [(t, poses) for t, poses in self.walkers()]
        cut = tracked_poses(frames, keypoints=coco17.indices_in(common12))
        assert cut.keypoints.shape == (60, 12, 2)
        assert (cut.keypoints[0] == frames[0][1].keypoints[0, 5:]).all()

    def test_a_person_without_a_labelled_keypoint_is_like_nobody(self):
        truth = TrackedPoses(
            frames=np.zeros(1, np.int64),
            track_ids=np.zeros(1, np.int64),
            keypoints=np.zeros((1, 2, 2)),
            labelled=np.zeros((1, 2), np.bool_),
            areas=np.ones(1),
        )
        assert compare_poses(truth, truth, np.float32([0.1, 0.1])).similarities.tolist() == [0]

    def test_missing_keypoints_are_far_away(self):
        ((_, poses),) = self.walkers(num_frames=1, num_people=1)
        points = poses.keypoints.copy()
        points[0, 0] = np.nan
        comparison = compare_poses(
            tracked_poses([(0, poses)]),
            tracked_poses([(0, poses.replace(keypoints=points))]),
            load_skeleton("coco17").oks_sigmas,
        )
        assert comparison.similarities == pytest.approx([16 / 17])
