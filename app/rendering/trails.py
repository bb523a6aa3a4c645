"""The way that each track has come in the last seconds."""

from __future__ import annotations

from collections import deque

import cv2
import numpy as np

from sitepose.app.rendering.bodies import MAX_COORDINATE, SUBPIXEL_BITS
from sitepose.app.rendering.palette import track_color
from sitepose.app.rendering.style import Sizes
from sitepose.core.structures import FloatArray, ImageArray, Poses


class Trails:
    """Remembers where the feet of each track were, and forgets it after some seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._places: dict[int, deque[tuple[float, float, float]]] = {}

    def add(self, timestamp: float, poses: Poses) -> None:
        """Take in the people of the next frame; those without evidence or identity leave no trail.

        Args:
            timestamp: Seconds.
            poses: Everybody in the frame.
        """
        seen = poses.observed & (poses.track_ids >= 0) & np.isfinite(poses.boxes).all(axis=1)
        for track_id, (x1, _, x2, y2) in zip(poses.track_ids[seen], poses.boxes[seen].tolist(), strict=True):
            self._places.setdefault(int(track_id), deque()).append((timestamp, (x1 + x2) / 2, y2))
        for track_id, places in list(self._places.items()):
            while places and places[0][0] < timestamp - self._seconds:
                places.popleft()
            if not places:
                del self._places[track_id]

    def paths(self) -> dict[int, FloatArray]:
        """Return the places of each track, oldest first, shape (N, 2)."""
        return {
            track_id: np.array([place[1:] for place in places], np.float32)
            for track_id, places in self._places.items()
        }

    def draw(self, image: ImageArray, sizes: Sizes) -> None:
        """Draw every trail on a picture, the older half thinner."""
        for track_id, places in self._places.items():
            points = np.clip([place[1:] for place in places], -MAX_COORDINATE, MAX_COORDINATE)
            at = np.round(points * (1 << SUBPIXEL_BITS)).astype(np.int32)
            middle = len(at) // 2
            for part, width in ((at[: middle + 1], sizes.thin), (at[middle:], sizes.line)):
                cv2.polylines(image, [part], False, track_color(track_id), width, cv2.LINE_AA, SUBPIXEL_BITS)
