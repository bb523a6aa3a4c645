"""EfficientDet (arXiv 1911.09070), levels 0 to 7, by effdet and timm."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from sitepose.core.errors import PluginError, WeightsError
from sitepose.core.structures import Detections, FloatArray
from sitepose.models.networks.checkpoints import load_state, read_state
from sitepose.models.networks.torchvision_ops import prepare_torchvision
from sitepose.models.zoo.card import InputSpec
from sitepose.plugins.api import PluginContext
from sitepose.plugins.detectors.box_network import BoxSettings
from sitepose.plugins.detectors.network_input import NetworkInput
from sitepose.plugins.detectors.torch_network import TorchDetector, numpy_of

PERSON = 0
"""The first class, of COCO's 90 and of networks for people alone."""

NATIVE_SIDES = (512, 640, 768, 896, 1024, 1280, 1280, 1536)
"""Sides of the square input by level, as in the paper."""

COARSEST = 128
"""Stride of the coarsest map, P7: sides are multiples of it."""

ANCHORS = 9
"""Anchors in a cell: three scales of three shapes."""

CLASS_BIAS = "class_net.predict.conv_pw.bias"
"""Has a row for each anchor and class: how many classes a file knows."""

MAX_ANCHORS = 1000
"""Of a frame's anchors, those with the best scores that become boxes."""


class EfficientDet(TorchDetector):
    """The published networks (``tf_efficientdet_d0`` ...) and others of the same architecture.

    A subclass is a level. Weights come from a safetensors or PyTorch file with the names of effdet.
    """

    class Settings(BoxSettings):
        """Settings of ``efficientdet_d0`` to ``efficientdet_d7``."""

        side: int | None = Field(None, ge=COARSEST, multiple_of=COARSEST)
        """Width and height of the input in pixels; the level's own by default."""

    requires: ClassVar[tuple[str, ...]] = ("torch", "torchvision", "timm", "effdet", "safetensors")
    extra: ClassVar[str] = "sitepose[efficientdet]"
    level: ClassVar[int]
    settings: Settings

    def make_input(self, context: PluginContext) -> NetworkInput:
        """Return how frames become the input: the card's way, else that of the published networks."""
        side = self.settings.side or NATIVE_SIDES[self.level]
        default = InputSpec(
            size_wh=(side, side),
            scale=1 / 255,
            mean=(0.485, 0.456, 0.406),
            std=(0.229, 0.224, 0.225),
            fit="letterbox_top_left",
            pad_value=116,  # the mean colour
        )
        spec = context.card.input if context.card else default
        return NetworkInput(spec, size_wh=(side, side) if self.settings.side else None)

    def make_network(self, context: PluginContext) -> Any:
        """Return the network with the weights of the file."""
        if context.weights is None:
            name = f"efficientdet_d{self.level}"
            raise PluginError(f"{name} needs a checkpoint; name one: --detector {name}:FILE")
        state = read_state(context.weights)
        if CLASS_BIAS not in state:
            raise WeightsError(f"{context.weights}: not an EfficientDet of effdet: it has no {CLASS_BIAS}")
        network = make_efficientdet(
            self.level, size_wh=self.input.size_wh, num_classes=len(state[CLASS_BIAS]) // ANCHORS
        )
        load_state(network, state, path=context.weights)
        return network

    def decode(self, outputs: Any) -> list[Detections]:
        """Return the anchors that see a person, as boxes."""
        classes, ways = outputs
        scores = np.concatenate([_person_scores(level) for level in classes], axis=1)
        boxes = np.concatenate([_by_anchor(level, 4) for level in ways], axis=1)
        anchors = anchor_boxes(self.level, self.input.size_wh)
        return [self._best(frame, frame_ways, anchors) for frame, frame_ways in zip(scores, boxes, strict=True)]

    def _best(self, scores: FloatArray, ways: FloatArray, anchors: FloatArray) -> Detections:
        best = np.argsort(-scores, kind="stable")[:MAX_ANCHORS]
        best = best[scores[best] > self.settings.min_score]
        return Detections(boxes=moved_anchors(anchors[best], ways[best]), scores=scores[best])


