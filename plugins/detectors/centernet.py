"""CenterNet with box sides (TTFNet, arXiv 1909.00700): a heatmap of centres and the way to each side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import cv2
import numpy as np

from sitepose.core.errors import WeightsError
from sitepose.core.structures import Detections, FloatArray
from sitepose.models.runtimes.api import AnyArray
from sitepose.models.zoo.card import InputSpec
from sitepose.plugins.detectors.box_network import BoxNetwork, NetworkSettings, Share

PERSON = 0
"""The first channel of the heatmap: COCO's first class is the person."""

PEAK = np.ones((3, 3), np.uint8)
"""A centre is a cell that none of its eight neighbours exceeds."""


class CenterNetDetector(BoxNetwork):
    """The portable CenterNet-MobileNetV3 and networks with the same two heads.

    Outputs: a heatmap per class ``[N, classes, H, W]``, and in input pixels the way from the cell's upper left
    corner to the box's left, upper, right and lower side ``[N, 4, H, W]``.
    """

    class Settings(NetworkSettings):
        """Settings of ``centernet``."""

        min_score: Share = 0.25
        """Boxes must score higher than this; the default gives the best F1 on COCO images."""

    default_card: ClassVar[str | None] = "centernet"
    default_input: ClassVar[InputSpec] = InputSpec(size_wh=(512, 512), fit="letterbox")
    """Letterboxed: its publisher stretches, which loses .03 of box AP on COCO images."""

    def decode(self, outputs: Sequence[AnyArray]) -> Detections:
        """Return the peaks of the person's heatmap, as boxes."""
        heatmap, sides = _heads(outputs)
        peaks = (heatmap > self.settings.min_score) & (heatmap == cv2.dilate(heatmap, PEAK))
        rows, columns = np.nonzero(peaks)
        stride = np.divide(self.input.size_wh, heatmap.shape[::-1], dtype=np.float32)
        corners = np.stack([columns, rows], axis=1).astype(np.float32) * stride
        left_top, right_bottom = np.split(sides[:, rows, columns].T, 2, axis=1)
        boxes = np.concatenate([corners - left_top, corners + right_bottom], axis=1)
        return Detections(boxes=boxes, scores=heatmap[rows, columns])


def _heads(outputs: Sequence[AnyArray]) -> tuple[FloatArray, FloatArray]:
    """Return the person's heatmap, shape (H, W), and the ways to the sides, shape (4, H, W)."""
    shapes = [output.shape for output in outputs]
    if len(shapes) != 2 or [len(shape) for shape in shapes] != [3, 3] or shapes[1] != (4, *shapes[0][1:]):
        raise WeightsError(f"not a CenterNet head: outputs {shapes}, expected (classes, H, W) and (4, H, W)")
    return outputs[0][PERSON], outputs[1]
