"""Channel shuffles folded into the weights of the convolutions around them.

Networks of the ShuffleNet family (PP-TinyPose, Lite-HRNet) split their channels, work on one half and
interleave both again. Splitting, joining and interleaving only say which channel is which, but on a CPU they
cost as much as the arithmetic. Here they vanish: a convolution that read half of some channels reads all of
them, with zeros for the others; channels that must be in memory lie there in the cheapest order, and their
readers' weights are permuted. The results are the same but for the order of summation.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np

from sitepose.models.runtimes.channel_aliases import Aliases, Channel, find_aliases, is_shuffle_transpose
from sitepose.models.runtimes.channel_order import Conflict, Order, reorder_channels
from sitepose.models.runtimes.folding import fold_biases, fold_doublings
from sitepose.models.runtimes.graph import Graph, has_branches, is_pointwise
from sitepose.models.runtimes.weights import Weights


def without_shuffles(model: Any, weights: Weights | None = None) -> Any:
    """Return an ``onnx.ModelProto`` that gives the same results with its channel shuffles folded away.

    The model itself is returned where it has none, or where something in it depends on the order of channels in
    a way that is not understood.
    """
    if not any(is_shuffle_transpose(node) for node in model.graph.node) or has_branches(model):
        return model
    graph = Graph(model, weights)
    fold_biases(graph)
    aliases = find_aliases(graph)
    try:
        orders = _Unaliasing(graph, aliases).run()
        reorder_channels(graph, orders)
    except Conflict:
        return model
    fold_doublings(graph)
    return graph.to_model()


class _Unaliasing:
    """Rewrites a graph so that nobody reads an alias any more.

    Args:
        graph: The network; it is changed.
        aliases: Its aliases.
    """

    def __init__(self, graph: Graph, aliases: Aliases) -> None:
        self._graph = graph
        self._aliases = aliases
        self._producers = graph.producers()
        self._readers = graph.readers()
        self._pieces: dict[Channel, Channel] = {}
        self._replaced: list[Any] = list(aliases.nodes.values())

    def run(self) -> dict[str, Order]:
        """Return the order of the channels of each tensor that is now kept in memory instead of an alias."""
        if any(name in self._aliases.channels for name in self._graph.outputs):
            raise Conflict
        remaining = [node for node in self._graph.nodes if id(node) not in self._aliases.nodes]
        reading = [(node, name) for node in remaining for name in node.input if name in self._aliases.channels]
        stored = {name: None for node, name in reading if not is_pointwise(node, self._graph)}
        summed = [node for node, name in reading if name not in stored]
        self._cut(self._users(list(stored), summed))
        orders = {}
        for name in stored:
            kept, order = self._store(name)
            orders[kept] = order
            for node, read in reading:
                if read == name:
                    node.input[:] = [kept if other == name else other for other in node.input]
        for conv in summed:
            self._sum(conv)
        self._graph.remove(self._replaced)
        return orders

    def _users(self, stored: list[str], summed: list[Any]) -> dict[Channel, frozenset[str]]:
        """Return who needs each channel: tensors to be stored, and convolutions."""
        users: dict[Channel, set[str]] = defaultdict(set)
        needs = [(name, name) for name in stored] + [(conv.output[0], conv.input[0]) for conv in summed]
        for user, name in needs:
            for channel in self._aliases.channels[name]:
                users[channel].add(user)
        return {channel: frozenset(names) for channel, names in users.items()}

    def _cut(self, users: dict[Channel, frozenset[str]]) -> None:
        """Have sources that a 1x1 convolution makes be made in pieces, one for each set of users."""
        for source in dict.fromkeys(name for name, _ in users):
            groups: dict[frozenset[str], list[int]] = defaultdict(list)
            for i in range(self._graph.channels[source]):
                groups[users.get((source, i), frozenset())].append(i)
            maker = self._maker(source)
            for rows in groups.values():
                piece = self._make_piece(source, maker, rows) if maker and len(groups) > 1 else source
                for place, i in enumerate(rows):
                    self._pieces[source, i] = (piece, place if piece != source else i)

    def _maker(self, source: str) -> tuple[Any, Any] | None:
        """Return the 1x1 convolution and the ReLU that make a source read by aliases alone."""
        relu = self._producers.get(source)
        if relu is None or relu.op_type != "Relu":
            return None
        conv = self._producers.get(relu.input[0])
        if conv is None or conv.input[0] in self._aliases.channels:
            return None
        alone = len(self._readers[relu.input[0]]) == 1
        inside = all(id(reader) in self._aliases.nodes for reader in self._readers[source])
        return (conv, relu) if alone and inside and is_pointwise(conv, self._graph) else None

    def _make_piece(self, source: str, maker: tuple[Any, Any], rows: list[int]) -> str:
        conv, _ = maker
        weights = self._graph.constants[conv.input[1]][rows, :, 0, 0]
        bias = self._graph.constants[conv.input[2]][rows] if len(conv.input) > 2 else None
        piece = self._graph.add("Relu", [self._graph.add_pointwise(conv.input[0], weights, bias)])
        self._graph.channels[piece] = len(rows)
        self._replaced.extend(maker)
        return piece

    def _parts(self, name: str) -> dict[str, dict[int, int]]:
        """Return the tensors whose channels an alias has, and which of theirs is which of the alias."""
        parts: dict[str, dict[int, int]] = defaultdict(dict)
        for place, channel in enumerate(self._aliases.channels[name]):
            source, i = self._pieces[channel]
            parts[source][i] = place
        return parts

    def _store(self, name: str) -> tuple[str, Order]:
        """Put an alias into memory: join its parts, small ones first, in whatever order their channels come."""
        names, order = [], []
        for source, places in sorted(self._parts(name).items(), key=lambda part: len(part[1])):
            rows = sorted(places)
            order += [places[i] for i in rows]
            count = self._graph.channels[source]
            if len(rows) == count:
                names.append(source)
            else:
                names.append(self._graph.add_pointwise(source, np.eye(count)[rows]))
        kept = self._graph.add("Concat", names, axis=1)
        self._graph.channels[kept] = len(order)
        return kept, np.array(order)

    def _sum(self, conv: Any) -> None:
        """Replace a 1x1 convolution of an alias by the sum of convolutions of the alias's parts."""
        weights = self._graph.constants[conv.input[1]][:, :, 0, 0]
        bias = self._graph.constants[conv.input[2]] if len(conv.input) > 2 else None
        parts = sorted(self._parts(conv.input[0]).items(), key=lambda part: -len(part[1]))
        total = ""
        for n, (source, places) in enumerate(parts, 1):
            spread = np.zeros((len(weights), self._graph.channels[source]))
            spread[:, list(places)] = weights[:, list(places.values())]
            name = conv.output[0] if n == len(parts) else None
            if total:
                total = self._graph.add("Add", [self._graph.add_pointwise(source, spread), total], name)
            else:
                total = self._graph.add_pointwise(source, spread, bias, name)
            self._graph.channels[total] = len(weights)
        self._replaced.append(conv)
