"""A person's box: solid where the person was seen, dashed where a tracker only expects them."""

from __future__ import annotations

import cv2
import numpy as np

from sitepose.app.rendering.bodies import MAX_COORDINATE
from sitepose.app.rendering.palette import Color
from sitepose.core.structures import FloatArray, ImageArray

DASH_WIDTHS = 6
"""Length of a dash, and of the gap after it, in line widths."""

MIN_DASH = 4
"""The same in pixels at least."""


def draw_box(image: ImageArray, box: FloatArray, color: Color, width: int, *, dashed: bool = False) -> None:
    """Draw a box whose outer edge is where the box ends.

    Args:
        image: RGB, drawn upon.
        box: ``xyxy``, shape (4,); parts beyond the frame are not seen, boxes without a size are left out.
        color: Of the line.
        width: Of the line, in pixels.
        dashed: Whether to leave gaps.
    """
    if not np.isfinite(box).all() or (box[2:] < box[:2]).any():
        return
    inset = (width - 1) / 2 + 0.5  # the box ends half a pixel beyond the centre of its last pixel
    edges = np.clip(box + np.array([inset, inset, -inset, -inset]), -MAX_COORDINATE, MAX_COORDINATE)
    x1, y1, x2, y2 = (round(float(edge)) for edge in edges)
    x2, y2 = max(x1, x2), max(y1, y2)
    if dashed:
        _draw_dashes(image, (x1, y1, x2, y2), color, width)
    else:
        cv2.rectangle(image, (x1, y1), (x2, y2), color, width)


def _draw_dashes(image: ImageArray, box: tuple[int, int, int, int], color: Color, width: int) -> None:
    x1, y1, x2, y2 = box
    dash = max(MIN_DASH, DASH_WIDTHS * width)
    # Nothing beyond the frame is worth a dash: a box may be a thousand times as large.
    height, frame_width = image.shape[:2]
    for x in range(x1, x2 + 1, 2 * dash):
        if -dash <= x < frame_width:
            for y in (y1, y2):
                cv2.line(image, (x, y), (min(x + dash, x2), y), color, width)
    for y in range(y1, y2 + 1, 2 * dash):
        if -dash <= y < height:
            for x in (x1, x2):
                cv2.line(image, (x, y), (x, min(y + dash, y2)), color, width)
