"""Place the peak of a heatmap between its cells: quarter offset, DARK, UDP-DARK.

Each function takes maps, shape (N, H, W), and chosen cells, and returns what to add to x and y of each cell,
shape (n, 2).
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sitepose.core.structures import FloatArray
from sitepose.models.runtimes.api import AnyArray

QUARTER = 0.25
"""Cells to move towards the higher neighbour (Newell et al., arXiv 1603.06937)."""

DARK_MARGIN = 2
"""Cells to the border within which DARK has no second difference and leaves the peak where it is."""

LOG_FLOOR = 1e-10
"""Smallest response whose logarithm DARK takes."""

UDP_FLOOR = 1e-3
"""Smallest response whose logarithm UDP-DARK takes."""

UDP_EPSILON = float(np.finfo(np.float32).eps)
"""Added to the diagonal of UDP-DARK's Hessian."""

REACH = 2
"""Cells on each side of the peak that the derivatives look at."""

MAX_OFFSET = 2.0
"""Cells beyond which an offset says that there is no Gaussian here; the peak then stays where it is."""


class Cells(NamedTuple):
    """Cells chosen from a stack of maps: parallel arrays of shape (n,).

    Attributes:
        maps: Which map.
        y: Row.
        x: Column.
        ranks: Place among the cells of the same map, 0 for its best.
    """

    maps: NDArray[np.intp]
    y: NDArray[np.intp]
    x: NDArray[np.intp]
    ranks: NDArray[np.intp]

    def take(self, rows: NDArray[np.intp]) -> Cells:
        """Return some of the cells."""
        return Cells(*(field[rows] for field in self))


def quarter_offsets(maps: FloatArray, cells: Cells) -> FloatArray:
    """Return a quarter of a cell towards the higher neighbour, per axis; 0 at the border."""
    which, y, x, _ = cells
    height, width = maps.shape[1:]
    left, right = np.maximum(x - 1, 0), np.minimum(x + 1, width - 1)
    up, down = np.maximum(y - 1, 0), np.minimum(y + 1, height - 1)
    slope = np.stack(
        [maps[which, y, right] - maps[which, y, left], maps[which, down, x] - maps[which, up, x]], axis=1
    )
    inside = np.stack([right - left == 2, down - up == 2], axis=1)
    return np.asarray(QUARTER * np.sign(slope) * inside, np.float32)


def dark_offsets(maps: FloatArray, cells: Cells, *, sigma: float) -> FloatArray:
    """Return the way to the top of the Gaussian through the peak, by a Taylor step on the blurred logarithm."""
    log = np.log(np.maximum(_blurred(maps, cells, sigma), LOG_FLOOR))
    first = np.stack([log[:, 2, 3] - log[:, 2, 1], log[:, 3, 2] - log[:, 1, 2]], axis=1) / 2
    dxx = (log[:, 2, 4] - 2 * log[:, 2, 2] + log[:, 2, 0]) / 4
    dyy = (log[:, 4, 2] - 2 * log[:, 2, 2] + log[:, 0, 2]) / 4
    dxy = (log[:, 3, 3] - log[:, 1, 3] - log[:, 3, 1] + log[:, 1, 1]) / 4
    height, width = maps.shape[1:]
    inside = (np.minimum(cells.x, width - 1 - cells.x) >= DARK_MARGIN) & (
        np.minimum(cells.y, height - 1 - cells.y) >= DARK_MARGIN
    )
    return np.where(inside[:, None], _newton_step(first, dxx, dyy, dxy), 0)


def udp_dark_offsets(maps: FloatArray, cells: Cells, *, sigma: float) -> FloatArray:
    """Return the way to the top of the Gaussian, with derivatives over one cell and the border repeated."""
    near = _neighbours(_blurred(maps, cells, sigma), maps.shape[1:], cells)
    tallest = near.max(axis=(1, 2), keepdims=True, initial=UDP_FLOOR)
    peak = maps[cells.maps, cells.y, cells.x][:, None, None]
    log = np.log(np.maximum(near * peak / tallest, UDP_FLOOR))
    first = np.stack([log[:, 1, 2] - log[:, 1, 0], log[:, 2, 1] - log[:, 0, 1]], axis=1) / 2
    dxx = log[:, 1, 2] - 2 * log[:, 1, 1] + log[:, 1, 0]
    dyy = log[:, 2, 1] - 2 * log[:, 1, 1] + log[:, 0, 1]
    corners = log[:, 2, 2] + log[:, 0, 0] + 2 * log[:, 1, 1]
    sides = log[:, 1, 2] + log[:, 1, 0] + log[:, 2, 1] + log[:, 0, 1]
    return _newton_step(first, dxx + UDP_EPSILON, dyy + UDP_EPSILON, (corners - sides) / 2)


def _blurred(maps: FloatArray, cells: Cells, sigma: float) -> FloatArray:
    """Return what a Gaussian blur of the whole map would give around each cell, shape (n, 5, 5).

    Blurring the surroundings of the peaks alone costs a tenth of blurring the maps.
    """
    kernel = _kernel(sigma)
    margin = len(kernel) // 2 + REACH
    padded = np.pad(maps, ((0, 0), (margin, margin), (margin, margin)))
    side = 2 * margin + 1
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side), axis=(1, 2))
    patches = windows[cells.maps, cells.y, cells.x]
    rows = np.stack([np.pad(kernel, (i, 2 * REACH - i)) for i in range(2 * REACH + 1)])
    return np.asarray(rows @ patches @ rows.T, np.float32)


@cache
def _kernel(sigma: float) -> FloatArray:
    """Return DARK's blur: 11 cells wide for a sigma of 2, 17 for 3."""
    reach = int(3 * sigma) - 1
    kernel = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * sigma**2))
    return np.asarray(kernel / kernel.sum(), np.float32)


def _neighbours(patches: FloatArray, shape_hw: tuple[int, ...], cells: Cells) -> FloatArray:
    """Return the middle 3x3 cells of each patch; those outside the map repeat the nearest inside."""
    steps = np.arange(-1, 2)
    y = np.clip(cells.y[:, None] + steps, 0, shape_hw[0] - 1) - cells.y[:, None] + REACH
    x = np.clip(cells.x[:, None] + steps, 0, shape_hw[1] - 1) - cells.x[:, None] + REACH
    near: FloatArray = patches[np.arange(len(patches))[:, None, None], y[:, :, None], x[:, None, :]]
    return near


def _newton_step(first: AnyArray, dxx: AnyArray, dyy: AnyArray, dxy: AnyArray) -> FloatArray:
    """Return ``-H^-1 D``; 0 where the surface has no top, or one too far away to belong to this peak."""
    determinant = dxx * dyy - dxy**2
    has_top = (determinant > 0) & (dxx < 0)
    divisor = np.where(has_top, determinant, 1)
    dx = (dxy * first[:, 1] - dyy * first[:, 0]) / divisor
    dy = (dxy * first[:, 0] - dxx * first[:, 1]) / divisor
    step = np.stack([dx, dy], axis=1)
    near = has_top & (np.abs(step) <= MAX_OFFSET).all(axis=1)
    return np.where(near[:, None], step, 0).astype(np.float32)
