"""A test pattern with walking people: known boxes, keypoints and identities, in any size and length."""

from __future__ import annotations

import colorsys
import itertools
import math
import time
from collections.abc import Iterator
from fractions import Fraction

import cv2
import numpy as np
from pydantic import Field

from sitepose.core.errors import SourceError
from sitepose.core.structures import FloatArray, Frame, ImageArray, Poses
from sitepose.plugins.api import PluginContext, SourceInfo
from sitepose.plugins.sources.base import IteratedSource, SpanSettings
from sitepose.plugins.sources.figures import HEAD_RADIUS, LIMB_RADIUS, Crowd, head_centers

SUBPIXEL_BITS = 4
"""OpenCV draws at sixteenths of a pixel."""

SKIN = (224, 172, 140)
TROUSERS = (60, 62, 78)

Color = tuple[int, int, int]

_BARS: tuple[tuple[int, int, Color | None], ...] = (
    (6, 8, None),
    (8, 10, SKIN),
    (12, 14, TROUSERS),
    (14, 16, TROUSERS),
    (11, 13, TROUSERS),
    (13, 15, TROUSERS),
    (5, 7, None),
    (7, 9, SKIN),
)
"""Arms and legs as pairs of COCO keypoints, right ones first; None is the colour of the shirt."""

_TORSO = (5, 6, 12, 11)
"""Shoulders and hips."""


class SyntheticSource(IteratedSource):
    """Frames of people walking to and fro before a wall; :meth:`truth` knows where they are.

    Frame ``index`` looks the same whenever and however often it is asked for. Frames come as fast as they are
    taken; ``pts`` counts frames.
    """

    class Settings(SpanSettings):
        """What the pattern shows, and which part of it is given."""

        location: str = "synthetic"
        """Name of the source."""
        frames: int | None = Field(250, ge=1)
        """Length of the pattern; None for no end."""
        width: int = Field(640, ge=16, le=16384)
        """Pixels."""
        height: int = Field(480, ge=16, le=16384)
        """Pixels."""
        frame_rate: float = Field(25.0, gt=0, le=1000)
        """Frames per second."""
        people: int = Field(3, ge=0, le=100)
        """How many people walk about."""
        seed: int = Field(0, ge=0)
        """Chooses sizes, paces and paths."""

    def __init__(self, settings: Settings, context: PluginContext | None = None) -> None:
        del context  # networks are none of its business
        self._settings = settings
        self._rate = Fraction(settings.frame_rate).limit_denominator(1001 * 1000)
        size = (settings.width, settings.height)
        self._crowd = Crowd(settings.people, size, settings.frame_rate, settings.seed)
        self._wall = _wall(size, settings.seed)
        self._begin = math.ceil(settings.start_s * self._rate)
        self._end = self._last_index()
        count = None if self._end is None else self._end - self._begin
        if count is not None and count <= 0:
            raise SourceError(f"{settings.location}: has no frame {settings.span()}")
        super().__init__(
            SourceInfo(source_id=settings.location, size_wh=size, frame_rate=self._rate, frame_count=count)
        )

    def truth(self, index: int) -> Poses:
        """Return where everybody is in a frame, as COCO keypoints; those behind others are given too."""
        return self._crowd.at(index)

    def frames(self) -> Iterator[Frame]:
        """Yield the frames of the chosen part."""
        for index in itertools.count(self._begin):
            if self._end is not None and index >= self._end:
                return
            yield Frame(
                image=self.image(index),
                index=index,
                timestamp=float(index / self._rate),
                pts=index,
                time_base=1 / self._rate,
                captured_at=time.monotonic(),
                source_id=self.info.source_id,
            )

    def image(self, index: int) -> ImageArray:
        """Return the picture of a frame, RGB, shape (H, W, 3)."""
        image = self._wall.copy()
        poses = self._crowd.at(index)
        statures = self._crowd.statures
        heads = head_centers(poses.keypoints, statures)
        for person in np.argsort(statures, kind="stable"):  # the front covers the back
            shirt = _shirt(int(person))
            _draw_figure(image, poses.keypoints[person], heads[person], float(statures[person]), shirt)
        return image

    def _last_index(self) -> int | None:
        """Return the index before which to end; None for no end."""
        ends = [
            self._settings.frames,
            None if self._settings.end_s is None else math.ceil(self._settings.end_s * self._rate),
            None if self._settings.max_frames is None else self._begin + self._settings.max_frames,
        ]
        return min((end for end in ends if end is not None), default=None)


def _wall(size_wh: tuple[int, int], seed: int) -> ImageArray:
    """Return a wall that gets darker upwards, a floor, and patches by which motion can be followed."""
    width, height = size_wh
    image = np.empty((height, width, 3), np.uint8)
    image[:] = np.linspace(120, 190, height)[:, None, None]
    image[int(height * 0.6) :] = (148, 138, 122)
    random = np.random.default_rng(seed)
    for x, y, brightness in random.uniform(0, 1, (60, 3)):
        corner = int(x * width), int(y * height)
        size = max(2, height // 24)
        gray = 110 + int(90 * brightness)
        cv2.rectangle(image, corner, (corner[0] + size, corner[1] + size), (gray, gray, gray), -1)
    return image


def _shirt(person: int) -> Color:
    """Return a colour of its own for each person; neighbours in number differ most (golden ratio)."""
    red, green, blue = colorsys.hsv_to_rgb(person * 0.618034 % 1, 0.75, 0.8)
    return int(red * 255), int(green * 255), int(blue * 255)


def _draw_figure(image: ImageArray, points: FloatArray, head: FloatArray, stature: float, shirt: Color) -> None:
    """Draw one person: COCO's keypoints, middle of the head, stature in pixels."""
    at = [_subpixel(point) for point in points]
    thickness = max(1, round(2 * LIMB_RADIUS * stature))
    for first, second, color in _BARS:
        cv2.line(image, at[first], at[second], color or shirt, thickness, cv2.LINE_AA, SUBPIXEL_BITS)
    torso = np.array([at[i] for i in _TORSO], np.int32)
    cv2.fillConvexPoly(image, torso, shirt, cv2.LINE_AA, SUBPIXEL_BITS)
    radius = round(HEAD_RADIUS * stature * (1 << SUBPIXEL_BITS))
    cv2.circle(image, _subpixel(head), radius, SKIN, -1, cv2.LINE_AA, SUBPIXEL_BITS)
    for eye in (1, 2):
        cv2.circle(image, at[eye], radius // 7, TROUSERS, -1, cv2.LINE_AA, SUBPIXEL_BITS)


def _subpixel(point: FloatArray) -> tuple[int, int]:
    return round(float(point[0]) * (1 << SUBPIXEL_BITS)), round(float(point[1]) * (1 << SUBPIXEL_BITS))
