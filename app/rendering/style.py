"""How people are drawn."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from pydantic import Field

from sitepose.core.settings import Settings

REFERENCE_PIXELS = 640 * 480
"""The frame for which the widths below are meant; in others they grow with its sides."""

LINE_WIDTH = 1.6
"""Pixels, of an edge in the reference frame."""

FONT_HEIGHT = 21.0
"""Pixels of a capital letter of OpenCV's Hershey fonts at scale 1."""

THIN_SHARE = 0.6
"""Width of thin lines, of the width of a line."""

MARKER_RADIUS = 2.0
"""Pixels, of a keypoint in the reference frame."""

LABEL_HEIGHT = 9.5
"""Pixels of a capital letter in the reference frame."""

SMALLEST_LETTERS = 0.85
"""Letters do not shrink further with the frame: below, they cannot be read."""


class DrawStyle(Settings):
    """What is drawn, and how large."""

    boxes: bool = True
    """Whether to draw a person's box."""
    skeletons: bool = True
    """Whether to draw keypoints and the edges between them."""
    labels: bool = True
    """Whether to write the track id at the box."""
    scores: bool = False
    """Whether to write the person's score beside it."""
    header: bool = True
    """Whether to write time, number of the frame and of people into a video's top left corner."""
    min_keypoint_score: float = Field(0.2, ge=0, le=1)
    """Keypoints below this score are left out, with the edges that end in them."""
    scale: float = Field(1.0, gt=0, le=10)
    """Makes lines and letters larger or smaller; at 1 they follow the size of the frame."""
    trail_s: float = Field(0.0, ge=0)
    """Seconds of the way that each track has come to show; 0 shows none."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Widths in pixels for a frame.

    Attributes:
        line: Width of an edge of a person's left side.
        thin: Width of the right side, and of people without evidence.
        marker: Radius of a keypoint.
        font_scale: OpenCV's.
        font_width: Width of a letter's stroke.
        padding: Space around a label's text.
    """

    line: int
    thin: int
    marker: float
    font_scale: float
    font_width: int
    padding: int


def sizes_for(width: int, height: int, scale: float = 1.0) -> Sizes:
    """Return widths that look the same on a screen, whatever the number of pixels.

    >>> sizes_for(1920, 1080).line, sizes_for(320, 240).line
    (4, 1)
    """
    unit = scale * sqrt(width * height / REFERENCE_PIXELS)
    letters = LABEL_HEIGHT * max(unit, SMALLEST_LETTERS * scale)
    return Sizes(
        line=max(1, round(LINE_WIDTH * unit)),
        thin=max(1, round(LINE_WIDTH * unit * THIN_SHARE)),
        marker=max(1.0, MARKER_RADIUS * unit),
        font_scale=letters / FONT_HEIGHT,
        font_width=max(1, round(letters / 14)),
        padding=max(2, round(letters / 3)),
    )
