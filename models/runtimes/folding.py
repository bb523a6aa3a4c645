"""Fold cheap operators of a network into the weights of the convolutions beside them."""

from __future__ import annotations

from typing import Any

from sitepose.models.runtimes.graph import Graph, attribute

HOMOGENEOUS = frozenset({"Add", "Concat", "Relu", "Resize"})
"""Operators that give twice as much for twice the input."""


def fold_biases(graph: Graph) -> None:
    """Make ``Conv`` then ``Add`` of one constant per channel a ``Conv`` with a bias."""
    producers, readers = graph.producers(), graph.readers()
    folded = []
    for add in graph.nodes:
        if add.op_type != "Add":
            continue
        conv, bias = producers.get(add.input[0]), graph.constants.get(add.input[1])
        if conv is None or bias is None or conv.op_type != "Conv" or len(conv.input) != 2:
            continue
        count = graph.channels.get(add.input[0], 0)
        if bias.shape in {(1, count, 1, 1), (count, 1, 1)} and len(readers[add.input[0]]) == 1:
            conv.input.append(graph.constant(bias.reshape(-1)))
            conv.output[0] = add.output[0]
            folded.append(add)
    graph.remove(folded)


def fold_doublings(graph: Graph) -> None:
    """Take out ``Add(t, t)`` where convolutions alone make t: their weights are doubled, which is exact."""
    for add in [node for node in graph.nodes if node.op_type == "Add" and node.input[0] == node.input[1]]:
        producers, readers = graph.producers(), graph.readers()
        convs = _convs_behind(graph, add, producers, readers)
        if convs:
            for conv in convs:
                conv.input[1:] = [graph.constant(graph.constants[name] * 2) for name in conv.input[1:]]
            producers[add.input[0]].output[0] = add.output[0]
            graph.remove([add])


def _convs_behind(
    graph: Graph, add: Any, producers: dict[str, Any], readers: dict[str, list[Any]]
) -> list[Any]:
    """Return the convolutions that make what ``add`` doubles and nothing else; none where others have part."""
    convs, stack, seen = [], [(add.input[0], id(add))], set()
    while stack:
        tensor, reader = stack.pop()
        node = producers.get(tensor)
        if node is None or any(id(other) != reader for other in readers[tensor]):
            return []
        if id(node) in seen:
            continue
        seen.add(id(node))
        if node.op_type == "Conv" and all(name in graph.constants for name in node.input[1:]):
            convs.append(node)
        elif node.op_type == "Resize" and attribute(node, "mode", b"nearest") in {b"nearest", b"linear"}:
            stack.append((node.input[0], id(node)))
        elif node.op_type in HOMOGENEOUS - {"Resize"}:
            stack.extend((name, id(node)) for name in node.input)
        else:
            return []
    return convs
