"""MoveNet's four heads: the person whom the crop is about, and that person's keypoints.

The published graph takes the person nearest the middle of the picture and returns one pose. Here the crop is
made around a box, so that its middle is the person's; the heatmaps stay available for further candidates, and
the two weights that choose the person and the keypoints were fitted for crops.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sitepose.core.errors import WeightsError
from sitepose.core.skeleton import Skeleton
from sitepose.core.structures import FloatArray
from sitepose.models.flip import mirror_heatmaps
from sitepose.models.heads import check_keypoints
from sitepose.models.heatmaps import Peaks, find_peaks, heights, scatter
from sitepose.models.refinement import Cells
from sitepose.models.runtimes.api import AnyArray

CENTER_SHARE = 0.08
"""Standard deviation, as a share of the crop's side, of where the person of the box has the centre. Keypoint AP
on COCO images with MoveNet Thunder is flat from .05 to .12; without the weight it is .04 lower."""

GUESS_SHARE = 0.08
"""Share of the crop's side at which a response counts half, away from where the person's centre points to.
The published graph weighs by 1 / (distance + 1.8 cells), which gives .01 less keypoint AP on crops."""

CELL_CENTER = PIXEL_CENTER = 0.5
"""Ways lead from the corner of a cell and of the input; cells and pixels are where their centre is."""


class MoveNetHead:
    """Outputs ``kpt_heatmap``, ``kpt_regress``, ``center`` and ``kpt_offset``, each (P, channels, H, W).

    Args:
        skeleton: The network's keypoints.
        size_wh: Width and height of its input.
        sigma: Standard deviation of a response in cells.
        max_peaks: M, candidates per keypoint.
        floor: What a further candidate must exceed.
    """

    output_names: tuple[str, ...] | None = ("kpt_heatmap", "kpt_regress", "center", "kpt_offset")

    def __init__(
        self, skeleton: Skeleton, size_wh: tuple[int, int], *, sigma: float, max_peaks: int, floor: float
    ) -> None:
        self._skeleton = skeleton
        self._size_wh = size_wh
        self._sigma = sigma
        self.max_peaks = max_peaks
        self._floor = floor

    def merge(self, outputs: Sequence[AnyArray], mirrored: Sequence[AnyArray]) -> tuple[AnyArray, ...]:
        """Average all heads; the network's cells mirror onto cells."""
        flip = self._skeleton.flip_indices
        heatmaps, centers = (
            (outputs[i] + mirror_heatmaps(mirrored[i], indices, shift=False)) / 2
            for i, indices in ((0, flip), (2, np.zeros(1, np.int64)))
        )
        ways = [(outputs[i] + self._mirror_ways(mirrored[i])) / 2 for i in (1, 3)]
        return heatmaps, ways[0], centers, ways[1]

    def decode(self, outputs: Sequence[AnyArray]) -> Peaks:
        """Return the box's person, and further responses of each heatmap."""
        logits, regress, center, offset = outputs
        self._check(outputs)
        people, keypoints, height, width = logits.shape
        maps = _sigmoid(logits).reshape(people * keypoints, height, width)
        first = _cells_near(maps, _guesses(regress, center).reshape(-1, 2))
        cells = find_peaks(maps, first=first, max_peaks=self.max_peaks, floor=self._floor)
        ways = offset.reshape(people * keypoints, 2, height, width)[cells.maps, :, cells.y, cells.x]
        corners = np.stack([cells.x + ways[:, 1], cells.y + ways[:, 0]], axis=1)
        pixels = corners * self._cell(outputs) - PIXEL_CENTER
        return scatter(cells, pixels, heights(maps, cells), shape=(people, keypoints, self.max_peaks))

    def spread(self, outputs: Sequence[AnyArray]) -> float | None:
        """Return the response's sigma in input pixels."""
        return float(self._sigma * self._cell(outputs).mean())

    def _cell(self, outputs: Sequence[AnyArray]) -> FloatArray:
        """Return the size of a cell in input pixels."""
        return np.divide(self._size_wh, outputs[0].shape[:1:-1], dtype=np.float32)

    def _check(self, outputs: Sequence[AnyArray]) -> None:
        check_keypoints(outputs[0].shape, self._skeleton, "(N, {}, H, W)")
        people, keypoints, *cells = outputs[0].shape
        expected = [(people, channels, *cells) for channels in (keypoints, 2 * keypoints, 1, 2 * keypoints)]
        if [output.shape for output in outputs] != expected:
            raise WeightsError(
                f"the network's outputs have shapes {[output.shape for output in outputs]}, expected {expected}"
            )

    def _mirror_ways(self, ways: FloatArray) -> FloatArray:
        """Return ways (dy, dx) in mirrored cells as ways in cells: x leads back from the cell's other edge."""
        people, channels, height, width = ways.shape
        pairs = ways.reshape(people, channels // 2, 2, height, width)[:, self._skeleton.flip_indices, ..., ::-1]
        back: FloatArray = np.stack([pairs[:, :, 0], 1 - pairs[:, :, 1]], axis=2)
        return back.reshape(people, channels, height, width)


def _sigmoid(logits: FloatArray) -> FloatArray:
    """Return logits as 0..1; by the tangent, which cannot overflow."""
    values: FloatArray = np.tanh(logits * np.float32(0.5))
    values *= 0.5
    values += 0.5
    return values


def _guesses(regress: FloatArray, center: FloatArray) -> FloatArray:
    """Return where the centre of the crop's person says that the keypoints are.

    Args:
        regress: dy and dx of each keypoint in turn, shape (P, 2K, H, W).
        center: Logits, shape (P, 1, H, W).

    Returns:
        x and y in cells, shape (P, K, 2).
    """
    people, channels, height, width = regress.shape
    across, down = ((np.arange(n, dtype=np.float32) + CELL_CENTER) / n - 0.5 for n in (width, height))
    distance = down[:, None] ** 2 + across**2
    likely = _sigmoid(center[:, 0]) * np.exp(-distance / (2 * CENTER_SHARE**2))
    y, x = np.divmod(likely.reshape(people, height * width).argmax(axis=1), width)
    ways = regress[np.arange(people), :, y, x].reshape(people, channels // 2, 2)
    return np.asarray(ways[..., ::-1] + np.stack([x, y], axis=1)[:, None], np.float32)


def _cells_near(maps: FloatArray, guesses: FloatArray) -> Cells:
    """Return the cell of each map whose response, weighted by its closeness to the guess, is highest.

    Args:
        maps: 0..1, shape (N, H, W).
        guesses: x and y in cells, shape (N, 2).
    """
    count, height, width = maps.shape
    x, y = (np.arange(n, dtype=np.float32) + CELL_CENTER for n in (width, height))
    across = ((x - guesses[:, :1]) / (GUESS_SHARE * width)) ** 2
    down = ((y - guesses[:, 1:]) / (GUESS_SHARE * height)) ** 2 + 1
    weighted = maps / (down[:, :, None] + across[:, None, :])
    rows, columns = np.divmod(weighted.reshape(count, height * width).argmax(axis=1), width)
    return Cells(np.arange(count), rows, columns, np.zeros(count, np.intp))
