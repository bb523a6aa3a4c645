"""CenterNet for poses (arXiv 1904.07850): people as points, with boxes and COCO's keypoints at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import cv2
import numpy as np

from sitepose.core.errors import PluginError
from sitepose.core.skeleton import Skeleton, load_skeleton
from sitepose.core.structures import Detections, FloatArray
from sitepose.models.networks.checkpoints import read_state
from sitepose.models.zoo.card import InputSpec
from sitepose.plugins.api import PluginContext
from sitepose.plugins.detectors.box_network import BoxSettings, Share
from sitepose.plugins.detectors.network_input import CENTRE, NetworkInput
from sitepose.plugins.detectors.torch_network import TorchDetector, numpy_of

STRIDE = 4
"""Input pixels of a cell."""

KEYPOINTS = 17

MOST_PEOPLE = 100
"""Centres of a frame that become people; K of the paper."""

MIN_RESPONSE = 0.1
"""Of a keypoint's heatmap, below which the way from the centre tells the keypoint; the paper's."""

REACH = 0.3
"""Of the longer side of a box: how far a response may be from where the centre points; as published."""

PEAK = np.ones((3, 3), np.uint8)
"""A peak is a cell that none of its eight neighbours exceeds."""

Heads = Mapping[str, FloatArray]


class CenterPoseDetector(TorchDetector):
    """Networks with the heads ``hm``, ``wh``, ``hps``, ``reg``, ``hm_hp`` and ``hp_offset``.

    The file says which backbone it is for: ResNet-18, ResNet-50 or DLA-34. Its heads count places from a corner
    for boxes and from pixel centres for keypoints, as their labels did.
    """

    class Settings(BoxSettings):
        """Settings of ``centerpose``."""

        min_score: Share = 0.3
        """People must score higher than this."""

    requires: ClassVar[tuple[str, ...]] = ("torch", "safetensors")
    default_card: ClassVar[str | None] = "centerpose-dla34"
    default_input: ClassVar[InputSpec] = InputSpec(
        size_wh=(512, 512),
        color="bgr",
        scale=1 / 255,
        mean=(0.408, 0.447, 0.470),
        std=(0.289, 0.274, 0.278),
        fit="letterbox",
    )

    def skeleton(self) -> Skeleton:
        """Return COCO's."""
        return load_skeleton("coco17")

    def make_input(self, context: PluginContext) -> NetworkInput:
        """Return how frames become the input."""
        return NetworkInput(context.card.input if context.card else self.default_input)

    def make_network(self, context: PluginContext) -> Any:
        """Return the network that the file is for, with its weights."""
        if context.weights is None:
            raise PluginError("centerpose needs a checkpoint; name one: --detector centerpose:FILE")
        from sitepose.models.networks.centerpose import centerpose_from_state

        return centerpose_from_state(read_state(context.weights), path=context.weights)

    def decode(self, outputs: Any) -> list[Detections]:
        """Return the peaks of the centres' heatmap, as people."""
        heatmaps = {name: outputs[name].float().sigmoid() for name in ("hm", "hm_hp")}
        heads = {name: numpy_of(value) for name, value in {**outputs, **heatmaps}.items()}
        frames = len(heads["hm"])
        return [self._people({name: value[i] for name, value in heads.items()}) for i in range(frames)]

    def _people(self, heads: Heads) -> Detections:
        rows, columns = _peaks(heads["hm"][0], self.settings.min_score, most=MOST_PEOPLE)
        cells = np.stack([columns, rows], axis=1).astype(np.float32)
        centers = cells + heads["reg"][:, rows, columns].T
        half = heads["wh"][:, rows, columns].T / 2
        boxes = np.concatenate([centers - half, centers + half], axis=1)
        pointed = heads["hps"][:, rows, columns].T.reshape(-1, KEYPOINTS, 2) + cells[:, None]
        keypoints, scores = _keypoints(heads, pointed, boxes)
        return Detections(
            boxes=boxes * STRIDE,
            scores=heads["hm"][0, rows, columns],
            keypoints=keypoints * STRIDE + CENTRE,
            keypoint_scores=scores,
        )


def _peaks(heatmap: FloatArray, floor: float, *, most: int) -> tuple[Any, Any]:
    """Return rows and columns of the peaks above a floor, best first."""
    rows, columns = np.nonzero((heatmap > floor) & (heatmap == cv2.dilate(heatmap, PEAK)))
    best = np.argsort(-heatmap[rows, columns], kind="stable")[:most]
    return rows[best], columns[best]


def _keypoints(heads: Heads, pointed: FloatArray, boxes: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return everybody's keypoints in cells, shape (P, K, 2), and their scores, shape (P, K).

    A keypoint is the response of its heatmap nearest to where the centre points, if that response lies in the
    person's box and within reach; else it is where the centre points.

    Args:
        heads: The outputs for one frame.
        pointed: Where the centres point, in cells, shape (P, K, 2).
        boxes: In cells, shape (P, 4).
    """
    keypoints = pointed.copy()
    scores = np.stack([_responses(heads["hm_hp"][k], pointed[:, k]) for k in range(KEYPOINTS)], axis=1)
    reach = REACH * (boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0)
    for k in range(KEYPOINTS):
        heatmap = heads["hm_hp"][k]
        rows, columns = _peaks(heatmap, MIN_RESPONSE, most=MOST_PEOPLE)
        if not len(rows) or not len(pointed):
            continue
        places = np.stack([columns, rows], axis=1) + heads["hp_offset"][:, rows, columns].T
        distances = np.linalg.norm(pointed[:, k, None] - places, axis=2)
        nearest = distances.argmin(axis=1)
        near, place = distances.min(axis=1) < reach, places[nearest]
        inside = ((place > boxes[:, :2]) & (place < boxes[:, 2:])).all(axis=1)
        taken = near & inside
        keypoints[taken, k] = place[taken]
        scores[taken, k] = heatmap[rows, columns][nearest][taken]
    return keypoints, scores


def _responses(heatmap: FloatArray, places: FloatArray) -> FloatArray:
    """Return the heatmap's values at some places, shape (P,); 0 outside the map.

    Args:
        heatmap: Shape (H, W).
        places: x and y in cells, shape (P, 2).
    """
    height, width = heatmap.shape
    columns, rows = np.floor(places).astype(np.int64).T
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    values = heatmap[rows.clip(0, height - 1), columns.clip(0, width - 1)]
    return np.where(inside, values, np.float32(0))
