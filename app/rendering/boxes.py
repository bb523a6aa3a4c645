"""A person's box: solid where the person was seen, dashed where a tracker only expects them."""

from __future__ import annotations

import numpy as np

from sitepose.app.rendering.bodies import MAX_COORDINATE
from sitepose.app.rendering.palette import Color
from sitepose.core.structures import FloatArray, ImageArray

DASH_WIDTHS = 6
"""Length of a dash, and of the gap after it, in line widths."""

MIN_DASH = 4
"""The same in pixels at least."""


def draw_box(image: ImageArray, box: FloatArray, color: Color, width: int, *, dashed: bool = False) -> None:
    """Draw a box, its line inside, so that its outer edge is where the box ends.

    Args:
        image: RGB, drawn upon.
        box: ``xyxy``, shape (4,); parts beyond the frame are not seen, boxes turned inside out are left out.
        color: Of the line.
        width: Of the line, in pixels.
        dashed: Whether to leave gaps.
    """
    if not np.isfinite(box).all() or (box[2:] < box[:2]).any():
        return
    near = np.clip(box, -MAX_COORDINATE, MAX_COORDINATE)
    # The box (-.5, -.5, .5, .5) is the first pixel: pixel n begins at n - .5.
    x1, y1, x2, y2 = (round(float(edge) + 0.5) for edge in near)
    dash = max(MIN_DASH, DASH_WIDTHS * width) if dashed else 2 * MAX_COORDINATE
    rows, columns = _dashes(y1, y2, dash, image.shape[0]), _dashes(x1, x2, dash, image.shape[1])
    for begin, end in columns:
        _fill(image, (begin, y1, end, min(y1 + width, y2)), color)
        _fill(image, (begin, max(y2 - width, y1), end, y2), color)
    for begin, end in rows:
        _fill(image, (x1, begin, min(x1 + width, x2), end), color)
        _fill(image, (max(x2 - width, x1), begin, x2, end), color)


def _dashes(begin: int, end: int, length: int, limit: int) -> list[tuple[int, int]]:
    """Return begin and end of each dash between two pixels, those in the frame alone."""
    return [
        (at, min(at + length, end)) for at in range(begin, end, 2 * length) if at + length > 0 and at < limit
    ]


def _fill(image: ImageArray, corners: tuple[int, int, int, int], color: Color) -> None:
    """Fill the pixels from the first corner up to, but without, the second one."""
    x1, y1, x2, y2 = (max(0, corner) for corner in corners)
    image[y1:y2, x1:x2] = color
