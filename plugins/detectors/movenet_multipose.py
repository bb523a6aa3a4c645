"""MoveNet MultiPose: boxes and COCO's keypoints of up to six people from one look at the whole frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from sitepose.core.errors import WeightsError
from sitepose.core.structures import Detections
from sitepose.models.runtimes.api import AnyArray
from sitepose.models.zoo.card import InputSpec
from sitepose.plugins.detectors.box_network import BoxNetwork, NetworkSettings, Share

KEYPOINTS = 17
COLUMNS = 3 * KEYPOINTS + 5
"""y, x and score of each keypoint, then ymin, xmin, ymax, xmax and score of the person."""


class MoveNetMultiPose(BoxNetwork):
    """MoveNet MultiPose as its publisher's graph decodes it.

    Output ``[N, people, 56]``: places as shares of the input's height and width.
    """

    class Settings(NetworkSettings):
        """Settings of ``movenet_multipose``."""

        min_score: Share = 0.1
        """People must score higher than this; the F1 of boxes on COCO images is flat below it."""

    default_card: ClassVar[str | None] = "movenet-multipose"
    default_input: ClassVar[InputSpec] = InputSpec(size_wh=(256, 256), fit="letterbox")
    skeleton_name: ClassVar[str | None] = "coco17"

    def decode(self, outputs: Sequence[AnyArray]) -> Detections:
        """Return the rows that are people."""
        rows = outputs[0]
        if rows.ndim != 2 or rows.shape[1] != COLUMNS:
            raise WeightsError(
                f"not a MoveNet MultiPose head: its output has shape {rows.shape}, expected (people, {COLUMNS})"
            )
        rows = rows[rows[:, -1] > self.settings.min_score]
        keypoints = rows[:, :-5].reshape(-1, KEYPOINTS, 3)
        size_wh = np.array(self.input.size_wh, np.float32)
        corners = rows[:, [-4, -5, -2, -3]].reshape(-1, 2, 2) * size_wh
        return Detections(
            boxes=corners.reshape(-1, 4),
            scores=rows[:, -1],
            keypoints=keypoints[..., [1, 0]] * size_wh,
            keypoint_scores=keypoints[..., 2],
        )
