"""How much later one stream of a camera shows the same as another, told from what moves in both."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from sitepose.core.structures import ImageArray

SMALL_WH = (48, 27)
"""Pictures that are compared: a person ten metres away is some pixels, and both streams look alike."""

LONGEST_S = 5.0
"""Streams of one camera are not further apart: that of an encoder with a large buffer is two seconds late."""

COARSE_S, STEP_S = 0.04, 0.01
"""Distance of the offsets that are tried, first everywhere, then around the best; which lies between them."""

MOST_PICTURES = 80
"""Pictures of the second stream that are compared: more say no more."""

FEWEST_PICTURES = 20
"""Pictures of the second stream below which nothing is said."""

SHORTEST_S = 3.0
"""Seconds of the second stream below which nothing is said."""

BLOCKS = 8
"""Parts of the time that are left out one by one to see how sure the offset is."""

LEAST_CORRELATION = 0.5
"""Of what moves in one stream with what moves in the other, where they are the same."""

LEAST_LEAD = 0.05
"""By how much the correlation must exceed that of any offset far from the best."""

FAR_S = 0.3
"""Offsets this far from the best are another answer, not the same one blurred."""

SAME_PICTURE = 0.7
"""Correlation of what stands still in both: less is another part of the scene, or another camera."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offset:
    """What lies between two streams.

    Attributes:
        seconds: To be added to a timestamp of the second stream to get that of the first.
        uncertainty_s: Standard deviation.
        correlation: Of what moves, -1..1.
    """

    seconds: float
    uncertainty_s: float
    correlation: float


@dataclass(frozen=True, eq=False, slots=True)
class Film:
    """Pictures as arrays.

    Attributes:
        stamps: Seconds, ascending, shape (N,).
        pictures: Shape (N, H * W).
    """

    stamps: NDArray[np.float64]
    pictures: Floats


class Pictures:
    """Small grey pictures of a stream by their timestamps. Remembers the newest seconds.

    Args:
        seconds: How long they are kept.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._stamps: list[float] = []
        self._pictures: list[Floats] = []

    def add(self, timestamp: float, small: Floats) -> None:
        """Keep a picture, as from :func:`small_picture`; one that is not newer than the last is left out."""
        if self._stamps and timestamp <= self._stamps[-1]:
            return
        self._stamps.append(timestamp)
        self._pictures.append(small)
        while self._stamps[0] < timestamp - self._seconds:
            del self._stamps[0], self._pictures[0]

    def copy(self) -> Pictures:
        """Return it as it is now, for another thread."""
        other = Pictures(self._seconds)
        other._stamps, other._pictures = [*self._stamps], [*self._pictures]
        return other

    def __len__(self) -> int:
        return len(self._stamps)

    @property
    def span_s(self) -> float:
        """Seconds from the first to the last."""
        return self._stamps[-1] - self._stamps[0] if self._stamps else 0.0

    def film(self, most: int | None = None) -> Film:
        """Return what is kept, evenly thinned to so many pictures at most."""
        step = 1 if most is None else -(-len(self) // most)
        pictures = np.array(self._pictures[::step], np.float32)
        return Film(np.array(self._stamps[::step]), pictures.reshape(len(pictures), -1))


def small_picture(image: ImageArray) -> Floats:
    """Return an RGB or grey image as it is compared, shape (27, 48)."""
    small = cv2.resize(image, SMALL_WH, interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY) if small.ndim == 3 else small
    return np.asarray(grey, np.float32)


def measure_offset(first: Pictures, second: Pictures) -> Offset | None:
    """Return the offset of the second stream; None while too little has moved to be sure.

    Args:
        first: Every picture of the first stream, over at least the time of the second and the longest offset.
        second: Some pictures of the second stream.
    """
    if len(second) < FEWEST_PICTURES or second.span_s < SHORTEST_S or len(first) < 2:
        return None
    films = first.film(), second.film(MOST_PICTURES)
    everywhere = np.arange(-LONGEST_S, LONGEST_S + COARSE_S / 2, COARSE_S)
    scores = _correlations(_agreements(*films, everywhere).sum(1))
    best = everywhere[scores.argmax()]
    rival = scores[np.abs(everywhere - best) > FAR_S].max()
    if scores.max() < LEAST_CORRELATION or scores.max() - rival < LEAST_LEAD:
        return None
    around = best + np.arange(-2 * COARSE_S, 2 * COARSE_S + STEP_S / 2, STEP_S)
    sums = _agreements(*films, around)
    total = _correlations(sums.sum(1))
    without = [_peak(around, _correlations(sums.sum(1) - sums[:, block])) for block in range(BLOCKS)]
    spread = float(np.sqrt((BLOCKS - 1) * np.var(without)))  # the jackknife's
    return Offset(
        seconds=round(_peak(around, total), 4),
        uncertainty_s=round(max(spread, STEP_S / math.sqrt(12)), 4),
        correlation=round(float(total.max()), 3),
    )


def same_picture(first: Pictures, second: Pictures) -> bool:
    """Return whether what stands still is the same, in the same place, in both streams."""
    means = [stream.film().pictures.mean(0) for stream in (first, second)]
    return bool(np.corrcoef(means)[0, 1] >= SAME_PICTURE)


def _agreements(first: Film, second: Film, offsets: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return sums for the correlation at each offset, by blocks of time, shape (N, BLOCKS, 3)."""
    return np.array([_agreement(first, second, offset) for offset in offsets.tolist()])


def _agreement(first: Film, second: Film, offset: float) -> NDArray[np.float64]:
    stamps, pictures = first.stamps, first.pictures
    wanted = second.stamps + offset
    inside = (wanted >= stamps[0]) & (wanted <= stamps[-1])
    sums = np.zeros((BLOCKS, 3))
    if inside.sum() < FEWEST_PICTURES // 2:
        return sums
    after = np.clip(np.searchsorted(stamps, wanted[inside]), 1, len(stamps) - 1)
    share = ((wanted[inside] - stamps[after - 1]) / (stamps[after] - stamps[after - 1]))[:, None]
    ours = pictures[after - 1] * (1 - share) + pictures[after] * share
    theirs = second.pictures[inside]
    ours, theirs = ours - ours.mean(0), theirs - theirs.mean(0)
    products = np.stack([(ours * theirs).sum(1), (ours**2).sum(1), (theirs**2).sum(1)], axis=1)
    blocks = np.flatnonzero(inside) * BLOCKS // len(inside)
    np.add.at(sums, blocks, products)
    return sums


def _correlations(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the correlation at each offset, -1..1; -1 where there is nothing to be compared."""
    norms = np.sqrt(sums[:, 1] * sums[:, 2])
    return np.asarray(np.where(norms > 0, sums[:, 0] / np.maximum(norms, 1e-9), -1.0))


def _peak(offsets: NDArray[np.float64], scores: NDArray[np.float64]) -> float:
    """Return where the highest score lies, between the offsets: the top of a parabola through three."""
    best = int(scores.argmax())
    if not 0 < best < len(scores) - 1:
        return float(offsets[best])
    left, top, right = scores[best - 1 : best + 2]
    bend = left - 2 * top + right
    return float(offsets[best] + (STEP_S * (left - right) / (2 * bend) if bend < 0 else 0.0))
