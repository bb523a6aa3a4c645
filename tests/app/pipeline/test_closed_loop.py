"""The closed loop: when the detector is asked, and that nobody is lost in between."""

from __future__ import annotations

import numpy as np
import pytest

from sitepose.app.pipeline.closed_loop import ClosedLoop
from sitepose.app.pipeline.following import BoxFollower, with_missed
from sitepose.app.pipeline.runner import Runner, Stage
from sitepose.app.pipeline.schedule import EveryN, WhenNeeded, schedule_of
from sitepose.core.similarity import box_iou
from sitepose.core.skeleton import load_skeleton
from sitepose.core.structures import Detections, Poses
from sitepose.plugins.sources.synthetic import SyntheticSource
from sitepose.tracking.trackers.oks_sort import OksSort, OksSortSettings


@pytest.fixture
def street():
    """Return walking test people whose places are known: 40 frames, 4 people."""
    settings = SyntheticSource.Settings(
        location="synthetic", frames=40, people=4, width=320, height=240, seed=3
    )
    with SyntheticSource(settings) as source:
        yield source


class Steps:
    """Detector and pose network that know the truth of a synthetic street, and a real tracker."""

    def __init__(self, street, miss=()):
        self._street = street
        self._miss = miss
        self._tracker = OksSort(load_skeleton("coco17"), OksSortSettings())
        self.asked = []

    def detect(self, work):
        self.asked.append(work.frame.index)
        truth = self._street.truth(work.frame.index)
        kept = [row for row in range(len(truth)) if (work.frame.index, row) not in self._miss]
        work.detections = Detections(truth.boxes[kept], np.full(len(kept), 0.9))

    def estimate(self, work):
        """Find, in each box, the person who fills it best."""
        truth = self._street.truth(work.frame.index)
        overlap = box_iou(work.detections.boxes, truth.boxes)
        best = overlap.argmax(axis=1) if len(truth) else np.zeros(0, int)
        seen = np.where(overlap.max(axis=1, initial=0) > 0.3, 0.9, 0.02)[:, None]
        work.candidates = Poses(
            keypoints=truth.keypoints[best],
            keypoint_scores=np.broadcast_to(seen, (len(best), 17)),
            boxes=work.detections.boxes,
            box_scores=work.detections.scores,
            scores=work.detections.scores * seen[:, 0],
            from_tracks=work.detections.from_tracks,
        )

    def suppress(self, work):
        work.poses = work.candidates

    def track(self, work):
        work.poses = self._tracker.update(work.frame, work.poses)


def run(street, steps, schedule):
    loop = ClosedLoop(steps, schedule)
    return [(work.frame.index, work.poses) for work in Runner([Stage("loop", loop.step)]).run(street)]


class TestClosedLoop:
    @pytest.mark.parametrize("every", [3, 7])
    def test_the_detector_is_asked_every_nth_frame(self, street, every):
        steps = Steps(street)
        run(street, steps, EveryN(every))

        assert steps.asked == list(range(0, 40, every))

    @pytest.mark.parametrize("every", [1, 4, "auto"])
    def test_everybody_is_followed_in_between(self, street, every):
        steps = Steps(street)
        tracked = run(street, steps, schedule_of(every))

        found = total = 0
        for index, poses in tracked[3:]:
            truth = street.truth(index)
            found += int((box_iou(truth.boxes, poses.boxes).max(axis=1, initial=0) > 0.5).sum())
            total += len(truth)
        assert found / total > 0.95

    def test_boxes_say_that_they_come_from_tracks(self, street):
        tracked = run(street, Steps(street), EveryN(5))

        assert not tracked[5][1].from_tracks.any()
        assert tracked[7][1].from_tracks.all()

    def test_whom_the_detector_misses_once_is_still_there(self, street):
        steps = Steps(street, miss={(8, row) for row in range(4)})
        tracked = dict(run(street, steps, EveryN(4)))

        assert len(tracked[8][tracked[8].observed]) == len(tracked[7][tracked[7].observed]) > 0

    def test_auto_asks_less_often_than_always(self, street):
        steps = Steps(street)
        run(street, steps, WhenNeeded())

        assert 1 < len(steps.asked) < 30

    def test_auto_decides_the_same_way_every_time(self):
        asked = []
        for _ in range(2):
            settings = SyntheticSource.Settings(location="synthetic", frames=40, width=320, height=240, seed=5)
            with SyntheticSource(settings) as source:
                steps = Steps(source)
                run(source, steps, WhenNeeded())
            asked.append(steps.asked)

        assert asked[0] == asked[1]

    def test_an_empty_street_is_a_normal_case(self):
        settings = SyntheticSource.Settings(location="synthetic", frames=10, people=0, width=64, height=48)
        with SyntheticSource(settings) as source:
            tracked = run(source, Steps(source), WhenNeeded())

        assert [len(poses) for _, poses in tracked] == [0] * 10


class TestBoxFollower:
    def test_nobody_seen_yet_is_nobody_to_follow(self, street):
        follower = BoxFollower()
        follower.look(next(street))

        assert len(follower.boxes()) == 0

    def test_people_without_usable_keypoints_keep_their_box(self, street):
        follower = BoxFollower()
        frame = next(street)
        people = street.truth(0).replace(track_ids=np.arange(4), keypoint_scores=np.zeros((4, 17)))
        follower.look(frame)
        follower.learn(people, people)
        follower.look(frame)

        np.testing.assert_allclose(follower.boxes().boxes, people.boxes, atol=1e-3)


class TestWithMissed:
    def test_only_whom_the_detector_did_not_find_is_added(self):
        found = Detections(boxes=[[0, 0, 10, 10]], scores=[0.9])
        followed = Detections(
            boxes=[[1, 1, 11, 11], [50, 50, 60, 60]], scores=[0.8, 0.5], from_tracks=[True, True]
        )

        both = with_missed(found, followed)

        assert both.boxes.tolist() == [[0, 0, 10, 10], [50, 50, 60, 60]]
        assert both.from_tracks.tolist() == [False, True]
        assert both.scores.tolist() == pytest.approx([0.9, 0.4])

    @pytest.mark.parametrize("found", [Detections.empty(), Detections(boxes=[[0, 0, 1, 1]], scores=[1])])
    def test_nobody_followed_changes_nothing(self, found):
        assert with_missed(found, Detections.empty()) is found
