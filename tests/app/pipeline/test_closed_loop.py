"""The closed loop: when the detector is asked, and that nobody is lost in between."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from sitepose.app.pipeline.closed_loop import LAG, ClosedLoop
from sitepose.app.pipeline.following import BoxFollower, small_grey
from sitepose.app.pipeline.runner import Runner, Stage, Work
from sitepose.app.pipeline.schedule import EveryN, WhenNeeded, schedule_of
from sitepose.core.errors import PipelineError
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
        self.looked_at = {}

    def detect(self, work):
        self.asked.append(work.frame.index)
        truth = self._street.truth(work.frame.index)
        kept = [row for row in range(len(truth)) if (work.frame.index, row) not in self._miss]
        work.detections = Detections(truth.boxes[kept], np.full(len(kept), 0.9))

    def estimate(self, work):
        """Find, in each box, the person who fills it best."""
        truth = self._street.truth(work.frame.index)
        self.looked_at[work.frame.index] = len(work.detections)
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

    def identify(self, work):
        return self._tracker.update(work.frame, work.poses)

    def select(self, work, people):
        work.poses = people


def stages_of(steps, schedule, lag=LAG):
    loop = ClosedLoop(steps, schedule, lag=lag)
    return [
        Stage("follow", loop.find, balance=loop.take_balance, abandon=loop.abandon),
        Stage("pose", steps.estimate, 3),
        Stage("nms", steps.suppress),
        Stage("track", loop.track),
    ]


def run(street, steps, schedule):
    return [(work.frame.index, work.poses) for work in Runner(stages_of(steps, schedule)).run(street)]


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
        assert (
            found / total > 0.9
        )  # two of them cross, and a followed box may go with the other for some frames

    def test_boxes_say_that_they_come_from_tracks(self, street):
        tracked = run(street, Steps(street), EveryN(5))

        assert not tracked[5][1].from_tracks.any()
        assert tracked[7][1].from_tracks.all()

    def test_whom_the_detector_misses_once_is_back_when_it_is_asked_again(self, street):
        steps = Steps(street, miss={(8, row) for row in range(4)})
        tracked = dict(run(street, steps, EveryN(4)))

        assert set(tracked[13].track_ids) == set(tracked[7].track_ids)
        assert len(tracked[13]) > 0

    def test_auto_asks_less_often_than_always(self, street):
        steps = Steps(street)
        run(street, steps, WhenNeeded())

        assert 1 < len(steps.asked) < 30

    @pytest.mark.parametrize("slow", ["detect", "estimate", "identify"])
    def test_which_step_is_slow_changes_nothing(self, slow, monkeypatch):
        answers = []
        for delay in (0, 0.005):
            settings = SyntheticSource.Settings(location="synthetic", frames=40, width=320, height=240, seed=5)
            with SyntheticSource(settings) as source:
                steps = Steps(source)
                step = getattr(steps, slow)
                monkeypatch.setattr(
                    steps, slow, lambda work, step=step, delay=delay: (time.sleep(delay), step(work))[1]
                )
                tracked = run(source, steps, WhenNeeded())
            answers.append((steps.asked, [poses.keypoints.tobytes() for _, poses in tracked]))

        assert answers[0] == answers[1]

    @pytest.mark.parametrize("every", [3, "auto"])
    def test_frames_one_by_one_in_a_single_thread_are_enough(self, street, every):
        steps = Steps(street)
        stages = stages_of(steps, schedule_of(every), lag=0)
        found = 0
        for frame in street:
            work = Work(frame)
            for stage in stages:
                stage.function(work)
            found += len(work.poses)

        assert 1 < len(steps.asked) < 30
        assert found > 0.9 * sum(len(street.truth(index)) for index in range(40))

    def test_a_frame_lost_on_the_way_does_not_stop_those_after_it(self, street):
        steps = Steps(street)
        follow, *others = stages_of(steps, EveryN(3), lag=0)
        for frame in street:
            work = Work(frame)
            follow.function(work)
            for stage in others if frame.index % 4 else []:
                stage.function(work)

        assert len(work.poses) > 0

    @pytest.mark.parametrize("failing", ["estimate", "identify"])
    def test_a_step_that_fails_ends_the_run_with_its_reason(self, street, monkeypatch, failing):
        steps = Steps(street)
        step = getattr(steps, failing)

        def fail(work):
            if work.frame.index == 10:
                raise ValueError("out of luck")
            return step(work)

        monkeypatch.setattr(steps, failing, fail)
        seen = []
        frames = Runner(stages_of(steps, EveryN(3))).run(street)
        with pytest.raises(PipelineError, match=r"failed at frame 10: .*out of luck"):
            seen.extend(work.frame.index for work in frames)

        assert seen == list(range(10))

    def test_who_wants_no_more_frames_ends_the_run(self, street):
        frames = Runner(stages_of(Steps(street), EveryN(3))).run(street)
        next(frames)
        before = threading.active_count()
        frames.close()

        assert threading.active_count() < before

    def test_everybody_is_followed_whoever_is_selected(self, street, monkeypatch):
        steps = Steps(street)
        monkeypatch.setattr(steps, "select", lambda work, people: setattr(work, "poses", people[:0]))
        run(street, steps, EveryN(5))

        assert steps.looked_at[7] == steps.looked_at[5] > 0

    def test_an_empty_street_is_a_normal_case(self):
        settings = SyntheticSource.Settings(location="synthetic", frames=10, people=0, width=64, height=48)
        with SyntheticSource(settings) as source:
            tracked = run(source, Steps(source), WhenNeeded())

        assert [len(poses) for _, poses in tracked] == [0] * 10


class TestBoxFollower:
    def test_nobody_seen_yet_is_nobody_to_follow(self, street):
        follower = BoxFollower()
        frame = next(street)
        follower.look(0, small_grey(frame.image))

        assert len(follower.boxes(frame.size_wh)) == 0

    def test_people_without_usable_keypoints_keep_their_box(self, street):
        follower = BoxFollower()
        frame = next(street)
        people = street.truth(0).replace(track_ids=np.arange(4), keypoint_scores=np.zeros((4, 17)))
        follower.look(0, small_grey(frame.image))
        follower.learn(0, people)
        follower.look(1, small_grey(frame.image))

        np.testing.assert_allclose(follower.boxes(frame.size_wh).boxes, people.boxes, atol=1e-3)

    @pytest.mark.parametrize("frames", [2, 3])
    def test_people_known_from_some_frames_ago_are_where_they_are_now(self, street, frames):
        follower = BoxFollower()
        pictures = [next(street) for _ in range(frames + 1)]
        people = street.truth(0).replace(track_ids=np.arange(4), keypoint_scores=np.full((4, 17), 0.9))
        for frame in pictures:
            follower.look(frame.index, small_grey(frame.image))
        follower.learn(0, people)

        followed = follower.boxes(pictures[-1].size_wh).boxes
        moved = street.truth(frames).boxes
        assert np.median(np.abs(followed - moved)) < 0.5 * np.median(np.abs(people.boxes - moved))

    def test_whom_the_detector_has_just_found_is_there_until_more_is_known(self, street):
        follower = BoxFollower()
        frame = next(street)
        found = Detections(boxes=[[10, 10, 40, 90]], scores=[0.8])
        follower.look(0, small_grey(frame.image))
        follower.found(0, found)
        follower.look(1, small_grey(frame.image))
        expected = follower.boxes(frame.size_wh)
        follower.learn(0, Poses.empty(17))

        assert expected.boxes.tolist() == found.boxes.tolist()
        assert expected.from_tracks.all()
        assert len(follower.boxes(frame.size_wh)) == 0

    def test_whom_the_detector_has_just_not_found_is_not_looked_for(self, street):
        follower = BoxFollower()
        frame = next(street)
        people = street.truth(0).replace(track_ids=np.arange(4), box_scores=np.full(4, 0.9))
        follower.look(0, small_grey(frame.image))
        follower.learn(0, people)
        follower.look(1, small_grey(frame.image))
        follower.found(1, Detections(people.boxes[:1], people.box_scores[:1]))
        follower.look(2, small_grey(frame.image))

        assert len(follower.boxes(frame.size_wh)) == 1


class TestWhenNeeded:
    def test_nothing_is_asked_while_an_answer_is_on_its_way(self):
        schedule = WhenNeeded()
        grey = np.zeros((60, 80), np.uint8)
        nobody, boxes = Poses.empty(17), np.empty((0, 4), np.float32)
        moving = [grey, np.full_like(grey, 200), grey, np.full_like(grey, 200)]
        asked = [schedule.due(picture, boxes) for picture in moving[:2]]
        schedule.learn(nobody, asked=True)
        asked += [schedule.due(picture, boxes) for picture in moving[2:]]

        assert asked == [True, False, True, False]
