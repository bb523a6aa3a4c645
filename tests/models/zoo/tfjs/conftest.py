"""TF.js graphs as small as an operation, written as the files that the importer reads."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

TYPES = {"float32": "DT_FLOAT", "int32": "DT_INT32", "bool": "DT_BOOL"}


@dataclass
class TinyGraph:
    """A graph under construction: an image called ``image``, constants, operations."""

    folder: Path
    shape: tuple[int, int, int, int]
    nodes: list[dict[str, Any]] = field(default_factory=list)
    weights: list[dict[str, Any]] = field(default_factory=list)
    stored: bytes = b""

    def __post_init__(self) -> None:
        size = {"shape": {"dim": [{"size": str(side)} for side in self.shape]}}
        attributes = {"shape": size, "dtype": {"type": "DT_FLOAT"}}
        self.nodes.append({"name": "image", "op": "Placeholder", "attr": attributes})

    def constant(self, value: Any, *, dtype: str = "float32", half: bool = False) -> str:
        array = np.asarray(value, dtype)
        name = f"constant{len(self.weights)}"
        weight: dict[str, Any] = {"name": name, "shape": list(array.shape), "dtype": dtype}
        if half:
            weight["quantization"] = {"dtype": "float16", "original_dtype": "float32"}
        self.stored += array.astype("float16" if half else dtype).tobytes()
        self.weights.append(weight)
        self.nodes.append({"name": name, "op": "Const", "attr": {"dtype": {"type": TYPES[dtype]}}})
        return name

    def add(self, operation: str, *inputs: str, **attributes: Any) -> str:
        name = f"{operation}{len(self.nodes)}"
        encoded = {key: _encode(value) for key, value in attributes.items()}
        self.nodes.append({"name": name, "op": operation, "input": list(inputs), "attr": encoded})
        return name

    def write(self, *outputs: str) -> Path:
        model = {
            "format": "graph-model",
            "signature": {"outputs": {f"out{i}": {"name": f"{name}:0"} for i, name in enumerate(outputs)}},
            "modelTopology": {"node": self.nodes},
            "weightsManifest": [{"paths": ["tiny.bin"], "weights": self.weights}],
        }
        (self.folder / "tiny.bin").write_bytes(self.stored)
        path = self.folder / "tiny.json"
        path.write_text(json.dumps(model))
        return path


def _encode(value: Any) -> dict[str, Any]:
    """Write an attribute as TF.js does: text in base64, whole numbers as text."""
    if isinstance(value, bool):
        return {"b": value}
    if isinstance(value, int):
        return {"i": str(value)}
    if isinstance(value, str):
        return {"type": value} if value.startswith("DT_") else {"s": base64.b64encode(value.encode()).decode()}
    kind = "s" if value and isinstance(value[0], str) else "i"
    return {"list": {kind: [_encode(item)[kind] for item in value]} if value else {}}


@pytest.fixture
def tiny(tmp_path: Path) -> Callable[..., TinyGraph]:
    """Return a maker of graphs with an image of a shape (1, height, width, depth)."""
    return lambda *shape: TinyGraph(tmp_path, shape or (1, 4, 5, 3))


@pytest.fixture
def run() -> Callable[..., list[NDArray[Any]]]:
    """Run a network in ONNX Runtime and in OpenVINO, see that they agree, and return the outputs."""
    import onnxruntime
    import openvino

    def run_both(network: onnx.ModelProto, image: NDArray[Any], *, rtol: float = 1e-4) -> list[NDArray[Any]]:
        content = network.SerializeToString()
        session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        outputs = [np.asarray(output) for output in session.run(None, {"image": image})]
        model = openvino.Core().read_model(content, b"")
        hint = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
        compiled = openvino.Core().compile_model(model, "CPU", hint)
        for output, other in zip(outputs, compiled([image]).to_tuple(), strict=True):
            np.testing.assert_allclose(other, output, rtol=rtol, atol=1e-4)
        return outputs

    return run_both
