from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitepose.models.crops import crop_boxes, warp
from sitepose.models.heatmaps import decode, encode

GEOMETRIES = ["classic", "udp"]
SIZES = [(192, 256), (256, 256), (288, 384)]


SIDE, RAMP = 40, 16
"""Of the square. Its edges are soft, so that sampling every fourth pixel still tells where they are."""


def frame_with_square(center, size_wh=(640, 480)):
    """A black picture with a white square."""
    axes = []
    for middle, length in zip(center, size_wh, strict=True):
        outside = np.abs(np.arange(length) - middle) - SIDE / 2
        axes.append(np.clip(0.5 - outside / RAMP, 0, 1))
    gray = np.outer(axes[1], axes[0]) * 255
    return np.repeat(gray.round().astype(np.uint8)[:, :, None], 3, axis=2)


def centroid(crop):
    """Centre of what is bright, in pixels of the crop."""
    weights = crop[:, :, 0].astype(float)
    rows, columns = np.indices(weights.shape)
    return np.array([(columns * weights).sum(), (rows * weights).sum()]) / weights.sum()


BOXES = [
    pytest.param((200, 100, 320, 300), id="inside"),
    pytest.param((250, 150, 290, 260), id="small, enlarged"),
    pytest.param((-40, -60, 330, 420), id="beyond the upper left"),
    pytest.param((230, 150, 800, 700), id="beyond the lower right"),
    pytest.param((150, 190, 420, 230), id="wide"),
    pytest.param((-0.5, -0.5, 639.5, 479.5), id="whole frame"),
]


class TestSquareOfKnownPlace:
    CENTER = (271.3, 207.8)

    @pytest.mark.parametrize("geometry", GEOMETRIES)
    @pytest.mark.parametrize("size_wh", SIZES, ids=str)
    @pytest.mark.parametrize("box", BOXES)
    def test_is_found_there_again(self, geometry, size_wh, box):
        crops = crop_boxes(np.float32([box]), size_wh=size_wh, padding=1.25, geometry=geometry)
        seen = centroid(warp(frame_with_square(self.CENTER), crops, 0))
        found = crops.to_frame(np.float32(seen)[None])[0]
        # OpenCV's bilinear warp goes in steps of 1/32 pixel of the frame; the crop is rounded to 8 bits.
        error = np.abs(found - self.CENTER)
        assert (error <= 1 / 64 + 0.02 / crops.scales[0]).all()

    @pytest.mark.parametrize("geometry", GEOMETRIES)
    @pytest.mark.parametrize(
        ("codec", "tolerance"), [("argmax", 0.75), ("quarter", 0.5), ("dark", 0.02), ("udp-dark", 0.02)]
    )
    def test_is_found_there_by_every_codec(self, geometry, codec, tolerance):
        size_wh, cells_wh = (192, 256), (48, 64)
        crops = crop_boxes(np.float32([(200, 100, 320, 300)]), size_wh=size_wh, padding=1.25, geometry=geometry)
        seen = centroid(warp(frame_with_square(self.CENTER), crops, 0))
        steps = np.float32([4, 4]) if geometry == "classic" else np.float32([191 / 47, 255 / 63])
        heatmaps = encode(np.float32(seen / steps)[None, None], size_wh=cells_wh, sigma=2)
        cells = decode(heatmaps, codec=codec).positions[:, :, 0]
        found = crops.to_frame(cells * steps)[0, 0]
        error = np.abs(found - self.CENTER) * crops.scales[0] / steps
        assert (error <= tolerance).all()


