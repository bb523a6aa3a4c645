"""The Focus layer of YOLO networks, folded into the convolution behind it.

It takes every second pixel four times, lays the four pictures over each other as channels, and convolves them.
The same numbers come out of one convolution of the picture itself, with a kernel of twice the size and steps of
two, without moving a pixel.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from sitepose.models.runtimes.api import AnyArray
from sitepose.models.runtimes.graph import Graph, attribute, has_branches
from sitepose.models.runtimes.weights import Weights

HEIGHT, WIDTH = 2, 3
"""Axes of a picture in a batch."""


class _Picked(NamedTuple):
    """Every second row and column of a tensor, from the given ones on."""

    source: str
    row: int
    column: int


def without_focus(model: Any, weights: Weights | None = None) -> Any:
    """Return an ``onnx.ModelProto`` that gives the same results without Focus layers; itself if it has none."""
    if not any(node.op_type == "Slice" for node in model.graph.node) or has_branches(model):
        return model
    graph = Graph(model, weights)
    producers, readers = graph.producers(), graph.readers()
    folded = False
    for join in [node for node in graph.nodes if node.op_type == "Concat" and attribute(node, "axis") == 1]:
        parts = [_picked(graph, producers, name) for name in join.input]
        sources = {part.source for part in parts if part}
        places = {(part.row, part.column) for part in parts if part}
        convs = readers[join.output[0]]
        if None in parts or len(parts) != 4 or len(sources) != 1 or len(places) != 4:
            continue
        if all(conv is not None and _is_plain(graph, conv, join.output[0]) for conv in convs):
            for conv in convs:
                _fold(graph, conv, [part for part in parts if part])
            folded = True
    return graph.to_model() if folded else model


def _picked(graph: Graph, producers: dict[str, Any], tensor: str) -> _Picked | None:
    """Return what a tensor picks; None where it is made by more than slices of rows and columns by twos."""
    starts: dict[int, int] = {}
    while (node := producers.get(tensor)) is not None and node.op_type == "Slice":
        axes = _sliced(graph, node)
        if axes is None or not starts.keys().isdisjoint(axes):
            return None
        starts |= axes
        tensor = node.input[0]
    if starts.keys() != {HEIGHT, WIDTH}:
        return None
    return _Picked(tensor, starts[HEIGHT], starts[WIDTH])


def _sliced(graph: Graph, node: Any) -> dict[int, int] | None:
    """Return the first index on each axis that is sliced to its end in steps of two; None for other slices."""
    if len(node.input) != 5 or any(name not in graph.constants for name in node.input[1:]):
        return None
    starts, ends, axes, steps = (graph.constants[name].ravel().tolist() for name in node.input[1:])
    to_the_end = all(end >= np.iinfo(np.int32).max for end in ends)
    if not to_the_end or any(step != 2 for step in steps) or any(start not in (0, 1) for start in starts):
        return None
    return dict(zip(axes, starts, strict=True))


def _is_plain(graph: Graph, conv: Any, source: str) -> bool:
    """Return whether a node is a convolution without steps, groups, gaps and automatic padding."""
    return (
        conv.op_type == "Conv"
        and conv.input[0] == source
        and all(name in graph.constants for name in conv.input[1:])
        and attribute(conv, "group", 1) == 1
        and attribute(conv, "auto_pad", b"NOTSET") == b"NOTSET"
        and all(value == 1 for key in ("strides", "dilations") for value in attribute(conv, key, [1]))
    )


def _fold(graph: Graph, conv: Any, parts: list[_Picked]) -> None:
    """Replace a convolution of the joined pictures by one of the picture they were taken from."""
    weights = graph.constants[conv.input[1]]
    kernel = _interleaved(weights, parts)
    pads = attribute(conv, "pads", [0, 0, 0, 0])
    graph.remove([conv])
    graph.add(
        "Conv",
        [parts[0].source, graph.constant(kernel), *conv.input[2:]],
        conv.output[0],
        kernel_shape=list(kernel.shape[2:]),
        strides=[2, 2],
        pads=[2 * pad for pad in pads],
    )


def _interleaved(weights: AnyArray, parts: list[_Picked]) -> AnyArray:
    """Return the picture's kernel: each part's kernel on the rows and columns that the part was made of."""
    outputs, inputs, height, width = weights.shape
    channels = inputs // len(parts)
    kernel = np.empty((outputs, channels, 2 * height, 2 * width), weights.dtype)
    for i, part in enumerate(parts):
        kernel[:, :, part.row :: 2, part.column :: 2] = weights[:, i * channels : (i + 1) * channels]
    return kernel
