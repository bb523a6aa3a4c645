"""The nouns: shapes are checked and named, arrays cannot be written, rows are selected in every field."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitepose.core.structures import (
    UNTRACKED,
    Detections,
    Frame,
    PoseCandidates,
    Poses,
    TrackedFrame,
    concatenate,
)


def detections(people=3):
    return Detections(
        boxes=np.arange(4 * people).reshape(people, 4),
        scores=np.linspace(1, 0, people),
        keypoints=np.arange(people * 10).reshape(people, 5, 2),
        keypoint_scores=np.ones((people, 5)),
        track_ids=np.arange(people),
        from_tracks=np.arange(people) % 2 == 0,
    )


def candidates(people=3):
    shape = (people, 5, 2)
    return PoseCandidates(
        keypoints=np.arange(people * 20).reshape(*shape, 2),
        scores=np.ones(shape),
        radii=np.ones(shape),
        boxes=np.arange(4 * people).reshape(people, 4),
        box_scores=np.ones(people),
        track_ids=np.arange(people),
    )


class TestFrame:
    def test_says_its_size_and_cannot_be_painted_on(self):
        image = np.zeros((48, 64, 3), np.uint8)
        frame = Frame(image, 0, 0.0)
        assert frame.size_wh == (64, 48)
        assert not frame.image.flags.writeable
        assert image.flags.writeable
        assert np.shares_memory(frame.image, image)

    @pytest.mark.parametrize(
        ("shape", "dtype"), [((4, 4), np.uint8), ((4, 4, 4), np.uint8), ((4, 4, 3), np.float32)]
    )
    def test_takes_rgb_bytes_alone(self, shape, dtype):
        with pytest.raises(ValueError, match=r"Frame.image has shape \(4, 4.* expected \(H, W, 3\) uint8"):
            Frame(np.zeros(shape, dtype), 0, 0.0)

    def test_has_no_timings_and_no_drops_unless_told(self, make_poses):
        tracked = TrackedFrame(Frame(np.zeros((1, 1, 3), np.uint8), 0, 0.0), make_poses(0))
        assert (dict(tracked.timings), tracked.dropped, tracked.candidates) == ({}, 0, None)


class TestShapes:
    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (
                lambda: Detections([[0, 0, 1, 1]], [1, 1]),
                r"Detections.scores has shape \(2,\), expected \(1,\)",
            ),
            (lambda: Detections([[0, 0, 1]], [1]), r"Detections.boxes has shape \(1, 3\), expected \(1, 4\)"),
            (
                lambda: Detections([[0, 0, 1, 1]], [1], keypoints=np.zeros((1, 5, 2))),
                "Detections.keypoints and keypoint_scores go together; one is missing",
            ),
            (
                lambda: Detections([[0, 0, 1, 1]], [1], np.zeros((1, 5, 3)), np.zeros((1, 5))),
                r"Detections.keypoints has shape \(1, 5, 3\), expected \(1, 5, 2\)",
            ),
            (
                lambda: Detections([[0, 0, 1, 1]], [1], track_ids=[1, 2]),
                r"Detections.track_ids has shape \(2,\), expected \(1,\)",
            ),
            (
                lambda: Poses(np.zeros((1, 5)), np.zeros((1, 5)), np.zeros((1, 4)), [1], [1]),
                r"Poses.keypoints has shape \(1, 5\), expected \(P, K, 2\)",
            ),
            (
                lambda: Poses(np.zeros((1, 5, 2)), np.zeros((1, 4)), np.zeros((1, 4)), [1], [1]),
                r"Poses.keypoint_scores has shape \(1, 4\), expected \(1, 5\)",
            ),
            (
                lambda: Poses(
                    np.zeros((1, 5, 2)), np.zeros((1, 5)), np.zeros((1, 4)), [1], [1], observed=[True, True]
                ),
                r"Poses.observed has shape \(2,\), expected \(1,\)",
            ),
            (
                lambda: PoseCandidates(np.zeros((1, 5, 2)), 0, 0, 0, 0),
                r"PoseCandidates.keypoints has shape \(1, 5, 2\), expected \(P, K, M, 2\)",
            ),
            (
                lambda: dataclasses.replace(candidates(2), radii=np.zeros((2, 5, 3))),
                r"PoseCandidates.radii has shape \(2, 5, 3\), expected \(2, 5, 2\)",
            ),
        ],
    )
    def test_that_do_not_fit_are_named_with_what_was_expected(self, make, message):
        with pytest.raises(ValueError, match=message):
            make()

    def test_types_are_made_right(self):
        poses = Poses([[[1, 2]]], [[1]], [[1, 2, 3, 4]], [1], [1], track_ids=[7])
        assert poses.keypoints.dtype == poses.boxes.dtype == poses.scores.dtype == np.float32
        assert poses.track_ids.dtype == np.int64
        assert poses.observed.dtype == poses.from_tracks.dtype == np.bool_

    def test_people_are_untracked_observed_and_detected_unless_told(self):
        poses = Poses([[[1, 2]]], [[1]], [[1, 2, 3, 4]], [1], [1])
        assert poses.track_ids.tolist() == [UNTRACKED]
        assert poses.observed.tolist() == [True]
        assert poses.from_tracks.tolist() == [False]


TABLES = [
    pytest.param(detections, id="Detections"),
    pytest.param(candidates, id="PoseCandidates"),
    pytest.param(lambda: Poses(**poses_fields(3)), id="Poses"),
]


def poses_fields(people):
    return {
        "keypoints": np.arange(people * 10).reshape(people, 5, 2),
        "keypoint_scores": np.ones((people, 5)),
        "boxes": np.arange(4 * people).reshape(people, 4),
        "box_scores": np.linspace(0, 1, people),
        "scores": np.linspace(0, 1, people),
        "track_ids": np.arange(people),
        "observed": np.arange(people) % 2 == 0,
        "from_tracks": np.arange(people) % 2 == 1,
    }


class TestTables:
    @pytest.mark.parametrize("make", TABLES)
    @pytest.mark.parametrize(
        "rows",
        [
            [True, False, True], np.array([False, False, False]), [2, 0], [], slice(1, None),
            np.array([], np.int64), 1, np.array([1, 1]),
        ],
        ids=["mask", "nobody", "order", "empty list", "slice", "empty index", "one", "twice"],
    )  # fmt: skip
    def test_selection_is_that_of_every_field(self, make, rows):
        table = make()
        selected = table[rows]
        index = rows if isinstance(rows, slice) else np.atleast_1d(np.asarray(rows))
        if isinstance(index, np.ndarray) and index.dtype != np.bool_:
            index = index.astype(np.int64)
        for field in dataclasses.fields(table):
            assert np.array_equal(getattr(selected, field.name), getattr(table, field.name)[index]), field.name
        assert type(selected) is type(table)

    @pytest.mark.parametrize("make", TABLES)
    def test_no_field_can_be_written(self, make):
        table = make()
        for field in dataclasses.fields(table):
            array = getattr(table, field.name)
            assert not array.flags.writeable, field.name
        with pytest.raises(dataclasses.FrozenInstanceError):
            table.boxes = None

    @pytest.mark.parametrize("make", TABLES)
    def test_the_callers_array_can_still_be_written(self, make):
        mine = np.zeros((3, 4), np.float32)
        table = dataclasses.replace(make(), boxes=mine)
        mine[0] = 1
        assert len(table) == 3

    def test_a_mask_of_another_length_is_an_error(self):
        with pytest.raises(IndexError):
            detections(3)[[True, False]]

    def test_fields_that_are_not_there_stay_so(self):
        plain = Detections([[0, 0, 1, 1]], [1])[[True]]
        assert plain.keypoints is plain.keypoint_scores is plain.track_ids is None

    @given(mask=st.lists(st.booleans(), max_size=6))
    def test_the_chosen_and_the_others_are_everybody(self, mask, make_poses):
        poses = make_poses(len(mask))
        chosen, others = poses[np.array(mask, bool)], poses[~np.array(mask, bool)]
        together = concatenate([chosen, others], num_keypoints=17)
        assert sorted(together.track_ids.tolist()) == sorted(poses.track_ids.tolist())


class TestNobody:
    def test_is_an_empty_table_of_the_right_shapes(self):
        assert Detections.empty().boxes.shape == (0, 4)
        assert Poses.empty(14).keypoints.shape == (0, 14, 2)
        assert PoseCandidates.empty(14, 3).keypoints.shape == (0, 14, 3, 2)
        assert len(Detections.empty()) == len(Poses.empty(14)) == len(PoseCandidates.empty(14)) == 0

    @pytest.mark.parametrize("boxes", [[], np.zeros((0, 4)), np.zeros(0)], ids=["list", "rows", "flat"])
    def test_can_be_written_in_several_ways(self, boxes):
        assert Detections(boxes, []).boxes.shape == (0, 4)

    @pytest.mark.parametrize("rows", [[], slice(None), np.zeros(0, bool)], ids=["list", "slice", "mask"])
    def test_selected_from_nobody_is_nobody(self, rows):
        assert len(Poses.empty(17)[rows]) == len(Detections.empty()[rows]) == 0

    def test_joined_is_nobody_with_the_keypoints_asked_for(self):
        assert concatenate([], num_keypoints=14).keypoints.shape == (0, 14, 2)
        assert len(concatenate([Poses.empty(17), Poses.empty(17)], num_keypoints=17)) == 0


class TestReplace:
    def test_changes_a_copy(self, make_poses):
        poses = make_poses(2)
        renamed = poses.replace(track_ids=np.array([8, 9]))
        assert renamed.track_ids.tolist() == [8, 9]
        assert poses.track_ids.tolist() != [8, 9]
        assert np.shares_memory(renamed.keypoints, poses.keypoints)

    def test_checks_what_is_new(self, make_poses):
        with pytest.raises(ValueError, match=r"Poses.scores has shape \(3,\), expected \(2,\)"):
            make_poses(2).replace(scores=np.zeros(3))
