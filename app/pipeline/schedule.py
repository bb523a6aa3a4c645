"""When to ask the detector: every N frames, or when the tracks say that it is needed.

Decisions follow from the frames and the tracks alone, never from a clock, so that equal runs give equal bytes.
"""

from __future__ import annotations

from typing import Literal, Protocol

import cv2
import numpy as np

from sitepose.core.structures import BoolArray, FloatArray, ImageArray, Poses

LONGEST_GAP = 7
"""Frames after which ``auto`` asks in any case: whoever stands still unseen is found by then."""

DOUBT_FRAMES = 2
"""Frames after which ``auto`` asks again while it is in doubt about somebody."""

SCORE_DROP = 0.75
"""Share of a track's score at the last detection below which it may have lost its person."""

MOTION_WIDTH = 96
"""Columns of the small grey picture that motion is looked for in."""

MOTION_GREY = 18
"""Grey levels by which a pixel must change to count as moving: above the noise of cameras and codecs."""

MOTION_SHARE = 0.004
"""Share of the picture that must move outside all boxes: a person of 3 % of its height squared."""

BOX_MARGIN = 0.25
"""Share of a box's sides around it that still counts as the person: arms, shadows, the path of a frame."""


class Schedule(Protocol):
    """Decides frame by frame. What came out of a frame may be known some frames later."""

    def due(self, picture: ImageArray, boxes: FloatArray) -> bool:
        """Return whether to ask the detector about this frame.

        Args:
            picture: The frame, small and grey.
            boxes: Where the tracks expect people, in widths of the frame, shape (P, 4).
        """

    def learn(self, people: Poses, *, asked: bool) -> None:
        """Take in what came out of a frame; of every frame, in order.

        Args:
            people: After tracking.
            asked: Whether the detector was asked.
        """


def schedule_of(every: int | Literal["auto"]) -> Schedule:
    """Return the schedule that ``--detect-every`` names."""
    return WhenNeeded() if every == "auto" else EveryN(every)


class EveryN:
    """Asks about the first frame and every N-th one after it.

    Args:
        step: N.
    """

    def __init__(self, step: int) -> None:
        self._step = step
        self._frame = -1

    def due(self, picture: ImageArray, boxes: FloatArray) -> bool:
        """Return whether N frames have passed."""
        del picture, boxes
        self._frame += 1
        return self._frame % self._step == 0

    def learn(self, people: Poses, *, asked: bool) -> None:
        """Nothing is learned."""


class WhenNeeded:
    """Asks when a track was born, lost or unsure, when something moves outside all boxes, or after a while.

    It is in doubt while somebody is carried without evidence: then it asks again soon. While an answer is on
    its way, nothing is asked.

    Remembers the scores of the tracks at the last detection, and a small picture.
    """

    def __init__(self) -> None:
        self._scores: dict[int, float] = {}
        self._frames = 0
        self._urgent = True
        self._doubt = False
        self._awaited = False
        self._picture: ImageArray | None = None

    def due(self, picture: ImageArray, boxes: FloatArray) -> bool:
        """Return whether there is a reason to ask."""
        before, self._picture = self._picture, _smaller(picture)
        self._frames += 1
        if self._awaited or not self._has_reason(before, self._picture, boxes):
            return False
        self._awaited = True
        self._urgent = False
        self._frames = 0
        return True

    def learn(self, people: Poses, *, asked: bool) -> None:
        """Compare the tracks with those of the last detection."""
        if self._awaited and not asked:
            return  # from before the question: its answer will tell
        self._awaited = False
        seen = people[people.observed]
        scores = dict(zip(seen.track_ids.tolist(), seen.scores.tolist(), strict=True))
        self._doubt = len(seen) < len(people)
        if asked:
            self._scores = scores
            return
        self._urgent = scores.keys() != self._scores.keys() or any(
            scores[track_id] < SCORE_DROP * self._scores[track_id] for track_id in scores
        )

    def _has_reason(self, before: ImageArray | None, now: ImageArray, boxes: FloatArray) -> bool:
        if self._urgent or before is None or before.shape != now.shape:
            return True
        if self._frames >= (DOUBT_FRAMES if self._doubt else LONGEST_GAP):
            return True
        return _moving_share(before, now, boxes * now.shape[1]) > MOTION_SHARE


def _smaller(picture: ImageArray) -> ImageArray:
    height, width = picture.shape
    size = MOTION_WIDTH, max(1, round(height * MOTION_WIDTH / width))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _moving_share(before: ImageArray, now: ImageArray, boxes: FloatArray) -> float:
    """Return the share of the picture that has changed outside all boxes."""
    moving: BoolArray = np.asarray(cv2.absdiff(before, now) > MOTION_GREY, np.bool_)
    height, width = moving.shape
    for x1, y1, x2, y2 in boxes:
        dx, dy = BOX_MARGIN * (x2 - x1) + 1, BOX_MARGIN * (y2 - y1) + 1
        left, right = (int(np.clip(x, 0, width)) for x in (x1 - dx, x2 + dx + 1))
        top, bottom = (int(np.clip(y, 0, height)) for y in (y1 - dy, y2 + dy + 1))
        moving[top:bottom, left:right] = False
    return float(moving.mean())
