from __future__ import annotations

import cv2
import numpy as np
import pytest

from sitepose.core.errors import WeightsError
from sitepose.models.crops import crop_boxes, warp
from sitepose.models.preprocessing import CropWriter, fit_to_file
from sitepose.models.zoo.card import InputSpec

BOXES = np.float32([[10, 20, 60, 90], [-30, 5, 40, 120], [50, 50, 50, 50]])
IMAGENET = {"scale": 1 / 255, "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}


@pytest.fixture(scope="module")
def image():
    noise = np.random.default_rng(0).integers(0, 256, (100, 120, 3), np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 2)


def spec(**changes):
    return InputSpec(**({"size_wh": (48, 64), "fit": "crop"} | changes))


class TestCropWriter:
    @pytest.mark.parametrize("layout", ["nchw", "nhwc"])
    @pytest.mark.parametrize("color", ["rgb", "bgr"])
    @pytest.mark.parametrize(
        ("dtype", "values"),
        [
            pytest.param("float32", IMAGENET, id="normalised"),
            pytest.param("float32", {}, id="as it is"),
            pytest.param("int32", {}, id="whole numbers"),
            pytest.param("uint8", {}, id="bytes"),
        ],
    )
    def test_writes_what_the_formula_says(self, image, layout, color, dtype, values):
        description = spec(layout=layout, color=color, dtype=dtype, **values)
        writer = CropWriter(description, padding=1.25)
        crops = writer.crops(BOXES)
        batch = writer.batch(image, crops)
        for i in range(len(BOXES)):
            pixels = warp(image, crops, i)[:, :, :: 1 if color == "rgb" else -1].astype(np.float32)
            expected = (pixels * np.float32(description.scale) - description.mean) / description.std
            expected = expected.transpose(2, 0, 1) if layout == "nchw" else expected
            np.testing.assert_allclose(batch[i], expected, atol=1e-5)
        assert batch.dtype == np.dtype(dtype)
        assert batch.flags.c_contiguous

    def test_fills_beyond_the_frame_with_the_pad_value(self, image):
        writer = CropWriter(spec(pad_value=114, **IMAGENET), padding=1.25)
        batch = writer.batch(image, writer.crops(np.float32([[-500, -500, -400, -400]])))
        for channel in range(3):
            expected = (114 / 255 - IMAGENET["mean"][channel]) / IMAGENET["std"][channel]
            np.testing.assert_allclose(batch[0, channel], expected, atol=1e-5)

    def test_writes_nobody(self, image):
        writer = CropWriter(spec(), padding=1.25)
        assert writer.batch(image, writer.crops(np.empty((0, 4), np.float32))).shape == (0, 3, 64, 48)

    def test_leaves_the_frame_as_it_is(self, image):
        before = image.copy()
        writer = CropWriter(spec(color="bgr", **IMAGENET), padding=1.25)
        writer.batch(image, writer.crops(BOXES))
        np.testing.assert_array_equal(image, before)

    def test_crops_as_it_was_told(self):
        crops = CropWriter(spec(), padding=1.1, geometry="udp").crops(BOXES)
        expected = crop_boxes(BOXES, size_wh=(48, 64), padding=1.1, geometry="udp")
        np.testing.assert_array_equal(crops.origins, expected.origins)
        np.testing.assert_array_equal(crops.scales, expected.scales)


class TestFitToFile:
    @pytest.mark.parametrize(
        ("shape", "layout", "expected"),
        [
            pytest.param((1, 3, 128, 96), "nchw", (96, 128), id="fixed"),
            pytest.param((None, 3, None, None), "nchw", (48, 64), id="free"),
            pytest.param((1, 192, 160, 3), "nhwc", (160, 192), id="channels last"),
        ],
    )
    def test_takes_the_size_that_the_file_fixes(self, shape, layout, expected):
        assert fit_to_file(spec(layout=layout), shape).size_wh == expected

    @pytest.mark.parametrize(
        "shape",
        [
            pytest.param((1, 1, 128, 96), id="one channel"),
            pytest.param((1, 192, 160, 3), id="other layout"),
            pytest.param((3, 128, 96), id="no batch"),
        ],
    )
    def test_refuses_what_is_no_picture(self, shape):
        with pytest.raises(WeightsError, match=r"expected \(N, 3, H, W\)"):
            fit_to_file(spec(), shape)
