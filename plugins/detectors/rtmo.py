"""RTMO (arXiv 2312.07526): boxes and keypoints at once, as MMDeploy exports it, with the NMS in the graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from sitepose.core.errors import WeightsError
from sitepose.core.structures import Detections
from sitepose.models.runtimes.api import AnyArray
from sitepose.models.zoo.card import InputSpec
from sitepose.plugins.detectors.box_network import BoxNetwork, NetworkSettings

KEYPOINTS = 17


class RtmoDetector(BoxNetwork):
    """RTMO networks; the graph has suppressed doubles already, at its own overlap.

    Outputs: boxes in input pixels and scores ``[N, people, 5]``; keypoints in input pixels and their scores
    ``[N, people, 17, 3]``.
    """

    class Settings(NetworkSettings):
        """Settings of ``rtmo``."""

    default_card: ClassVar[str | None] = "rtmo-s"
    default_input: ClassVar[InputSpec] = InputSpec(
        size_wh=(640, 640), color="bgr", fit="letterbox_top_left", pad_value=114
    )
    skeleton_name: ClassVar[str | None] = "coco17"
    one_by_one: ClassVar[bool] = True

    def decode(self, outputs: Sequence[AnyArray]) -> Detections:
        """Return the rows that are people."""
        shapes = [output.shape for output in outputs]
        expected = [(len(outputs[0]), 5), (len(outputs[0]), KEYPOINTS, 3)]
        if shapes != expected:
            raise WeightsError(f"not an RTMO head: outputs {shapes}, expected (people, 5) and (people, 17, 3)")
        boxes, keypoints = outputs
        seen = np.flatnonzero(boxes[:, 4] > self.settings.min_score)
        return Detections(
            boxes=boxes[seen, :4],
            scores=boxes[seen, 4],
            keypoints=keypoints[seen, :, :2],
            keypoint_scores=keypoints[seen, :, 2],
        )
