"""Which part of a frame a pane shows: all of it, or the surroundings of one person, moved smoothly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sitepose.core.structures import FloatArray, Poses

MARGIN = 1.7
"""Height of the part that is shown, in heights of the person."""

SMALLEST = 1 / 6
"""Height of the part that is shown at least, in heights of the frame: more would be blur."""

SETTLE_S = 0.4
"""Time in which two thirds of a move are made."""

JUMP_S = 1.0
"""After a longer gap between frames the part is at its place at once."""

PATIENCE_S = 2.0
"""How long the part stays where the person was last seen, before all of the frame is shown again."""


@dataclass(frozen=True, slots=True)
class Region:
    """A part of a frame, in its pixels, whose first one begins at 0."""

    x: float
    y: float
    width: float
    height: float


class Zoom:
    """Follows a person with the part of the frame that is shown.

    Remembers whom, where the part is, and when the person was seen last.
    """

    def __init__(self) -> None:
        self._track_id: int | None = None
        self._part: FloatArray | None = None
        self._goal: FloatArray | None = None
        self._seen_at = 0.0
        self._at = 0.0

    def follow(self, track_id: int | None) -> None:
        """Go to this person; None shows all of the frame."""
        self._track_id = track_id
        if track_id is None:
            self._part = self._goal = None

    def region(
        self, size_wh: tuple[int, int], pane_wh: tuple[int, int], timestamp: float, poses: Poses | None
    ) -> Region | None:
        """Return the part to show; None for all of the frame.

        Args:
            size_wh: Of the frame.
            pane_wh: Of the pane, whose form the part takes.
            timestamp: Of the frame, seconds.
            poses: Its people, or those of the last frame that was looked at.
        """
        if self._track_id is None:
            return None
        box = _box_of(poses, self._track_id)
        if box is not None:
            self._goal = _around(box, size_wh, pane_wh)
            self._seen_at = timestamp
        elif not 0 <= timestamp - self._seen_at <= PATIENCE_S:
            self._part = self._goal = None
        if self._goal is None:
            return None
        passed, self._at = timestamp - self._at, timestamp
        if self._part is None or not 0 <= passed <= JUMP_S:
            self._part = self._goal
        else:
            self._part = self._part + (self._goal - self._part) * (1 - np.exp(-passed / SETTLE_S))
        return Region(*self._part.tolist())


def _box_of(poses: Poses | None, track_id: int) -> FloatArray | None:
    if poses is None:
        return None
    found = np.flatnonzero(poses.track_ids == track_id)
    box = poses.boxes[found[0]] if len(found) else None
    return box if box is not None and np.isfinite(box).all() else None


def _around(box: FloatArray, size_wh: tuple[int, int], pane_wh: tuple[int, int]) -> FloatArray:
    """Return x, y, width and height of the part around a box, within the frame."""
    form = pane_wh[0] / pane_wh[1]
    tall = max((box[3] - box[1]) * MARGIN, (box[2] - box[0]) * MARGIN / form, size_wh[1] * SMALLEST)
    size = np.minimum((tall * form, tall), size_wh)
    corner = (box[:2] + box[2:]) / 2 + 0.5 - size / 2
    corner = np.clip(corner, 0, np.asarray(size_wh) - size)
    return np.concatenate((corner, size)).astype(np.float32)
