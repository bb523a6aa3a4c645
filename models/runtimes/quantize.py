"""Post-training quantisation: an int8 network out of a float one and pictures like those it will see.

Each channel of weights and each tensor gets its own scale. What comes first and last stays in float: the first
convolution reads whole bytes, the last ones write the result. It pays for networks of dense convolutions;
networks of small depthwise ones become slower and may lose their accuracy, so measure before use.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from sitepose.core.errors import WeightsError
from sitepose.models.runtimes.api import AnyArray
from sitepose.models.runtimes.onnx_file import read_onnx

OPSET = 17
"""Version of ONNX's operators that older networks are raised to; scales per channel need 13."""

MOVING_AVERAGE = 0.05
"""Weight of each new picture in a tensor's range, so that one odd picture does not stretch it. MoveNet Thunder
keeps .463 of .471 keypoint AP with it; the plain minimum and maximum keep .458."""

KEPT_FLOAT = frozenset({"Add", "Div", "Mul", "Sub"})
"""Operators on the way from the input to the first convolution, where normalising happens."""


def quantize(source: Path, target: Path, items: Iterable[AnyArray]) -> None:
    """Write an int8 network (QDQ form) that every runtime here can load.

    Args:
        source: The float network, an ONNX file with one input.
        target: The file to write.
        items: Calibration: inputs of one item each, shape (1, ...), as the network will get them; some 64.

    Raises:
        WeightsError: The source is missing, damaged or quantised already.
        ValueError: There are no items.
    """
    import onnx

    file = read_onnx(source)
    if file.quantized:
        raise WeightsError(f"{source}: is quantised already")
    reader = _Reader(file.model.graph.input[0].name, items)
    with tempfile.TemporaryDirectory() as folder:
        prepared = _prepare(onnx.load(str(source)), Path(folder))
        _quantize(prepared, target, reader)


class _Reader:
    """Hands calibration items to ONNX Runtime, one by one."""

    def __init__(self, name: str, items: Iterable[AnyArray]) -> None:
        self._name = name
        self._items: Iterator[AnyArray] = iter(items)
        self._first = next(self._items, None)
        if self._first is None:
            raise ValueError("quantising needs calibration items; there are none")

    def get_next(self) -> dict[str, AnyArray] | None:
        """Return the next item by the name of the input; None after the last."""
        item = self._first if self._first is not None else next(self._items, None)
        self._first = None
        return None if item is None else {self._name: item}


def _prepare(model: Any, folder: Path) -> Path:
    """Write the network with folded constants, known shapes, a name for each node and a recent opset."""
    import onnx
    from onnxruntime.quantization import quant_pre_process

    versions = [entry.version for entry in model.opset_import if entry.domain in {"", "ai.onnx"}]
    if max(versions, default=OPSET) < OPSET:
        model = onnx.version_converter.convert_version(model, OPSET)
    raised, prepared = folder / "raised.onnx", folder / "prepared.onnx"
    onnx.save(model, raised)
    quant_pre_process(str(raised), str(prepared), skip_symbolic_shape=True)
    model = onnx.load(str(prepared))
    for i, node in enumerate(model.graph.node):
        node.name = f"{node.op_type}_{i}"
    onnx.save(model, prepared)
    return prepared


def _quantize(prepared: Path, target: Path, reader: _Reader) -> None:
    import onnx
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

    quantize_static(
        str(prepared),
        str(target),
        reader,
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        calibrate_method=CalibrationMethod.MinMax,
        nodes_to_exclude=_kept_float(onnx.load(str(prepared)).graph),
        extra_options={"CalibMovingAverage": True, "CalibMovingAverageConstant": MOVING_AVERAGE},
    )


def _kept_float(graph: Any) -> list[str]:
    """Return the names of the nodes up to the first convolutions, and of the last ones before each output."""
    names = set()
    reached = {graph.input[0].name}
    for node in graph.node:
        if reached.isdisjoint(node.input):
            continue
        if node.op_type in KEPT_FLOAT:
            names.add(node.name)
            reached.update(node.output)
        elif node.op_type == "Conv":
            names.add(node.name)
    producers = {output: node for node in graph.node for output in node.output}
    stack = [producers.get(output.name) for output in graph.output]
    while stack:
        node = stack.pop()
        if node is None or node.name in names:
            continue
        names.add(node.name)
        if node.op_type != "Conv":
            stack.extend(producers.get(name) for name in node.input)
    return sorted(names)
