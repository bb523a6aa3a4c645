from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from sitepose.models.runtimes.api import RuntimeOptions
from sitepose.models.runtimes.columns import with_columns
from sitepose.models.runtimes.factory import open_session


def detector(*, batch=1, last="Transpose", extra_reader=False):
    """A network with two levels of cells, each with 4 + 1 + 7 columns, as YOLOX writes them."""
    rng = np.random.default_rng(0)
    nodes, constants = [], []

    def conv(name, outputs, stride):
        constants.append(
            numpy_helper.from_array(rng.normal(size=(outputs, 3, 1, 1)).astype(np.float32), f"{name}w")
        )
        constants.append(numpy_helper.from_array(rng.normal(size=outputs).astype(np.float32), f"{name}b"))
        nodes.append(
            helper.make_node(
                "Conv", ["image", f"{name}w", f"{name}b"], [name], kernel_shape=[1, 1], strides=[stride] * 2
            )
        )

    for level, stride in (("a", 1), ("b", 2)):
        for part, outputs in (("box", 4), ("object", 1), ("classes", 7)):
            conv(f"{level}_{part}", outputs, stride)
        names = [f"{level}_{part}" for part in ("object", "classes")]
        nodes += [helper.make_node("Sigmoid", [name], [f"{name}_score"]) for name in names]
        parts = [f"{level}_box", f"{level}_object_score", f"{level}_classes_score"]
        nodes.append(helper.make_node("Concat", parts, [f"{level}_maps"], axis=1))
        constants.append(
            numpy_helper.from_array(np.array([batch if batch == 1 else 0, 12, -1]), f"{level}_shape")
        )
        nodes.append(helper.make_node("Reshape", [f"{level}_maps", f"{level}_shape"], [f"{level}_cells"]))
    nodes.append(helper.make_node("Concat", ["a_cells", "b_cells"], ["cells"], axis=2))
    nodes.append(
        helper.make_node(
            last, ["cells"], ["output"], **({"perm": [0, 2, 1]} if last == "Transpose" else {"axis": 2})
        )
    )
    outputs = [
        helper.make_tensor_value_info(
            "output", TensorProto.FLOAT, [batch, 20, 12] if last == "Transpose" else [batch, 12, 20]
        )
    ]
    if extra_reader:
        nodes.append(helper.make_node("Neg", ["a_classes_score"], ["b_unused"]))
        nodes.append(helper.make_node("Add", ["output", "b_sum"], ["result"]))
        nodes.insert(-1, helper.make_node("ReduceSum", ["b_unused"], ["b_sum"], keepdims=0))
        outputs = [helper.make_tensor_value_info("result", TensorProto.FLOAT, [batch, 20, 12])]
    graph = helper.make_graph(
        nodes,
        "detector",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [batch, 3, 4, 4])],
        outputs,
        constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=8)


@pytest.fixture
def images():
    return np.random.default_rng(1).normal(size=(2, 3, 4, 4)).astype(np.float32)


def results(model, images):
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.concatenate([session.run(None, {"image": image[None]})[0] for image in images])


@pytest.mark.parametrize("batch", [1, "n"])
@pytest.mark.parametrize("count", [3, 4, 5, 6, 11])
def test_the_columns_kept_are_as_they_were(images, batch, count):
    model = detector(batch=batch)
    shorter = with_columns(model, count)
    assert results(shorter, images).shape == (2, 20, count)
    np.testing.assert_allclose(results(shorter, images), results(model, images)[..., :count], atol=1e-6)
    weights = {tensor.name: tensor.dims for tensor in shorter.graph.initializer}
    assert max(dims[0] for dims in weights.values() if len(dims) == 4) <= max(count, 4)


def test_the_model_itself_stays_as_it_was():
    model = detector()
    before = model.SerializeToString()
    with_columns(model, 6)
    assert model.SerializeToString() == before


@pytest.mark.parametrize(
    "model",
    [
        pytest.param(detector(last="Softmax"), id="columns that depend on each other"),
        pytest.param(detector(extra_reader=True), id="columns that another part reads"),
    ],
)
def test_what_is_not_understood_is_left_alone(model):
    assert with_columns(model, 6) is model


def test_keeping_all_changes_nothing():
    model = detector()
    assert with_columns(model, 12) is model


@pytest.mark.parametrize("library", ["openvino", "onnxruntime"])
def test_a_real_detector_keeps_its_people(data, workers, library):
    file = data / "models" / "yolox_nano.onnx"
    options = RuntimeOptions(library=library, precision="fp32")
    image = (np.random.default_rng(0).random((1, 3, 416, 416)) * 255).astype(np.float32)
    whole, short = (
        open_session(file, options=options, workers=workers, columns=columns).run(image)[0]
        for columns in (None, 6)
    )
    assert short.shape == (1, 3549, 6)
    np.testing.assert_allclose(short, whole[..., :6], atol=5e-3)


def test_a_whole_network_is_run_where_it_cannot_be_cut(tmp_path, workers, images):
    onnx.save(detector(last="Softmax"), tmp_path / "softmax.onnx")
    session = open_session(
        tmp_path / "softmax.onnx", options=RuntimeOptions(precision="fp32"), workers=workers, columns=6
    )
    assert session.run(images)[0].shape == (2, 12, 20)
