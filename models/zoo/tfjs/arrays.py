"""Operations on shapes, places and parts; they want the layout that TensorFlow means."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sitepose.core.errors import WeightsError
from sitepose.models.zoo.tfjs.builder import TO_FIRST, Builder, Tensor
from sitepose.models.zoo.tfjs.graph import Node
from sitepose.models.zoo.tfjs.handlers import Handler, known


def shape(builder: Builder, node: Node, inputs: list[Tensor]) -> list[Tensor]:
    """Convert the shape of an input, which is known."""
    return [builder.constant(inputs[0].tf_shape, dtype=np.int32)]


def size(builder: Builder, node: Node, inputs: list[Tensor]) -> list[Tensor]:
    """Convert the number of elements, which is known."""
    return [builder.constant(int(np.prod(inputs[0].shape, dtype=np.int64)), dtype=np.int32)]


def reshape(builder: Builder, node: Node, inputs: list[Tensor]) -> list[Tensor]:
    """Convert a reshape to a constant shape."""
    target = builder.constant(known(inputs[1], node), dtype=np.int64)
    return [builder.emit("Reshape", builder.last(inputs[0]), target)]


def expand_dims(builder: Builder, node: Node, inputs: list[Tensor]) -> list[Tensor]:
    """Convert the insertion of one axis."""
    return [builder.unsqueeze(inputs[0], int(known(inputs[1], node)))]


def squeeze(builder: Builder, node: Node, inputs: list[Tensor]) -> list[Tensor]:
    """Convert the removal of axes of length 1: those named, else all."""
    tensor = inputs[0]
    ones = [axis for axis, length in enumerate(tensor.tf_shape) if length == 1]
    axes = [axis % len(tensor.tf_shape) for axis in node.attributes.get("squeeze_dims") or ones]
    for axis in sorted(axes, reverse=True):
        tensor = builder.squeeze(tensor, axis)
    return [tensor]


def pack(builder: Builder, node: Node, inputs: list[Tensor]) -> list[Tensor]:
    """Convert a stacking along a new axis."""
    axis = node.attributes.get("axis", 0) % (len(inputs[0].shape) + 1)
    parts = [builder.unsqueeze(tensor, axis) for tensor in inputs]
    if len(parts) == 1:
        return parts
    return [builder.emit("Concat", *(builder.last(part) for part in parts), axis=axis)]


def unpack(builder: Builder, node: Node, inputs: list[Tensor]) -> list[Tensor]:
    """Convert a division into slices along an axis, which goes."""
    tensor = inputs[0]
    axis = node.attributes.get("axis", 0) % len(tensor.shape)
    parts = _split(builder, builder.last(tensor), axis, tensor.tf_shape[axis])
    return [builder.squeeze(part, axis) for part in parts]


def split(builder: Builder, node: Node, inputs: list[Tensor]) -> list[Tensor]:
    """Convert a division into equal parts along an axis, which stays."""
    axis = int(known(inputs[0], node)) % len(inputs[1].shape)
    return _split(builder, inputs[1], axis, node.attributes["num_split"])


def concatenate(builder: Builder, node: Node, inputs: list[Tensor]) -> list[Tensor]:
    """Convert a joining along an axis; images stay channels-first."""
    *parts, axis = inputs
    if len(parts[0].shape) == len(TO_FIRST) and any(part.channels_first for part in parts):
        parts = [builder.first(part) for part in parts]
    return [builder.emit("Concat", *parts, axis=parts[0].axis(int(known(axis, node))))]


def gather(builder: Builder, node: Node, inputs: list[Tensor]) -> list[Tensor]:
    """Convert a lookup along one axis."""
    if node.attributes.get("batch_dims"):
        raise WeightsError(f"{node.name}: GatherV2 with batch_dims is not supported")
    values, indices = builder.last(inputs[0]), builder.last(inputs[1])
    return [builder.emit("Gather", values, indices, axis=int(known(inputs[2], node)))]


def gather_nd(builder: Builder, node: Node, inputs: list[Tensor]) -> list[Tensor]:
    """Convert a lookup by full places."""
    places = builder.cast(builder.last(inputs[1]), np.int64)
    return [builder.emit("GatherND", builder.last(inputs[0]), places)]


def top_k(builder: Builder, node: Node, inputs: list[Tensor]) -> list[Tensor]:
    """Convert the k largest of the last axis and their places."""
    count = builder.constant(np.atleast_1d(known(inputs[1], node)), dtype=np.int64)
    values, places = builder.emit_many("TopK", [builder.last(inputs[0]), count], 2, axis=-1)
    return [values, builder.cast(places, np.int32)]


def tile(builder: Builder, node: Node, inputs: list[Tensor]) -> list[Tensor]:
    """Convert a repetition."""
    repeats = builder.constant(known(inputs[1], node), dtype=np.int64)
    return [builder.emit("Tile", builder.last(inputs[0]), repeats)]


def fill(builder: Builder, node: Node, inputs: list[Tensor]) -> list[Tensor]:
    """Convert an array of one number."""
    return [builder.emit("Expand", inputs[1], builder.constant(known(inputs[0], node), dtype=np.int64))]


def number_range(builder: Builder, node: Node, inputs: list[Tensor]) -> list[Tensor]:
    """Convert a row of numbers with constant start, end and step."""
    start, end, step = (known(tensor, node).item() for tensor in inputs)
    return [builder.constant(np.arange(start, end, step, dtype=inputs[0].dtype))]


def strided_slice(builder: Builder, node: Node, inputs: list[Tensor]) -> list[Tensor]:
    """Convert a Python-like slice with constant limits, new axes and single places."""
    tensor = builder.last(inputs[0])
    if node.attributes.get("ellipsis_mask"):
        raise WeightsError(f"{node.name}: StridedSlice with an ellipsis is not supported")
    begins, ends, steps = (known(limit, node) for limit in inputs[1:4])
    starts, stops, strides, axes = list[int](), list[int](), list[int](), list[int]()
    dropped, new = list[int](), list[int]()
    axis = 0
    for i, (begin, end, step) in enumerate(zip(begins, ends, steps, strict=True)):
        if _bit(node, "new_axis_mask", i):
            new.append(i - len(dropped))
            continue
        whole = _bit(node, "begin_mask", i) and _bit(node, "end_mask", i) and step == 1
        if not whole:
            limits = _limits(node, i, int(begin), int(end), int(step))
            for values, value in zip((starts, stops, strides, axes), (*limits, axis), strict=True):
                values.append(value)
        if _bit(node, "shrink_axis_mask", i):
            dropped.append(axis)
        axis += 1
    if axes:
        limits_of = (builder.constant(values, dtype=np.int64) for values in (starts, stops, axes, strides))
        tensor = builder.emit("Slice", tensor, *limits_of)
    for place in reversed(dropped):
        tensor = builder.squeeze(tensor, place)
    for place in new:
        tensor = builder.unsqueeze(tensor, place)
    return [tensor]


def _limits(node: Node, i: int, begin: int, end: int, step: int) -> tuple[int, int, int]:
    farthest = np.iinfo(np.int64)
    if _bit(node, "shrink_axis_mask", i):
        return begin, int(farthest.max) if begin == -1 else begin + 1, 1
    if _bit(node, "begin_mask", i):
        begin = 0 if step > 0 else -1
    if _bit(node, "end_mask", i):
        end = int(farthest.max if step > 0 else farthest.min)
    return begin, end, step


def _bit(node: Node, mask: str, i: int) -> bool:
    return bool(node.attributes.get(mask, 0) >> i & 1)


def _split(builder: Builder, tensor: Tensor, axis: int, count: int) -> list[Tensor]:
    if count == 1:
        return [tensor]
    axis = tensor.axis(axis)
    sizes = builder.constant([tensor.shape[axis] // count] * count, dtype=np.int64)
    return builder.emit_many("Split", [tensor, sizes], count, axis=axis)


OPERATIONS: Mapping[str, Handler] = {
    "ConcatV2": concatenate,
    "ExpandDims": expand_dims,
    "Fill": fill,
    "GatherNd": gather_nd,
    "GatherV2": gather,
    "Pack": pack,
    "Range": number_range,
    "Reshape": reshape,
    "Shape": shape,
    "Size": size,
    "Split": split,
    "Squeeze": squeeze,
    "StridedSlice": strided_slice,
    "Tile": tile,
    "TopKV2": top_k,
    "Unpack": unpack,
}
"""TensorFlow's operations on shapes and parts, and what converts them."""