class TestGeometry:
    boxes = st.tuples(
        st.floats(-500, 500, width=32),
        st.floats(-500, 500, width=32),
        st.floats(2, 900, width=32),
        st.floats(2, 900, width=32),
    )

    @given(box=boxes, geometry=st.sampled_from(GEOMETRIES), size_wh=st.sampled_from(SIZES))
    def test_the_way_back_undoes_the_way_there(self, box, geometry, size_wh):
        x, y, w, h = box
        crops = crop_boxes(np.float32([[x, y, x + w, y + h]]), size_wh=size_wh, padding=1.25, geometry=geometry)
        points = np.float32([[[x, y], [x + w, y + h], [0, 0]]])
        back = crops.to_frame(crops.to_input(points))
        np.testing.assert_allclose(back, points, atol=1e-2)

    @given(box=boxes, geometry=st.sampled_from(GEOMETRIES), size_wh=st.sampled_from(SIZES))
    def test_the_padded_box_lies_in_the_crop_and_people_keep_their_shape(self, box, geometry, size_wh):
        x, y, w, h = box
        crops = crop_boxes(np.float32([[x, y, x + w, y + h]]), size_wh=size_wh, padding=1.0, geometry=geometry)
        corners = crops.to_input(np.float32([[[x, y], [x + w, y + h]]]))[0]
        # Both geometries may move the crop by half a pixel of the frame or of the input.
        slack = 1 + crops.scales[0]
        assert (corners[0] >= -slack).all()
        assert (corners[1] <= np.array(size_wh) + slack).all()
        assert crops.scales[0, 0] == pytest.approx(crops.scales[0, 1], rel=0.01)

    def test_classic_is_the_affine_transform_of_the_publishers(self):
        # Box centre counted from the frame's corner -> W / 2, H / 2; scale = W over the padded width.
        x, y, w, h = 100.0, 50.0, 90.0, 160.0
        crops = crop_boxes(
            np.float32([[x - 0.5, y - 0.5, x + w - 0.5, y + h - 0.5]]), size_wh=(192, 256), padding=1.25
        )
        scale = 192 / (1.25 * 120)
        np.testing.assert_allclose(crops.scales[0], scale)
        np.testing.assert_allclose(
            crops.to_input(np.float32([[x + w / 2, y + h / 2]]))[0], [96, 128], atol=1e-4
        )

    def test_udp_spans_the_steps_between_first_and_last_pixel(self):
        crops = crop_boxes(
            np.float32([[-0.5, -0.5, 191.5, 255.5]]), size_wh=(192, 256), padding=1.0, geometry="udp"
        )
        edges = crops.to_input(np.float32([[[0, 0], [192, 256]]]))[0]
        np.testing.assert_allclose(edges, [[0, 0], [191, 255]], atol=1e-4)

    def test_frame_pixels_is_the_size_of_an_input_pixel(self):
        crops = crop_boxes(np.float32([[0, 0, 60, 160]]), size_wh=(192, 256), padding=1.25)
        np.testing.assert_allclose(crops.frame_pixels(), [200 / 256])

    def test_nobody_has_no_crops(self):
        crops = crop_boxes(np.empty((0, 4), np.float32), size_wh=(192, 256), padding=1.25)
        assert len(crops) == 0
        assert crops.to_frame(np.empty((0, 17, 2), np.float32)).shape == (0, 17, 2)


class TestOddBoxes:
    @pytest.mark.parametrize("geometry", GEOMETRIES)
    @pytest.mark.parametrize(
        "box",
        [
            pytest.param((50, 50, 50, 50), id="no area"),
            pytest.param((50, 50, 20, 20), id="inside out"),
            pytest.param((1e6, 1e6, 1e6 + 50, 1e6 + 90), id="far outside the frame"),
            pytest.param((-1e7, -1e7, 1e7, 1e7), id="enormous"),
        ],
    )
    def test_are_cropped_like_others(self, geometry, box):
        crops = crop_boxes(np.float32([box]), size_wh=(192, 256), padding=1.25, geometry=geometry)
        crop = warp(np.full((100, 120, 3), 255, np.uint8), crops, 0)
        assert crop.shape == (256, 192, 3)
        assert np.isfinite(crops.to_frame(np.zeros((1, 2), np.float32))).all()

    @pytest.mark.parametrize(
        "box",
        [
            pytest.param((np.nan,) * 4, id="not a number"),
            pytest.param((0, 0, np.inf, 10), id="infinite"),
        ],
    )
    def test_that_are_no_boxes_give_an_empty_crop_and_no_place(self, box):
        crops = crop_boxes(np.float32([box, (0, 0, 9, 9)]), size_wh=(192, 256), padding=1.25)
        assert (warp(np.full((100, 120, 3), 255, np.uint8), crops, 0, fill=7) == 7).all()
        places = crops.to_frame(np.zeros((2, 2), np.float32))
        assert np.isnan(places[0]).all()
        assert np.isfinite(places[1]).all()

    def test_beyond_the_frame_are_filled_with_the_pad_value(self):
        crops = crop_boxes(np.float32([(-200, 0, -100, 100)]), size_wh=(192, 256), padding=1.0)
        assert (warp(np.full((100, 120, 3), 255, np.uint8), crops, 0, fill=114) == 114).all()
