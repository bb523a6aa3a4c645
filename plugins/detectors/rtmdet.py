"""RTMDet (arXiv 2212.07784): ONNX files as MMDeploy exports them, with the NMS in the graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from sitepose.core.errors import WeightsError
from sitepose.core.structures import Detections
from sitepose.models.runtimes.api import AnyArray
from sitepose.models.zoo.card import InputSpec
from sitepose.plugins.detectors.box_network import BoxNetwork, NetworkSettings

PERSON = 0
"""The first class, in COCO and in the networks for people alone."""


class RtmDetDetector(BoxNetwork):
    """RTMDet networks; the graph has suppressed doubles already, at its own overlap.

    Outputs: boxes in input pixels and scores ``[N, people, 5]``, classes ``[N, people]``.
    """

    class Settings(NetworkSettings):
        """Settings of ``rtmdet``."""

    default_card: ClassVar[str | None] = "rtmdet-nano-person"
    default_input: ClassVar[InputSpec] = InputSpec(
        size_wh=(320, 320),
        color="bgr",
        mean=(103.53, 116.28, 123.675),
        std=(57.375, 57.12, 58.395),
        fit="letterbox_top_left",
        pad_value=114,
    )
    one_by_one: ClassVar[bool] = True

    def decode(self, outputs: Sequence[AnyArray]) -> Detections:
        """Return the rows that are people."""
        shapes = [output.shape for output in outputs]
        if [len(shape) for shape in shapes] != [2, 1] or shapes[0] != (*shapes[1], 5):
            raise WeightsError(f"not an RTMDet head: outputs {shapes}, expected (people, 5) and (people,)")
        boxes, classes = outputs
        seen = np.flatnonzero((classes == PERSON) & (boxes[:, 4] > self.settings.min_score))
        return Detections(boxes=boxes[seen, :4], scores=boxes[seen, 4])
