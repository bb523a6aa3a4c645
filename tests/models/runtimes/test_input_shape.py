from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from sitepose.core.errors import WeightsError
from sitepose.models.runtimes import factory
from sitepose.models.runtimes.api import RuntimeOptions
from sitepose.models.runtimes.factory import choose_library, open_session
from sitepose.models.runtimes.onnx_file import read_onnx
from sitepose.models.runtimes.streams import _cuts

ITEMS = 4


def write(path: Path, *, tail: str) -> Path:
    """A network for one item, enlarged by a target shape that names the batch; ``tail`` is what comes last."""
    weights = np.random.default_rng(0).normal(size=(4, 3, 3, 3)).astype(np.float32)
    constants = [
        numpy_helper.from_array(weights, "weights"),
        numpy_helper.from_array(np.array([1, 4, 16, 12]), "target"),
        numpy_helper.from_array(np.array([1, 4, 16, 12]), "fixed"),
        numpy_helper.from_array(np.array([-1, 4, 16, 12]), "open"),
        numpy_helper.from_array(np.array([0]), "batch_axis"),
    ]
    nodes = [
        helper.make_node("Conv", ["image", "weights"], ["maps"], pads=[1, 1, 1, 1]),
        helper.make_node("Resize", ["maps", "", "", "target"], ["large"], mode="nearest"),
    ]
    nodes += {
        "nothing": [helper.make_node("Identity", ["large"], ["result"])],
        "harmless": [helper.make_node("Reshape", ["large", "open"], ["result"])],
        "names the batch": [helper.make_node("Reshape", ["large", "fixed"], ["result"])],
        "mixes the items": [
            helper.make_node("ReduceSum", ["large", "batch_axis"], ["sum"], keepdims=1),
            helper.make_node("Add", ["large", "sum"], ["result"]),
        ],
    }[tail]
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 8, 6])],
        [helper.make_tensor_value_info("result", TensorProto.FLOAT, [1, 4, 16, 12])],
        constants,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


def options(library="openvino", precision="fp32", device="cpu"):
    return RuntimeOptions(library=library, precision=precision, device=device)


class TestSeveralItemsAtOnce:
    @pytest.mark.parametrize("count", range(1, 8))
    def test_give_what_each_gives_alone(self, tmp_path, workers, count):
        file = write(tmp_path / "n.onnx", tail="harmless")
        items = np.random.default_rng(count).random((count, 3, 8, 6), dtype=np.float32)
        alone = open_session(file, options=options(), workers=workers)
        together = open_session(file, options=options(), workers=workers, items=ITEMS)
        assert (alone.info.items, together.info.items) == (1, ITEMS)
        np.testing.assert_array_equal(together.run(items)[0], alone.run(items)[0])

    @pytest.mark.parametrize("tail", ["names the batch", "mixes the items"])
    def test_are_given_up_where_the_network_does_not_allow_it(self, tmp_path, workers, images, tail):
        file = write(tmp_path / "n.onnx", tail=tail)
        session = open_session(file, options=options(), workers=workers, items=ITEMS)
        assert session.info.items == 1
        expected = open_session(file, options=options("onnxruntime"), workers=workers).run(images)[0]
        np.testing.assert_allclose(session.run(images)[0], expected, atol=1e-4)

    @pytest.mark.parametrize("precision", ["fp32", "auto"])
    def test_of_a_real_network_give_the_same(self, data, workers, precision):
        file = data / "models" / "tinypose_128x96.onnx"
        crops = np.random.default_rng(0).random((7, 3, 128, 96), dtype=np.float32)
        alone = open_session(file, options=options(precision=precision), workers=workers)
        together = open_session(file, options=options(precision=precision), workers=workers, items=ITEMS)
        assert together.info.items == ITEMS
        np.testing.assert_allclose(together.run(crops)[0], alone.run(crops)[0], atol=1e-4)


class TestLibrary:
    @pytest.mark.parametrize("device", ["auto", "cuda"])
    def test_leaves_the_network_to_cuda_where_that_is_installed(self, monkeypatch, device):
        monkeypatch.setattr(factory, "_is_installed", lambda _package: True)
        monkeypatch.setattr(factory, "has_native_bf16", lambda: True)

        assert choose_library(options("auto", "auto", device), quantized=False) == "onnxruntime"


class TestCuts:
    @pytest.mark.parametrize(
        ("count", "items", "sizes"),
        [
            pytest.param(1, 4, [1], id="one"),
            pytest.param(2, 4, [1, 1], id="half a piece"),
            pytest.param(3, 4, [3], id="more than half a piece"),
            pytest.param(4, 4, [4], id="a piece"),
            pytest.param(9, 4, [4, 4, 1], id="pieces and a rest"),
            pytest.param(11, 4, [4, 4, 3], id="pieces and a large rest"),
            pytest.param(3, 1, [1, 1, 1], id="single items"),
            pytest.param(5, None, [5], id="a whole batch"),
        ],
    )
    def test_leave_pieces_that_cost_least(self, count, items, sizes):
        assert [len(piece) for piece in np.split(np.arange(count), _cuts(count, items))] == sizes


class TestAnotherSize:
    @pytest.mark.parametrize("library", ["openvino", "onnxruntime"])
    def test_of_a_network_of_convolutions_is_taken(self, tmp_path, workers, library):
        network = read_onnx(write(tmp_path / "n.onnx", tail="nothing")).for_size((10, 4))
        session = open_session(network, options=options(library), workers=workers)
        assert session.input_shapes == ((1, 3, 4, 10),)
        items = np.random.default_rng(0).random((3, 3, 4, 10), dtype=np.float32)
        assert session.run(items)[0].shape == (3, 4, 8, 20)

    def test_is_refused_where_the_network_is_made_for_one(self, tmp_path):
        network = read_onnx(write(tmp_path / "n.onnx", tail="names the batch"))
        with pytest.raises(WeightsError, match=r"n\.onnx: the network does not take pictures of 10x4"):
            network.for_size((10, 4))
