"""One colour conversion for all sources: which matrix and range a picture has, and how it becomes RGB.

A stream says which matrix its YCbCr was made with, and whether it uses the full range. Where it says nothing,
the rule of broadcasting holds: BT.601 up to 576 lines, BT.709 above, limited range. Every source that converts
by itself asks here, so that the same picture has the same colours whoever reads it.
"""

from __future__ import annotations

from typing import Literal

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from sitepose.core.structures import ImageArray

Matrix = Literal["bt601", "bt709", "bt2020", "fcc", "smpte240m"]
Range = Literal["limited", "full"]

SD_MAX_HEIGHT = 576
"""Lines of the tallest standard-definition picture (625-line television)."""

_MATRIX_OF_CODE: dict[int, Matrix] = {
    1: "bt709",
    4: "fcc",
    5: "bt601",
    6: "bt601",
    7: "smpte240m",
    9: "bt2020",
    10: "bt2020",
}
"""``matrix_coefficients`` of ITU-T H.273; 2 is unspecified, and others are no YCbCr that can be converted."""

SWSCALE_OF_MATRIX: dict[Matrix, Colorspace] = {
    "bt601": Colorspace.ITU601,
    "bt709": Colorspace.ITU709,
    "bt2020": Colorspace.BT2020,
    "fcc": Colorspace.FCC,
    "smpte240m": Colorspace.SMPTE240M,
}


def matrix_of(code: int, height: int) -> Matrix:
    """Return the matrix of a YCbCr picture.

    Args:
        code: ``matrix_coefficients`` of ITU-T H.273 as the stream gives it.
        height: Lines of the stored picture, which decide where the stream says nothing.

    >>> matrix_of(1, 480), matrix_of(2, 480), matrix_of(2, 720)
    ('bt709', 'bt601', 'bt709')
    """
    default: Matrix = "bt601" if height <= SD_MAX_HEIGHT else "bt709"
    return _MATRIX_OF_CODE.get(code, default)


def range_of(code: int) -> Range:
    """Return the range of a YCbCr picture from FFmpeg's ``color_range``: 2 is full, all else is limited.

    >>> range_of(0), range_of(1), range_of(2)
    ('limited', 'limited', 'full')
    """
    return "full" if code == ColorRange.JPEG else "limited"


class RgbConverter:
    """Turns decoded frames into RGB arrays; remembers the set-up of the conversion from frame to frame."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()

    def __call__(self, frame: av.VideoFrame) -> ImageArray:
        """Return the picture as RGB, shape (H, W, 3).

        The array is a view of memory made for this picture alone, which lives as long as the array does; its
        rows may be padded. Nothing is copied after the conversion, and no threads are used: at 1080p a second
        thread costs more processor time than it saves.
        """
        if frame.format.name == "rgb24":
            return np.array(
                frame.to_ndarray(), np.uint8
            )  # nothing to convert: this is the decoder's own memory
        if frame.format.is_rgb:
            rgb = self._reformatter.reformat(frame, format="rgb24", threads=1)
        else:
            rgb = self._reformatter.reformat(
                frame,
                format="rgb24",
                src_colorspace=SWSCALE_OF_MATRIX[matrix_of(frame.colorspace, frame.height)],
                src_color_range=_source_range(frame),
                threads=1,
            )
        return np.asarray(rgb.to_ndarray(), np.uint8)


def _source_range(frame: av.VideoFrame) -> ColorRange:
    """Return the range of a frame; the formats ``yuvj...`` are full range by their name."""
    full = frame.format.name.startswith("yuvj") or range_of(frame.color_range) == "full"
    return ColorRange.JPEG if full else ColorRange.MPEG
