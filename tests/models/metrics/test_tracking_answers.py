"""Tracking metrics: small scenes whose scores are known, and what becomes a row of the tables."""

from __future__ import annotations

import numpy as np
import pytest

from sitepose.core.structures import UNTRACKED, Poses
from sitepose.models.metrics.tracking import (
    ALPHAS,
    TrackedBoxes,
    clear_mot,
    compare_boxes,
    compare_poses,
    hota,
    identity,
    score_tracks,
    tracked_boxes,
    tracked_poses,
)


def one_box(*rows):
    """Rows of (frame, id, left edge): boxes ten wide and ten high."""
    return TrackedBoxes(
        frames=np.array([row[0] for row in rows], np.int64),
        track_ids=np.array([row[1] for row in rows], np.int64),
        boxes=np.array([[row[2], 0, row[2] + 10, 10] for row in rows], np.float64).reshape(-1, 4),
    )


class TestKnownAnswers:
    def test_an_exchange_of_names_is_two_switches(self):
        truth = one_box(*[(t, i, 100 * i) for t in range(4) for i in range(2)])
        result = one_box(*[(t, i if t < 2 else 1 - i, 100 * i) for t in range(4) for i in range(2)])
        scores = score_tracks(compare_boxes(truth, result))
        assert scores.clear.switches == 2
        assert scores.clear.mota == 1 - 2 / 8
        assert scores.identity.idf1 == 0.5
        assert scores.hota.det_a == 1
        assert scores.hota.ass_a == pytest.approx(1 / 3)  # TPA 2 of 2 + 2 + 2

    def test_rules_differ_on_a_pair_that_rests_for_a_frame(self):
        """Track 7 fits worse after a miss: it goes on by the paper, track 8 takes over by TrackEval."""
        truth = one_box((0, 0, 0), (1, 0, 0), (2, 0, 0))
        result = one_box((0, 7, 0), (1, 5, 200), (2, 7, 3), (2, 8, 1))
        comparison = compare_boxes(truth, result)
        assert clear_mot(comparison).switches == 0
        assert clear_mot(comparison, rules="trackeval").switches == 1

    def test_a_person_lost_in_the_middle_is_a_fragment(self):
        truth = one_box(*[(t, 0, 0) for t in range(5)])
        result = one_box((0, 4, 0), (1, 4, 0), (3, 4, 0), (4, 4, 500))
        clear = clear_mot(compare_boxes(truth, result))
        assert (clear.fragments, clear.misses, clear.false_alarms, clear.switches) == (1, 2, 1, 0)

    @pytest.mark.parametrize(("shift", "matches"), [(0, 1), (10 / 3 - 1e-9, 1), (10 / 3 + 1e-6, 0)])
    def test_half_the_overlap_is_enough(self, shift, matches):
        clear = clear_mot(compare_boxes(one_box((0, 0, 0)), one_box((0, 0, shift))))
        assert clear.matches == matches

    @pytest.mark.parametrize(
        ("truth", "result", "mota"),
        [
            pytest.param(one_box(), one_box(), 1, id="nobody at all"),
            pytest.param(one_box((0, 0, 0)), one_box(), 0, id="nobody found"),
            pytest.param(one_box(), one_box((0, 0, 0), (1, 0, 0)), -1, id="nobody there"),
            pytest.param(one_box((0, 0, 0)), one_box((1, 0, 0)), -1, id="never in one frame"),
        ],
    )
    def test_nobody_is_a_normal_case(self, truth, result, mota):
        row = score_tracks(compare_boxes(truth, result)).as_row()
        assert row["MOTA"] == mota
        assert (row["HOTA"], row["IDF1"], row["IDs"]) == (0, 0, 0)
        assert np.isfinite(list(row.values())).all()

    def test_a_name_twice_in_a_frame_is_refused(self):
        with pytest.raises(ValueError, match="track 3 is 2 times in frame 1, expected once at most"):
            compare_boxes(one_box((0, 0, 0)), one_box((0, 3, 0), (1, 3, 0), (1, 3, 50)))


class TestTables:
    def test_carried_and_nameless_people_are_left_out(self):
        poses = Poses(
            keypoints=np.zeros((3, 2, 2)),
            keypoint_scores=np.ones((3, 2)),
            boxes=np.arange(12).reshape(3, 4),
            box_scores=np.ones(3),
            scores=np.ones(3),
            track_ids=[4, UNTRACKED, 5],
            observed=[True, True, False],
        )
        assert tracked_boxes([(9, poses)]).track_ids.tolist() == [4]
        both = tracked_boxes([(9, poses)], observed_only=False)
        assert both.track_ids.tolist() == [4, 5]
        assert both.frames.tolist() == [9, 9]
        assert both.boxes.tolist() == [[0, 1, 2, 3], [8, 9, 10, 11]]

    @pytest.mark.parametrize("frames", [[], [(0, Poses.empty(17))]], ids=["no frames", "nobody"])
    def test_nobody_is_an_empty_table(self, frames):
        assert tracked_boxes(frames).boxes.shape == (0, 4)
        poses = tracked_poses(frames)
        comparison = compare_poses(poses, poses, np.ones(poses.keypoints.shape[1], np.float32))
        assert hota(comparison).hota == 0
        assert identity(comparison).idf1 == 0

    def test_alphas_are_those_of_the_paper(self):
        assert np.linspace(0.05, 0.95, 19) == pytest.approx(ALPHAS)
