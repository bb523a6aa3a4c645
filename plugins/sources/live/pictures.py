"""Decoded pictures as libraries leave them in memory, turned into RGB as in all other sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

from sitepose.core.structures import ImageArray
from sitepose.plugins.sources.colour import Matrix, Range, RgbConverter

_COLORSPACE: dict[Matrix, Colorspace] = {
    "bt601": Colorspace.ITU601,
    "bt709": Colorspace.ITU709,
    "bt2020": Colorspace.BT2020,
    "fcc": Colorspace.FCC,
    "smpte240m": Colorspace.SMPTE240M,
}


class Plane(NamedTuple):
    """Where one plane lies in the memory of a picture.

    Attributes:
        offset: Bytes before its first line.
        stride: Bytes from one line to the next.
    """

    offset: int
    stride: int


@dataclass(frozen=True, slots=True)
class RawFormat:
    """How the pictures of a stream lie in memory.

    Attributes:
        pixels: FFmpeg's name of the pixel format.
        size_wh: Width and height.
        planes: In the order of the format.
        matrix: Of the conversion to RGB.
        range: Whether black is 16 or 0.
    """

    pixels: str
    size_wh: tuple[int, int]
    planes: tuple[Plane, ...]
    matrix: Matrix
    range: Range


class RawConverter:
    """Turns pictures of one format into RGB; keeps its set-up and its scratch frame from picture to picture."""

    def __init__(self) -> None:
        self._convert = RgbConverter()
        self._frame: av.VideoFrame | None = None

    def __call__(self, data: bytes, layout: RawFormat) -> ImageArray:
        """Return the picture as RGB, shape (H, W, 3).

        Raises:
            ValueError: There is less data than the format needs.
        """
        frame = self._scratch(layout)
        source = np.frombuffer(data, np.uint8)
        for target, plane in zip(frame.planes, layout.planes, strict=True):
            lines = np.frombuffer(memoryview(target), np.uint8).reshape(-1, target.line_size)[: target.height]
            width = min(plane.stride, target.line_size)
            # The last line may end with its pixels, without the padding.
            needed = plane.offset + plane.stride * (target.height - 1) + width
            if len(source) < needed:
                raise ValueError(f"a picture of {len(data)} bytes is too short, expected {needed}")
            lines[:, :width] = np.lib.stride_tricks.as_strided(
                source[plane.offset :], (target.height, width), (plane.stride, 1)
            )
        return self._convert(frame)

    def _scratch(self, layout: RawFormat) -> av.VideoFrame:
        frame = self._frame
        if frame is None or (frame.format.name, frame.width, frame.height) != (layout.pixels, *layout.size_wh):
            self._frame = frame = av.VideoFrame(*layout.size_wh, layout.pixels)
        frame.colorspace = _COLORSPACE[layout.matrix]
        frame.color_range = ColorRange.JPEG if layout.range == "full" else ColorRange.MPEG
        return frame
