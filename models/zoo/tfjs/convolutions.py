"""Operations on images: convolutions, pooling and resizing, all channels-first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sitepose.core.errors import WeightsError
from sitepose.models.zoo.tfjs.builder import Builder, Tensor
from sitepose.models.zoo.tfjs.graph import Node
from sitepose.models.zoo.tfjs.handlers import Handler, known

ACTIVATIONS = ("Relu", "Relu6")
"""What may follow the bias inside a fused convolution."""


def convolution(builder: Builder, node: Node, inputs: list[Tensor]) -> list[Tensor]:
    """Convert a convolution; its weights are stored (height, width, in, out)."""
    weights = known(inputs[1], node).transpose(3, 2, 0, 1)
    return _convolution(builder, node, inputs, weights, groups=1)


def depthwise_convolution(builder: Builder, node: Node, inputs: list[Tensor]) -> list[Tensor]:
    """Convert a depthwise convolution; its weights are stored (height, width, in, multiplier)."""
    weights = known(inputs[1], node)
    height, width, channels, multiplier = weights.shape
    weights = weights.transpose(2, 3, 0, 1).reshape(channels * multiplier, 1, height, width)
    return _convolution(builder, node, inputs, weights, groups=channels)


def relu6(builder: Builder, tensor: Tensor) -> Tensor:
    """Clip to 0..6."""
    low, high = (builder.constant(limit, dtype=tensor.dtype) for limit in (0, 6))
    return builder.emit("Clip", tensor, low, high)


def max_pool(builder: Builder, node: Node, inputs: list[Tensor]) -> list[Tensor]:
    """Convert a pooling by the maximum."""
    image = builder.first(inputs[0])
    kernel = node.attributes["ksize"][1:3]
    strides, _ = _strides_and_dilations(node)
    pads = _pads(node, image.shape[2:], kernel, strides, [1, 1])
    return [builder.emit("MaxPool", image, kernel_shape=kernel, strides=strides, pads=pads)]


def resize_bilinear(builder: Builder, node: Node, inputs: list[Tensor]) -> list[Tensor]:
    """Convert a bilinear resize; to the same size it is nothing at all."""
    image = builder.first(inputs[0])
    target = [int(size) for size in known(inputs[1], node)]
    if list(image.shape[2:]) == target:
        return [inputs[0]]
    scales = [1.0, 1.0, target[0] / image.shape[2], target[1] / image.shape[3]]
    empty = builder.constant([], dtype=np.float32)
    factors = builder.constant(scales, dtype=np.float32)
    return [builder.emit("Resize", image, empty, factors, mode="linear", **_coordinates(node))]


def _coordinates(node: Node) -> dict[str, str]:
    if node.attributes.get("align_corners"):
        return {"coordinate_transformation_mode": "align_corners"}
    half = node.attributes.get("half_pixel_centers")
    return {"coordinate_transformation_mode": "half_pixel" if half else "asymmetric"}


def _convolution(
    builder: Builder, node: Node, inputs: list[Tensor], weights: NDArray[Any], *, groups: int
) -> list[Tensor]:
    fused = list(node.attributes.get("fused_ops", ()))
    activation = fused[1] if len(fused) > 1 else None
    if fused[:1] not in ([], ["BiasAdd"]) or activation not in (None, *ACTIVATIONS) or len(fused) > 2:
        raise WeightsError(f"{node.name}: fused operations {fused} are not supported")
    image = builder.first(inputs[0])
    strides, dilations = _strides_and_dilations(node)
    kernel = list(weights.shape[2:])
    pads = _pads(node, image.shape[2:], kernel, strides, dilations)
    weights = np.ascontiguousarray(weights * np.float32(image.factor))
    arguments = [replace(image, factor=1.0), builder.constant(weights), *inputs[2:3]]
    made = builder.emit(
        "Conv", *arguments, group=groups, kernel_shape=kernel, strides=strides, dilations=dilations, pads=pads
    )
    if activation is None:
        return [made]
    return [relu6(builder, made) if activation == "Relu6" else builder.emit("Relu", made)]


def _strides_and_dilations(node: Node) -> tuple[list[int], list[int]]:
    layout = node.attributes.get("data_format", "NHWC")
    if layout != "NHWC":
        raise WeightsError(f"{node.name}: data format {layout!r} is not supported, only 'NHWC'")
    dilations = node.attributes.get("dilations") or [1, 1, 1, 1]
    return list(node.attributes["strides"][1:3]), list(dilations[1:3])


def _pads(
    node: Node, shape_hw: tuple[int, ...], kernel: list[int], strides: list[int], dilations: list[int]
) -> list[int]:
    """Return the zeros before each axis, then those after; of an odd number the last one goes after."""
    padding = node.attributes["padding"]
    if padding not in ("SAME", "VALID"):
        raise WeightsError(f"{node.name}: padding {padding!r} is not supported, only 'SAME' and 'VALID'")
    if padding == "VALID":
        return [0, 0, 0, 0]
    totals = [
        max((-(-size // stride) - 1) * stride + (extent - 1) * dilation + 1 - size, 0)
        for size, extent, stride, dilation in zip(shape_hw, kernel, strides, dilations, strict=True)
    ]
    return [total // 2 for total in totals] + [total - total // 2 for total in totals]


OPERATIONS: Mapping[str, Handler] = {
    "Conv2D": convolution,
    "_FusedConv2D": convolution,
    "DepthwiseConv2dNative": depthwise_convolution,
    "FusedDepthwiseConv2dNative": depthwise_convolution,
    "MaxPool": max_pool,
    "ResizeBilinear": resize_bilinear,
}
"""TensorFlow's operations on images, and what converts them."""
