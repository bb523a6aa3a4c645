"""The same two networks in the forms that rtmlib's classes take; runs in rtmlib's own environment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

POSE_SIZE = (192, 256)
"""Width and height of the pose network's input."""

BGR_MEAN = (103.53, 116.28, 123.675)
BGR_STD = (57.375, 57.12, 58.395)
"""ImageNet's, in the order of OpenCV's channels: rtmlib normalises frames as OpenCV reads them."""

PERSON_COLUMNS = 6
"""Of YOLOX's output: box, objectness and COCO's first class. rtmlib goes through each class one by one and
keeps boxes of all; with one class it is faster and finds people alone, as with its own networks."""

BINS_PER_PIXEL = 2
"""rtmlib's SimCC vectors have half a pixel per bin."""


def people_only(source: Path, target: Path) -> Path:
    """Write a YOLOX network whose output has the class of people alone."""
    model = onnx.load(str(source))
    graph = model.graph
    for name, value in (("from", 0), ("to", PERSON_COLUMNS), ("axis", 2)):
        graph.initializer.append(numpy_helper.from_array(np.array([value], np.int64), f"people_{name}"))
    names = [graph.output[0].name, "people_from", "people_to", "people_axis"]
    graph.node.append(helper.make_node("Slice", names, ["people"]))
    cells = graph.output[0].type.tensor_type.shape.dim[1].dim_value
    _replace_outputs(graph, [helper.make_tensor_value_info("people", 1, [1, cells, PERSON_COLUMNS])])
    onnx.save(model, str(target))
    return target


def with_simcc(source: Path, target: Path) -> Path:
    """Write a heatmap network that takes BGR and whose output is two SimCC vectors per keypoint.

    Each is the maximum of the heatmap over rows or columns, laid out over finer bins by cubic interpolation,
    so that rtmlib's plain maximum finds a place between the cells. Swapping red and blue is done in the weights
    of the first convolution and costs nothing.
    """
    model = onnx.load(str(source))
    graph = model.graph
    _swap_red_and_blue(graph)
    heatmaps = graph.output[0]
    _, keypoints, *cells = (dim.dim_value for dim in heatmaps.type.tensor_type.shape.dim)
    opset = max(entry.version for entry in model.opset_import if entry.domain in {"", "ai.onnx"})
    outputs = []
    for name, axis, count, side in (("x", 2, cells[1], POSE_SIZE[0]), ("y", 3, cells[0], POSE_SIZE[1])):
        _append_max(graph, heatmaps.name, f"max_{name}", axis=axis, opset=opset)
        finer = _cubic(count, side * BINS_PER_PIXEL)
        graph.initializer.append(numpy_helper.from_array(finer, f"finer_{name}"))
        graph.node.append(helper.make_node("MatMul", [f"max_{name}", f"finer_{name}"], [f"simcc_{name}"]))
        shape = [1, keypoints, finer.shape[1]]
        outputs.append(helper.make_tensor_value_info(f"simcc_{name}", 1, shape))
    _replace_outputs(graph, outputs)
    onnx.save(model, str(target))
    return target


def _append_max(graph: onnx.GraphProto, source: str, result: str, *, axis: int, opset: int) -> None:
    if opset < 18:
        graph.node.append(helper.make_node("ReduceMax", [source], [result], axes=[axis], keepdims=0))
        return
    graph.initializer.append(numpy_helper.from_array(np.array([axis], np.int64), f"{result}_axis"))
    graph.node.append(helper.make_node("ReduceMax", [source, f"{result}_axis"], [result], keepdims=0))


def _cubic(count: int, bins: int) -> NDArray[np.float32]:
    """Return the matrix (count, bins) that reads ``count`` cells at ``bins`` places, cell 0 at bin 0."""
    places = np.arange(bins) * count / bins
    cell = np.floor(places).astype(int)
    t = places - cell
    weights = (
        ((2 - t) * t - 1) * t / 2,
        ((3 * t - 5) * t * t + 2) / 2,
        ((4 - 3 * t) * t + 1) * t / 2,
        (t - 1) * t * t / 2,
    )
    matrix = np.zeros((count, bins), np.float32)
    for step, weight in enumerate(weights):
        np.add.at(matrix, (np.clip(cell + step - 1, 0, count - 1), np.arange(bins)), weight)
    return matrix


def _swap_red_and_blue(graph: onnx.GraphProto) -> None:
    image = graph.input[0].name
    first = [node for node in graph.node if image in node.input]
    if len(first) != 1 or first[0].op_type != "Conv":
        raise SystemExit(f"expected one convolution on the image, found {[node.op_type for node in first]}")
    for tensor in graph.initializer:
        if tensor.name == first[0].input[1]:
            swapped = np.ascontiguousarray(numpy_helper.to_array(tensor)[:, ::-1])
            tensor.CopyFrom(numpy_helper.from_array(swapped, tensor.name))
            return
    raise SystemExit("the first convolution has no weights of its own")


def _replace_outputs(graph: onnx.GraphProto, outputs: list[onnx.ValueInfoProto]) -> None:
    del graph.output[:]
    graph.output.extend(outputs)
