from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from sitepose.core.errors import ConfigError, WeightsError
from sitepose.models.runtimes.api import RuntimeOptions
from sitepose.models.runtimes.factory import open_session
from sitepose.models.runtimes.quantize import quantize

LIBRARIES = ["onnxruntime", "openvino"]


@pytest.fixture
def deep_network(tmp_path):
    """A network of four convolutions, random weights, in the old opset 11."""
    rng = np.random.default_rng(0)
    nodes, constants, source = [], [], "image"
    for i, (inputs, outputs) in enumerate([(3, 16), (16, 16), (16, 16), (16, 4)]):
        weights = (rng.normal(size=(outputs, inputs, 3, 3)) / np.sqrt(9 * inputs)).astype(np.float32)
        constants.append(numpy_helper.from_array(weights, f"w{i}"))
        last = i == 3
        nodes.append(
            helper.make_node("Conv", [source, f"w{i}"], ["maps" if last else f"c{i}"], pads=[1, 1, 1, 1])
        )
        if not last:
            nodes.append(helper.make_node("Relu", [f"c{i}"], [f"r{i}"]))
            source = f"r{i}"
    graph = helper.make_graph(
        nodes,
        "deep",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 16, 16])],
        [helper.make_tensor_value_info("maps", TensorProto.FLOAT, [1, 4, 16, 16])],
        constants,
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=8),
        tmp_path / "deep.onnx",
    )
    return tmp_path / "deep.onnx"


@pytest.fixture
def pictures():
    return np.random.default_rng(1).random((24, 1, 3, 16, 16), dtype=np.float32)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("precision", ["int8", "auto"])
def test_the_result_runs_as_int8_and_is_close(tmp_path, workers, deep_network, pictures, library, precision):
    quantize(deep_network, tmp_path / "int8.onnx", pictures)
    options = RuntimeOptions(library=library, precision=precision)
    session = open_session(tmp_path / "int8.onnx", options=options, workers=workers)
    exact = open_session(deep_network, options=RuntimeOptions(precision="fp32"), workers=workers)
    assert session.info.precision == "int8"
    batch = pictures[:4, 0]
    error = np.abs(session.run(batch)[0] - exact.run(batch)[0]).mean()
    assert error < 0.05 * np.abs(exact.run(batch)[0]).mean()


def test_the_first_and_last_convolutions_stay_in_float(tmp_path, deep_network, pictures):
    quantize(deep_network, tmp_path / "int8.onnx", pictures)
    model = onnx.load(tmp_path / "int8.onnx")
    produced_by = {output: node.op_type for node in model.graph.node for output in node.output}
    convs = [node for node in model.graph.node if node.op_type == "Conv"]
    assert [produced_by.get(conv.input[1]) == "DequantizeLinear" for conv in convs] == [
        False,
        True,
        True,
        False,
    ]


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_quantised_file_is_not_passed_off_as_float(tmp_path, workers, deep_network, pictures, library):
    quantize(deep_network, tmp_path / "int8.onnx", pictures)
    with pytest.raises(ConfigError, match="is quantised to int8"):
        open_session(
            tmp_path / "int8.onnx", options=RuntimeOptions(library=library, precision="fp32"), workers=workers
        )


def test_a_file_that_is_quantised_already_is_refused(tmp_path, deep_network, pictures):
    quantize(deep_network, tmp_path / "int8.onnx", pictures)
    with pytest.raises(WeightsError, match="is quantised already"):
        quantize(tmp_path / "int8.onnx", tmp_path / "twice.onnx", pictures)


def test_no_calibration_is_refused(tmp_path, deep_network):
    with pytest.raises(ValueError, match="calibration items"):
        quantize(deep_network, tmp_path / "int8.onnx", [])


def test_a_missing_file_is_named(tmp_path, pictures):
    with pytest.raises(WeightsError, match="no such file"):
        quantize(tmp_path / "none.onnx", tmp_path / "int8.onnx", pictures)
