from __future__ import annotations

import numpy as np
import pytest

from sitepose.core.structures import Poses
from sitepose.tracking.correspondence import FlowPoints
from sitepose.tracking.flow import STILL, OrbFlow, PointFlow, transformed

POINTS = np.array([[x, y] for x in (60, 120, 200) for y in (60, 110, 150)], np.float32)


def blocks(seed: int, shape: tuple[int, int]) -> np.ndarray:
    """Return a texture of 4-pixel blocks."""
    small = np.random.default_rng(seed).integers(0, 256, (shape[0] // 4, shape[1] // 4, 3), np.uint8)
    return np.kron(small, np.ones((4, 4, 1), np.uint8))


def moved(image: np.ndarray, dx: int, dy: int) -> np.ndarray:
    return np.roll(image, (dy, dx), axis=(0, 1))


class TestPointFlow:
    @pytest.mark.parametrize("height", [40, 150, 400], ids=["small person", "middle", "large"])
    def test_finds_where_points_went(self, height):
        flow, image = PointFlow(), blocks(0, (240, 320))
        flow.advance(image)
        flow.advance(moved(image, 5, -3))
        followed = flow.follow(POINTS, np.full(len(POINTS), height))
        assert followed.good.mean() > 0.8
        assert followed.points[followed.good] == pytest.approx(POINTS[followed.good] + [5, -3], abs=0.3)

    def test_says_which_points_are_lost(self):
        flow = PointFlow()
        flow.advance(blocks(0, (240, 320)))
        flow.advance(blocks(1, (240, 320)))
        assert flow.follow(POINTS, np.full(len(POINTS), 100)).good.mean() < 0.3

    def test_knows_nothing_in_the_first_frame_nor_across_a_change_of_size(self):
        flow = PointFlow()
        assert not flow.ready
        flow.advance(blocks(0, (240, 320)))
        assert not flow.follow(POINTS, np.full(len(POINTS), 100)).good.any()
        flow.advance(blocks(0, (120, 160)))
        assert not flow.follow(POINTS, np.full(len(POINTS), 100)).good.any()

    def test_points_of_large_frames_come_back_in_frame_pixels(self):
        flow, image = PointFlow(), np.kron(blocks(0, (240, 320)), np.ones((4, 4, 1), np.uint8))
        flow.advance(image)
        flow.advance(moved(image, 16, 8))
        followed = flow.follow(POINTS * 4, np.full(len(POINTS), 400))
        assert followed.points[followed.good] == pytest.approx(POINTS[followed.good] * 4 + [16, 8], abs=1)

    def test_tells_how_the_camera_moved_although_somebody_walks(self):
        flow, image = PointFlow(), blocks(0, (240, 320))
        somebody = blocks(1, (120, 60))
        before, after = image.copy(), moved(image, 6, 2)
        before[60:180, 100:160] = somebody
        after[60:180, 80:140] = somebody
        flow.advance(before)
        flow.advance(after)
        camera = flow.background(np.float32([[80, 50, 170, 190]]))
        assert transformed(POINTS, camera) == pytest.approx(POINTS + np.float32([6, 2]), abs=0.5)

    def test_a_still_camera_is_exactly_still(self):
        flow, image = PointFlow(), blocks(0, (240, 320))
        flow.advance(image)
        flow.advance(image)
        assert flow.background(np.zeros((0, 4), np.float32)) is STILL


class TestOrbFlow:
    def test_matches_most_features_of_a_moved_picture(self):
        flow, image = OrbFlow(500), blocks(0, (240, 320))
        assert flow.advance(image)[0].shape == (0, 2)
        before, now = flow.advance(moved(image, 6, 0))
        assert np.median(now - before, axis=0) == pytest.approx([6, 0], abs=0.5)

    def test_an_empty_picture_has_no_matches(self):
        flow = OrbFlow(500)
        for image in (blocks(0, (240, 320)), np.zeros((240, 320, 3), np.uint8), blocks(0, (240, 320))):
            assert flow.advance(image)[0].shape[1] == 2


class TestFlowPoints:
    @pytest.fixture(params=[True, False], ids=["with keypoints", "boxes alone"])
    def walk(self, request, make_people):
        """Two people, the left of whom walks 6 pixels to the right; before, after, and the flow between."""
        boxes = np.float32([[40, 60, 88, 180], [200, 60, 248, 180]])
        images = []
        for step in (0, 6):
            image = blocks(0, (240, 320))
            image[60:180, 40 + step : 88 + step] = blocks(1, (120, 48))
            image[60:180, 200:248] = blocks(2, (120, 48))
            images.append(image)
        flow = PointFlow()
        for image in images:
            flow.advance(image)
        before = make_people(boxes, np.full(2, 0.9)).replace(track_ids=np.array([1, 2]))
        after = make_people(boxes + np.float32([[6, 0, 6, 0], [0, 0, 0, 0]]), np.full(2, 0.9))
        if not request.param:
            nothing = np.zeros((2, 17), np.float32)
            before, after = before.replace(keypoint_scores=nothing), after.replace(keypoint_scores=nothing)
        return before, after, flow

    def test_points_arrive_at_their_own_person_alone(self, walk):
        before, after, flow = walk
        points = FlowPoints.on(before, min_weight=0.2)
        points.follow(flow, STILL)
        arrived, alive = points.arrivals(after)
        assert arrived.diagonal().min() > 0.8
        assert arrived[0, 1] == arrived[1, 0] == 0
        assert alive.min() > 0.5

    def test_boxes_move_along_with_their_points(self, walk):
        before, after, flow = walk
        points = FlowPoints.on(before, min_weight=0.2)
        points.follow(flow, STILL)
        assert points.boxes == pytest.approx(after.boxes, abs=0.5)

    def test_points_on_the_background_beside_a_walker_are_left_out(self, walk):
        before, _, flow = walk
        loose = before.replace(boxes=before.boxes + np.float32([-40, -10, 40, 10]))
        points = FlowPoints.on(loose, min_weight=0.2)
        points.follow(flow, STILL)
        motion = points.points - FlowPoints.on(loose, min_weight=0.2).points
        lengths = np.linalg.norm(motion[0], axis=2)
        assert (lengths < 1).sum() > 5
        assert lengths[points.good[0]].min() > 1.9

    def test_nobody_has_no_points(self):
        points = FlowPoints.on(Poses.empty(17), min_weight=0.2)
        points.follow(PointFlow(), STILL)
        arrived, alive = points.arrivals(Poses.empty(17))
        assert arrived.shape == (0, 0)
        assert alive.shape == (0,)
