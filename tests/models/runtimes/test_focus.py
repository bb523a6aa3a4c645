from __future__ import annotations

from itertools import permutations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from sitepose.models.runtimes.api import RuntimeOptions
from sitepose.models.runtimes.factory import open_session
from sitepose.models.runtimes.focus import without_focus

ALL_PLACES = [(0, 0), (1, 0), (0, 1), (1, 1)]
LAST = np.iinfo(np.int64).max


def focus_network(places=ALL_PLACES, *, kernel=3, step=2, at_once=False, as_nodes=False, stride=1):
    """A Focus layer that joins the pictures of ``places`` (row, column), and the convolution behind it."""
    rng = np.random.default_rng(0)
    nodes, constants = [], []

    def constant(values):
        name = f"c{len(constants) + len(nodes)}"
        tensor = numpy_helper.from_array(np.asarray(values), name)
        if as_nodes:
            nodes.append(helper.make_node("Constant", [], [name], value=tensor))
        else:
            constants.append(tensor)
        return name

    def sliced(source, starts, axes, output):
        nodes.append(
            helper.make_node(
                "Slice",
                [source, *(constant(v) for v in (starts, [LAST] * len(axes), axes, [step] * len(axes)))],
                [output],
            )
        )
        return output

    joined = []
    for i, (row, column) in enumerate(places):
        if at_once:
            joined.append(sliced("image", [row, column], [2, 3], f"part{i}"))
        else:
            joined.append(sliced(sliced("image", [row], [2], f"rows{i}"), [column], [3], f"part{i}"))
    nodes.append(helper.make_node("Concat", joined, ["joined"], axis=1))
    weights = numpy_helper.from_array(
        rng.normal(size=(5, 3 * len(places), kernel, kernel)).astype(np.float32), "weights"
    )
    nodes.append(
        helper.make_node(
            "Conv", ["joined", "weights"], ["maps"], pads=[kernel // 2] * 4, strides=[stride, stride]
        )
    )
    graph = helper.make_graph(
        nodes,
        "focus",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 12, 8])],
        [helper.make_tensor_value_info("maps", TensorProto.FLOAT, None)],
        [*constants, weights],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=8)


@pytest.fixture
def image():
    return np.random.default_rng(1).normal(size=(1, 3, 12, 8)).astype(np.float32)


def result(model, image):
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: image})[0]


class TestWithoutFocus:
    @pytest.mark.parametrize("places", [list(p) for p in permutations(ALL_PLACES)][::5], ids=str)
    @pytest.mark.parametrize("kernel", [1, 3])
    def test_gives_the_same_whatever_the_order_of_the_parts(self, image, places, kernel):
        model = focus_network(places, kernel=kernel)
        rewritten = without_focus(model)
        assert [node.op_type for node in rewritten.graph.node] == ["Conv"]
        np.testing.assert_allclose(result(rewritten, image), result(model, image), atol=1e-4)

    @pytest.mark.parametrize("at_once", [False, True], ids=["row, then column", "both at once"])
    @pytest.mark.parametrize("as_nodes", [False, True], ids=["constants", "constant nodes"])
    def test_knows_the_ways_to_write_it(self, image, at_once, as_nodes):
        model = focus_network(at_once=at_once, as_nodes=as_nodes)
        rewritten = without_focus(model)
        assert [node.op_type for node in rewritten.graph.node] == ["Conv"]
        np.testing.assert_allclose(result(rewritten, image), result(model, image), atol=1e-4)

    @pytest.mark.parametrize(
        "model",
        [
            pytest.param(focus_network([(0, 0), (0, 0), (1, 0), (0, 1)]), id="a part twice"),
            pytest.param(focus_network([(0, 0), (1, 1)]), id="two parts"),
            pytest.param(focus_network(step=3), id="every third pixel"),
            pytest.param(focus_network(stride=2), id="a convolution with steps"),
        ],
    )
    def test_leaves_other_layers_alone(self, model):
        assert without_focus(model) is model


@pytest.mark.parametrize("library", ["openvino", "onnxruntime"])
def test_a_real_detector_gives_the_same(data, workers, library):
    file = data / "models" / "yolox_nano.onnx"
    session = open_session(file, options=RuntimeOptions(library=library, precision="fp32"), workers=workers)
    image = (np.random.default_rng(0).random((1, 3, 416, 416)) * 255).astype(np.float32)
    published = onnx.load(file)
    assert len(without_focus(published).graph.node) == len(published.graph.node) - 9
    np.testing.assert_allclose(session.run(image)[0], result(published, image), atol=5e-3)
