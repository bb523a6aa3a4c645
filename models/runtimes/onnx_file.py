"""An ONNX file: read, looked into, and made ready for a library without moving what need not move."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sitepose.core.errors import WeightsError
from sitepose.models.runtimes.api import AnyArray
from sitepose.models.runtimes.channel_shuffle import without_shuffles
from sitepose.models.runtimes.columns import with_columns
from sitepose.models.runtimes.focus import without_focus
from sitepose.models.runtimes.graph import copy_of
from sitepose.models.runtimes.input_shape import with_items, with_size
from sitepose.models.runtimes.weights import Weights, is_elsewhere

QUANTIZING_OPERATORS = frozenset({"QuantizeLinear", "DequantizeLinear", "QLinearConv", "ConvInteger"})
"""Operators that only a quantised network has."""


@dataclass(frozen=True, slots=True)
class OnnxFile:
    """A network as published, or rewritten so that it gives the same in less time.

    Attributes:
        path: The file.
        model: What is in it (``onnx.ModelProto``), without tensors kept in files beside it; large ones are
            references.
        weights: What these refer to.
        changed: Whether the model is no longer what the file holds.
    """

    path: Path
    model: Any
    weights: Weights
    changed: bool = False

    @property
    def quantized(self) -> bool:
        """Whether it was quantised to int8."""
        return any(node.op_type in QUANTIZING_OPERATORS for node in self.model.graph.node)

    def rewritten(self, *, fold_shuffles: bool, columns: int | None = None) -> OnnxFile:
        """Return the same network in a form that takes less time.

        Args:
            fold_shuffles: Whether channel shuffles are folded into weights.
            columns: How many entries of the last axis of the only output are needed; all by default.
        """
        if self._kept_elsewhere:
            return self
        model = without_focus(self.model, self.weights)
        if columns is not None:
            model = with_columns(model, columns, self.weights)
        if fold_shuffles:
            model = without_shuffles(model, self.weights)
        return dataclasses.replace(self, model=model, changed=self.changed or model is not self.model)

    def to_load(self) -> str | bytes:
        """Return what a library is to load: the path, or the message of what has been rewritten."""
        return bytes(self.model.SerializeToString()) if self.changed else str(self.path)

    def large_weights(self) -> dict[str, AnyArray]:
        """Return what a library needs beside :meth:`to_load`, by name; to be kept while the library runs."""
        return self.weights.referred(self.model) if self.changed else {}

    def fed_weights(self) -> bytes:
        """Return the message with the large weights as inputs, behind those that it has."""
        from onnx import helper

        fed = copy_of(self.model)
        names = self.large_weights().keys()
        for tensor in [tensor for tensor in fed.graph.initializer if tensor.name in names]:
            fed.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
            fed.graph.initializer.remove(tensor)
        return bytes(fed.SerializeToString())

    def for_items(self, count: int) -> OnnxFile | None:
        """Return the same network for several items at once; None where it does not allow it."""
        model = None if self._kept_elsewhere else with_items(self.model, count, self.weights)
        return None if model is None else dataclasses.replace(self, model=model, changed=True)

    def for_size(self, size_wh: tuple[int, int]) -> OnnxFile:
        """Return the same network for pictures of another size.

        Raises:
            WeightsError: It is made for one size alone.
        """
        model = None if self._kept_elsewhere else with_size(self.model, size_wh, self.weights)
        if model is None:
            width, height = size_wh
            raise WeightsError(f"{self.path}: the network does not take pictures of {width}x{height}")
        return dataclasses.replace(self, model=model, changed=True)

    @property
    def _kept_elsewhere(self) -> bool:
        return any(is_elsewhere(tensor) for tensor in self.model.graph.initializer)


def read_onnx(path: Path) -> OnnxFile:
    """Read an ONNX file.

    Raises:
        WeightsError: There is no such file, or it is not ONNX.
    """
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    if not path.is_file():
        raise WeightsError(f"{path}: no such file")
    weights = Weights(path)
    try:
        model = onnx.load_from_string(weights.read_message())
    except (DecodeError, OSError, ValueError) as error:
        raise WeightsError(f"{path}: damaged, or not an ONNX file") from error
    if not model.graph.node or not model.graph.output:
        raise WeightsError(f"{path}: damaged, or not an ONNX file (it holds no network)")
    return OnnxFile(path, model, weights)
