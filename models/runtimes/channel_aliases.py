"""Channels that are nothing but channels of other tensors: what is split, joined and shuffled."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sitepose.models.runtimes.channel_order import Order
from sitepose.models.runtimes.graph import Graph, attribute, is_pointwise

Channel = tuple[str, int]
"""A tensor and the place of one of its channels."""

SHUFFLE_AXES = [0, 2, 1, 3, 4]
"""How a shuffle transposes (batch, groups, channels of a group, height, width)."""


@dataclass(frozen=True, slots=True)
class _Shuffle:
    """Reshape, transpose, reshape: channel c of the result is channel ``order[c]`` of the source."""

    nodes: tuple[Any, Any, Any]
    source: str
    result: str
    order: Order


@dataclass(slots=True)
class Aliases:
    """Tensors that are nothing but channels of others, so that they need not be in memory.

    Attributes:
        channels: For each alias, which channel of which other tensor each of its channels is.
        nodes: The nodes that make them, by identity.
    """

    channels: dict[str, list[Channel]] = field(default_factory=dict)
    nodes: dict[int, Any] = field(default_factory=dict)

    def add(self, name: str, channels: list[Channel], *nodes: Any) -> None:
        """Add an alias and the nodes that make it."""
        self.channels[name] = channels
        self.nodes.update((id(node), node) for node in nodes)

    def resolve(self, graph: Graph, name: str) -> list[Channel]:
        """Return the channels of any tensor; its own where it is no alias."""
        return self.channels.get(name) or [(name, i) for i in range(graph.channels[name])]


def _find_shuffles(graph: Graph) -> list[_Shuffle]:
    producers, readers = graph.producers(), graph.readers()
    found = []
    for node in graph.nodes:
        if not is_shuffle_transpose(node):
            continue
        before, after = producers.get(node.input[0]), readers[node.output[0]]
        if before is None or before.op_type != "Reshape" or len(after) != 1 or after[0] is None:
            continue
        shape = graph.constants.get(before.input[1])
        source, result = before.input[0], after[0].output[0]
        if after[0].op_type != "Reshape" or shape is None or len(readers[node.input[0]]) != 1:
            continue
        count = int(shape[1] * shape[2])
        if graph.channels.get(source) == count == graph.channels.get(result):
            order = np.arange(count).reshape(int(shape[1]), int(shape[2])).T.ravel()
            found.append(_Shuffle((before, node, after[0]), source, result, order))
    return found


def find_aliases(graph: Graph) -> Aliases:
    """Return shuffles, what is joined for them alone, and what is split for these or 1x1 convolutions."""
    readers = graph.readers()
    shuffles = {id(shuffle.nodes[2]): shuffle for shuffle in _find_shuffles(graph)}
    openers = {id(shuffle.nodes[0]) for shuffle in shuffles.values()}
    joins = {
        id(node)
        for node in graph.nodes
        if node.op_type == "Concat"
        and attribute(node, "axis") == 1
        and all(id(reader) in openers for reader in readers[node.output[0]])
    }
    aliases = Aliases()
    for node in graph.nodes:
        if id(node) in joins:
            parts = [aliases.resolve(graph, name) for name in node.input]
            aliases.add(node.output[0], [channel for part in parts for channel in part], node)
        elif id(node) in shuffles:
            shuffle = shuffles[id(node)]
            source = aliases.resolve(graph, shuffle.source)
            aliases.add(shuffle.result, [source[i] for i in shuffle.order], *shuffle.nodes)
        elif node.op_type == "Split" and attribute(node, "axis") == 1:
            reading = [reader for name in node.output for reader in readers[name]]
            if all(id(reader) in joins or is_pointwise(reader, graph) for reader in reading):
                _add_split(graph, aliases, node)
    return aliases


def _add_split(graph: Graph, aliases: Aliases, split: Any) -> None:
    source, start = aliases.resolve(graph, split.input[0]), 0
    for name in split.output:
        count = graph.channels[name]
        aliases.add(name, source[start : start + count], split)
        start += count


def is_shuffle_transpose(node: Any) -> bool:
    """Return whether a node is the transpose in the middle of a shuffle."""
    return node.op_type == "Transpose" and list(attribute(node, "perm", [])) == SHUFFLE_AXES
