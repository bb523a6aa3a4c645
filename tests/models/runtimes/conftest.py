"""Small real networks, made here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from sitepose.models.runtimes.workers import Workers


@pytest.fixture
def workers() -> Iterator[Workers]:
    with Workers(2) as pool:
        yield pool


@pytest.fixture
def network(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a network of one convolution with two outputs, ``sum`` and ``maps``."""

    def write(name: str = "network.onnx", *, batch: int | str = 1) -> Path:
        weights = np.random.default_rng(0).normal(size=(4, 3, 3, 3)).astype(np.float32)
        nodes = [
            helper.make_node("Conv", ["image", "weights"], ["maps"], pads=[1, 1, 1, 1]),
            helper.make_node("ReduceSum", ["maps", "axes"], ["sum"], keepdims=0),
        ]
        graph = helper.make_graph(
            nodes,
            "network",
            [helper.make_tensor_value_info("image", TensorProto.FLOAT, [batch, 3, 8, 6])],
            [
                helper.make_tensor_value_info("sum", TensorProto.FLOAT, [batch]),
                helper.make_tensor_value_info("maps", TensorProto.FLOAT, [batch, 4, 8, 6]),
            ],
            [
                numpy_helper.from_array(weights, "weights"),
                numpy_helper.from_array(np.array([1, 2, 3], np.int64), "axes"),
            ],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        onnx.save(model, tmp_path / name)
        return tmp_path / name

    return write


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(1).random((5, 3, 8, 6), dtype=np.float32)
