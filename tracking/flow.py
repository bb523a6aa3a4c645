"""Point correspondences between neighbouring frames: pyramidal Lucas-Kanade, checked forwards and backwards.

The only module of ``tracking`` that uses OpenCV.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sitepose.core.geometry import resize_points
from sitepose.core.structures import BoolArray, FloatArray, ImageArray

WORK_HEIGHT = 480
"""Rows of the grey image that points are followed in; larger frames are shrunk to it."""

WINDOW = 9
"""Side of the square that Lucas-Kanade compares, in pixels of the pyramid level that fits the person."""

WINDOW_SHARE = 0.15
"""Largest side of that square as a share of the person's height: a larger one sees more than one limb."""

LEVELS = 3
"""Levels of the shared pyramid: the window is 9, 18 or 36 pixels of the grey image."""

ITERATIONS = (cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, 6, 0.1)
"""Steps of Lucas-Kanade on each level, and pixels below which it is done; finer ones change no identity."""

MAX_RETURN = 1.0
"""Pixels (of its level) by which a point followed there and back may miss where it began."""

BACKGROUND_GRID = (10, 8)
"""Columns and rows of the points that tell how the background moves."""

MIN_BACKGROUND = 8
"""Points of the background below which the camera counts as still."""

BACKGROUND_RESIDUAL = 2.0
"""Pixels by which a background point may miss the camera's motion."""

STILL_PIXELS = 0.25
"""Median motion of the background below which the camera counts as still: what Lucas-Kanade is unsure of."""

ORB_FAST_THRESHOLD = 5
"""Contrast from which a pixel is a corner: low, or most frames do not have 10,000 of them."""

Transform = NDArray[np.float64]
"""Similarity of the plane, shape (2, 3)."""

STILL: Transform = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """Where points of the last frame are in this one.

    Attributes:
        points: Shape (N, 2), frame pixels.
        good: Whether each was found again on the way back, shape (N,).
    """

    points: FloatArray
    good: BoolArray


class PointFlow:
    """Remembers the grey pyramids of the last two frames."""

    def __init__(self) -> None:
        self._before: list[ImageArray] = []
        self._now: list[ImageArray] = []
        self._scale = 1.0

    @property
    def ready(self) -> bool:
        """Whether there are two frames of one size to compare."""
        return bool(self._before and self._now) and self._before[0].shape == self._now[0].shape

    def advance(self, image: ImageArray) -> None:
        """Take in the next frame, RGB."""
        self._before, self._now = self._now, self._pyramid(image)

    def follow(self, points: FloatArray, heights: NDArray[np.floating]) -> Followed:
        """Return where points of the last frame are now.

        Args:
            points: Frame pixels, shape (N, 2).
            heights: Height of the person that each belongs to, in frame pixels, shape (N,).
        """
        moved = np.array(points, np.float32)
        good = np.zeros(len(points), np.bool_)
        if not self.ready or not len(points):
            return Followed(moved, good)
        sides = WINDOW_SHARE * np.asarray(heights) * self._scale / WINDOW
        levels = np.clip(np.floor(np.log2(np.maximum(sides, 1))), 0, len(self._now) - 1).astype(np.int64)
        for level in np.unique(levels):
            rows = np.flatnonzero(levels == level)
            moved[rows], good[rows] = self._follow_at(int(level), moved[rows])
        return Followed(moved, good)

    def background(self, boxes: FloatArray) -> Transform:
        """Return how the background moved since the last frame, as points outside the people's boxes tell.

        Args:
            boxes: People in the last frame, ``xyxy``, shape (P, 4).
        """
        if not self.ready:
            return STILL
        grid = self._grid()
        inside = (grid[:, None] >= boxes[None, :, :2]) & (grid[:, None] <= boxes[None, :, 2:])
        outside = grid[~np.any(np.all(inside, axis=2), axis=1)]
        followed = self.follow(outside, np.full(len(outside), np.inf))
        if followed.good.sum() < MIN_BACKGROUND:
            return STILL
        return _similarity(outside[followed.good], followed.points[followed.good])

    def _follow_at(self, level: int, points: FloatArray) -> tuple[FloatArray, BoolArray]:
        scale = self._scale / 2**level
        start = resize_points(points, scale)
        there, found = _lucas_kanade(self._before[level], self._now[level], start)
        # The way back knows nothing of where it should end: started there it would seem to end there too often.
        back, returned = _lucas_kanade(self._now[level], self._before[level], there)
        close = np.abs(back - start).max(axis=1) < MAX_RETURN
        return resize_points(there, 1 / scale), found & returned & close

    def _pyramid(self, image: ImageArray) -> list[ImageArray]:
        grey = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
        self._scale = min(1.0, WORK_HEIGHT / grey.shape[0])
        if self._scale < 1:
            size = max(1, round(grey.shape[1] * self._scale)), WORK_HEIGHT
            grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
        levels = [grey]
        while len(levels) < LEVELS and min(levels[-1].shape) >= 4 * WINDOW:
            levels.append(cv2.pyrDown(levels[-1]))
        return levels

    def _grid(self) -> FloatArray:
        height, width = (side / self._scale for side in self._now[0].shape)
        columns, rows = BACKGROUND_GRID
        x = (np.arange(columns) + 0.5) / columns * width
        y = (np.arange(rows) + 0.5) / rows * height
        return np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2).astype(np.float32)


