"""How our online trackers treat births, misses, departures and weak detections."""

from __future__ import annotations

import numpy as np
import pytest

from sitepose.core.structures import Frame, Poses
from sitepose.tracking.trackers.oks_sort import OksSort, OksSortSettings, match_in_rounds
from sitepose.tracking.trackers.online import pose_evidence
from sitepose.tracking.trackers.poseflow import PoseFlow

IMAGE = np.zeros((200, 300, 3), np.uint8)


def frame(index: int) -> Frame:
    return Frame(IMAGE, index, index / 25)


@pytest.fixture(params=[OksSort, PoseFlow])
def tracker(request, coco17):
    return request.param(coco17)


@pytest.fixture
def at(make_people):
    """A function that puts people of one score at some places."""

    def people(*lefts: float, score: float = 0.9) -> Poses:
        boxes = np.float32([[x, 50, x + 40, 150] for x in lefts]).reshape(-1, 4)
        return make_people(boxes, np.full(len(lefts), score))

    return people


def walk(tracker, at, frames: int, *, start: float = 50, speed: float = 2) -> Poses:
    said = Poses.empty(17)
    for i in range(frames):
        said = tracker.update(frame(i), at(start + speed * i))
    return said


class TestBirths:
    def test_somebody_sure_is_reported_at_once_and_somebody_unsure_when_seen_again(self, tracker, at):
        assert len(tracker.update(frame(0), at(50, score=0.9))) == 1
        tracker.reset()
        assert len(tracker.update(frame(0), at(50, score=0.62))) == 0
        assert len(tracker.update(frame(1), at(50, score=0.62))) == 1

    def test_weak_detections_begin_no_track(self, tracker, at):
        assert all(len(tracker.update(frame(i), at(50, score=0.4))) == 0 for i in range(10))

    def test_a_false_alarm_of_one_frame_is_never_reported(self, tracker, at):
        tracker.update(frame(0), at(50, score=0.62))
        assert all(len(tracker.update(frame(i), at())) == 0 for i in range(1, 10))

    def test_a_second_view_of_a_tracked_person_is_nobody_new(self, tracker, at):
        walk(tracker, at, 5, speed=0)
        said = tracker.update(frame(5), at(50, 52))
        assert said.track_ids.tolist() == [1]


class TestMisses:
    def test_weak_detections_continue_a_track(self, tracker, at):
        before = walk(tracker, at, 10)
        said = tracker.update(frame(10), at(70, score=0.35))
        assert said.track_ids.tolist() == before.track_ids.tolist()
        assert said.observed.all()

    def test_people_are_carried_along_their_way_for_a_moment(self, tracker, at):
        walk(tracker, at, 20)
        said = tracker.update(frame(20), at())
        assert said.observed.tolist() == [False]
        assert said.from_tracks.tolist() == [True]
        assert said.boxes[0, 0] == pytest.approx(90, abs=2)
        assert said.keypoints[0, :, 0].mean() == pytest.approx(110, abs=2)
        assert len(tracker.update(frame(29), at())) == 0

    def test_somebody_who_left_the_picture_is_not_waited_for(self, tracker, at):
        first = walk(tracker, at, 30, start=190, speed=4)
        for i in range(30, 50):
            tracker.update(frame(i), at())
        said = tracker.update(frame(50), at(255))
        assert said.track_ids[0] != first.track_ids[0]

    def test_somebody_hidden_in_the_picture_is(self, tracker, at):
        first = walk(tracker, at, 30, start=50, speed=2)
        for i in range(30, 50):
            tracker.update(frame(i), at())
        said = tracker.update(frame(50), at(145))
        assert said.track_ids.tolist() == first.track_ids.tolist()


class TestPoseEvidence:
    def test_weak_keypoints_temper_a_box(self, at):
        poster = at(50, score=0.6).replace(keypoint_scores=np.full((1, 17), 0.1))
        assert pose_evidence(poster, 0.3)[0] == pytest.approx(0.6**0.7 * 0.1**0.3)

    def test_a_box_without_keypoints_counts_as_it_is(self, at):
        bare = at(50, score=0.6).replace(keypoint_scores=np.zeros((1, 17)))
        assert pose_evidence(bare, 0.3)[0] == pytest.approx(0.6)
        assert pose_evidence(at(), 0.3).shape == (0,)


class TestMatchInRounds:
    def test_earlier_rounds_choose_first(self):
        affinity = np.float32([[0.5, 0.4], [0.9, 0.1]])
        first, second = np.array([True, False]), np.array([False, True])
        both = np.ones(2, np.bool_)
        rows, columns = match_in_rounds(affinity, ((first, both, 0.2), (second, both, 0.05)))
        assert dict(zip(rows.tolist(), columns.tolist(), strict=True)) == {0: 0, 1: 1}

    def test_nobody(self):
        rows, columns = match_in_rounds(
            np.zeros((0, 3), np.float32), ((np.zeros(0, bool), np.ones(3, bool), 0.1),)
        )
        assert rows.size == columns.size == 0


class TestHiddenPeople:
    @pytest.mark.parametrize(
        "near_x", [pytest.param(85, id="behind somebody"), pytest.param(200, id="in the open")]
    )
    def test_are_carried_longer_behind_somebody_than_in_the_open(self, coco17, make_people, near_x):
        tracker = OksSort(coco17, OksSortSettings(carry_s=0.1, carry_hidden_s=1))
        near = np.float32([[near_x, 10, near_x + 90, 190]])
        for i in range(10):
            tracker.update(
                frame(i), make_people(np.append(near, [[100, 60, 130, 140]], axis=0), np.full(2, 0.9))
            )
        for i in range(10, 20):
            said = tracker.update(frame(i), make_people(near, np.full(1, 0.9)))
        assert len(said) == (2 if near_x == 85 else 1)
