"""How sure a number is: images or sequences drawn anew, and the same draw for both sides of a comparison."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from sitepose.core.structures import IntArray

Statistic = Callable[[IntArray], float]
"""A number as a function of how often each image or sequence counts."""

RESAMPLES = 1000
"""Draws; the ends of a 95 % interval then rest on 25 draws each."""

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A number and the interval that it would lie in with other images of the same kind.

    The interval is that of the percentiles of the draws. With few units (ten sequences, say) it is narrower
    than it should be.

    Attributes:
        value: Of the units as they are.
        low: Lower end.
        high: Upper end.
        units: How many images or sequences there were to draw from.
        resamples: How often they were drawn.
    """

    value: float
    low: float
    high: float
    units: int
    resamples: int

    @property
    def excludes_zero(self) -> bool:
        """Whether a difference is more than chance."""
        return self.low > 0 or self.high < 0


def bootstrap(
    statistic: Statistic,
    num_units: int,
    *,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> Interval:
    """Return a number with its interval.

    Args:
        statistic: The number, of how often each unit counts, shape (num_units,).
        num_units: How many images or sequences there are.
        resamples: How often to draw as many of them, with repetition.
        confidence: Share of the draws inside the interval.
        seed: The same seed gives the same draws.

    Raises:
        ValueError: There is nothing to draw from.

    >>> bootstrap(mean_of([1.0, 1.0, 1.0]), 3).low
    1.0
    """
    if num_units < 1:
        raise ValueError("there are no images or sequences to draw from")
    rng = np.random.default_rng(seed)
    draws = rng.multinomial(num_units, np.full(num_units, 1 / num_units), size=resamples)
    values = np.array([statistic(draw) for draw in draws])
    values = values[np.isfinite(values)]  # a draw in which nobody is to be found says nothing
    outside = (1 - confidence) / 2
    low, high = np.quantile(values, [outside, 1 - outside]) if len(values) else (np.nan, np.nan)
    return Interval(
        value=float(statistic(np.ones(num_units, np.int64))),
        low=float(low),
        high=float(high),
        units=num_units,
        resamples=resamples,
    )


def paired_difference(
    first: Statistic,
    second: Statistic,
    num_units: int,
    *,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> Interval:
    """Return by how much the first is above the second, both on the same draws.

    Args:
        first: A number, of how often each unit counts; ``table.average_precision`` of a ``MatchTable``.
        second: The number to compare with, on the same units in the same order.
        num_units: How many images or sequences there are.
        resamples: How often to draw as many of them, with repetition.
        confidence: Share of the draws inside the interval.
        seed: The same seed gives the same draws.
    """
    return bootstrap(
        lambda counts: first(counts) - second(counts),
        num_units,
        resamples=resamples,
        confidence=confidence,
        seed=seed,
    )


def mean_of(values: ArrayLike) -> Statistic:
    """Return the mean of one value per unit, as a statistic to draw anew."""
    array = np.asarray(values, np.float64)
    return lambda counts: float(counts @ array / max(1, counts.sum()))