def transformed(points: FloatArray, transform: Transform) -> FloatArray:
    """Return points, shape (..., 2), after a transform of the plane.

    >>> transformed(np.float32([[1, 2]]), np.array([[1.0, 0, 3], [0, 1.0, 0]]))
    array([[4., 2.]], dtype=float32)
    """
    return np.asarray(points @ transform[:, :2].T + transform[:, 2], np.float32)


def _lucas_kanade(before: ImageArray, now: ImageArray, points: FloatArray) -> tuple[FloatArray, BoolArray]:
    moved, status, _ = cv2.calcOpticalFlowPyrLK(
        before,
        now,
        np.ascontiguousarray(points, np.float32)[:, None],
        None,
        winSize=(WINDOW, WINDOW),
        maxLevel=LEVELS - 1,
        criteria=ITERATIONS,
    )
    return np.asarray(moved[:, 0], np.float32), status[:, 0] > 0


def _similarity(before: FloatArray, now: FloatArray) -> Transform:
    """Return the translation, turn and zoom that most points agree with."""
    if np.median(np.abs(now - before)) < STILL_PIXELS:
        return STILL
    found, _ = cv2.estimateAffinePartial2D(before, now, ransacReprojThreshold=BACKGROUND_RESIDUAL)
    return STILL if found is None else np.asarray(found, np.float64)


class OrbFlow:
    """Remembers the ORB features of the last frame, and matches all of them with the next one's.

    What PoseFlow's reference implementation does; :class:`PointFlow` is what we do instead.

    Args:
        features: Features to look for in each frame.
    """

    def __init__(self, features: int) -> None:
        self._orb = cv2.ORB.create(features, fastThreshold=ORB_FAST_THRESHOLD)
        self._matcher = cv2.BFMatcher(cv2.NORM_HAMMING)
        self._last: tuple[FloatArray, ImageArray] | None = None

    def advance(self, image: ImageArray) -> tuple[FloatArray, FloatArray]:
        """Take in the next frame, RGB; return matching points of the last frame and of this one."""
        grey = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
        found, described = self._orb.detectAndCompute(grey, None)
        points = np.array([keypoint.pt for keypoint in found], np.float32).reshape(-1, 2)
        before, self._last = self._last, (points, described)
        if before is None or not len(before[0]) or not len(points):
            return np.empty((0, 2), np.float32), np.empty((0, 2), np.float32)
        matches = self._matcher.match(before[1], described)
        rows = np.array([(match.queryIdx, match.trainIdx) for match in matches], np.int64).reshape(-1, 2)
        return before[0][rows[:, 0]], points[rows[:, 1]]
