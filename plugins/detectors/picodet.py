"""PP-PicoDet (arXiv 2111.00902): ONNX files whose graph ends in boxes and scores, before the NMS."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from sitepose.core.errors import WeightsError
from sitepose.core.structures import Detections
from sitepose.models.runtimes.api import AnyArray
from sitepose.models.zoo.card import InputSpec
from sitepose.plugins.detectors.box_network import BoxNetwork, NetworkSettings, Share

PERSON = 0
"""The first class, in COCO and in the pedestrian networks."""


class PicoDetDetector(BoxNetwork):
    """PP-PicoDet networks as exported without NMS: boxes ``[N, cells, 4]``, scores ``[N, classes, cells]``."""

    class Settings(NetworkSettings):
        """Settings of ``picodet``."""

        min_score: Share = 0.4
        """Boxes must score higher than this; the default gives the best F1 on COCO images."""

    default_card: ClassVar[str | None] = "picodet-s-320-pedestrian"
    default_input: ClassVar[InputSpec] = InputSpec(
        size_wh=(320, 320),
        scale=1 / 255,
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        interpolation="cubic",
    )

    def decode(self, outputs: Sequence[AnyArray]) -> Detections:
        """Return the cells that see a person, as boxes; the network gives corners in input pixels."""
        shapes = [output.shape for output in outputs]
        if len(shapes) != 2 or shapes[0][1:] != (4,) or shapes[1][1:] != shapes[0][:1]:
            raise WeightsError(
                f"not a PicoDet head: outputs {shapes}, expected (cells, 4) and (classes, cells)"
            )
        boxes, person = outputs[0], outputs[1][PERSON]
        seen = np.flatnonzero(person > self.settings.min_score)
        return Detections(boxes=boxes[seen], scores=person[seen])
