"""How boxes move: one constant-velocity Kalman filter for all tracks at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sitepose.core.structures import BoolArray, FloatArray

State = NDArray[np.float64]
Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class MotionNoise:
    """How far the filter trusts its model and its measurements, as shares of the box's height.

    The values were chosen on walking people at 8 to 25 frames per second (benchmarks/tracking.py).

    Attributes:
        acceleration: How much the centre's velocity changes in one second, in heights per second.
        size_change: The same for width and height.
        position: Standard deviation of a measured centre, in heights.
        size: Standard deviation of a measured width or height, in heights.
        velocity: Standard deviation of the velocity of a person seen once, in heights per second.
        slowdown: Share of its velocity that a person out of sight loses in a second.
    """

    acceleration: float = 0.14
    size_change: float = 0.04
    position: float = 0.04
    size: float = 0.05
    velocity: float = 0.9
    slowdown: float = 0.3


GAP_S = 0.2
"""Seconds without a sighting after which a track's velocity is worked out anew when it is found again."""

GAP_STEP_S = 0.08
"""Length of the steps in which that is done."""

MIN_SIDE = 4.0
"""Pixels below which no predicted box shrinks."""

FIRST_SIZE_VELOCITY = 0.1
"""Standard deviation of the growth of a person seen once, in heights per second."""

_CENTRE = np.array([True, True, False, False])


class BoxMotion:
    """Remembers of T tracks where each box is, how fast it moves and how sure that is: now and when last seen.

    Centre and size are four independent axes with a place and a velocity each, so that a step is a handful of
    operations on (T, 4) arrays, whatever the number of people. Time is in seconds: a gap of three frames is one
    step of three frames' length.
    """

    def __init__(self, noise: MotionNoise | None = None) -> None:
        self._noise = noise or MotionNoise()
        self._now = _Belief.empty()
        self._seen = _Belief.empty()

    def __len__(self) -> int:
        return len(self._now.place)

    @property
    def boxes(self) -> FloatArray:
        """Where the people are now, ``xyxy``, shape (T, 4)."""
        return self._now.boxes

    @property
    def seen_boxes(self) -> FloatArray:
        """Where they were when last seen, moved along with the camera, ``xyxy``, shape (T, 4)."""
        return self._seen.boxes

    @property
    def centers(self) -> State:
        """Centres of the boxes, shape (T, 2)."""
        return self._now.place[:, :2]

    @property
    def heights(self) -> State:
        """Heights of the boxes, shape (T,)."""
        return self._now.place[:, 3]

    @property
    def center_variances(self) -> State:
        """How unsure the centres are, in square pixels, shape (T, 2)."""
        return self._now.cov[0, :, :2]

    @property
    def velocities(self) -> State:
        """Pixels per second of the centres, shape (T, 2)."""
        return self._now.velocity[:, :2]

    def add(self, boxes: FloatArray) -> None:
        """Begin a track at each box, standing still."""
        place = centers_and_sizes(boxes)
        heights = np.maximum(place[:, 3:], 1)
        velocity = np.where(_CENTRE, self._noise.velocity, FIRST_SIZE_VELOCITY) * heights
        cov = np.stack([self._measured(heights), np.zeros_like(place), velocity**2])
        newborn = _Belief(place, np.zeros_like(place), cov)
        self._now, self._seen = self._now.joined(newborn), self._seen.joined(newborn)

    def keep(self, kept: BoolArray) -> None:
        """Forget the tracks that are not in the mask."""
        rows = np.flatnonzero(kept)
        self._now, self._seen = self._now.rows(rows), self._seen.rows(rows)

    def predict(self, seconds: float, out_of_sight: BoolArray) -> None:
        """Move every box on; people out of sight keep their size and slow down."""
        self._now = self._moved(self._now, np.full((len(self), 1), seconds))
        kept = np.where(_CENTRE, np.exp(-self._noise.slowdown * seconds), 0.0)
        self._now.velocity[out_of_sight] *= kept

    def warp(self, transform: State) -> None:
        """Move everybody along with the camera: a similarity of the plane, shape (2, 3)."""
        linear, shift = transform[:, :2], transform[:, 2]
        zoom = np.sqrt(abs(np.linalg.det(linear)))
        for belief in (self._now, self._seen):
            belief.place[:, :2] = belief.place[:, :2] @ linear.T + shift
            belief.place[:, 2:] *= zoom
            belief.velocity[:, :2] = belief.velocity[:, :2] @ linear.T

    def correct(self, rows: Rows, boxes: FloatArray, *, spread: State, gaps: State) -> None:
        """Take in a measured box for each of some tracks.

        After a gap the filter is run again from the last sighting along the straight line to the new one
        (observation-centred re-update, OC-SORT): what was believed in between was a guess.

        Args:
            rows: Which tracks, shape (N,), each once.
            boxes: What was seen, ``xyxy``, shape (N, 4).
            spread: Factor on the standard deviation of each measurement, shape (N,).
            gaps: Seconds since each was last seen, shape (N,).
        """
        measured = centers_and_sizes(boxes)
        belief = self._now.rows(rows)
        late = np.flatnonzero(gaps > GAP_S)
        if len(late):
            belief.put(late, self._walked(self._seen.rows(rows[late]), measured[late], gaps[late]))
        belief = self._corrected(belief, measured, spread)
        self._now.put(rows, belief)
        self._seen.put(rows, belief)

    def _walked(self, belief: _Belief, target: State, gaps: State) -> _Belief:
        """Return the belief after walking from where people were seen almost to where they are seen again."""
        start = belief.place
        steps = max(2, int(np.ceil(min(gaps.max(), 2.0) / GAP_STEP_S)))
        for step in range(1, steps + 1):
            belief = self._moved(belief, gaps[:, None] / steps)
            if step < steps:
                waypoint = start + (target - start) * step / steps
                belief = self._corrected(belief, waypoint, np.full(len(gaps), 3.0))
        return belief

    def _moved(self, belief: _Belief, seconds: State) -> _Belief:
        """Return a constant-velocity step with white-noise acceleration of continuous time."""
        heights = np.maximum(belief.place[:, 3:], 1)
        density = (np.where(_CENTRE, self._noise.acceleration, self._noise.size_change) * heights) ** 2
        pp, pv, vv = belief.cov
        place = belief.place + belief.velocity * seconds
        place[:, 2:] = np.maximum(place[:, 2:], MIN_SIDE)
        cov = np.stack(
            [
                pp + 2 * pv * seconds + vv * seconds**2 + density * seconds**3 / 3,
                pv + vv * seconds + density * seconds**2 / 2,
                vv + density * seconds,
            ]
        )
        return _Belief(place, belief.velocity.copy(), cov)

    def _corrected(self, belief: _Belief, measured: State, spread: State) -> _Belief:
        pp, pv, vv = belief.cov
        total = pp + self._measured(np.maximum(belief.place[:, 3:], 1)) * spread[:, None] ** 2
        gain, velocity_gain = pp / total, pv / total
        surprise = measured - belief.place
        return _Belief(
            belief.place + gain * surprise,
            belief.velocity + velocity_gain * surprise,
            np.stack([(1 - gain) * pp, (1 - gain) * pv, vv - velocity_gain * pv]),
        )

    def _measured(self, heights: State) -> State:
        """Return the variance of a measurement on each axis, shape (N, 4)."""
        return (np.where(_CENTRE, self._noise.position, self._noise.size) * heights) ** 2


