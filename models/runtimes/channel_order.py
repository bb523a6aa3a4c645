"""Keep channels in another order in memory, and permute the weights of whoever writes or reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sitepose.models.runtimes.graph import Graph, attribute, is_depthwise

Order = NDArray[np.int64]
"""For each channel in memory, which channel of the published network it is."""

CHANNELWISE = frozenset(
    {
        "Add", "AveragePool", "Clip", "GlobalAveragePool", "HardSigmoid", "HardSwish", "Identity", "LeakyRelu",
        "MaxPool", "Mul", "Relu", "Resize", "Sigmoid", "Sub", "Tanh",
    }
)  # fmt: skip
"""Operators that do not care which channel is which, as long as all their tensors agree."""


class Conflict(Exception):
    """Tensors that must agree in the order of their channels do not, or one must keep the published order."""


def reorder_channels(graph: Graph, orders: Mapping[str, Order]) -> None:
    """Permute weights so that the network fits tensors which are now kept in another order.

    Args:
        graph: The network; its weights are permuted.
        orders: The order of each tensor that has been changed.

    Raises:
        Conflict: No permutation of weights makes it fit; the graph is as it was.
    """
    groups = _Groups()
    for node in graph.nodes:
        _tie(graph, node, groups, made=node.output[0] in orders)
    for name in (*graph.inputs, *graph.outputs):
        groups.pin(name)
    for name, order in orders.items():
        groups.set_order(name, order)
    groups.check()
    for conv in [node for node in graph.nodes if node.op_type == "Conv"]:
        _permute(graph, conv, groups.order_of(conv.input[0]), groups.order_of(conv.output[0]))


def _tie(graph: Graph, node: Any, groups: _Groups, *, made: bool) -> None:
    """Say which tensors of a node must agree, and which must keep the published order."""
    tensors = [name for name in node.input if name and name not in graph.constants]
    result = node.output[0]
    if made:
        for name in tensors:
            groups.pin(name)
    elif node.op_type in CHANNELWISE and _is_channelwise(graph, node, tensors):
        for name in tensors:
            groups.join(name, result)
    elif is_depthwise(node, graph):
        groups.join(tensors[0], result)
    elif node.op_type != "Conv" or attribute(node, "group", 1) != 1 or len(tensors) != 1:
        for name in (*tensors, *node.output):
            groups.pin(name)


def _is_channelwise(graph: Graph, node: Any, tensors: list[str]) -> bool:
    """Return whether a node treats all channels alike: no constant per channel, no broadcast over channels."""
    if node.op_type == "Resize":
        return len(tensors) == 1
    constants = [graph.constants[name] for name in node.input if name in graph.constants]
    counts = {graph.channels.get(name) for name in (*tensors, node.output[0])}
    return all(value.size == 1 for value in constants) and len(counts) == 1 and None not in counts


def _permute(graph: Graph, conv: Any, read: Order | None, written: Order | None) -> None:
    if read is None and written is None:
        return
    weights = graph.constants[conv.input[1]]
    if read is not None and not is_depthwise(conv, graph):
        weights = weights[:, read]
    if written is not None:
        weights = weights[written]
        if len(conv.input) > 2:
            conv.input[2] = graph.constant(graph.constants[conv.input[2]][written])
    conv.input[1] = graph.constant(weights)


class _Groups:
    """Remembers which tensors share an order, and what it is."""

    def __init__(self) -> None:
        self._parents: dict[str, str] = {}
        self._orders: dict[str, Order] = {}
        self._pinned: set[str] = set()

    def join(self, one: str, other: str) -> None:
        """Make two tensors share their order."""
        self._parents[self._root(one)] = self._root(other)

    def pin(self, name: str) -> None:
        """Make a tensor keep the published order."""
        self._pinned.add(name)

    def set_order(self, name: str, order: Order) -> None:
        """Give a tensor and all that share its order a new one."""
        known = self._orders.setdefault(self._root(name), order)
        if not np.array_equal(known, order):
            raise Conflict(name)

    def check(self) -> None:
        """Raise if a tensor that must keep the published order does not."""
        for name in self._pinned:
            order = self.order_of(name)
            if order is not None and not np.array_equal(order, np.arange(len(order))):
                raise Conflict(name)

    def order_of(self, name: str) -> Order | None:
        """Return the order of a tensor; None where it is the published one."""
        return self._orders.get(self._root(name))

    def _root(self, name: str) -> str:
        while (parent := self._parents.get(name, name)) != name:
            name = parent
        return name
