"""What people look like: a cue for trackers, off by default.

An :class:`Appearance` turns the people of a frame into unit vectors; :class:`Looks` remembers them by track.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sitepose.core.structures import FloatArray, Frame, IntArray, Poses

BINS = 4
"""Bins of each colour channel."""

CORE = (0.25, 0.15, 0.75, 0.6)
"""Left, top, right and bottom of the part of a box that is the person's coat rather than the background."""

MEMORY = 0.9
"""Share of a track's look that stays at each sighting."""

NEUTRAL = 0.5
"""Likeness of a track whose look is not known yet."""


class Appearance(Protocol):
    """Turns people into vectors that are alike where the people are."""

    def describe(self, frame: Frame, poses: Poses) -> FloatArray:
        """Return a vector of length 1 for each person, shape (P, D); zeros where nothing can be seen."""


class ColorHistogram:
    """Describes people by the colours of their upper body: coarse, but free of any network."""

    def describe(self, frame: Frame, poses: Poses) -> FloatArray:
        """Return the square roots of a colour histogram for each person, shape (P, 64)."""
        vectors = np.zeros((len(poses), BINS**3), np.float32)
        sides = np.tile(poses.boxes[:, 2:] - poses.boxes[:, :2], 2)
        core = np.tile(poses.boxes[:, :2], 2) + sides * np.array(CORE)
        corners = np.clip(np.round(core), 0, np.tile(frame.size_wh, 2))
        for row, (x1, y1, x2, y2) in enumerate(corners.astype(np.int64)):
            bins = frame.image[y1:y2, x1:x2].reshape(-1, 3) // (256 // BINS)
            codes = bins.astype(np.int64) @ np.array([BINS * BINS, BINS, 1])
            if len(codes):
                vectors[row] = np.sqrt(np.bincount(codes, minlength=BINS**3) / len(codes))
        return vectors


class Looks:
    """Remembers a running mean of what each track looks like.

    Args:
        appearance: How people are described.
    """

    def __init__(self, appearance: Appearance) -> None:
        self._appearance = appearance
        self._known: dict[int, FloatArray] = {}

    def describe(self, frame: Frame, poses: Poses) -> FloatArray:
        """Return a vector for each person of a frame."""
        return self._appearance.describe(frame, poses)

    def likeness(self, track_ids: IntArray, described: FloatArray) -> NDArray[np.float32]:
        """Return how much each track looks like each person, shape (T, P), 0..1."""
        likeness = np.full((len(track_ids), len(described)), NEUTRAL, np.float32)
        for row, track_id in enumerate(track_ids.tolist()):
            if track_id in self._known:
                likeness[row] = np.clip(described @ self._known[track_id], 0, 1)
        return likeness

    def remember(self, track_ids: IntArray, described: FloatArray, *, living: IntArray) -> None:
        """Take in what some tracks look like now, and forget those that are not living."""
        for track_id, vector in zip(track_ids.tolist(), described, strict=True):
            mixed = MEMORY * self._known.get(track_id, vector) + (1 - MEMORY) * vector
            self._known[track_id] = mixed / max(float(np.linalg.norm(mixed)), 1e-6)
        alive = set(living.tolist())
        self._known = {track_id: vector for track_id, vector in self._known.items() if track_id in alive}
