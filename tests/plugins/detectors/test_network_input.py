"""Frames into a network's input: geometry, colours, numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitepose.core.errors import WeightsError
from sitepose.core.structures import Frame
from sitepose.models.zoo.card import InputSpec
from sitepose.plugins.detectors.network_input import NetworkInput, file_size_wh

FITS = ["stretch", "letterbox", "letterbox_top_left"]


def frame_of(image):
    return Frame(image=np.asarray(image, np.uint8), index=0, timestamp=0.0)


class TestFit:
    @pytest.mark.parametrize("fit", FITS)
    @given(frame_wh=st.tuples(st.integers(1, 3000), st.integers(1, 3000)))
    def test_the_corners_of_the_resized_image_are_the_frame(self, fit, frame_wh):
        lies = NetworkInput(InputSpec(size_wh=(416, 320), fit=fit)).fit(frame_wh)
        left, top = lies.offset_xy
        corners = np.float32([[left, top, left + lies.image_wh[0], top + lies.image_wh[1]]])
        whole_frame = [-0.5, -0.5, frame_wh[0] - 0.5, frame_wh[1] - 0.5]
        np.testing.assert_allclose(lies.boxes(corners)[0], whole_frame, atol=1e-3)

    @pytest.mark.parametrize(
        ("fit", "image_wh", "offset_xy"),
        [
            pytest.param("stretch", (64, 64), (0, 0), id="stretched to the whole input"),
            pytest.param("letterbox", (64, 32), (0, 16), id="centred"),
            pytest.param("letterbox_top_left", (64, 32), (0, 0), id="at the upper left"),
        ],
    )
    def test_a_wide_frame_lies_where_the_card_says(self, fit, image_wh, offset_xy):
        lies = NetworkInput(InputSpec(size_wh=(64, 64), fit=fit)).fit((200, 100))
        assert (lies.image_wh, lies.offset_xy) == (image_wh, offset_xy)

    @given(frame_wh=st.tuples(st.integers(1, 5000), st.integers(1, 5000)))
    def test_a_letterboxed_frame_never_leaves_the_input(self, frame_wh):
        lies = NetworkInput(InputSpec(size_wh=(416, 320), fit="letterbox")).fit(frame_wh)
        assert 1 <= lies.image_wh[0] + lies.offset_xy[0] <= 416
        assert 1 <= lies.image_wh[1] + lies.offset_xy[1] <= 320


class TestBatch:
    def test_colours_come_in_the_order_and_scale_of_the_card(self):
        spec = InputSpec(size_wh=(2, 2), color="bgr", scale=1 / 255, mean=(0.5, 0.25, 0.0), std=(1.0, 2.0, 4.0))
        batch, _ = NetworkInput(spec).batch([frame_of(np.full((2, 2, 3), (255, 51, 0)))])
        np.testing.assert_allclose(batch[0, :, 0, 0], [-0.5, (0.2 - 0.25) / 2, 0.25], atol=1e-6)

    def test_plain_pixels_stay_as_they_are(self):
        image = np.arange(48).reshape(4, 4, 3)
        batch, _ = NetworkInput(InputSpec(size_wh=(4, 4))).batch([frame_of(image)])
        assert batch.dtype == np.float32
        assert (batch[0] == image.transpose(2, 0, 1)).all()

    @pytest.mark.parametrize("dtype", ["float32", "int32", "uint8"])
    def test_channels_may_come_last_and_in_any_type(self, dtype):
        image = np.arange(48).reshape(4, 4, 3)
        batch, _ = NetworkInput(InputSpec(size_wh=(4, 4), layout="nhwc", dtype=dtype)).batch([frame_of(image)])
        assert batch.dtype == dtype
        assert (batch[0] == image).all()

    def test_what_is_not_frame_has_the_pad_value(self):
        spec = InputSpec(size_wh=(8, 8), fit="letterbox", pad_value=7)
        batch, _ = NetworkInput(spec).batch([frame_of(np.full((4, 8, 3), 200))])
        assert (batch[0, :, [0, 1, 6, 7]] == 7).all()
        assert (batch[0, :, 2:6] == 200).all()

    def test_no_frames_make_an_empty_batch(self):
        batch, fits = NetworkInput(InputSpec(size_wh=(8, 4))).batch([])
        assert batch.shape == (0, 3, 4, 8)
        assert fits == []


class TestFileSize:
    @pytest.mark.parametrize("shape", [(1, 1, 32, 32), (1, 32, 32, 3), (1, 3), (1, 3, 8, 8, 8)])
    def test_refuses_what_is_no_image(self, shape):
        with pytest.raises(WeightsError, match=r"expected \(N, 3, H, W\)"):
            file_size_wh(shape, InputSpec(size_wh=(8, 8)))

    def test_reads_channels_last(self):
        assert file_size_wh((None, 6, 5, 3), InputSpec(size_wh=(8, 8), layout="nhwc")) == (5, 6)
