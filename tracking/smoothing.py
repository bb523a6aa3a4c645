"""Smoothing of keypoints as they come: a one-euro filter for every track and keypoint (Casiez et al. 2012).

For display and for motion analysis; never before an evaluation unless asked, since what it gives is no longer
what was seen. Filters that know the whole video are in ``track_filters.py``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from sitepose.core.geometry import box_areas
from sitepose.core.settings import Settings
from sitepose.core.structures import UNTRACKED, FloatArray, Frame, IntArray, Poses

Rows = NDArray[np.intp]

SURE = 1.0
"""Keypoint score at which ``min_cutoff_hz`` counts in full."""

UNSURE_SHARE = 0.3
"""Share of it that counts at the lowest score: a jumping weak keypoint is held back more."""


class OneEuroSettings(Settings):
    """Settings of the one-euro filter."""

    min_cutoff_hz: float = Field(1.3, gt=0)
    """Frequencies above this are held back while a keypoint rests: lower is calmer, higher follows faster."""
    beta: float = Field(0.5, ge=0)
    """Rise of that frequency with speed, in hertz for each body size (root of the box area) a second."""
    speed_cutoff_hz: float = Field(1.0, gt=0)
    """Frequencies above this are held back in the speed itself."""
    max_gap_s: float = Field(0.5, gt=0)
    """Seconds without a sighting after which a keypoint begins anew."""
    min_score: float = Field(0.2, ge=0, le=1)
    """Keypoint score below which a keypoint is passed on as it is, and begins anew afterwards."""


class OneEuroSmoother:
    """Remembers for every track the last smoothed keypoints, their speeds, and when each was seen.

    Args:
        settings: How much to smooth.
    """

    def __init__(self, settings: OneEuroSettings | None = None) -> None:
        self._settings = settings or OneEuroSettings()
        self.reset()

    def reset(self) -> None:
        """Forget everybody."""
        self._ids: IntArray = np.empty(0, np.int64)
        self._make_room(0)

    def _make_room(self, num_keypoints: int) -> None:
        self._places = np.empty((0, num_keypoints, 2))
        self._speeds = np.empty((0, num_keypoints, 2))
        self._seen_at = np.empty((0, num_keypoints))

    def update(self, frame: Frame, poses: Poses) -> Poses:
        """Return the people with smoothed keypoints; people without a track stay as they are.

        Args:
            frame: For its time stamp.
            poses: Tracked people; each id once.
        """
        rows = np.flatnonzero(poses.track_ids != UNTRACKED)
        rows = rows[np.argsort(poses.track_ids[rows])]
        state = self._recall(poses.track_ids[rows], poses.keypoints.shape[1])
        smooth = self._smoothed(frame.timestamp, poses, rows, state)
        self._forget(frame.timestamp)
        keypoints = poses.keypoints.copy()
        keypoints[rows] = smooth
        return poses.replace(keypoints=keypoints)

    def _recall(self, ids: IntArray, num_keypoints: int) -> Rows:
        """Return where each of some tracks is remembered, making room for new ones."""
        if not len(self._ids):
            self._make_room(num_keypoints)
        new = np.setdiff1d(ids, self._ids)
        if len(new):
            order = np.argsort(np.concatenate([self._ids, new]))
            empty = np.zeros((len(new), num_keypoints, 2))
            never = np.full((len(new), num_keypoints), -np.inf)
            self._ids = np.concatenate([self._ids, new])[order]
            self._places = np.concatenate([self._places, empty])[order]
            self._speeds = np.concatenate([self._speeds, empty])[order]
            self._seen_at = np.concatenate([self._seen_at, never])[order]
        return np.searchsorted(self._ids, ids)

    def _smoothed(self, now: float, poses: Poses, rows: Rows, state: Rows) -> FloatArray:
        """Return the smoothed keypoints of some people and remember them, shape (N, K, 2)."""
        settings = self._settings
        seen = poses.keypoints[rows].astype(np.float64)
        scores = poses.keypoint_scores[rows].astype(np.float64)
        sizes = np.sqrt(np.maximum(box_areas(poses.boxes[rows]), 1)).astype(np.float64)[:, None, None]
        elapsed = now - self._seen_at[state]
        good = (scores >= settings.min_score) & np.isfinite(seen).all(axis=2)
        known = good & (elapsed > 0) & (elapsed <= settings.max_gap_s)
        seconds = np.where(known, elapsed, 1.0)[..., None]
        before = np.where(known[..., None], self._places[state], seen)
        speeds = (seen - before) / sizes / seconds
        calm = _share(settings.speed_cutoff_hz, seconds)
        speeds = np.where(known[..., None], calm * speeds + (1 - calm) * self._speeds[state], 0)
        trust = UNSURE_SHARE + (1 - UNSURE_SHARE) * np.clip(scores / SURE, 0, 1)[..., None]
        cutoff = settings.min_cutoff_hz * trust + settings.beta * np.linalg.norm(speeds, axis=2, keepdims=True)
        places = before + _share(cutoff, seconds) * (seen - before)
        self._places[state] = np.where(good[..., None], places, self._places[state])
        self._speeds[state] = speeds
        self._seen_at[state] = np.where(good, now, -np.inf)
        return np.where(known[..., None], places, seen).astype(np.float32)

    def _forget(self, now: float) -> None:
        """Drop tracks whose keypoints would all begin anew."""
        kept = np.flatnonzero((now - self._seen_at <= self._settings.max_gap_s).any(axis=1))
        if len(kept) < len(self._ids):
            self._ids, self._places = self._ids[kept], self._places[kept]
            self._speeds, self._seen_at = self._speeds[kept], self._seen_at[kept]


def _share(cutoff_hz: NDArray[np.float64] | float, seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return alpha: how far an exponential filter moves towards a new value after some time."""
    turned = 2 * np.pi * cutoff_hz * seconds
    return np.asarray(turned / (turned + 1))
