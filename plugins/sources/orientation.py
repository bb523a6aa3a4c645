"""Turning pictures upright: cameras store how they were held, not turned pixels."""

from __future__ import annotations

from typing import Any, NamedTuple

import av
import cv2
import numpy as np
from av.sidedata.sidedata import Type as SideDataType
from numpy.typing import NDArray

from sitepose.core.structures import ImageArray


class Orientation(NamedTuple):
    """One of the eight ways to lay a picture down: transposed first, then mirrored."""

    transposed: bool = False
    flipped_x: bool = False
    flipped_y: bool = False


UPRIGHT = Orientation()


def orientation_of(matrix: NDArray[np.int32]) -> Orientation:
    """Return the orientation that a display matrix asks for, to the nearest quarter turn.

    Args:
        matrix: FFmpeg's display matrix, 9 numbers ``a b u c d v x y w``: the stored point (x, y) is shown at
            (a x + c y, b x + d y).

    >>> orientation_of(np.array([0, -65536, 0, 65536, 0, 0, 0, 0, 1 << 30], np.int32))  # 90 degrees to the left
    Orientation(transposed=True, flipped_x=False, flipped_y=True)
    """
    a, b, _, c, d = (int(value) for value in matrix[:5])
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Orientation(transposed=False, flipped_x=a < 0, flipped_y=d < 0)
    return Orientation(transposed=True, flipped_x=c < 0, flipped_y=b < 0)


def orientation_of_picture(picture: av.VideoFrame) -> Orientation:
    """Return the orientation that a decoded picture asks for."""
    side_data: Any = picture.side_data  # PyAV's annotation knows only some of the kinds
    try:
        matrix = side_data[SideDataType.DISPLAYMATRIX]
    except KeyError:
        return UPRIGHT
    return orientation_of(np.frombuffer(matrix, np.int32))


def upright(image: ImageArray, orientation: Orientation) -> ImageArray:
    """Return the picture as it is to be seen; the image itself where nothing is to be done."""
    if orientation.transposed:
        image = np.asarray(cv2.transpose(image), np.uint8)
    if orientation.flipped_x or orientation.flipped_y:
        # OpenCV's code: 1 mirrors left and right, 0 top and bottom, -1 both.
        code = -1 if orientation.flipped_x and orientation.flipped_y else int(orientation.flipped_x)
        image = np.asarray(cv2.flip(image, code), np.uint8)
    return image


def upright_size(size_wh: tuple[int, int], orientation: Orientation) -> tuple[int, int]:
    """Return width and height after turning.

    >>> upright_size((640, 480), Orientation(transposed=True))
    (480, 640)
    """
    return (size_wh[1], size_wh[0]) if orientation.transposed else size_wh
