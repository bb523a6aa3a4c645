from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from sitepose.models.runtimes.api import RuntimeOptions
from sitepose.models.runtimes.channel_shuffle import without_shuffles
from sitepose.models.runtimes.factory import open_session

SIZE = (6, 5)


class Builder:
    """Writes small networks of the ShuffleNet kind, with random weights."""

    def __init__(self, batch=1, seed=0):
        self.nodes, self.constants = [], []
        self.batch = batch
        self.rng = np.random.default_rng(seed)

    def constant(self, value):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(self, kind, *inputs, outputs=1, **attributes):
        names = [f"t{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return names[0] if outputs == 1 else names

    def weights(self, *shape):
        return self.constant((self.rng.normal(size=shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32))

    def conv(self, x, inputs, outputs, *, bias="in", relu=True):
        weights, offsets = self.weights(outputs, inputs, 1, 1), self.rng.normal(size=outputs).astype(np.float32)
        if bias == "in":
            y = self.node("Conv", x, weights, self.constant(offsets), kernel_shape=[1, 1])
        else:
            y = self.node("Conv", x, weights, kernel_shape=[1, 1])
            y = self.node("Add", y, self.constant(offsets.reshape(1, -1, 1, 1)))
        return self.node("Relu", y) if relu else y

    def depthwise(self, x, channels):
        return self.node(
            "Conv", x, self.weights(channels, 1, 3, 3), group=channels, kernel_shape=[3, 3], pads=[1, 1, 1, 1]
        )

    def shuffle(self, x, channels, groups=2):
        opened = self.constant(np.array([self.batch_side, groups, channels // groups, *SIZE]))
        y = self.node("Reshape", x, opened)
        y = self.node("Transpose", y, perm=[0, 2, 1, 3, 4])
        return self.node("Reshape", y, self.constant(np.array([self.batch_side, channels, *SIZE])))

    def block(self, x, channels, *, bias="in"):
        half = channels // 2
        kept, worked = self.node("Split", x, outputs=2, axis=1)
        worked = self.conv(worked, half, half, bias=bias)
        worked = self.conv(self.depthwise(worked, half), half, half, bias=bias)
        return self.shuffle(self.node("Concat", kept, worked, axis=1), channels)

    @property
    def batch_side(self):
        return self.batch if isinstance(self.batch, int) else -1

    def model(self, output, channels):
        self.nodes.append(helper.make_node("Identity", [output], ["result"]))
        graph = helper.make_graph(
            self.nodes,
            "network",
            [helper.make_tensor_value_info("image", TensorProto.FLOAT, [self.batch, 3, *SIZE])],
            [helper.make_tensor_value_info("result", TensorProto.FLOAT, [self.batch, channels, *SIZE])],
            self.constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=8)
        onnx.checker.check_model(model)
        return model


def results(model, images):
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.concatenate([session.run(None, {"image": image[None]})[0] for image in images])


@pytest.fixture
def images():
    return np.random.default_rng(9).normal(size=(2, 3, *SIZE)).astype(np.float32)


def kinds(model):
    return {node.op_type for node in model.graph.node}


def assert_same_without_shuffles(model, images):
    rewritten = without_shuffles(model)
    assert rewritten is not model
    assert not kinds(rewritten) & {"Transpose", "Reshape", "Split"}
    onnx.checker.check_model(rewritten)
    np.testing.assert_allclose(results(rewritten, images), results(model, images), atol=1e-4)


class TestWithoutShuffles:
    @settings(max_examples=40, deadline=None)
    @given(
        channels=st.sampled_from([4, 8, 12, 20]),
        blocks=st.integers(1, 4),
        bias=st.sampled_from(["in", "added"]),
        residual=st.booleans(),
        batch=st.sampled_from([1, "n"]),
        seed=st.integers(0, 5),
    )
    def test_gives_the_same_for_chains_of_blocks(self, channels, blocks, bias, residual, batch, seed):
        build = Builder(batch, seed)
        x = stem = build.conv("image", 3, channels, bias=bias)
        for _ in range(blocks):
            x = build.block(x, channels, bias=bias)
        if residual:
            x = build.node("Relu", build.node("Add", x, build.conv(stem, channels, channels, relu=False)))
        model = build.model(build.conv(x, channels, 7, relu=False), 7)
        images = np.random.default_rng(seed).normal(size=(2, 3, *SIZE)).astype(np.float32)
        assert_same_without_shuffles(model, images)

    def test_gives_the_same_for_stages_that_exchange(self, images):
        build = Builder()
        x = build.conv("image", 3, 8)
        for _ in range(3):
            y = build.block(build.block(x, 8), 8)
            doubled = build.node("Add", y, y)
            x = build.node("Relu", build.node("Add", doubled, build.conv(y, 8, 8, relu=False)))
        assert_same_without_shuffles(build.model(build.conv(x, 8, 5), 5), images)

    def test_gives_the_same_where_both_halves_are_worked_on(self, images):
        build = Builder()
        x = build.conv("image", 3, 8)
        halves = build.node("Split", x, outputs=2, axis=1)
        joined = build.node("Concat", *(build.conv(half, 4, 4) for half in halves), axis=1)
        x = build.depthwise(build.shuffle(joined, 8), 8)
        assert_same_without_shuffles(build.model(build.conv(x, 8, 5), 5), images)

    def test_gives_the_same_for_more_than_two_groups(self, images):
        build = Builder()
        parts = [build.conv("image", 3, 4) for _ in range(3)]
        x = build.shuffle(build.node("Concat", *parts, axis=1), 12, groups=3)
        assert_same_without_shuffles(build.model(build.conv(x, 12, 5), 5), images)

    def test_gives_the_same_beside_a_convolution_with_computed_weights(self, images):
        build = Builder()
        weights = build.node("Abs", build.weights(8, 3, 1, 1))
        x = build.node("Relu", build.node("Conv", "image", weights, kernel_shape=[1, 1]))
        x = build.block(x, 8)
        assert_same_without_shuffles(build.model(build.conv(x, 8, 5), 5), images)

    def test_doubling_is_folded_into_the_weights(self, images):
        build = Builder()
        x = build.block(build.conv("image", 3, 8), 8)
        x = build.conv(build.node("Add", x, x), 8, 5)
        model = build.model(x, 5)
        rewritten = without_shuffles(model)
        doubling = [n for n in rewritten.graph.node if n.op_type == "Add" and n.input[0] == n.input[1]]
        assert doubling == []
        np.testing.assert_allclose(results(rewritten, images), results(model, images), atol=1e-4)

    def test_leaves_the_model_as_it_was(self):
        build = Builder()
        model = build.model(build.conv(build.block(build.conv("image", 3, 8), 8), 8, 5), 5)
        before = model.SerializeToString()
        without_shuffles(model)
        assert model.SerializeToString() == before


class TestWhatIsLeftAlone:
    def test_a_shuffle_whose_reader_has_computed_weights(self):
        build = Builder()
        x = build.block(build.conv("image", 3, 8), 8)
        weights = build.node("Abs", build.weights(5, 8, 1, 1))
        model = build.model(build.node("Conv", x, weights, kernel_shape=[1, 1]), 5)
        assert without_shuffles(model) is model

    def test_a_network_without_shuffles(self):
        build = Builder()
        model = build.model(build.conv("image", 3, 8), 8)
        assert without_shuffles(model) is model

    def test_a_shuffle_whose_order_the_caller_sees(self, images):
        build = Builder()
        model = build.model(build.block(build.conv("image", 3, 8), 8), 8)
        assert without_shuffles(model) is model

    def test_a_shuffle_before_an_operator_that_cares_for_the_order(self):
        build = Builder()
        x = build.node("Softmax", build.block(build.conv("image", 3, 8), 8), axis=1)
        model = build.model(build.conv(x, 8, 5), 5)
        assert without_shuffles(model) is model

    def test_a_shuffle_before_a_constant_for_each_channel(self):
        build = Builder()
        x = build.block(build.conv("image", 3, 8), 8)
        x = build.node("Mul", x, build.constant(np.arange(8, dtype=np.float32).reshape(1, 8, 1, 1)))
        model = build.model(build.conv(x, 8, 5), 5)
        assert without_shuffles(model) is model

    def test_a_shuffle_added_to_the_network_s_input(self):
        build = Builder()
        x = build.shuffle(build.node("Concat", build.conv("image", 3, 3), build.conv("image", 3, 3), axis=1), 6)
        x = build.node("Add", x, build.node("Concat", "image", "image", axis=1))
        model = build.model(build.conv(x, 6, 5), 5)
        assert without_shuffles(model) is model


@pytest.mark.parametrize("library", ["openvino", "onnxruntime"])
def test_sessions_give_what_the_file_says(tmp_path, workers, images, library):
    build = Builder()
    x = build.conv("image", 3, 8)
    for _ in range(4):
        x = build.block(x, 8)
    model = build.model(build.conv(x, 8, 5), 5)
    onnx.save(model, tmp_path / "shuffled.onnx")
    session = open_session(
        tmp_path / "shuffled.onnx", options=RuntimeOptions(library=library, precision="fp32"), workers=workers
    )
    np.testing.assert_allclose(session.run(images)[0], results(model, images), atol=1e-4)


@pytest.mark.parametrize("name", ["tinypose_256x192", "tinypose_128x96"])
def test_a_real_network_gives_the_same_heatmaps(data, name):
    model = onnx.load(data / "models" / f"{name}.onnx")
    rewritten = without_shuffles(model)
    assert sum(node.op_type == "Transpose" for node in rewritten.graph.node) == 0
    shape = [side.dim_value for side in model.graph.input[0].type.tensor_type.shape.dim][1:]
    images = np.random.default_rng(0).normal(size=(2, *shape)).astype(np.float32)
    np.testing.assert_allclose(results(rewritten, images), results(model, images), atol=1e-5)
