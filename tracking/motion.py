"""How boxes move: one constant-velocity Kalman filter for all tracks at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sitepose.core.structures import FloatArray

State = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class MotionNoise:
    """How far the filter trusts its model and its measurements, as shares of the box's height.

    Attributes:
        acceleration: Change of the centre's velocity in one second, in heights per second.
        size_change: The same for width and height.
        position: Standard deviation of a measured centre, in heights.
        size: Standard deviation of a measured width or height, in heights.
        velocity: Standard deviation of the velocity of a person seen once, in heights per second.
    """

    acceleration: float = 1.0
    size_change: float = 0.3
    position: float = 0.04
    size: float = 0.06
    velocity: float = 1.0


class BoxMotion:
    """Remembers, for T tracks, where each box is, how fast it moves, and how sure that is.

    Centre and size are four independent axes with a place and a velocity each, so that a step is a handful of
    operations on (T, 4) arrays, whatever the number of people. Time is in seconds: a gap of three frames is
    one step of three frames' length.
    """

    def __init__(self, noise: MotionNoise) -> None:
        self._noise = noise
        self._place = np.empty((0, 4))
        self._velocity = np.empty((0, 4))
        self._cov = np.empty((3, 0, 4))  # place-place, place-velocity, velocity-velocity

    def __len__(self) -> int:
        return len(self._place)

    @property
    def boxes(self) -> FloatArray:
        """Where the people are now, ``xyxy``, shape (T, 4)."""
        return _xyxy(self._place)

    @property
    def velocities(self) -> FloatArray:
        """Pixels per second of the boxes' centres, shape (T, 2)."""
        return np.asarray(self._velocity[:, :2], np.float32)

    def add(self, boxes: FloatArray) -> None:
        """Begin a track at each box, standing still."""
        place = _cxcywh(boxes)
        height = np.maximum(place[:, 3:], 1)
        cov = np.stack(
            [
                self._measured(height),
                np.zeros_like(place),
                (self._noise.velocity * height) ** 2 * _CENTRE + _EPS,
            ]
        )
        self._place = np.concatenate([self._place, place])
        self._velocity = np.concatenate([self._velocity, np.zeros_like(place)])
        self._cov = np.concatenate([self._cov, cov], axis=1)

    def keep(self, rows: NDArray[np.bool_]) -> None:
        """Forget the tracks that are not in the mask."""
        self._place, self._velocity, self._cov = self._place[rows], self._velocity[rows], self._cov[:, rows]

    def predict(self, seconds: float) -> None:
        """Move every box on."""
        height = np.maximum(self._place[:, 3:], 1)
        drift = np.where(_CENTRE > 0, self._noise.acceleration, self._noise.size_change) * height
        density = drift**2
        pp, pv, vv = self._cov
        self._place = self._place + self._velocity * seconds
        self._place[:, 2:] = np.maximum(self._place[:, 2:], 1)
        self._cov = np.stack(
            [
                pp + 2 * pv * seconds + vv * seconds**2 + density * seconds**3 / 3,
                pv + vv * seconds + density * seconds**2 / 2,
                vv + density * seconds,
            ]
        )

    def correct(self, rows: NDArray[np.intp], boxes: FloatArray, *, spread: State | None = None) -> None:
        """Take in a measured box for each of some tracks.

        Args:
            rows: Which tracks, shape (N,), each once.
            boxes: What was seen, ``xyxy``, shape (N, 4).
            spread: Factor on the standard deviation of each measurement, shape (N,); 1 by default.
        """
        pp, pv, vv = self._cov[:, rows]
        height = np.maximum(self._place[rows, 3:], 1)
        measured = self._measured(height)
        if spread is not None:
            measured = measured * np.asarray(spread)[:, None] ** 2
        gain, velocity_gain = pp / (pp + measured), pv / (pp + measured)
        surprise = _cxcywh(boxes) - self._place[rows]
        self._place[rows] += gain * surprise
        self._velocity[rows] += velocity_gain * surprise
        self._cov[:, rows] = np.stack([(1 - gain) * pp, (1 - gain) * pv, vv - velocity_gain * pv])

    def _measured(self, height: State) -> State:
        """Return the variance of a measurement on each axis, shape (N, 4)."""
        return (np.where(_CENTRE > 0, self._noise.position, self._noise.size) * height) ** 2


_CENTRE = np.array([1.0, 1.0, 0.0, 0.0])
_EPS = 1e-6


def _cxcywh(boxes: FloatArray) -> State:
    low, high = boxes[:, :2].astype(np.float64), boxes[:, 2:].astype(np.float64)
    return np.concatenate([(low + high) / 2, high - low], axis=1)


def _xyxy(place: State) -> FloatArray:
    half = place[:, 2:] / 2
    return np.concatenate([place[:, :2] - half, place[:, :2] + half], axis=1).astype(np.float32)
