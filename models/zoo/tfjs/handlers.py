"""What converts one TensorFlow operation: a function of the builder, the node and its inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from sitepose.core.errors import WeightsError
from sitepose.models.zoo.tfjs.builder import Builder, Tensor
from sitepose.models.zoo.tfjs.graph import Node

Handler = Callable[[Builder, Node, list[Tensor]], list[Tensor]]


def known(tensor: Tensor, node: Node) -> NDArray[Any]:
    """Return the numbers of an input that must be known at conversion.

    Raises:
        WeightsError: They are computed while the network runs.
    """
    if tensor.value is None:
        raise WeightsError(f"{node.name}: {node.operation} needs a constant where {tensor.name!r} is computed")
    return tensor.value
