"""Leave out what nobody reads of a network's result: the other 79 classes of a detector of people."""

from __future__ import annotations

from typing import Any

from sitepose.models.runtimes.graph import Graph, attribute, copy_of, has_branches
from sitepose.models.runtimes.weights import Weights

ENTRYWISE = frozenset({"HardSigmoid", "Identity", "Relu", "Sigmoid", "Tanh"})
"""Operators that look at each number by itself."""

CHANNELS = 1
"""Axis of a tensor that convolutions write, and joins and reshapes keep."""


def with_columns(model: Any, count: int, weights: Weights | None = None) -> Any:
    """Return an ``onnx.ModelProto`` that computes only the first entries of the last axis of its only output.

    The model itself is returned where it has several outputs, or where something in it is not understood.

    Args:
        model: The network; it stays as it is.
        count: Entries to keep.
        weights: Where its large tensors are; None where all are in the model.
    """
    shape = model.graph.output[0].type.tensor_type.shape.dim
    if len(model.graph.output) != 1 or has_branches(model) or not shape or shape[-1].dim_value <= count:
        return model
    copy = copy_of(model)
    graph = Graph(copy, weights)
    if not _Cut(graph).keep(copy.graph.output[0].name, len(shape) - 1, count):
        return model
    copy.graph.output[0].type.tensor_type.shape.dim[-1].dim_value = count
    return graph.to_model()


class _Cut:
    """Walks from a result back to the convolutions that make it, and shortens everything on the way.

    Args:
        graph: The network; it is changed, also where the walk fails.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._producers = graph.producers()
        self._readers = graph.readers()

    def keep(self, tensor: str, axis: int, count: int) -> bool:
        """Keep the first entries of an axis; return whether that was possible."""
        node = self._producers.get(tensor)
        if node is None or len(self._readers[tensor]) != 1:
            return False
        if node.op_type in ENTRYWISE:
            return self.keep(node.input[0], axis, count)
        if node.op_type == "Transpose":
            return self.keep(node.input[0], list(attribute(node, "perm"))[axis], count)
        if node.op_type == "Concat" and attribute(node, "axis") != axis:
            return all(self.keep(name, axis, count) for name in node.input)
        if axis != CHANNELS:
            return False
        handlers = {"Concat": self._shorten_join, "Reshape": self._shorten_reshape, "Conv": self._shorten_conv}
        return node.op_type in handlers and handlers[node.op_type](node, count)

    def _shorten_join(self, join: Any, count: int) -> bool:
        kept: list[str] = []
        for name in join.input:
            size = self._graph.channels.get(name, 0)
            if count > 0 and (size == 0 or (size > count and not self.keep(name, CHANNELS, count))):
                return False
            if count > 0:
                kept.append(name)
            count -= size
        join.input[:] = kept
        return count <= 0

    def _shorten_reshape(self, reshape: Any, count: int) -> bool:
        shape = self._graph.constants.get(reshape.input[1])
        if shape is None or len(shape) < 2 or shape[CHANNELS] != self._graph.channels.get(reshape.input[0]):
            return False
        shorter = shape.copy()
        shorter[CHANNELS] = count
        reshape.input[1] = self._graph.constant(shorter)
        return self.keep(reshape.input[0], CHANNELS, count)

    def _shorten_conv(self, conv: Any, count: int) -> bool:
        if attribute(conv, "group", 1) != 1 or any(
            name not in self._graph.constants for name in conv.input[1:]
        ):
            return False
        conv.input[1:] = [self._graph.constant(self._graph.constants[name][:count]) for name in conv.input[1:]]
        return True
