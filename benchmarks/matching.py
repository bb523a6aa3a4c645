"""From which size on is ``lap`` faster than scipy? Both solve the same matrices in turn.

Run: python benchmarks/matching.py [--repeats 50]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sitepose.tracking import matching

SIZES = (5, 10, 20, 30, 40, 50, 75, 100, 200, 400)

Matrix = NDArray[np.float64]
Solver = Callable[[Matrix], object]


def dense(rng: np.random.Generator, size: int) -> Matrix:
    """Return similarities that are all above 0, as of people in one heap."""
    return rng.random((size, size))


def gated(rng: np.random.Generator, size: int) -> Matrix:
    """Return similarities as a tracker has them: each row meets its own column and about two others."""
    matrix = np.where(rng.random((size, size)) < 2 / size, rng.uniform(0, 0.5, (size, size)), 0.0)
    np.fill_diagonal(matrix, rng.uniform(0.4, 1.0, size))
    return matrix[:, rng.permutation(size)]


def wide(rng: np.random.Generator, size: int) -> Matrix:
    """Return edges as the association of keypoints has them: three times as many columns, few shared."""
    return np.concatenate([gated(rng, size), np.diag(rng.random(size)), np.diag(rng.random(size))], axis=1)


def microseconds(solvers: dict[str, Solver], matrices: list[Matrix]) -> dict[str, float]:
    """Return the median time of each solver; they take turns on every matrix."""
    taken: dict[str, list[float]] = {name: [] for name in solvers}
    for matrix in matrices:
        for name, solve in solvers.items():
            start = time.perf_counter()
            solve(matrix)
            taken[name].append((time.perf_counter() - start) * 1e6)
    return {name: float(np.median(times)) for name, times in taken.items()}


def main() -> None:
    """Print the medians and their ratio for each size and kind of matrix."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--repeats", type=int, default=50)
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    solvers: dict[str, Solver] = {"scipy": matching.solve_with_scipy, "lap": matching.solve_with_lap}
    print(f"{'kind':6} {'rows':>5} {'scipy us':>10} {'lap us':>10} {'scipy/lap':>10}")
    for kind in (dense, gated, wide):
        for size in SIZES:
            matrices = [kind(rng, size) for _ in range(arguments.repeats)]
            times = microseconds(solvers, matrices)
            ratio = times["scipy"] / times["lap"]
            print(f"{kind.__name__:6} {size:5} {times['scipy']:10.0f} {times['lap']:10.0f} {ratio:10.2f}")


if __name__ == "__main__":
    main()
