"""What makes an unattended recording go on: something that moves, or somebody in the picture."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from sitepose.core.structures import Frame
from sitepose.plugins.api import Detector

MOTION_WIDTH = 160
"""Pixels of the picture in which motion is looked for: small enough that noise is averaged away."""

MOTION_STEP = 18
"""Grey levels that a pixel must change by: beyond the noise of a camera at dusk."""

MOTION_SHARE = 0.004
"""Share of the picture that must change: a person ten metres away covers more."""

LIGHT_SHARE = 0.6
"""More than this is the light being switched, or the camera its mode, not somebody moving."""

BACKGROUND_WEIGHT = 0.1
"""Share of a new picture in the background: what stands still for some seconds belongs to it."""

BACKGROUND_S = 5.0
"""A background that is older says nothing about now: the camera was away, or nobody was to look."""

PERSON_SCORE = 0.4
"""A person below this does not start a recording."""


class Trigger(Protocol):
    """Says of a frame whether it is worth recording."""

    def __call__(self, frame: Frame) -> bool:
        """Return whether something is there."""


class Motion:
    """Sees motion as a difference from the background. Remembers the background.

    Args:
        share: Share of the picture that must change.
    """

    def __init__(self, share: float = MOTION_SHARE) -> None:
        self._share = share
        self._background: NDArray[np.float32] | None = None
        self._timestamp = 0.0

    def __call__(self, frame: Frame) -> bool:
        """Return whether something moves."""
        small = _small_grey(frame)
        background, before, self._timestamp = self._background, self._timestamp, frame.timestamp
        if background is None or background.shape != small.shape or frame.timestamp - before > BACKGROUND_S:
            self._background = small
            return False
        changed = float((np.abs(small - background) > MOTION_STEP).mean())
        if changed > LIGHT_SHARE:
            self._background = small
            return False
        self._background = background + BACKGROUND_WEIGHT * (small - background)
        return changed >= self._share


class People:
    """Sees people through a detector.

    Args:
        detector: Any detector.
        min_score: A person below this does not count.
    """

    def __init__(self, detector: Detector, min_score: float = PERSON_SCORE) -> None:
        self._detector = detector
        self._min_score = min_score

    def __call__(self, frame: Frame) -> bool:
        """Return whether somebody is in the picture."""
        return bool((self._detector.detect([frame])[0].scores >= self._min_score).any())


class Gate:
    """Turns moments into stretches: open from the first one until some time after the last.

    Args:
        tail_s: How long it stays open.
        clock: Seconds that never go back.

    >>> now = iter([0.0, 1.0, 4.0, 7.0])
    >>> gate = Gate(5.0, lambda: next(now))
    >>> [gate(seen) for seen in (False, True, False, False)]
    [False, True, True, False]
    """

    def __init__(self, tail_s: float, clock: Callable[[], float]) -> None:
        self._tail_s = tail_s
        self._clock = clock
        self._until = float("-inf")

    def __call__(self, seen: bool) -> bool:
        """Return whether to record, having seen something or not."""
        now = self._clock()
        if seen:
            self._until = now + self._tail_s
        return now < self._until


def _small_grey(frame: Frame) -> NDArray[np.float32]:
    width, height = frame.size_wh
    size = (MOTION_WIDTH, max(1, round(MOTION_WIDTH * height / width)))
    small = cv2.resize(frame.image, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.float32)
