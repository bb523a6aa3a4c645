from __future__ import annotations

import numpy as np
import pytest

from sitepose.core.structures import Poses
from sitepose.tracking.flow_building import FlowBuilder, FlowFrame
from sitepose.tracking.flow_nms import pose_distances, suppress_flows

BUILDER = {"window": 4, "look_ahead": 3, "min_gain": 0.3, "min_start": 1.0}


def frame(make_people, index: int, xs, confidences) -> FlowFrame:
    boxes = np.float32([[x, 0, x + 20, 50] for x in xs]).reshape(-1, 4)
    people = make_people(boxes, np.full(len(boxes), 0.9))
    return FlowFrame(index, index / 25, people, np.float32(confidences))


def built(frames, links, **changes) -> list[list[int]]:
    """Return the flow of each pose in each frame."""
    builder, done = FlowBuilder(**{**BUILDER, **changes}), []
    for place, one in enumerate(frames):
        builder.add(one)
        for earlier, later, arrived in links:
            if later[0] == place:
                builder.link(earlier, later, arrived)
        done += builder.decide()
    done += builder.decide(final=True)
    return [one.flows.tolist() for one in done]


class TestFlowBuilder:
    def test_follows_two_people_through_many_windows(self, make_people):
        frames = [frame(make_people, i, (0, 100), (2, 2)) for i in range(13)]
        links = [((i, row), (i + 1, row), 0.9) for i in range(12) for row in (0, 1)]
        flows = built(frames, links)
        assert flows == [flows[0]] * 13
        assert len(set(flows[0])) == 2

    def test_steps_over_frames_in_which_somebody_was_missed(self, make_people):
        frames = [
            frame(make_people, i, () if i in (5, 6) else (0,), () if i in (5, 6) else (2,)) for i in range(12)
        ]
        links = [((i, 0), (i + 1, 0), 0.9) for i in (0, 1, 2, 3, 7, 8, 9, 10)] + [((4, 0), (7, 0), 0.6)]
        assert {flow for one in built(frames, links) for flow in one} == {0}

    def test_a_confident_neighbour_does_not_take_a_flow_over(self, make_people):
        frames = [frame(make_people, i, (0, 15), (1.5, 2.9)) for i in range(8)]
        own = [((i, row), (i + 1, row), 0.9) for i in range(7) for row in (0, 1)]
        crossed = [((i, row), (i + 1, 1 - row), 0.35) for i in range(7) for row in (0, 1)]
        flows = built(frames, own + crossed)
        assert flows == [flows[0]] * 8

    def test_look_ahead_finds_the_way_that_leads_on(self, make_people):
        # Frame 3 has a false alarm near the person at which slightly more points arrive, and a dead end.
        frames = [
            frame(make_people, i, (0, 4) if i == 3 else (0,), (2, 2) if i == 3 else (2,)) for i in range(10)
        ]
        links = [((i, 0), (i + 1, 0), 0.8) for i in range(9)] + [((2, 0), (3, 1), 0.9)]
        flows = built(frames, links)
        assert [one[0] for one in flows] == [0] * 10

    def test_weak_poses_begin_no_flow(self, make_people):
        frames = [frame(make_people, i, (0,), (0.5,)) for i in range(8)]
        assert built(frames, [((i, 0), (i + 1, 0), 0.9) for i in range(7)]) == [[-1]] * 8

    def test_a_flow_ends_where_little_follows(self, make_people):
        frames = [frame(make_people, i, (0,), (2 if i < 4 else 0.05,)) for i in range(12)]
        flows = built(frames, [((i, 0), (i + 1, 0), 0.9) for i in range(11)])
        assert flows == [[0]] * 4 + [[-1]] * 8

    def test_remembers_a_window_however_long_the_video(self, make_people):
        builder = FlowBuilder(**BUILDER)
        for i in range(500):
            builder.add(frame(make_people, i, (0,), (2,)))
            builder.link((i - 1, 0), (i, 0), 0.9)
            builder.decide()
        assert len(builder._frames) <= BUILDER["window"] + 2 * BUILDER["look_ahead"]


class TestSuppressFlows:
    def two_views(self, make_people, *, frames: int, apart: float) -> list[FlowFrame]:
        done = []
        for i in range(frames):
            one = frame(make_people, i, (0, apart), (2.5, 1.5))
            one.flows = np.array([7, 9])
            done.append(one)
        return done

    def test_merges_flows_that_are_one_person(self, make_people):
        merged, absorbed = suppress_flows(
            self.two_views(make_people, frames=5, apart=1), max_distance=3.5, weight=1.0
        )
        assert absorbed.names == {9: 7}
        assert [one.flows.tolist() for one in merged] == [[7]] * 5
        # Averaged by score: half way between two equally sure views.
        assert merged[0].poses.keypoints[0, 0, 0] == pytest.approx(0.5 * 20 + 0.5)

    @pytest.mark.parametrize(
        ("frames", "apart"), [pytest.param(2, 1, id="too few frames"), pytest.param(6, 15, id="two people")]
    )
    def test_leaves_others_alone(self, make_people, frames, apart):
        views = self.two_views(make_people, frames=frames, apart=apart)
        merged, absorbed = suppress_flows(views, max_distance=3.5, weight=1.0)
        assert absorbed.names == {}
        assert [one.flows.tolist() for one in merged] == [[7, 9]] * frames


class TestPoseDistances:
    def test_equal_sure_poses_have_the_least_distance_there_is(self, make_people):
        twice = make_people(np.float32([[0, 0, 20, 50]] * 2), np.ones(2))
        assert pose_distances(twice, weight=1.0)[0, 1] == pytest.approx(2, abs=0.01)

    def test_people_without_keypoints_are_compared_by_their_boxes(self, make_people):
        people = make_people(np.float32([[0, 0, 20, 50], [0, 0, 20, 50], [90, 0, 110, 50]]), np.ones(3))
        distances = pose_distances(people.replace(keypoint_scores=np.zeros((3, 17))), weight=1.0)
        assert distances[0, 1] == pytest.approx(2)
        assert distances[0, 2] == np.inf

    def test_nobody(self):
        assert pose_distances(Poses.empty(17), weight=1.0).shape == (0, 0)
