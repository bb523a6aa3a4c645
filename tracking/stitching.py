"""Gap stitching: which tracks that ended are those that began a little later.

A step of its own, not part of PoseFlow: each pair of an end and a later beginning is judged by where the motion
before the gap leads forwards and where the motion behind it leads backwards; one assignment decides for all.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sitepose.core.structures import FloatArray
from sitepose.tracking.matching import assign
from sitepose.tracking.motion import centers_and_sizes

MEMORY_S = 0.6
"""Seconds at either end of a track that tell how it moves."""

TOLERANCE = 0.15
"""Heights by which a prediction over a gap of no length may miss."""

DRIFT = 0.35
"""Heights by which it may miss more for each second of the gap."""

HEIGHT_TOLERANCE = 0.15
"""Difference of the logarithms of two heights that is usual for one person."""

Sighting = tuple[float, FloatArray]
"""Seconds, and box."""


@dataclass(slots=True, eq=False)
class TrackEnds:
    """Remembers the first and the last sightings of a track, however long it is."""

    first: list[Sighting] = field(default_factory=list)
    last: deque[Sighting] = field(default_factory=deque)
    sightings: int = 0

    def add(self, time: float, box: FloatArray) -> None:
        """Take in the next sighting."""
        if not self.first or time - self.first[0][0] <= MEMORY_S:
            self.first.append((time, box))
        self.last.append((time, box))
        while time - self.last[0][0] > MEMORY_S:
            self.last.popleft()
        self.sightings += 1

    @property
    def began(self) -> float:
        """Time of the first sighting."""
        return self.first[0][0]

    @property
    def ended(self) -> float:
        """Time of the last sighting."""
        return self.last[-1][0]


def stitch(tracks: dict[int, TrackEnds], *, max_gap_s: float, min_affinity: float) -> dict[int, int]:
    """Return the earlier track that each later one goes on with, by their names.

    Args:
        tracks: First and last sightings of every track.
        max_gap_s: Longest gap that is bridged.
        min_affinity: Agreement that a pair must exceed.
    """
    if not tracks:
        return {}
    names = list(tracks)
    ended = np.array([tracks[name].ended for name in names])
    began = np.array([tracks[name].began for name in names])
    forwards = [_motion(tracks[name].last, at=-1) for name in names]
    backwards = [_motion(tracks[name].first, at=0) for name in names]
    gaps = began[None] - ended[:, None]
    affinity = np.zeros((len(names), len(names)))
    for i, j in zip(*np.nonzero((gaps > 0) & (gaps <= max_gap_s)), strict=True):
        affinity[i, j] = _agreement(forwards[i], backwards[j], float(gaps[i, j]))
    earlier, later = assign(affinity, minimum=min_affinity)
    return {names[j]: names[i] for i, j in zip(earlier, later, strict=True)}


def _agreement(end: NDArray[np.float64], start: NDArray[np.float64], gap: float) -> float:
    """Return how well an end and a beginning fit, 0..1; each is x, y, height and velocity."""
    height = (end[2] + start[2]) / 2
    allowed = (TOLERANCE + DRIFT * gap) * height
    ahead = np.linalg.norm(end[:2] + gap * end[3:] - start[:2]) / allowed
    back = np.linalg.norm(start[:2] - gap * start[3:] - end[:2]) / allowed
    taller = np.log(end[2] / start[2]) / HEIGHT_TOLERANCE
    return float(np.exp(-(ahead**2 + back**2) / 4 - taller**2 / 2))


def _motion(sightings: list[Sighting] | deque[Sighting], *, at: int) -> NDArray[np.float64]:
    """Return centre, height and velocity of a track at its first or last sighting, shape (5,)."""
    times = np.array([time for time, _ in sightings])
    places = centers_and_sizes(np.stack([box for _, box in sightings]))[:, [0, 1, 3]]
    height = max(float(np.median(places[:, 2])), 1.0)
    velocity = np.zeros(2)
    spread = times - times.mean()
    if (spread**2).sum() > 0:
        velocity = (spread[:, None] * places[:, :2]).sum(axis=0) / (spread**2).sum()
        # A few frames tell little of the velocity.
        velocity *= min(1.0, float(np.ptp(times)) / (MEMORY_S / 2))
    return np.array([*places[at, :2], height, *velocity])
