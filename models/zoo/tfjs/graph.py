"""The TF.js graph as its files hold it: nodes with attributes, and weights as float32 or int32 arrays.

Format: https://github.com/tensorflow/tfjs/tree/master/tfjs-converter (``model.json`` of a graph model).
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sitepose.core.errors import WeightsError

AnyArray = NDArray[Any]

STORED_TYPES: Mapping[str, str] = {"float32": "<f4", "int32": "<i4", "bool": "|b1", "float16": "<f2"}
"""How the ``*.bin`` file holds a weight of each type."""


@dataclass(frozen=True, slots=True)
class Node:
    """One operation of the graph.

    Attributes:
        name: Its name.
        operation: TensorFlow's name for what it does.
        inputs: Names of what it reads; ``name:1`` is the second output of ``name``.
        attributes: Decoded: text, numbers, and lists of them.
    """

    name: str
    operation: str
    inputs: tuple[str, ...]
    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Graph:
    """A whole TF.js graph model.

    Attributes:
        nodes: Every node by name.
        weights: Values of the constants by name.
        outputs: Names of the nodes that the graph itself returns, by the name it gives them.
    """

    nodes: Mapping[str, Node]
    weights: Mapping[str, AnyArray]
    outputs: Mapping[str, str]

    def needed_for(self, outputs: Iterator[str] | tuple[str, ...]) -> list[Node]:
        """Return the nodes that these outputs need, each after those it reads.

        Raises:
            WeightsError: A node is missing, or the nodes form a circle.
        """
        sorter: TopologicalSorter[str] = TopologicalSorter()
        waiting, seen = [node_of(name) for name in outputs], set[str]()
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            if name not in self.nodes:
                raise WeightsError(f"the graph has no node {name!r}")
            seen.add(name)
            sources = [node_of(source) for source in self.nodes[name].inputs]
            sorter.add(name, *sources)
            waiting.extend(sources)
        try:
            return [self.nodes[name] for name in sorter.static_order()]
        except CycleError as error:
            raise WeightsError(f"the graph's nodes form a circle: {error.args[1]}") from error


def node_of(reference: str) -> str:
    """Return the name of the node in a reference to one of its outputs.

    >>> node_of("unstack:1")
    'unstack'
    """
    return reference.partition(":")[0]


def read_graph(model: Path) -> Graph:
    """Read a graph model and the weight files that it names, which lie beside it.

    Raises:
        WeightsError: A file is missing or damaged.
    """
    try:
        content = json.loads(model.read_text(encoding="utf-8"))
        nodes = [_node(entry) for entry in content["modelTopology"]["node"]]
        outputs = {
            _tensor_name(name): _tensor_name(entry["name"]) for name, entry in _signature(content).items()
        }
        weights = dict(_weights(model.parent, content["weightsManifest"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise WeightsError(f"{model.name} is no complete TF.js graph model: {reason}") from error
    return Graph(nodes={node.name: node for node in nodes}, weights=weights, outputs=outputs)


def _signature(content: Any) -> dict[str, Any]:
    signature = content.get("signature") or content.get("userDefinedMetadata", {}).get("signature") or {}
    return dict(signature.get("outputs", {}))


def _tensor_name(name: str) -> str:
    return name.removesuffix(":0")


def _node(entry: Any) -> Node:
    inputs = tuple(_tensor_name(str(name)) for name in entry.get("input", ()) if not name.startswith("^"))
    attributes = {key: _attribute(value) for key, value in entry.get("attr", {}).items()}
    return Node(str(entry["name"]), str(entry["op"]), inputs, attributes)


def _attribute(value: Any) -> Any:
    """Decode ``{"s": base64}``, ``{"i": "1"}``, ``{"list": {"i": [...]}}`` and their like."""
    kind, content = next(iter(value.items()))
    if kind == "list":
        return [_attribute({inner: item}) for inner, items in content.items() for item in items]
    if kind == "s":
        return base64.b64decode(content).decode("utf-8")
    if kind == "shape":
        return [int(dimension["size"]) for dimension in content.get("dim", ())]
    return int(content) if kind == "i" else content


def _weights(folder: Path, manifest: Any) -> Iterator[tuple[str, AnyArray]]:
    for group in manifest:
        stored = b"".join((folder / Path(path).name).read_bytes() for path in group["paths"])
        offset = 0
        for weight in group["weights"]:
            values, offset = _weight(stored, offset, weight)
            yield str(weight["name"]), values
        if offset != len(stored):
            raise ValueError(f"the weights take {offset} bytes, their files have {len(stored)}")


def _weight(stored: bytes, offset: int, weight: Any) -> tuple[AnyArray, int]:
    """Return one weight in its original type, and where the next one starts."""
    quantization = weight.get("quantization") or {}
    stored_type = np.dtype(STORED_TYPES[quantization.get("dtype", weight["dtype"])])
    shape = tuple(int(size) for size in weight["shape"])
    count = math.prod(shape)
    values = np.frombuffer(stored, stored_type, count, offset).reshape(shape)
    original = np.dtype(STORED_TYPES[weight["dtype"]])
    return values.astype(original, copy=False), offset + count * stored_type.itemsize
