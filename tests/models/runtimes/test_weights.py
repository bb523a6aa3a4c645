from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from sitepose.core.errors import WeightsError
from sitepose.models.runtimes.api import RuntimeOptions
from sitepose.models.runtimes.factory import open_session
from sitepose.models.runtimes.graph import Graph
from sitepose.models.runtimes.onnx_file import read_onnx
from sitepose.models.runtimes.weights import LARGE, Weights

CHANNELS = 96
"""Of the network's layers: a kernel of 3x3 between two of them has 330 kB."""

ITEMS = 4


def kernel(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.05, (CHANNELS, CHANNELS, 3, 3)).astype(np.float32)


def tensor_of(array: np.ndarray, name: str, kind: str) -> TensorProto:
    if kind == "raw":
        return numpy_helper.from_array(array, name)
    return helper.make_tensor(name, TensorProto.FLOAT, array.shape, array.ravel())


def write(path: Path, *, kind: str = "raw") -> Path:
    """A network of three convolutions, enlarged by a target shape; ``kind`` is how its weights are kept."""
    first = np.random.default_rng(0).normal(0, 0.2, (CHANNELS, 3, 3, 3)).astype(np.float32)
    tensors = [
        numpy_helper.from_array(first, "w0"),
        numpy_helper.from_array(np.array([1, CHANNELS, 16, 12]), "to"),
    ]
    nodes = [helper.make_node("Conv", ["image", "w0"], ["t0"], pads=[1] * 4)]
    for i in (1, 2):
        if kind == "node":
            nodes.append(helper.make_node("Constant", [], [f"w{i}"], value=tensor_of(kernel(i), "", "raw")))
        else:
            tensors.append(tensor_of(kernel(i), f"w{i}", kind))
        nodes.append(helper.make_node("Conv", [f"t{i - 1}", f"w{i}"], [f"t{i}"], pads=[1] * 4))
    nodes.append(helper.make_node("Resize", ["t2", "", "", "to"], ["result"], mode="nearest"))
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 8, 6])],
        [helper.make_tensor_value_info("result", TensorProto.FLOAT, [1, CHANNELS, 16, 12])],
        tensors,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


def options(library: str) -> RuntimeOptions:
    return RuntimeOptions(library=library, precision="fp32", device="cpu")


@pytest.fixture(params=["raw", "floats", "node"])
def file(request, tmp_path):
    return write(tmp_path / "large.onnx", kind=request.param)


class TestMessage:
    def test_of_a_file_leaves_out_its_large_tensors(self, file):
        assert file.stat().st_size > 10 * LARGE
        assert len(Weights(file).read_message()) < LARGE

    def test_of_what_was_rewritten_leaves_them_out_as_well(self, file):
        several = read_onnx(file).for_items(ITEMS)
        assert len(several.to_load()) < LARGE
        assert len(several.fed_weights()) < LARGE
        assert {array.nbytes for array in several.large_weights().values()} == {kernel(1).nbytes}

    def test_is_the_file_itself_where_nothing_is_large(self, network):
        assert Weights(network()).read_message() == network().read_bytes()


class TestNumbers:
    def test_are_read_when_somebody_looks_at_them(self, file):
        read = read_onnx(file)
        constants = Graph(read.model, read.weights).constants
        for i in (1, 2):
            np.testing.assert_array_equal(constants[f"w{i}"], kernel(i))

    def test_made_by_a_rewriting_are_kept_beside_it(self, file):
        read = read_onnx(file)
        graph = Graph(read.model, read.weights)
        conv = next(node for node in graph.nodes if node.input[1] == "w2")
        conv.input[1] = graph.constant(graph.constants["w2"][::-1])
        rewritten = Graph(graph.to_model(), read.weights)
        np.testing.assert_array_equal(rewritten.constants[conv.input[1]], kernel(2)[::-1])

    def test_of_a_file_that_became_shorter_are_an_error_of_one_line(self, file):
        read = read_onnx(file)
        file.write_bytes(file.read_bytes()[:LARGE])
        with pytest.raises(WeightsError, match=r"large\.onnx: was changed while it was read"):
            read.for_items(ITEMS)

    def test_of_a_file_that_is_gone_are_an_error_of_one_line(self, file):
        read = read_onnx(file)
        file.unlink()
        with pytest.raises(WeightsError, match=r"large\.onnx: cannot be read"):
            read.for_items(ITEMS)

    def test_that_a_file_only_claims_to_have_are_an_error(self, tmp_path):
        model = onnx.load(write(tmp_path / "large.onnx"))
        tensor = model.graph.initializer[-1]
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", "sitepose.weights"), ("offset", "7")):
            tensor.external_data.add(key=key, value=value)
        (tmp_path / "large.onnx").write_bytes(model.SerializeToString())
        with pytest.raises(WeightsError, match="refers to weights that it does not have"):
            read_onnx(tmp_path / "large.onnx").for_items(ITEMS)


class TestSession:
    @pytest.mark.parametrize("library", ["openvino", "onnxruntime"])
    def test_of_a_rewritten_network_gives_what_the_published_one_gives(self, file, workers, images, library):
        published = open_session(file, options=options(library), workers=workers)
        read = read_onnx(file)
        rewritten = open_session(read.for_size((6, 8)), options=options(library), workers=workers)
        np.testing.assert_array_equal(rewritten.run(images)[0], published.run(images)[0])

    def test_of_several_items_gives_what_each_gives_alone(self, file, workers, images):
        alone = open_session(file, options=options("openvino"), workers=workers)
        together = open_session(file, options=options("openvino"), workers=workers, items=ITEMS)
        assert together.info.items == ITEMS
        np.testing.assert_array_equal(together.run(images)[0], alone.run(images)[0])

    @pytest.mark.parametrize("library", ["openvino", "onnxruntime"])
    def test_of_a_rewritten_network_does_not_need_its_file_any_more(self, file, workers, images, library):
        network = read_onnx(file).for_size((6, 8))
        session = open_session(network, options=options(library), workers=workers)
        before = session.run(images)[0]
        file.write_bytes(b"another network")
        del network
        np.testing.assert_array_equal(session.run(images)[0], before)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(place=st.integers(0, 400), byte=st.integers(0, 255), end=st.one_of(st.none(), st.integers(0, 700_000)))
def test_a_damaged_file_is_read_or_is_an_error_of_its_own(tmp_path, place, byte, end):
    path = tmp_path / "damaged.onnx"
    whole = bytearray(write(tmp_path / "whole.onnx").read_bytes())
    whole[place] = byte
    path.write_bytes(whole[:end])
    with contextlib.suppress(WeightsError):
        read_onnx(path)
