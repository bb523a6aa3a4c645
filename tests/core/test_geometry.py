"""Boxes and the pixel convention: the centre of the first pixel is (0, 0)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitepose.core.geometry import box_areas, box_centers, clip_boxes, frame_box, keypoint_boxes, resize_points

BOXES = st.lists(st.lists(st.floats(-500, 500, width=32), min_size=4, max_size=4), max_size=6).map(
    lambda rows: np.array(rows, np.float32).reshape(-1, 4)
)


class TestBoxes:
    def test_one_pixel_has_the_area_one_and_its_own_centre(self):
        pixel = np.float32([[6.5, 2.5, 7.5, 3.5]])
        assert box_areas(pixel).tolist() == [1]
        assert box_centers(pixel).tolist() == [[7, 3]]

    def test_the_whole_frame_begins_half_a_pixel_before_its_first_centre(self):
        assert frame_box(64, 48).tolist() == [-0.5, -0.5, 63.5, 47.5]
        assert box_areas(frame_box(64, 48)[None]).tolist() == [64 * 48]

    @given(BOXES)
    def test_areas_are_never_negative(self, boxes):
        assert (box_areas(boxes) >= 0).all()

    @given(BOXES)
    def test_clipping_twice_is_clipping_once(self, boxes):
        once = clip_boxes(boxes, 64, 48)
        assert (clip_boxes(once, 64, 48) == once).all()
        assert (once >= -0.5).all()
        assert (once[:, 2:] <= [63.5, 47.5]).all()

    def test_clipping_leaves_what_is_inside(self):
        inside = np.float32([[1, 2, 30, 40]])
        assert (clip_boxes(inside, 64, 48) == inside).all()

    def test_nobody_is_a_normal_case(self):
        nobody = np.zeros((0, 4), np.float32)
        assert box_areas(nobody).shape == (0,)
        assert box_centers(nobody).shape == (0, 2)
        assert clip_boxes(nobody, 64, 48).shape == (0, 4)


class TestResize:
    @pytest.mark.parametrize("scale", [0.25, 0.5, 2.0, 3.0])
    def test_the_frames_border_stays_the_frames_border(self, scale):
        border = frame_box(64, 48).reshape(2, 2)
        assert (
            resize_points(border, scale).ravel().tolist()
            == frame_box(int(64 * scale), int(48 * scale)).tolist()
        )

    @given(st.floats(-100, 100, width=32), st.sampled_from([0.25, 0.5, 2.0, 4.0]))
    def test_there_and_back_is_where_it_was(self, x, scale):
        point = np.float32([[x, -x]])
        assert resize_points(resize_points(point, scale), 1 / scale) == pytest.approx(point, abs=1e-3)

    def test_two_axes_may_have_two_scales(self):
        assert resize_points(np.float32([[0, 0]]), np.float32([2, 4])).tolist() == [[0.5, 1.5]]


class TestKeypointBoxes:
    def test_go_around_what_scores(self):
        keypoints = np.float32([[[1, 2], [5, 9], [100, 100]]])
        assert keypoint_boxes(keypoints, np.float32([[0.5, 0.4, 0.1]]), min_score=0.3).tolist() == [
            [1, 2, 5, 9]
        ]

    def test_leave_out_missing_keypoints(self):
        keypoints = np.float32([[[1, 2], [np.nan, 9], [3, 4]]])
        assert keypoint_boxes(keypoints, np.ones((1, 3), np.float32)).tolist() == [[1, 2, 3, 4]]

    def test_of_nothing_are_nan(self):
        boxes = keypoint_boxes(np.zeros((2, 3, 2), np.float32), np.float32([[0, 0, 0], [1, 0, 0]]))
        assert np.isnan(boxes[0]).all()
        assert boxes[1].tolist() == [0, 0, 0, 0]

    def test_of_nobody_are_none(self):
        assert keypoint_boxes(np.zeros((0, 17, 2), np.float32), np.zeros((0, 17), np.float32)).shape == (0, 4)
