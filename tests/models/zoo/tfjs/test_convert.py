"""What the importer makes of whole graphs: layouts, batches, cuts, and what it refuses."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sitepose.core.errors import WeightsError
from sitepose.models.zoo.tfjs.convert import InputForm, convert

RNG = np.random.default_rng(2)
SIXTH = float(np.float16(1 / 6))
"""A sixth as float16 weights hold it."""


def operations(network):
    names = [node.op_type for node in network.graph.node]
    return {name: names.count(name) for name in names}


def shapes(values):
    return {
        value.name: [side.dim_param or side.dim_value for side in value.type.tensor_type.shape.dim]
        for value in values
    }


def conv(graph, source, depth, out, **changes):
    weights, bias = graph.constant(RNG.normal(size=(3, 3, depth, out))), graph.constant(RNG.normal(size=out))
    usual = {"strides": [1, 1, 1, 1], "padding": "SAME", "fused_ops": ["BiasAdd", "Relu"]}
    return graph.add("_FusedConv2D", source, weights, bias, **(usual | changes))


def small_network(graph):
    """Return the output of two convolutions, a sum and a scaling by channel."""
    first = conv(graph, "image", 3, 4)
    both = graph.add("AddV2", first, conv(graph, first, 4, 4))
    return graph.add("Mul", both, graph.constant([1.0, 2.0, 3.0, 4.0]))


class TestLayout:
    def test_channels_first_needs_no_transpose(self, tiny):
        graph = tiny(1, 8, 8, 3)
        made = small_network(graph)
        assert "Transpose" not in operations(convert(graph.write(made), outputs={"made": made}))

    def test_channels_last_needs_one(self, tiny):
        graph = tiny(1, 8, 8, 3)
        made = small_network(graph)
        network = convert(graph.write(made), outputs={"made": made}, form=InputForm(layout="nhwc"))
        assert operations(network)["Transpose"] == 1
        assert shapes(network.graph.input) == {"image": ["N", 8, 8, 3]}

    def test_gives_the_same_numbers_in_either_layout_and_from_bytes(self, tiny, run):
        graph = tiny(1, 8, 8, 3)
        made = small_network(graph)
        path = graph.write(made)
        image = RNG.integers(0, 256, (1, 8, 8, 3)).astype(np.uint8)
        (first,) = run(convert(path), np.ascontiguousarray(image.transpose(0, 3, 1, 2), np.float32))
        (last,) = run(convert(path, form=InputForm(layout="nhwc", dtype="uint8")), image)
        np.testing.assert_allclose(last, first, rtol=1e-5)

    def test_graph_outputs_are_as_tensorflow_has_them_and_cuts_are_channels_first(self, tiny):
        graph = tiny(1, 6, 8, 3)
        made = conv(graph, "image", 3, 5)
        path = graph.write(made)
        assert shapes(convert(path).graph.output) == {"out0": ["N", 6, 8, 5]}
        assert shapes(convert(path, outputs={"heat": made}).graph.output) == {"heat": ["N", 5, 6, 8]}


class TestBatch:
    def test_is_free_where_every_image_is_treated_alone(self, tiny, run):
        graph = tiny(1, 8, 8, 3)
        network = convert(graph.write(small_network(graph)))
        images = RNG.normal(size=(3, 3, 8, 8)).astype(np.float32)
        (together,) = run(network, images)
        alone = [run(network, image[None])[0][0] for image in images]
        np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize(
        "mix",
        [
            pytest.param(
                lambda graph, x: graph.add("Reshape", x, graph.constant([-1], dtype="int32")), id="row"
            ),
            pytest.param(
                lambda graph, x: graph.add("Mean", x, graph.constant([0], dtype="int32"), keep_dims=True),
                id="mean",
            ),
            pytest.param(
                lambda graph, x: graph.add("ConcatV2", x, x, graph.constant(0, dtype="int32"), N=2), id="concat"
            ),
        ],
    )
    def test_is_one_where_the_graph_mixes_its_axis_with_others(self, tiny, mix):
        graph = tiny(1, 8, 8, 3)
        network = convert(graph.write(mix(graph, conv(graph, "image", 3, 4))))
        assert shapes(network.graph.input) == {"image": [1, 3, 8, 8]}

    def test_is_freed_of_detours_over_single_images(self, tiny):
        graph = tiny(1, 8, 8, 3)
        parts = graph.add("Unpack", "image", axis=0, num=1)
        zero = graph.constant(0, dtype="int32")
        taller = graph.add("ExpandDims", parts, zero)
        shorter = graph.add("Squeeze", taller, squeeze_dims=[0])
        stacked = graph.add("Pack", shorter, axis=0, N=1)
        made = conv(graph, graph.add("Mul", stacked, graph.constant(0.5)), 3, 4)
        network = convert(graph.write(made), outputs={"made": made})
        assert set(operations(network)) == {"Mul", "Conv", "Relu"}
        assert shapes(network.graph.input) == {"image": ["N", 3, 8, 8]}


class TestCut:
    def test_leaves_out_what_comes_after(self, tiny):
        graph = tiny(1, 8, 8, 3)
        head = conv(graph, "image", 3, 4)
        path = graph.write(graph.add("Exp", head))
        assert set(operations(convert(path, outputs={"head": head}))) == {"Conv", "Relu"}

    def test_may_name_one_node_twice_and_the_input_itself(self, tiny, run):
        graph = tiny(1, 2, 2, 1)
        made = graph.add("Abs", "image")
        network = convert(graph.write(made), outputs={"a": made, "b": made, "c": "image"})
        image = np.float32([[[[-1, 2], [3, -4]]]])
        outputs = run(network, image)
        assert [output.tolist() for output in outputs] == [np.abs(image).tolist()] * 2 + [image.tolist()]

    def test_keeps_chosen_channels_of_a_convolution(self, tiny, run):
        graph = tiny(1, 8, 8, 3)
        scores = graph.add("Sigmoid", conv(graph, "image", 3, 6, fused_ops=["BiasAdd"]))
        path = graph.write(graph.add("Identity", scores))
        image = RNG.normal(size=(1, 3, 8, 8)).astype(np.float32)
        (every,) = run(convert(path, outputs={"scores": scores}), image)
        network = convert(path, outputs={"scores": scores}, channels={"scores": [4, 1]})
        (chosen,) = run(network, image)
        assert set(operations(network)) == {"Conv", "Sigmoid"}
        np.testing.assert_allclose(chosen, every[:, [4, 1]], rtol=1e-5)

    def test_refuses_channels_of_what_is_no_convolution(self, tiny):
        graph = tiny()
        made = graph.add("Exp", "image")
        with pytest.raises(WeightsError, match="channels can be chosen of a convolution only, not of 'Exp'"):
            convert(graph.write(made), outputs={"made": made}, channels={"made": [0]})


class TestHardSwish:
    def gated(self, graph, x, share=SIXTH):
        gate = graph.add("Relu6", graph.add("Add", x, graph.constant(3.0)))
        return graph.add("Mul", graph.add("Mul", graph.constant(share), x), gate)

    def test_becomes_one_operation(self, tiny):
        graph = tiny(1, 8, 8, 3)
        x = conv(graph, "image", 3, 4)
        made = conv(graph, self.gated(graph, x), 4, 2)
        names = operations(convert(graph.write(made), outputs={"made": made}))
        assert names == {"Conv": 2, "Relu": 2, "HardSwish": 1}

    @pytest.mark.parametrize("share", [SIXTH, 1 / 6, 0.25], ids=["float16", "exact", "another"])
    def test_keeps_the_share_of_the_graph(self, tiny, run, share):
        graph = tiny(1, 1, 101, 1)
        image = np.linspace(-5, 8, 101, dtype=np.float32).reshape(1, 1, 1, 101)
        (output,) = run(convert(graph.write(self.gated(graph, "image", share))), image)
        expected = share * image * np.clip(image + 3, 0, 6)
        np.testing.assert_allclose(output.ravel(), expected.ravel(), rtol=1e-5, atol=1e-6)

    def test_keeps_it_through_every_way_that_reads_it(self, tiny, run):
        """Through a convolution, a residual sum, a mean, and a product with another such gate."""
        graph = tiny(1, 4, 4, 2)
        image = RNG.normal(0, 3, (1, 2, 4, 4)).astype(np.float32)
        swish = self.gated(graph, "image", 0.25)
        mean = graph.add("Mean", swish, graph.constant([1, 2], dtype="int32"), keep_dims=True)
        weights = graph.constant(np.eye(2).reshape(1, 1, 2, 2) * 2)
        doubled = graph.add("Conv2D", swish, weights, strides=[1, 1, 1, 1], padding="SAME")
        outputs = run(
            convert(
                graph.write(
                    doubled,
                    graph.add("Add", swish, "image"),
                    graph.add("Mul", mean, self.gated(graph, mean)),
                    mean,
                )
            ),
            image,
        )
        x = image.transpose(0, 2, 3, 1)
        swish = 0.25 * x * np.clip(x + 3, 0, 6)
        mean = swish.mean((1, 2), keepdims=True)
        expected = [2 * swish, swish + x, mean * SIXTH * mean * np.clip(mean + 3, 0, 6), mean]
        for output, wanted in zip(outputs, expected, strict=True):
            np.testing.assert_allclose(output, wanted, rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize("shift", [2.0, 4.0])
    def test_leaves_other_gates_alone(self, tiny, run, shift):
        graph = tiny(1, 1, 5, 1)
        gate = graph.add("Relu6", graph.add("Add", "image", graph.constant(shift)))
        made = graph.add("Mul", graph.add("Mul", graph.constant(SIXTH), "image"), gate)
        network = convert(graph.write(made))
        assert "HardSwish" not in operations(network)
        image = np.float32([[[[-4, -1, 0, 2, 7]]]])
        expected = SIXTH * image * np.clip(image + shift, 0, 6)
        np.testing.assert_allclose(run(network, image)[0].ravel(), expected.ravel(), rtol=1e-5)


class TestWeights:
    def test_float16_is_widened(self, tiny, run):
        graph = tiny(1, 1, 3, 1)
        made = graph.add("Mul", "image", graph.constant(0.1, half=True))
        (output,) = run(convert(graph.write(made)), np.float32([[[[1, 10, 100]]]]))
        np.testing.assert_allclose(output.ravel(), float(np.float16(0.1)) * np.array([1, 10, 100]), rtol=1e-6)

    def test_may_lie_in_several_files(self, tiny, run):
        graph = tiny(1, 1, 1, 1)
        made = graph.add("Mul", "image", graph.constant(np.float32(0.3)))
        path = graph.write(made)
        model = json.loads(path.read_text())
        model["weightsManifest"][0]["paths"] = ["a.bin", "b.bin"]
        path.write_text(json.dumps(model))
        (path.parent / "a.bin").write_bytes(graph.stored[:1])
        (path.parent / "b.bin").write_bytes(graph.stored[1:])
        (output,) = run(convert(path), np.ones((1, 1, 1, 1), np.float32))
        assert output.item() == pytest.approx(0.3)


class TestRefusal:
    def test_names_an_unknown_operation_and_its_node(self, tiny):
        graph = tiny()
        made = graph.add("Fft", "image")
        with pytest.raises(WeightsError, match=f"{made}: operation 'Fft' is not supported"):
            convert(graph.write(made))

    def test_names_what_must_be_constant(self, tiny):
        graph = tiny(1, 1, 1, 1)
        shape = graph.add("Cast", graph.add("Squeeze", "image"), SrcT="DT_FLOAT", DstT="DT_INT32")
        with pytest.raises(WeightsError, match="Reshape needs a constant"):
            convert(graph.write(graph.add("Reshape", "image", shape)))

    def test_of_a_missing_node(self, tiny):
        graph = tiny()
        with pytest.raises(WeightsError, match="no node 'nothing'"):
            convert(graph.write(graph.add("Abs", "nothing")))

    def test_of_a_circle(self, tiny):
        graph = tiny()
        made = graph.add("Abs", "Abs3")
        graph.nodes.append({"name": "Abs3", "op": "Abs", "input": [made]})
        with pytest.raises(WeightsError, match="circle"):
            convert(graph.write(made))

    def test_of_an_open_image_size(self, tiny):
        graph = tiny(1, -1, -1, 3)
        path = graph.write(graph.add("Relu", "image"))
        with pytest.raises(WeightsError, match="image size open"):
            convert(path)
        assert shapes(convert(path, form=InputForm(size_wh=(6, 4))).graph.input) == {"image": ["N", 3, 4, 6]}

    @pytest.mark.parametrize(
        "damage",
        [
            pytest.param(lambda path: path.with_suffix(".bin").unlink(), id="no weights"),
            pytest.param(lambda path: path.with_suffix(".bin").write_bytes(b"1"), id="weights cut short"),
            pytest.param(lambda path: path.with_suffix(".bin").write_bytes(bytes(99)), id="weights too long"),
            pytest.param(lambda path: path.write_text("{"), id="no JSON"),
            pytest.param(lambda path: path.write_bytes(b"\x80\x81"), id="no text"),
            pytest.param(lambda path: path.write_text("[]"), id="a list"),
            pytest.param(
                lambda path: path.write_text('{"format": "layers-model"}'), id="another kind of model"
            ),
            pytest.param(lambda path: path.unlink(), id="no model"),
        ],
    )
    def test_of_damaged_files_in_one_line(self, tiny, damage):
        graph = tiny()
        path = graph.write(graph.add("Mul", "image", graph.constant(2.0)))
        damage(path)
        with pytest.raises(WeightsError, match=r"^tiny\.json is no complete TF\.js graph model: [^\n]+$"):
            convert(path)
