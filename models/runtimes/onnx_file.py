"""Look into an ONNX file without running it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sitepose.core.errors import WeightsError

QUANTIZING_OPERATORS = frozenset({"QuantizeLinear", "DequantizeLinear", "QLinearConv", "ConvInteger"})
"""Operators that only a quantised network has."""


def load_graph(path: Path) -> Any:
    """Return the ``onnx.ModelProto`` of a file, without big tensors kept elsewhere.

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
    return model


def is_quantized(path: Path) -> bool:
    """Return whether a network was quantised to int8.

    Raises:
        WeightsError: There is no such file, or it is not ONNX.
    """
    return has_quantization(load_graph(path))


def has_quantization(model: Any) -> bool:
    """Return whether an ``onnx.ModelProto`` was quantised to int8."""
    return any(node.op_type in QUANTIZING_OPERATORS for node in model.graph.node)


def has_external_data(model: Any) -> bool:
    """Return whether weights of an ``onnx.ModelProto`` lie in files beside it."""
    return any(tensor.external_data for tensor in model.graph.initializer)
