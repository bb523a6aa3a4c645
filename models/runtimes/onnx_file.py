"""An ONNX file: read, looked into, and made ready for a library without moving what need not move."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sitepose.core.errors import WeightsError
from sitepose.models.runtimes.channel_shuffle import without_shuffles
from sitepose.models.runtimes.columns import with_columns
from sitepose.models.runtimes.focus import without_focus

QUANTIZING_OPERATORS = frozenset({"QuantizeLinear", "DequantizeLinear", "QLinearConv", "ConvInteger"})
"""Operators that only a quantised network has."""


@dataclass(frozen=True, slots=True)
class OnnxFile:
    """A network as published.

    Attributes:
        path: The file.
        model: What is in it (``onnx.ModelProto``), without tensors kept in files beside it.
    """

    path: Path
    model: Any

    @property
    def quantized(self) -> bool:
        """Whether it was quantised to int8."""
        return any(node.op_type in QUANTIZING_OPERATORS for node in self.model.graph.node)

    def prepared(self, *, fold_shuffles: bool, columns: int | None = None) -> str | bytes:
        """Return the network to load, rewritten so that it gives the same in less time: a path or its bytes.

        Args:
            fold_shuffles: Whether channel shuffles are folded into weights.
            columns: How many entries of the last axis of the only output are needed; all by default.
        """
        if any(tensor.external_data for tensor in self.model.graph.initializer):
            return str(self.path)
        model = without_focus(self.model)
        if columns is not None:
            model = with_columns(model, columns)
        if fold_shuffles:
            model = without_shuffles(model)
        return str(self.path) if model is self.model else bytes(model.SerializeToString())


def read_onnx(path: Path) -> OnnxFile:
    """Read an ONNX file.

    Raises:
        WeightsError: There is no such file, or it is not ONNX.
    """
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    if not path.is_file():
        raise WeightsError(f"{path}: no such file")
    try:
        model = onnx.load(str(path), load_external_data=False)
    except (DecodeError, OSError, ValueError) as error:
        raise WeightsError(f"{path}: damaged, or not an ONNX file") from error
    if not model.graph.node or not model.graph.output:
        raise WeightsError(f"{path}: damaged, or not an ONNX file (it holds no network)")
    return OnnxFile(path, model)
