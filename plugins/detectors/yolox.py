"""YOLOX (arXiv 2107.08430): any ONNX file with the plain head, person class first."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import ClassVar

import numpy as np

from sitepose.core.errors import WeightsError
from sitepose.core.structures import Detections, FloatArray
from sitepose.models.runtimes.api import AnyArray
from sitepose.models.zoo.card import InputSpec
from sitepose.plugins.detectors.box_network import BoxNetwork, NetworkSettings

STRIDES = ((8, 16, 32), (8, 16, 32, 64), (4, 8, 16, 32))
"""Pyramids of the published networks; which one it is follows from the number of cells in the output."""

PERSON = 5
"""Column of the first class, after the box (4) and the objectness (1): COCO's first class is the person."""


class YoloxDetector(BoxNetwork):
    """YOLOX networks of any size, as exported by its authors without decoding and NMS in the graph.

    Output ``[N, cells, 5 + classes]``: centre offset in cells, log size in strides, objectness, classes.
    """

    class Settings(NetworkSettings):
        """Settings of ``yolox``."""

    default_card: ClassVar[str | None] = "yolox-nano"
    needed_columns: ClassVar[int | None] = PERSON + 1
    default_input: ClassVar[InputSpec] = InputSpec(
        size_wh=(640, 640), color="bgr", fit="letterbox_top_left", pad_value=114
    )

    def decode(self, outputs: Sequence[AnyArray]) -> Detections:
        """Return the cells that see a person, as boxes."""
        cells = outputs[0]
        if cells.ndim != 2 or cells.shape[1] <= PERSON:
            raise WeightsError(
                f"not a YOLOX head: its output has shape {cells.shape}, expected (cells, 5 + classes)"
            )
        scores = cells[:, 4] * cells[:, PERSON]
        seen = np.flatnonzero(scores > self.settings.min_score)
        corners, strides = _grid(self.input.size_wh, len(cells))
        centers = (cells[seen, :2] + corners[seen]) * strides[seen]
        half = np.exp(cells[seen, 2:4]) * strides[seen] / 2
        boxes = np.concatenate([centers - half, centers + half], axis=1)
        return Detections(boxes=boxes, scores=scores[seen])


@cache
def _grid(size_wh: tuple[int, int], num_cells: int) -> tuple[FloatArray, FloatArray]:
    """Return column and row of each cell, shape (cells, 2), and its stride, shape (cells, 1)."""
    width, height = size_wh
    for strides in STRIDES:
        shapes = [(height // stride, width // stride) for stride in strides]
        if sum(rows * columns for rows, columns in shapes) == num_cells:
            grids = [np.indices(shape)[::-1].reshape(2, -1).T for shape in shapes]
            sizes = [np.full((len(grid), 1), stride) for grid, stride in zip(grids, strides, strict=True)]
            return np.concatenate(grids).astype(np.float32), np.concatenate(sizes).astype(np.float32)
    raise WeightsError(f"not a YOLOX head: {num_cells} cells do not cover an input of {width}x{height}")
