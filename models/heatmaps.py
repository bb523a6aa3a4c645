"""Heatmaps: where the network sees a keypoint, as Gaussians on a coarse grid of cells.

Positions are in cells, x right, y down; the centre of the first cell is (0, 0). What a cell is in pixels of the
network's input is the business of :mod:`sitepose.models.crops`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from sitepose.core.structures import FloatArray
from sitepose.models.refinement import Cells, dark_offsets, quarter_offsets, udp_dark_offsets

Codec = Literal["argmax", "quarter", "dark", "udp-dark"]

DEFAULT_FLOOR = 0.1
"""Height that a second response of a heatmap needs to count (CrowdPose's joint candidates: .05 to .1)."""


@dataclass(frozen=True, eq=False, slots=True)
class Peaks:
    """Up to M responses per person and keypoint, best first.

    Attributes:
        positions: x and y, shape (P, K, M, 2); NaN where there is no such response.
        scores: Shape (P, K, M), 0..1; 0 where there is no such response.
    """

    positions: FloatArray
    scores: FloatArray


def encode(points: FloatArray, *, size_wh: tuple[int, int], sigma: float) -> FloatArray:
    """Return the heatmaps that a network is trained to give: unbiased Gaussians of height 1.

    Args:
        points: x and y in cells, shape (..., 2); NaN for keypoints without a response.
        size_wh: Cells in a row and in a column.
        sigma: Standard deviation in cells.

    Returns:
        Shape (..., H, W).
    """
    x, y = (np.arange(size, dtype=np.float32) for size in size_wh)
    across = np.exp(-((x - points[..., 0, None]) ** 2) / (2 * sigma**2))
    down = np.exp(-((y - points[..., 1, None]) ** 2) / (2 * sigma**2))
    return np.asarray(np.nan_to_num(down[..., :, None] * across[..., None, :]), np.float32)


def decode(
    heatmaps: FloatArray,
    *,
    codec: Codec,
    sigma: float = 2.0,
    max_peaks: int = 1,
    floor: float = DEFAULT_FLOOR,
) -> Peaks:
    """Find the peaks of each heatmap, to a fraction of a cell.

    Args:
        heatmaps: Shape (P, K, H, W).
        codec: How a peak is placed between the cells: ``argmax`` not at all; ``quarter`` a quarter of a cell
            towards the higher neighbour; ``dark`` at the top of the Gaussian through the peak (arXiv
            1910.06278); ``udp-dark`` the same with derivatives over one cell (arXiv 1911.07524).
        sigma: Standard deviation of the responses in cells, for the two ``dark`` codecs.
        max_peaks: M, responses kept per heatmap. The first is the highest cell, whatever its height, unless
            the heatmap is nowhere above 0.
        floor: What a further response must exceed; at least 0.
    """
    people, keypoints, height, width = heatmaps.shape
    maps = np.ascontiguousarray(heatmaps, np.float32).reshape(people * keypoints, height, width)
    cells = find_peaks(maps, first=find_highest(maps), max_peaks=max_peaks, floor=floor)
    places = np.stack([cells.x, cells.y], axis=1).astype(np.float32)
    if codec == "quarter":
        places += quarter_offsets(maps, cells)
    elif codec == "dark":
        places += dark_offsets(maps, cells, sigma=sigma)
    elif codec == "udp-dark":
        places += udp_dark_offsets(maps, cells, sigma=sigma)
    return scatter(cells, places, heights(maps, cells), shape=(people, keypoints, max_peaks))


def find_highest(maps: FloatArray) -> Cells:
    """Return the highest cell of each map that is anywhere above 0.

    Args:
        maps: Shape (N, H, W).
    """
    flat = maps.reshape(len(maps), maps.shape[1] * maps.shape[2])
    best = flat.argmax(axis=1)
    index = np.flatnonzero(flat[np.arange(len(maps)), best] > 0)
    y, x = np.divmod(best[index], maps.shape[2])
    return Cells(index, y, x, np.zeros(len(index), np.intp))


def find_peaks(maps: FloatArray, *, first: Cells, max_peaks: int, floor: float) -> Cells:
    """Return the chosen cell of each map, then others that top their 3x3 neighbours, highest first.

    Neighbours of the chosen cell are the same response.

    Args:
        maps: Shape (N, H, W).
        first: The best cell of each map; at most one, rank 0.
        max_peaks: Cells per map, the chosen one included.
        floor: What a further cell must exceed; at least 0.
    """
    if max_peaks == 1:
        return first
    taken = np.full((len(maps), 2), -2, np.intp)
    taken[first.maps] = np.stack([first.y, first.x], axis=1)
    further = _local_maxima(maps, floor)
    away = np.abs(taken[further.maps] - np.stack([further.y, further.x], axis=1)).max(axis=1)
    further = further.take(np.flatnonzero(away > 1))
    further = further.take(np.lexsort((-heights(maps, further), further.maps)))
    ranks = np.arange(len(further.maps)) - np.searchsorted(further.maps, further.maps) + 1
    further = further._replace(ranks=ranks).take(np.flatnonzero(ranks < max_peaks))
    return Cells(*(np.concatenate(pair) for pair in zip(first, further, strict=True)))


def _local_maxima(maps: FloatArray, floor: float) -> Cells:
    """Return all cells above the floor that top their 3x3 neighbours; of equal neighbours the first counts.

    Few cells are above the floor, so those are gathered and compared one by one, not the whole map.
    """
    count, height, width = maps.shape
    row = width + 2
    padded = np.zeros((count, height + 2, row), np.float32)
    padded[:, 1:-1, 1:-1] = maps
    flat = padded.reshape(-1)
    index = np.flatnonzero(flat > floor)
    for step in (-1, 1, -row, row, -row - 1, 1 - row, row - 1, row + 1):
        here, there = flat[index], flat[index + step]
        index = index[here > there if step < 0 else here >= there]
    which, place = np.divmod(index, (height + 2) * row)
    y, x = np.divmod(place, row)
    return Cells(which, y - 1, x - 1, np.zeros(len(index), np.intp))


def heights(maps: FloatArray, cells: Cells) -> FloatArray:
    """Return the value of each cell, shape (n,)."""
    return maps[cells.maps, cells.y, cells.x]


def scatter(cells: Cells, places: FloatArray, scores: FloatArray, *, shape: tuple[int, int, int]) -> Peaks:
    """Lay chosen cells out as a table.

    Args:
        cells: The cells, of N = P * K maps.
        places: What to report as their positions, shape (n, 2).
        scores: What to report as their scores, shape (n,); cut to 0..1.
        shape: P, K and M.
    """
    people, keypoints, max_peaks = shape
    positions = np.full((people * keypoints, max_peaks, 2), np.nan, np.float32)
    table = np.zeros((people * keypoints, max_peaks), np.float32)
    positions[cells.maps, cells.ranks] = places
    table[cells.maps, cells.ranks] = np.clip(scores, 0, 1)
    return Peaks(positions.reshape(*shape, 2), table.reshape(shape))
