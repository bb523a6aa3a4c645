"""Assignment: which row belongs to which column, at most one each, with the largest total."""

from __future__ import annotations

import importlib.util
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sitepose.core.structures import IntArray

LAP_FROM_ROWS = 60
"""Size of the shorter side from which ``lap`` beats scipy; measured by benchmarks/matching.py."""

LAP_UP_TO_ASPECT = 1.5
"""Longer over shorter side up to which it does, as it fills rectangles up to squares; measured there too."""


def assign(similarities: ArrayLike, *, minimum: float = 0.0) -> tuple[IntArray, IntArray]:
    """Return the pairs with the largest total similarity.

    A pair counts by what it has above ``minimum``; pairs at or below it, or NaN, are never made, so rows and
    columns may stay alone. With the default 0 this is the maximum-weight matching of a bipartite graph whose
    missing edges are zeros.

    Args:
        similarities: Shape (M, N), any sizes, 0 among them.
        minimum: The gate.

    Returns:
        Rows, ascending, and the column of each; two arrays of equal length.

    >>> assign([[0.9, 0.8], [0.7, 0.1]], minimum=0.2)
    (array([0, 1]), array([1, 0]))
    """
    matrix = np.atleast_2d(np.asarray(similarities, np.float64))
    weights = np.where(matrix > minimum, matrix - minimum, 0.0)
    if not weights.any():
        return np.empty(0, np.int64), np.empty(0, np.int64)
    rows, columns = _solve(weights)
    made = weights[rows, columns] > 0
    return rows[made], columns[made]


def assign_costs(costs: ArrayLike, *, maximum: float) -> tuple[IntArray, IntArray]:
    """Return the pairs with the smallest total cost; costs at or above ``maximum``, or NaN, are never paid.

    A pair counts by what it stays below ``maximum``: two cheap pairs beat three that are hardly allowed.

    Raises:
        ValueError: ``maximum`` is not finite, so that no cost stays measurably below it.

    >>> assign_costs([[1.0, 9.0], [2.0, 9.5]], maximum=5.0)
    (array([0]), array([0]))
    """
    if not np.isfinite(maximum):
        raise ValueError(f"maximum must be finite, not {maximum!r}")
    return assign(-np.asarray(costs, np.float64), minimum=-maximum)


def load_solver() -> None:
    """Import what :func:`assign` needs: half a second that the first frame of a video need not wait for."""
    solve_with_scipy(np.ones((1, 1)))


def _solve(weights: NDArray[np.float64]) -> tuple[IntArray, IntArray]:
    """Return the full assignment of the shorter side with the largest total weight."""
    shorter, longer = sorted(weights.shape)
    if shorter >= LAP_FROM_ROWS and longer <= LAP_UP_TO_ASPECT * shorter and _has_lap():
        return solve_with_lap(weights)
    return solve_with_scipy(weights)


def solve_with_scipy(weights: NDArray[np.float64]) -> tuple[IntArray, IntArray]:
    """Return the full assignment of the shorter side with the largest total weight, found by scipy."""
    # A third of a second to import, which commands that match nobody need not pay.
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(weights, maximize=True)
    return rows.astype(np.int64), columns.astype(np.int64)


def solve_with_lap(weights: NDArray[np.float64]) -> tuple[IntArray, IntArray]:
    """Return the full assignment of the shorter side with the largest total weight, found by ``lap``."""
    import lap

    _, columns, _ = lap.lapjv(weights.max() - weights, extend_cost=True)
    rows = np.flatnonzero(columns >= 0)
    return rows.astype(np.int64), columns[rows].astype(np.int64)


@cache
def _has_lap() -> bool:
    return importlib.util.find_spec("lap") is not None
