"""GStreamer's raw pictures: how they lie in memory, and their way to RGB."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from sitepose.core.structures import ImageArray
from sitepose.plugins.sources.colour import matrix_of
from sitepose.plugins.sources.live.gst_library import GstLibrary
from sitepose.plugins.sources.live.pictures import Plane, RawConverter, RawFormat

PIXELS = {
    "I420": "yuv420p",
    "NV12": "nv12",
    "Y42B": "yuv422p",
    "Y444": "yuv444p",
    "YUY2": "yuyv422",
    "UYVY": "uyvy422",
    "GRAY8": "gray",
    "I420_10LE": "yuv420p10le",
    "I422_10LE": "yuv422p10le",
    "Y444_10LE": "yuv444p10le",
    "RGB": "rgb24",
    "BGR": "bgr24",
}
"""GStreamer's formats that we take as they are, by FFmpeg's names; GStreamer converts all others."""

_H273_OF_MATRIX = {"FCC": 4, "BT709": 1, "BT601": 6, "SMPTE240M": 7, "BT2020": 9}
"""``matrix_coefficients`` of ITU-T H.273 by the end of the name of GStreamer's ``VideoColorMatrix``."""


@dataclass(frozen=True, slots=True)
class GstPicture:
    """A decoded picture, still in GStreamer's memory.

    Attributes:
        sample: GStreamer's sample.
        layout: How it lies in memory.
        convert: Shared by the pictures of a connection.
    """

    sample: Any
    layout: RawFormat
    convert: RawConverter

    def to_rgb(self) -> ImageArray:
        """Return the picture, shape (H, W, 3).

        Raises:
            ValueError: It is not as large as it says.
        """
        buffer = self.sample.get_buffer()
        return self.convert(buffer.extract_dup(0, buffer.get_size()), self.layout)


def caps_of_pictures() -> str:
    """Return the caps of the formats that we take."""
    return f"video/x-raw,format={{{','.join(PIXELS)}}}"


def raw_format(library: GstLibrary, caps: Any) -> RawFormat:
    """Return how the pictures of these caps lie in memory, and what their colours mean."""
    info = library.GstVideo.VideoInfo.new_from_caps(caps)
    pixels = PIXELS[info.finfo.name]
    planes = tuple(Plane(info.offset[i], info.stride[i]) for i in range(info.finfo.n_planes))
    matrix = info.colorimetry.matrix.value_name.rpartition("_")[2]
    full = info.colorimetry.range == library.GstVideo.VideoColorRange(1)
    return RawFormat(
        pixels=pixels,
        size_wh=(info.width, info.height),
        planes=planes,
        matrix=matrix_of(_H273_OF_MATRIX.get(matrix, 2), info.height),
        range="full" if full else "limited",
    )


def frame_rate_of(structure: Any) -> Fraction | None:
    """Return the frame rate of a caps structure; None where it has none."""
    found, numerator, denominator = structure.get_fraction("framerate")
    return Fraction(numerator, denominator) if found and numerator > 0 and denominator > 0 else None
