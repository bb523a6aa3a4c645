"""The colours of a picture do not depend on how a file stores them."""

from __future__ import annotations

import av
import cv2
import numpy as np
import pytest

from sitepose.plugins.sources.colour import RgbConverter, matrix_of, range_of

PATCHES = [
    (255, 0, 0),
    (0, 255, 0),
    (0, 0, 255),
    (255, 255, 255),
    (0, 0, 0),
    (128, 128, 128),
    (200, 150, 100),
    (30, 90, 160),
    (255, 255, 0),
    (0, 255, 255),
]
PATCH = 16
TOLERANCE = 3
"""Levels of 255: 8-bit YCbCr alone is off by up to 2, swscale's fast arithmetic by 1."""

WEIGHTS = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}
"""Shares of red and blue in the luma (ITU-R BT.601, BT.709, BT.2020)."""

CODES = {"bt601": 6, "bt709": 1, "bt2020": 9}


def ycbcr(rgb, matrix, *, full):
    """Return luma and colour differences by the definition in the standards."""
    kr, kb = WEIGHTS[matrix]
    red, green, blue = (value / 255 for value in rgb)
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    differences = (blue - luma) / (2 * (1 - kb)), (red - luma) / (2 * (1 - kr))
    scale, offset, chroma = (255, 0, 255) if full else (219, 16, 224)
    return [min(255, round(v)) for v in (offset + scale * luma, *(128 + chroma * d for d in differences))]


def stored(pix_fmt, matrix, *, full, height=64):
    """Return a decoded picture of patches, its planes filled by the definition."""
    frame = av.VideoFrame(PATCH * len(PATCHES), height, pix_fmt)
    for plane_number, plane in enumerate(frame.planes):
        rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
        side = PATCH * plane.width // frame.width
        for place, patch in enumerate(PATCHES):
            rows[: plane.height, place * side : (place + 1) * side] = ycbcr(patch, matrix, full=full)[
                plane_number
            ]
    return frame


def worst(image):
    """Return by how many levels the middle of any patch is off."""
    middles = [image[:, PATCH * i + PATCH // 4 : PATCH * (i + 1) - PATCH // 4] for i in range(len(PATCHES))]
    return max(np.abs(m.astype(int) - patch).max() for m, patch in zip(middles, PATCHES, strict=True))


class TestPatches:
    @pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p", "yuv444p"])
    @pytest.mark.parametrize("matrix", ["bt601", "bt709", "bt2020"])
    @pytest.mark.parametrize("full", [False, True], ids=["limited", "full"])
    def test_have_the_colours_that_the_stream_says(self, pix_fmt, matrix, full):
        frame = stored(pix_fmt, matrix, full=full)
        frame.colorspace, frame.color_range = CODES[matrix], 2 if full else 1

        assert worst(RgbConverter()(frame)) <= TOLERANCE

    @pytest.mark.parametrize(
        ("height", "matrix"), [(480, "bt601"), (576, "bt601"), (578, "bt709"), (720, "bt709"), (1080, "bt709")]
    )
    def test_follow_the_height_where_the_stream_says_nothing(self, height, matrix):
        frame = stored("yuv420p", matrix, full=False, height=height)
        frame.colorspace, frame.color_range = 2, 0

        assert worst(RgbConverter()(frame)) <= TOLERANCE

    def test_in_the_formats_of_jpeg_are_full_range(self):
        frame = stored("yuvj420p", "bt601", full=True)
        frame.colorspace, frame.color_range = 2, 0

        assert worst(RgbConverter()(frame)) <= TOLERANCE

    def test_are_off_when_the_wrong_matrix_is_taken(self):
        frame = stored("yuv420p", "bt601", full=False)
        frame.colorspace, frame.color_range = CODES["bt709"], 1

        assert worst(RgbConverter()(frame)) > 10

    @pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv444p"])
    @pytest.mark.parametrize("matrix", ["bt601", "bt709"])
    @pytest.mark.parametrize("full", [False, True], ids=["limited", "full"])
    def test_survive_a_file(self, encode, read, pix_fmt, matrix, full):
        def tag(stream):
            stream.codec_context.colorspace = CODES[matrix]
            stream.codec_context.color_range = 2 if full else 1

        frame = stored(pix_fmt, matrix, full=full)
        planes = frame.to_ndarray(channel_last=True) if pix_fmt == "yuv444p" else frame.to_ndarray()
        path = encode_planes(encode, planes, pix_fmt, tag)

        frames, _ = read(path)

        assert worst(frames[0].image) <= TOLERANCE

    def test_agree_with_opencv_where_both_must_guess(self, encode, read):
        path = encode("sd.mp4", 5, size_wh=(320, 240), options={"qp": "0"})

        ours = read(path)[0][4].image
        capture = cv2.VideoCapture(str(path))
        theirs = [capture.read()[1] for _ in range(5)][4][..., ::-1]
        capture.release()

        assert np.abs(ours.astype(int) - theirs).max() <= 2


def encode_planes(encode, planes, pix_fmt, prepare):
    """Encode planes without loss and without any conversion on the way."""
    path = encode("colours.mkv", 0, pix_fmt=pix_fmt)
    height = planes.shape[0] if pix_fmt == "yuv444p" else planes.shape[0] * 2 // 3
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"qp": "0", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = planes.shape[1], height, pix_fmt
        prepare(stream)
        frame = av.VideoFrame.from_ndarray(planes, format=pix_fmt, channel_last=pix_fmt == "yuv444p")
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


class TestRules:
    @pytest.mark.parametrize(
        ("code", "height", "expected"),
        [
            pytest.param(1, 480, "bt709", id="as tagged, whatever the height"),
            pytest.param(5, 1080, "bt601", id="625 lines"),
            pytest.param(6, 1080, "bt601", id="525 lines"),
            pytest.param(9, 480, "bt2020", id="bt2020"),
            pytest.param(2, 576, "bt601", id="unspecified, small"),
            pytest.param(2, 577, "bt709", id="unspecified, large"),
            pytest.param(8, 1080, "bt709", id="one that cannot be converted"),
        ],
    )
    def test_of_the_matrix(self, code, height, expected):
        assert matrix_of(code, height) == expected

    def test_of_the_range(self):
        assert [range_of(code) for code in (0, 1, 2)] == ["limited", "limited", "full"]
