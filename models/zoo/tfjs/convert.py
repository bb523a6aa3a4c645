"""From a TF.js graph model to an ONNX file that ONNX Runtime and OpenVINO run at full speed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import onnx

from sitepose.core.errors import WeightsError
from sitepose.models.zoo.tfjs import arithmetic, arrays, convolutions
from sitepose.models.zoo.tfjs.builder import Builder, Tensor
from sitepose.models.zoo.tfjs.graph import Graph, Node, read_graph
from sitepose.models.zoo.tfjs.handlers import Handler

OPERATIONS: Mapping[str, Handler] = {**convolutions.OPERATIONS, **arithmetic.OPERATIONS, **arrays.OPERATIONS}
"""Everything that can be converted."""

BATCH_FREE = frozenset(
    {
        "Add", "Cast", "Clip", "Conv", "HardSwish", "Identity", "MaxPool", "Mul", "Relu", "Resize", "Sigmoid",
        "Sub", "Transpose",
    }
)  # fmt: skip
"""Operations of ONNX that treat each image of a batch alone; a few more do, depending on their axes."""

INPUT = "image"
"""Name of the input."""

BATCH = "N"
"""Name of the free first axis."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputForm:
    """How the converted network takes its image.

    Attributes:
        size_wh: Width and height; the graph's own where None.
        layout: Order of the axes.
        dtype: Type of the numbers.
    """

    size_wh: tuple[int, int] | None = None
    layout: Literal["nchw", "nhwc"] = "nchw"
    dtype: str = "float32"


def convert(
    model: Path,
    *,
    outputs: Mapping[str, str] | None = None,
    channels: Mapping[str, Sequence[int]] | None = None,
    form: InputForm | None = None,
) -> onnx.ModelProto:
    """Convert a TF.js graph model.

    Args:
        model: The ``*.json`` file; its weight files lie beside it.
        outputs: Nodes to cut at and return, by the name they get; what has four axes is returned as NCHW. None
            returns the graph's own outputs as TensorFlow has them.
        channels: Channels to keep of an output that is a convolution, or one with an activation.
        form: How the network takes its image.

    Returns:
        The network. Its first axis is free where every operation allows it, else 1.

    Raises:
        WeightsError: A file is damaged, or the graph holds something that is not supported.
    """
    graph = read_graph(model)
    wanted = outputs or graph.outputs
    for name, kept in (channels or {}).items():
        graph = _with_channels(graph, wanted[name], kept)
    builder = Builder()
    made = _convert_nodes(builder, graph, wanted, form or InputForm())
    stored = builder.first if outputs else builder.last
    proto = builder.model({name: stored(made[node]) for name, node in wanted.items()}, name=model.stem)
    _free_batch(proto)
    onnx.checker.check_model(proto, full_check=True)
    return proto


def _convert_nodes(
    builder: Builder, graph: Graph, wanted: Mapping[str, str], form: InputForm
) -> dict[str, Tensor]:
    made: dict[str, Tensor] = {}
    for node in graph.needed_for(tuple(wanted.values())):
        inputs = [made[name] for name in node.inputs]
        if node.operation == "Const":
            results = [builder.constant(graph.weights[node.name])]
        elif node.operation == "Placeholder":
            results = [_placeholder(builder, node, form)]
        elif node.operation in OPERATIONS:
            results = OPERATIONS[node.operation](builder, node, inputs)
        else:
            raise WeightsError(f"{node.name}: operation {node.operation!r} is not supported")
        made[node.name] = results[0]
        made.update({f"{node.name}:{i}": result for i, result in enumerate(results)})
    return made


def _placeholder(builder: Builder, node: Node, form: InputForm) -> Tensor:
    """Return the image as float32 channels-first, from an input as the form says.

    Graphs that ask for integers turn them into float32 first thing, so the way over integers is left out.
    """
    _, height, width, depth = node.attributes["shape"]
    if form.size_wh is not None:
        width, height = form.size_wh
    if min(height, width, depth) < 1:
        raise WeightsError(f"{node.name}: the graph leaves the image size open, give one")
    shape = (1, depth, height, width) if form.layout == "nchw" else (1, height, width, depth)
    image = builder.input(INPUT, shape, np.dtype(form.dtype), channels_first=form.layout == "nchw")
    return builder.cast(builder.first(image), np.float32)


def _with_channels(graph: Graph, output: str, kept: Sequence[int]) -> Graph:
    """Return a graph whose convolution before an output makes only these channels."""
    node = graph.nodes[output]
    while node.operation in ("Identity", "Sigmoid", "Relu", "Relu6"):
        node = graph.nodes[node.inputs[0]]
    if node.operation not in ("Conv2D", "_FusedConv2D"):
        raise WeightsError(f"{output}: channels can be chosen of a convolution only, not of {node.operation!r}")
    chosen = {name: graph.weights[name][..., list(kept)] for name in node.inputs[1:]}
    return replace(graph, weights={**graph.weights, **chosen})


def _free_batch(proto: onnx.ModelProto) -> None:
    """Leave the first axis of inputs and outputs open if every operation treats the images of a batch alone."""
    constants = {tensor.name: tensor for tensor in proto.graph.initializer}
    if not all(_keeps_images_apart(node, constants) for node in proto.graph.node):
        return
    for value in (*proto.graph.input, *proto.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = BATCH


def _keeps_images_apart(node: onnx.NodeProto, constants: Mapping[str, onnx.TensorProto]) -> bool:
    if node.op_type == "Concat":
        return all(attribute.i != 0 for attribute in node.attribute if attribute.name == "axis")
    if node.op_type == "ReduceMean":
        return 0 not in onnx.numpy_helper.to_array(constants[node.input[1]])
    return node.op_type in BATCH_FREE