@dataclass(slots=True, eq=False)
class _Belief:
    """Place and velocity of centre x, y, width, height, (N, 4) each, and their covariances (3, N, 4).

    The covariances are place-place, place-velocity and velocity-velocity.
    """

    place: State
    velocity: State
    cov: State

    @classmethod
    def empty(cls) -> _Belief:
        return cls(np.empty((0, 4)), np.empty((0, 4)), np.empty((3, 0, 4)))

    @property
    def boxes(self) -> FloatArray:
        half, centers = self.place[:, 2:] / 2, self.place[:, :2]
        return np.concatenate([centers - half, centers + half], axis=1).astype(np.float32)

    def rows(self, rows: Rows) -> _Belief:
        return _Belief(self.place[rows], self.velocity[rows], self.cov[:, rows])

    def put(self, rows: Rows, other: _Belief) -> None:
        self.place[rows], self.velocity[rows], self.cov[:, rows] = other.place, other.velocity, other.cov

    def joined(self, other: _Belief) -> _Belief:
        return _Belief(
            np.concatenate([self.place, other.place]),
            np.concatenate([self.velocity, other.velocity]),
            np.concatenate([self.cov, other.cov], axis=1),
        )


def centers_and_sizes(boxes: FloatArray) -> State:
    """Return centre x, y, width and height of boxes, float64, shape (P, 4).

    >>> centers_and_sizes(np.float32([[0, 0, 2, 4]])).tolist()
    [[1.0, 2.0, 2.0, 4.0]]
    """
    low, high = boxes[:, :2].astype(np.float64), boxes[:, 2:].astype(np.float64)
    return np.concatenate([(low + high) / 2, high - low], axis=1)
