"""Convolutions, pooling and resizing against the plainest loops that numpy can write."""

from __future__ import annotations

import numpy as np
import pytest

from sitepose.core.errors import WeightsError
from sitepose.models.zoo.tfjs.convert import convert

RNG = np.random.default_rng(0)


def windows(image, kernel, stride, dilation, padding, fill):
    """Return what lies under the kernel at each place, (rows, columns, kernel height, kernel width, depth)."""
    extents = [(size - 1) * dilation + 1 for size in kernel]
    if padding == "SAME":
        counts = [-(-side // stride) for side in image.shape[:2]]
        totals = [
            max((count - 1) * stride + extent - side, 0)
            for count, extent, side in zip(counts, extents, image.shape[:2], strict=True)
        ]
        pads = [(total // 2, total - total // 2) for total in totals]
        image = np.pad(image, [*pads, (0, 0)], constant_values=fill)
    else:
        counts = [(side - extent) // stride + 1 for side, extent in zip(image.shape[:2], extents, strict=True)]
    return np.stack(
        [
            np.stack(
                [
                    image[
                        row * stride : row * stride + extents[0] : dilation,
                        column * stride : column * stride + extents[1] : dilation,
                    ]
                    for column in range(counts[1])
                ]
            )
            for row in range(counts[0])
        ]
    )


def cut(graph, name):
    """Convert the graph up to a node; images are returned channels-first then."""
    return convert(graph.write(name), outputs={"cut": name})


def nchw(image):
    return np.ascontiguousarray(image.transpose(2, 0, 1)[None], np.float32)


SHAPES = pytest.mark.parametrize(
    ("size", "kernel", "stride", "dilation", "padding"),
    [
        pytest.param((4, 5), (3, 3), 1, 1, "SAME", id="same"),
        pytest.param((6, 8), (3, 3), 2, 1, "SAME", id="even size, stride 2: the odd zero comes after"),
        pytest.param((5, 7), (3, 3), 2, 1, "SAME", id="odd size, stride 2"),
        pytest.param((7, 6), (5, 5), 2, 1, "SAME", id="kernel 5, stride 2"),
        pytest.param((6, 6), (2, 3), 1, 1, "SAME", id="even kernel height"),
        pytest.param((6, 6), (1, 1), 2, 1, "SAME", id="kernel smaller than stride"),
        pytest.param((7, 9), (3, 3), 1, 2, "SAME", id="dilated"),
        pytest.param((6, 7), (3, 2), 2, 1, "VALID", id="valid"),
    ],
)


class TestConvolution:
    @SHAPES
    def test_equals_a_sum_over_windows(self, tiny, run, size, kernel, stride, dilation, padding):
        image = RNG.normal(size=(*size, 3)).astype(np.float32)
        weights, bias = RNG.normal(size=(*kernel, 3, 4)), RNG.normal(size=4)
        graph = tiny(1, *size, 3)
        made = graph.add(
            "_FusedConv2D",
            "image",
            graph.constant(weights),
            graph.constant(bias),
            strides=[1, stride, stride, 1],
            dilations=[1, dilation, dilation, 1],
            padding=padding,
            data_format="NHWC",
            fused_ops=["BiasAdd"],
        )
        (output,) = run(cut(graph, made), nchw(image))
        expected = np.einsum("rchwd,hwdo->orc", windows(image, kernel, stride, dilation, padding, 0), weights)
        np.testing.assert_allclose(output[0], expected + bias[:, None, None], rtol=1e-4, atol=1e-4)

    @pytest.mark.parametrize(
        ("activation", "expected"),
        [
            pytest.param([], [-8.0, 2.0, 9.0], id="none"),
            pytest.param(["Relu"], [0.0, 2.0, 9.0], id="relu"),
            pytest.param(["Relu6"], [0.0, 2.0, 6.0], id="relu6"),
        ],
    )
    def test_ends_in_its_activation(self, tiny, run, activation, expected):
        graph = tiny(1, 1, 1, 1)
        weights, bias = graph.constant([[[[-9.0, 1.0, 8.0]]]]), graph.constant([1.0, 1.0, 1.0])
        fused = ["BiasAdd", *activation]
        made = graph.add(
            "_FusedConv2D", "image", weights, bias, strides=[1, 1, 1, 1], padding="SAME", fused_ops=fused
        )
        (output,) = run(cut(graph, made), np.ones((1, 1, 1, 1), np.float32))
        assert output.ravel().tolist() == expected

    def test_works_without_a_bias(self, tiny, run):
        graph = tiny(1, 2, 2, 1)
        made = graph.add("Conv2D", "image", graph.constant([[[[2.0]]]]), strides=[1, 1, 1, 1], padding="VALID")
        (output,) = run(cut(graph, made), np.float32([[[[1, 2], [3, 4]]]]))
        assert output[0, 0].tolist() == [[2, 4], [6, 8]]

    @SHAPES
    @pytest.mark.parametrize("multiplier", [1, 2])
    def test_depthwise_keeps_the_channels_apart(
        self, tiny, run, size, kernel, stride, dilation, padding, multiplier
    ):
        image = RNG.normal(size=(*size, 3)).astype(np.float32)
        weights = RNG.normal(size=(*kernel, 3, multiplier))
        graph = tiny(1, *size, 3)
        made = graph.add(
            "DepthwiseConv2dNative",
            "image",
            graph.constant(weights),
            strides=[1, stride, stride, 1],
            dilations=[1, dilation, dilation, 1],
            padding=padding,
        )
        (output,) = run(cut(graph, made), nchw(image))
        expected = np.einsum("rchwd,hwdm->dmrc", windows(image, kernel, stride, dilation, padding, 0), weights)
        np.testing.assert_allclose(output[0], expected.reshape(output[0].shape), rtol=1e-4, atol=1e-4)

    def test_depthwise_takes_bias_and_activation_too(self, tiny, run):
        graph = tiny(1, 1, 2, 2)
        weights, bias = graph.constant([[[[2.0], [3.0]]]]), graph.constant([0.0, -5.0])
        usual = {"strides": [1, 1, 1, 1], "padding": "SAME", "fused_ops": ["BiasAdd", "Relu6"]}
        made = graph.add("FusedDepthwiseConv2dNative", "image", weights, bias, **usual)
        (output,) = run(cut(graph, made), np.float32([[[[1, 9]], [[1, 3]]]]))
        assert output.tolist() == [[[[2, 6]], [[0, 4]]]]

    @pytest.mark.parametrize(
        ("attributes", "reason"),
        [
            pytest.param({"data_format": "NCHW"}, "data format 'NCHW'", id="layout"),
            pytest.param({"padding": "EXPLICIT"}, "padding 'EXPLICIT'", id="padding"),
            pytest.param({"fused_ops": ["BiasAdd", "Elu"]}, "fused operations", id="activation"),
        ],
    )
    def test_refuses_what_it_does_not_know(self, tiny, attributes, reason):
        graph = tiny()
        weights, bias = graph.constant(np.ones((1, 1, 3, 1))), graph.constant([0.0])
        usual = {"strides": [1, 1, 1, 1], "padding": "SAME", "fused_ops": ["BiasAdd"]}
        made = graph.add("_FusedConv2D", "image", weights, bias, **(usual | attributes))
        with pytest.raises(WeightsError, match=reason):
            cut(graph, made)


class TestMaxPool:
    @pytest.mark.parametrize("padding", ["SAME", "VALID"])
    @pytest.mark.parametrize("stride", [1, 2])
    def test_takes_the_largest_and_ignores_the_outside(self, tiny, run, stride, padding):
        image = -1 - RNG.random((5, 6, 2)).astype(np.float32)
        graph = tiny(1, 5, 6, 2)
        made = graph.add(
            "MaxPool", "image", ksize=[1, 3, 3, 1], strides=[1, stride, stride, 1], padding=padding
        )
        (output,) = run(cut(graph, made), nchw(image))
        expected = windows(image, (3, 3), stride, 1, padding, -np.inf).max(axis=(2, 3))
        np.testing.assert_allclose(output[0], expected.transpose(2, 0, 1))


class TestResizeBilinear:
    @pytest.mark.parametrize(
        ("flags", "place"),
        [
            pytest.param(
                {"half_pixel_centers": True}, lambda i, n, m: (i + 0.5) * n / m - 0.5, id="half pixel"
            ),
            pytest.param({}, lambda i, n, m: i * n / m, id="legacy"),
            pytest.param({"align_corners": True}, lambda i, n, m: i * (n - 1) / (m - 1), id="align corners"),
        ],
    )
    @pytest.mark.parametrize("target", [(8, 10), (6, 15), (2, 3)])
    def test_interpolates_where_tensorflow_does(self, tiny, run, flags, place, target):
        image = RNG.normal(size=(4, 5, 2)).astype(np.float32)
        graph = tiny(1, 4, 5, 2)
        made = graph.add("ResizeBilinear", "image", graph.constant(target, dtype="int32"), **flags)
        (output,) = run(cut(graph, made), nchw(image))
        expected = image
        for axis, size in enumerate(target):
            count = image.shape[axis]
            places = np.clip([place(i, count, size) for i in range(size)], 0, count - 1)
            lower = np.floor(places).astype(int)
            share = (places - lower).reshape([-1 if i == axis else 1 for i in range(3)])
            upper = np.minimum(lower + 1, count - 1)
            expected = expected.take(lower, axis) * (1 - share) + expected.take(upper, axis) * share
        np.testing.assert_allclose(output[0], expected.transpose(2, 0, 1), rtol=1e-4, atol=1e-5)

    def test_to_the_same_size_is_nothing(self, tiny):
        graph = tiny(1, 4, 5, 2)
        made = graph.add("ResizeBilinear", "image", graph.constant([4, 5], dtype="int32"))
        assert {node.op_type for node in cut(graph, made).graph.node} == {"Identity"}
