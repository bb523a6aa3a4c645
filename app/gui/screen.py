"""Pictures on their way to the screen: made ready beside the window's thread, the newest one wins."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import cv2
import numpy as np

from sitepose.app.gui.zoom import Region, Zoom
from sitepose.app.live.results import LiveResult
from sitepose.app.live.views import RECORDED, LiveView
from sitepose.app.rendering.trails import Trails
from sitepose.core.structures import FloatArray, ImageArray

TRAIL_S = 3.0
"""Seconds of the way that each track has come."""


@dataclass(frozen=True, eq=False, slots=True)
class Picture:
    """What one pane shows.

    Attributes:
        pixels: BGRA, shape (H, W, 4), of the size of the pane; nobody writes to it any more.
        scale: Pixels of the pane per pixel of the frame.
        view: The frame that it was made from.
        result: The people to draw over it; None while there are none.
        trails: Where each track has come from, shape (N, 2), in pixels of the frame.
        origin: Where in the frame the top left corner of the pane is, in pixels; its own corner unless zoomed.
    """

    pixels: ImageArray
    scale: float
    view: LiveView
    result: LiveResult | None
    trails: dict[int, FloatArray]
    origin: tuple[float, float] = (0.0, 0.0)

    @property
    def age_s(self) -> float:
        """How much older the people are than the picture."""
        if self.result is None:
            return 0.0
        return max(0.0, self.view.frame.timestamp - self.result.tracked.frame.timestamp)


class Screen:
    """One pane: a source, with the people of one lane.

    Pictures are scaled in the thread of the source, so that the window's thread only copies them to the screen.
    Remembers the newest picture, the size of the pane and the trails.

    Args:
        source: Key of the source.
        lane: Whose people; where there are none, those of the recording.
    """

    def __init__(self, source: str, lane: str) -> None:
        self.source = source
        self.lane = lane
        self._size = (640, 360)
        self._picture: Picture | None = None
        self._zoom = Zoom()
        self._trails = Trails(TRAIL_S)
        self._trailed: LiveResult | None = None
        self._lock = threading.Lock()

    @property
    def picture(self) -> Picture | None:
        """The newest picture."""
        return self._picture

    def resize(self, width: int, height: int) -> None:
        """Take note of the size of the pane in pixels of the device; a picture that stands is made anew."""
        self._size = (max(1, width), max(1, height))
        picture = self._picture
        if picture is not None:
            self.show(picture.view)

    def zoom_to(self, track_id: int | None) -> None:
        """Keep one person large in the middle of the pane; None shows all of the frame."""
        with self._lock:
            self._zoom.follow(track_id)
            picture = self._picture
        if picture is not None:
            self.show(picture.view)

    def forget_trails(self) -> None:
        """Begin the trails anew: other parts number people from 1 again."""
        with self._lock:
            self._trails = Trails(TRAIL_S)

    def show(self, view: LiveView) -> Picture:
        """Make a view ready; in the thread of its source."""
        with self._lock:
            result = view.results.get(self.lane) or view.results.get(RECORDED)
            if result is not None and result is not self._trailed:
                before = self._trailed.tracked.frame.timestamp if self._trailed is not None else 0.0
                at = result.tracked.frame.timestamp
                if not 0 <= at - before <= TRAIL_S:  # somebody has gone elsewhere in a recording
                    self._trails = Trails(TRAIL_S)
                self._trailed = result
                self._trails.add(at, result.tracked.poses)
            self._picture = self._made(view, result)
            return self._picture

    def _made(self, view: LiveView, result: LiveResult | None) -> Picture:
        frame, trails = view.frame, self._trails.paths()
        poses = None if result is None else result.tracked.poses
        region = self._zoom.region(frame.size_wh, self._size, frame.timestamp, poses)
        if region is None:
            scale = fit(frame.size_wh, self._size)
            return Picture(scaled(frame.image, scale), scale, view, result, trails)
        scale = fit((region.width, region.height), self._size)
        pixels = magnified(frame.image, region, scale)
        return Picture(pixels, scale, view, result, trails, (region.x, region.y))


def fit(size_wh: tuple[float, float], pane_wh: tuple[int, int]) -> float:
    """Return the factor by which a frame fits into a pane.

    >>> fit((1920, 1080), (960, 600))
    0.5
    """
    return min(pane_wh[0] / size_wh[0], pane_wh[1] / size_wh[1])


def scaled(image: ImageArray, scale: float) -> ImageArray:
    """Return an RGB picture in another size as BGRA, which is what screens are made of; shape (H, W, 4)."""
    height, width = image.shape[:2]
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if size != (width, height):
        # Averaging over areas is what keeps thin things visible; it is quick for whole factors only.
        way = cv2.INTER_AREA if scale <= 0.5 else cv2.INTER_LINEAR
        image = np.asarray(cv2.resize(image, size, interpolation=way), np.uint8)
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2BGRA), np.uint8)


def magnified(image: ImageArray, region: Region, scale: float) -> ImageArray:
    """Return a part of an RGB picture in another size as BGRA; it may begin between two pixels."""
    size = max(1, round(region.width * scale)), max(1, round(region.height * scale))
    # From the centre of a pixel of the pane to the frame, whose first pixel has its centre at (0, 0).
    step = 1 / scale
    moved = np.array([[step, 0, region.x + (step - 1) / 2], [0, step, region.y + (step - 1) / 2]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    part = cv2.warpAffine(image, moved, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.cvtColor(part, cv2.COLOR_RGB2BGRA), np.uint8)
