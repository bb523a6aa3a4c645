"""A person's skeleton: left side thick with round keypoints, right side thin with square ones."""

from __future__ import annotations

from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from sitepose.app.rendering.palette import BLACK, CENTER, LEFT, RIGHT, Color
from sitepose.app.rendering.style import Sizes
from sitepose.core.skeleton import Skeleton
from sitepose.core.structures import FloatArray, ImageArray

SUBPIXEL_BITS = 4
"""OpenCV draws at sixteenths of a pixel."""

MAX_COORDINATE = 16000
"""Pixels beyond which nothing is drawn; OpenCV's subpixel arithmetic ends at 2**15."""

LIMB_SHARE = 0.02
"""Width of a line at most, of the height of the person's box: distant people must stay visible beneath."""

OUTLINED_WIDTH = 2
"""Lines from this width on have a dark rim, which keeps them apart from a bright background."""


class Side(IntEnum):
    """Which half of the body a keypoint or edge belongs to."""

    CENTER = 0
    LEFT = 1
    RIGHT = 2


SIDE_COLORS: dict[Side, Color] = {Side.CENTER: CENTER, Side.LEFT: LEFT, Side.RIGHT: RIGHT}


class _Sides(NamedTuple):
    keypoints: NDArray[np.int64]
    edges: NDArray[np.int64]


@lru_cache(maxsize=16)
def sides_of(skeleton: Skeleton) -> _Sides:
    """Return the side of each keypoint, shape (K,), and of each edge, shape (E,)."""
    names = skeleton.keypoint_names
    sides = [Side.LEFT if "left" in name else Side.RIGHT if "right" in name else Side.CENTER for name in names]
    keypoints = np.array(sides, np.int64).reshape(-1)
    first, second = keypoints[skeleton.edges[:, 0]], keypoints[skeleton.edges[:, 1]]
    # An edge from the middle to a side is that side's; one from left to right is the middle's.
    edges = np.where(first == second, first, np.where(first * second == 0, first + second, Side.CENTER))
    return _Sides(keypoints, edges)


def draw_body(
    image: ImageArray,
    keypoints: FloatArray,
    visible: NDArray[np.bool_],
    skeleton: Skeleton,
    sizes: Sizes,
    *,
    observed: bool,
) -> None:
    """Draw one person's edges and keypoints.

    Args:
        image: RGB, drawn upon.
        keypoints: Shape (K, 2).
        visible: Which keypoints to draw, shape (K,).
        skeleton: What the keypoints are.
        sizes: Widths for this person.
        observed: False draws thin lines alone.
    """
    visible = visible & (np.abs(keypoints) < MAX_COORDINATE).all(axis=1)  # NaN is not below anything
    at = np.round(np.where(visible[:, None], keypoints, 0) * (1 << SUBPIXEL_BITS)).astype(np.int32)
    sides = sides_of(skeleton)
    drawn = visible[skeleton.edges].all(axis=1)
    if observed and sizes.line >= OUTLINED_WIDTH:
        _draw_lines(image, at[skeleton.edges[drawn]], BLACK, sizes.line + 2, smooth=False)
    for side, color in SIDE_COLORS.items():
        width = sizes.line if observed and side is not Side.RIGHT else sizes.thin
        _draw_lines(image, at[skeleton.edges[drawn & (sides.edges == side)]], color, width)
    if observed:
        _draw_markers(image, at[visible], sides.keypoints[visible], sizes)


def person_sizes(sizes: Sizes, box: FloatArray) -> Sizes:
    """Return the widths for a person: the frame's, or thinner ones for someone far away."""
    height = float(box[3]) - float(box[1])
    limit = max(1.0, LIMB_SHARE * height)
    if not height > 0 or limit >= sizes.line:  # a box without a size says nothing
        return sizes
    shrink = limit / sizes.line
    return Sizes(
        line=max(1, round(limit)),
        thin=max(1, round(sizes.thin * shrink)),
        marker=max(1.0, sizes.marker * shrink),
        font_scale=sizes.font_scale,
        font_width=sizes.font_width,
        padding=sizes.padding,
    )


def _draw_lines(
    image: ImageArray, lines: NDArray[np.int32], color: Color, width: int, *, smooth: bool = True
) -> None:
    if len(lines):
        kind = cv2.LINE_AA if smooth else cv2.LINE_8
        cv2.polylines(image, list(lines), False, color, width, kind, SUBPIXEL_BITS)


def _draw_markers(image: ImageArray, at: NDArray[np.int32], sides: NDArray[np.int64], sizes: Sizes) -> None:
    """Draw discs, squares on the right side; where lines have a dark rim, they have one of a pixel too."""
    reach = round(sizes.marker * (1 << SUBPIXEL_BITS))
    rim = reach + (1 << SUBPIXEL_BITS) if sizes.line >= OUTLINED_WIDTH else 0
    for (x, y), side in zip(at.tolist(), sides.tolist(), strict=True):
        color = SIDE_COLORS[Side(side)]
        if side == Side.RIGHT:
            for half, paint in ((rim, BLACK), (reach, color)):
                corner, opposite = (x - half, y - half), (x + half, y + half)
                cv2.rectangle(image, corner, opposite, paint, -1, cv2.LINE_8, SUBPIXEL_BITS)
        else:
            cv2.circle(image, (x, y), rim, BLACK, -1, cv2.LINE_8, SUBPIXEL_BITS)
            cv2.circle(image, (x, y), reach, color, -1, cv2.LINE_AA, SUBPIXEL_BITS)
