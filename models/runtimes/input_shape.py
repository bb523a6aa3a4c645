"""Let a network whose file takes one picture of one size take several at once, or others.

A small network spends most of its time between its layers: PP-TinyPose 128x96 in bfloat16 needs half the time
per person when it sees four of them together. And a detector made of convolutions finds smaller people in a
larger picture, whatever size its file names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sitepose.models.runtimes.graph import Graph, has_branches
from sitepose.models.runtimes.weights import Weights

BATCH = 0
"""Axis of a network's input and outputs that counts items."""

SCALES = 2
"""Position of a Resize's factors among its inputs."""

SIZES = 3
"""Position of a Resize's target shape among its inputs: it names batch, rows and columns."""

SPATIAL = slice(2, None)
"""Axes of a picture's rows and columns."""


def with_items(model: Any, count: int, weights: Weights | None = None) -> Any | None:
    """Return an ``onnx.ModelProto`` that takes ``count`` items at once; None where something stands against it.

    What is rewritten are the places that name a batch of 1 without need: the declared shapes, and enlargements
    that are given as a shape instead of factors. Whether all the rest agrees is for the library to say.

    Args:
        model: The network; it stays as it is.
        count: Items.
        weights: Where its large tensors are; None where all are in the model.
    """
    rewritten = _with_sides(model, {BATCH: count}, weights)
    if rewritten is None:
        return None
    for output in rewritten.graph.output:
        sides = output.type.tensor_type.shape.dim
        if not sides:
            return None
        sides[BATCH].dim_value = count
    return rewritten


def with_size(model: Any, size_wh: tuple[int, int], weights: Weights | None = None) -> Any | None:
    """Return an ``onnx.ModelProto`` for pictures of another size; None where something stands against it.

    Args:
        model: The network; it stays as it is.
        size_wh: Width and height.
        weights: Where its large tensors are; None where all are in the model.
    """
    import onnx

    declared = model.graph.input[0].type.tensor_type.shape.dim
    rows = 2 if len(declared) == 4 and declared[1].dim_value == 3 else 1
    rewritten = _with_sides(model, {rows: size_wh[1], rows + 1: size_wh[0]}, weights)
    if rewritten is None or _names_a_whole_shape(rewritten, weights):
        return None
    for output in rewritten.graph.output:
        for side in output.type.tensor_type.shape.dim[BATCH + 1 :]:
            side.Clear()
    try:
        return onnx.shape_inference.infer_shapes(rewritten, strict_mode=True)
    except onnx.shape_inference.InferenceError:
        return None


def _with_sides(model: Any, sides: Mapping[int, int], weights: Weights | None) -> Any | None:
    """Return the network with other lengths of its input's axes, and enlargements by factors."""
    if has_branches(model):
        return None
    graph = Graph(model, weights)
    if not all(_by_factors(node, graph) for node in graph.nodes if node.op_type == "Resize"):
        return None
    rewritten = graph.to_model()
    declared = rewritten.graph.input[0].type.tensor_type.shape.dim
    if len(declared) <= max(sides):
        return None
    for axis, length in sides.items():
        declared[axis].dim_value = length
    return rewritten


def _names_a_whole_shape(model: Any, weights: Weights | None) -> bool:
    """Return whether the network arranges numbers in a shape that leaves nothing open."""
    graph = Graph(model, weights)
    targets = [graph.constants.get(node.input[1]) for node in graph.nodes if node.op_type == "Reshape"]
    return any(target is not None and bool((target > 0).all()) for target in targets)


def _by_factors(resize: Any, graph: Graph) -> bool:
    """Replace a Resize's target shape by factors; return whether that was possible."""
    if len(resize.input) <= SIZES or not resize.input[SIZES]:
        return True
    before, after = (graph.shapes.get(name, ()) for name in (resize.input[0], resize.output[0]))
    if len(before) != len(after) or 0 in before or 0 in after or before[:2] != after[:2]:
        return False
    factors = np.ones(len(before), np.float32)
    factors[SPATIAL] = np.divide(after[SPATIAL], before[SPATIAL])
    resize.input[SCALES] = graph.constant(factors)
    resize.input[SIZES] = ""
    return True