def make_efficientdet(level: int, *, size_wh: tuple[int, int], num_classes: int) -> Any:
    """Return effdet's network of a level, its weights not yet loaded."""
    config = _config(level, size_wh)
    config.num_classes = num_classes
    return _effdet().EfficientDet(config, pretrained_backbone=False)


@cache
def anchor_boxes(level: int, size_wh: tuple[int, int]) -> FloatArray:
    """Return the anchors of all maps in corner coordinates of the input, ``xyxy``, shape (A, 4)."""
    anchors = _effdet().anchors.Anchors.from_config(_config(level, size_wh))
    return np.asarray(numpy_of(anchors.boxes)[:, [1, 0, 3, 2]], np.float32)


def moved_anchors(anchors: FloatArray, ways: FloatArray) -> FloatArray:
    """Return the boxes that anchors become.

    Args:
        anchors: ``xyxy``, shape (P, 4).
        ways: Way of the centre (y, x) in heights and widths of the anchor, logs of the factors on height and
            width; shape (P, 4).
    """
    sizes = anchors[:, 2:] - anchors[:, :2]
    centers = (anchors[:, :2] + anchors[:, 2:]) / 2 + ways[:, [1, 0]] * sizes
    half = np.exp(ways[:, [3, 2]]) * sizes / 2
    return np.concatenate([centers - half, centers + half], axis=1)


def _config(level: int, size_wh: tuple[int, int]) -> Any:
    config = _effdet().get_efficientdet_config(f"tf_efficientdet_d{level}")
    config.image_size = (size_wh[1], size_wh[0])
    return config


def _effdet() -> Any:
    prepare_torchvision()
    with warnings.catch_warnings():
        # effdet compiles some of its functions on import, in a way that PyTorch means to give up.
        warnings.simplefilter("ignore", DeprecationWarning)
        import effdet
    return effdet


def _person_scores(logits: Any) -> FloatArray:
    """Return the person's scores of one map, shape (N, H * W * anchors), from (N, anchors * classes, H, W)."""
    return np.asarray(_by_anchor(logits.float().sigmoid(), logits.shape[1] // ANCHORS)[..., PERSON])


def _by_anchor(output: Any, channels: int) -> FloatArray:
    """Return one map's output with a row for each anchor, shape (N, H * W * anchors, channels)."""
    return np.asarray(numpy_of(output.permute(0, 2, 3, 1).reshape(output.shape[0], -1, channels)))


class EfficientDetD0(EfficientDet):
    """Level 0, 512x512."""

    level: ClassVar[int] = 0
    default_card: ClassVar[str | None] = "efficientdet-d0"


class EfficientDetD1(EfficientDet):
    """Level 1, 640x640."""

    level: ClassVar[int] = 1
    default_card: ClassVar[str | None] = "efficientdet-d1"


class EfficientDetD2(EfficientDet):
    """Level 2, 768x768."""

    level: ClassVar[int] = 2
    default_card: ClassVar[str | None] = "efficientdet-d2"


class EfficientDetD3(EfficientDet):
    """Level 3, 896x896."""

    level: ClassVar[int] = 3
    default_card: ClassVar[str | None] = "efficientdet-d3"


class EfficientDetD4(EfficientDet):
    """Level 4, 1024x1024."""

    level: ClassVar[int] = 4
    default_card: ClassVar[str | None] = "efficientdet-d4"


class EfficientDetD5(EfficientDet):
    """Level 5, 1280x1280."""

    level: ClassVar[int] = 5
    default_card: ClassVar[str | None] = "efficientdet-d5"


class EfficientDetD6(EfficientDet):
    """Level 6, 1280x1280."""

    level: ClassVar[int] = 6
    default_card: ClassVar[str | None] = "efficientdet-d6"


class EfficientDetD7(EfficientDet):
    """Level 7, 1536x1536."""

    level: ClassVar[int] = 7
    default_card: ClassVar[str | None] = "efficientdet-d7"
