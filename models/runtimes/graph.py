"""An ONNX network as a graph that can be rewritten: its nodes, constants and channels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count
from typing import Any

import numpy as np

from sitepose.models.runtimes.api import AnyArray
from sitepose.models.runtimes.weights import Weights


class Graph:
    """Remembers a network that is being rewritten; :meth:`to_model` gives the result.

    Args:
        model: The network (``onnx.ModelProto``); it stays as it is.
        weights: Where its large tensors are; None where all are in the model, as those of the result then are.

    Attributes:
        nodes: The operators (``onnx.NodeProto``), in any order.
        constants: Values that the file holds, as tensors or nodes, by name.
        shapes: Shape of every tensor for which it is known, by name; 0 for a side that is not.
        channels: Length of the second axis of every tensor for which it is known, by name.
        inputs: Names of the inputs.
        outputs: Names of the outputs.
    """

    def __init__(self, model: Any, weights: Weights | None = None) -> None:
        import onnx

        graph = onnx.shape_inference.infer_shapes(model).graph
        self._model = model
        self._weights = weights
        to_array = onnx.numpy_helper.to_array if weights is None else weights.array
        given = [
            node for node in graph.node if node.op_type == "Constant" and attribute(node, "value") is not None
        ]
        tensors = [(tensor.name, tensor) for tensor in graph.initializer]
        tensors += [(node.output[0], attribute(node, "value")) for node in given]
        self.constants: dict[str, AnyArray] = {name: to_array(tensor) for name, tensor in tensors}
        self.nodes: list[Any] = list(graph.node)
        self.remove(given)
        values = [*graph.input, *graph.value_info, *graph.output]
        self.shapes = {
            value.name: tuple(int(side.dim_value) for side in value.type.tensor_type.shape.dim)
            for value in values
        }
        self.channels = {name: shape[1] for name, shape in self.shapes.items() if len(shape) > 1}
        self.inputs = [value.name for value in graph.input if value.name not in self.constants]
        self.outputs = [value.name for value in graph.output]
        made = (name for node in self.nodes for name in node.output)
        self._names = {*made, *self.inputs, *self.constants}
        self._numbers: dict[str, count[int]] = {}

    def producers(self) -> dict[str, Any]:
        """Return the node that makes each tensor."""
        return {output: node for node in self.nodes for output in node.output}

    def readers(self) -> dict[str, list[Any]]:
        """Return the nodes that read each tensor; None stands for the caller of the network."""
        readers: dict[str, list[Any]] = {output: [] for node in self.nodes for output in node.output}
        for node in self.nodes:
            for name in node.input:
                readers.setdefault(name, []).append(node)
        for name in self.outputs:
            readers.setdefault(name, []).append(None)
        return readers

    def remove(self, nodes: Iterable[Any]) -> None:
        """Take nodes out; what they made must be made by others by then."""
        gone = {id(node) for node in nodes}
        self.nodes = [node for node in self.nodes if id(node) not in gone]

    def constant(self, value: AnyArray) -> str:
        """Add a constant and return its name."""
        name = self.new_name("constant")
        self.constants[name] = np.ascontiguousarray(value)
        return name

    def new_name(self, stem: str) -> str:
        """Return a name that no tensor has."""
        numbers = self._numbers.setdefault(stem, count())
        name = next(name for i in numbers if (name := f"{stem}~{i}") not in self._names)
        self._names.add(name)
        return name

    def add(self, kind: str, inputs: Sequence[str], output: str | None = None, **attributes: Any) -> str:
        """Add a node and return the name of its output."""
        from onnx import helper

        output = output or self.new_name(inputs[0])
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def add_pointwise(
        self, source: str, weights: AnyArray, bias: AnyArray | None = None, output: str | None = None
    ) -> str:
        """Add a 1x1 convolution, weights of shape (outputs, inputs), and return the name of its output."""
        inputs = [source, self.constant(weights[:, :, None, None].astype(np.float32))]
        if bias is not None:
            inputs.append(self.constant(bias.astype(np.float32)))
        output = self.add("Conv", inputs, output, kernel_shape=[1, 1])
        self.channels[output] = len(weights)
        return output

    def to_model(self) -> Any:
        """Return the network without what no output needs."""
        from onnx import helper, numpy_helper

        graph = self._model.graph
        nodes = self._needed_in_order()
        read = {name for node in nodes for name in node.input}
        used = {name: value for name, value in self.constants.items() if name in read}
        to_tensor = numpy_helper.from_array if self._weights is None else self._weights.tensor
        constants = [to_tensor(value, name) for name, value in used.items()]
        inputs = [value for value in graph.input if value.name in self.inputs]
        rewritten = helper.make_graph(nodes, graph.name, inputs, list(graph.output), constants)
        return helper.make_model(
            rewritten, opset_imports=self._model.opset_import, ir_version=self._model.ir_version
        )

    def _needed_in_order(self) -> list[Any]:
        """Return the nodes that an output depends on, each after those that it reads."""
        producers = self.producers()
        ordered: list[Any] = []
        seen: set[int] = set()
        stack = [(producers[name], False) for name in reversed(self.outputs) if name in producers]
        while stack:
            node, ready = stack.pop()
            if ready:
                ordered.append(node)
            elif id(node) not in seen:
                seen.add(id(node))
                stack.append((node, True))
                stack.extend((producers[name], False) for name in reversed(node.input) if name in producers)
        return ordered


def attribute(node: Any, name: str, default: Any = None) -> Any:
    """Return an attribute of a node."""
    from onnx import helper

    for item in node.attribute:
        if item.name == name:
            return helper.get_attribute_value(item)
    return default


def is_pointwise(node: Any, graph: Graph) -> bool:
    """Return whether a node is a plain 1x1 convolution with constant weights."""
    if node is None or node.op_type != "Conv" or any(name not in graph.constants for name in node.input[1:]):
        return False
    return (
        attribute(node, "group", 1) == 1
        and graph.constants[node.input[1]].shape[2:] == (1, 1)
        and all(step == 1 for step in attribute(node, "strides", [1]))
        and not any(attribute(node, "pads", [0]))
    )


def is_depthwise(node: Any, graph: Graph) -> bool:
    """Return whether a node is a convolution of each channel by itself."""
    if node.op_type != "Conv" or any(name not in graph.constants for name in node.input[1:]):
        return False
    group = attribute(node, "group", 1)
    return bool(group > 1 and graph.constants[node.input[1]].shape[:2] == (group, 1))


def has_branches(model: Any) -> bool:
    """Return whether a node holds a graph of its own, which may read tensors unseen from outside."""
    return any(item.HasField("g") or item.graphs for node in model.graph.node for item in node.attribute)


def copy_of(model: Any) -> Any:
    """Return a copy of an ``onnx.ModelProto`` that can be changed."""
    copy = type(model)()
    copy.CopyFrom(model)
    return copy
