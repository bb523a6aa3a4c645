"""Colours that stay apart for everybody, colour-blind people included."""

from __future__ import annotations

import colorsys
from functools import lru_cache

Color = tuple[int, int, int]
"""Red, green, blue, 0..255."""

BLACK: Color = (0, 0, 0)
WHITE: Color = (255, 255, 255)
LEFT: Color = (255, 148, 36)
"""Orange: a person's left side."""
RIGHT: Color = (66, 178, 255)
"""Sky blue, which every common colour blindness keeps apart from orange (Okabe & Ito, 2008)."""
CENTER: Color = (245, 245, 245)
"""What is neither left nor right."""
NOBODY: Color = (190, 190, 190)
"""A person whom no tracker has named."""

GOLDEN_RATIO = 0.6180339887
"""Steps of this share of the colour circle never come close to an earlier one for long."""

_SHADES = ((0.5, 0.8), (0.8, 1.0), (0.8, 0.55))
"""Saturation and value in turn, found by search: of the first 60 tracks, those whose numbers are one or two
apart differ by at least 40 of 255 in one channel for the colour blind of every kind."""


@lru_cache(maxsize=4096)
def track_color(track_id: int) -> Color:
    """Return the colour of a track, always the same for the same id; grey for those without one.

    >>> track_color(3) == track_color(3) != track_color(4)
    True
    """
    if track_id < 0:
        return NOBODY
    saturation, value = _SHADES[track_id % len(_SHADES)]
    red, green, blue = colorsys.hsv_to_rgb(track_id * GOLDEN_RATIO % 1, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


def ink_on(color: Color) -> Color:
    """Return black or white, whichever is easier to read on a colour (ITU-R BT.601 luma).

    >>> ink_on((255, 230, 60)), ink_on((20, 40, 120))
    ((0, 0, 0), (255, 255, 255))
    """
    red, green, blue = color
    return BLACK if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else WHITE
