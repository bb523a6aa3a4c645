"""Every operation on numbers and shapes against numpy, in both runtimes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sitepose.core.errors import WeightsError
from sitepose.models.zoo.tfjs.convert import OPERATIONS, convert

RNG = np.random.default_rng(1)
IMAGE = RNG.normal(0, 3, (1, 4, 5, 3)).astype(np.float32)
WEIGHTS = np.float32([0.5, -2, 3])

BINARY = {
    "Add": np.add,
    "AddV2": np.add,
    "Maximum": np.maximum,
    "Minimum": np.minimum,
    "Mul": np.multiply,
    "RealDiv": np.divide,
    "SquaredDifference": lambda a, b: (a - b) ** 2,
    "Sub": np.subtract,
}
UNARY = {
    "Abs": np.abs,
    "Exp": np.exp,
    "Identity": lambda x: x,
    "Reciprocal": lambda x: 1 / x,
    "Relu": lambda x: np.maximum(x, 0),
    "Relu6": lambda x: np.clip(x, 0, 6),
    "Sigmoid": lambda x: 1 / (1 + np.exp(-x)),
}
COMPARISONS = {
    "Equal": np.equal,
    "Greater": np.greater,
    "GreaterEqual": np.greater_equal,
    "Less": np.less,
}
REDUCTIONS = {"Max": np.max, "Mean": np.mean, "Sum": np.sum}


def nchw(image):
    return np.ascontiguousarray(image.transpose(0, 3, 1, 2))


def flat(graph, name):
    """Reshape to a row, so that the place of every number shows."""
    return graph.add("Reshape", name, graph.constant([-1], dtype="int32"))


class TestNumbers:
    @pytest.mark.parametrize("operation", UNARY)
    def test_of_one_operand(self, tiny, run, operation):
        graph = tiny(*IMAGE.shape)
        (output,) = run(convert(graph.write(graph.add(operation, "image"))), nchw(IMAGE))
        np.testing.assert_allclose(output, UNARY[operation](IMAGE), rtol=1e-5, atol=1e-6)

    def test_square_root(self, tiny, run):
        graph = tiny(*IMAGE.shape)
        root = graph.add("Sqrt", graph.add("Abs", "image"))
        (output,) = run(convert(graph.write(root)), nchw(IMAGE))
        np.testing.assert_allclose(output, np.sqrt(np.abs(IMAGE)), rtol=1e-5)

    @pytest.mark.parametrize("operation", BINARY)
    @pytest.mark.parametrize(
        "other",
        [
            pytest.param(np.float32(1.5), id="a number"),
            pytest.param(WEIGHTS, id="a row of channels"),
            pytest.param(RNG.normal(size=(5, 3)).astype(np.float32), id="a row of pixels"),
            pytest.param(RNG.normal(size=(1, 4, 5, 1)).astype(np.float32), id="a plane"),
        ],
    )
    @pytest.mark.parametrize("turned", [False, True], ids=["image first", "image second"])
    def test_of_an_image_and_a_constant(self, tiny, run, operation, other, turned):
        graph = tiny(*IMAGE.shape)
        operands = ["image", graph.constant(other)]
        made = graph.add(operation, *(operands[::-1] if turned else operands))
        (output,) = run(convert(graph.write(made)), nchw(IMAGE))
        expected = BINARY[operation](other, IMAGE) if turned else BINARY[operation](IMAGE, other)
        np.testing.assert_allclose(output, expected, rtol=1e-4, atol=1e-4)

    @pytest.mark.parametrize("operation", COMPARISONS)
    def test_comparisons(self, tiny, run, operation):
        graph = tiny(1, 1, 3, 1)
        truth = graph.add(operation, "image", graph.constant(2.0))
        made = graph.add("Cast", truth, SrcT="DT_BOOL", DstT="DT_FLOAT")
        image = np.float32([1, 2, 3]).reshape(1, 1, 1, 3)
        (output,) = run(convert(graph.write(made)), image)
        assert output.ravel().tolist() == COMPARISONS[operation](image.ravel(), 2).tolist()

    def test_logical_and_and_a_choice(self, tiny, run):
        graph = tiny(1, 1, 5, 1)
        above = graph.add("Greater", "image", graph.constant(1.0))
        below = graph.add("Less", "image", graph.constant(4.0))
        between = graph.add("LogicalAnd", above, below)
        no = graph.add("Mul", "image", graph.constant(-1.0))
        made = graph.add("Select", between, "image", no)
        (output,) = run(convert(graph.write(made)), np.float32([[[[0, 1, 2, 3, 4]]]]))
        assert output.ravel().tolist() == [0, -1, 2, 3, -4]

    def test_sum_of_many(self, tiny, run):
        graph = tiny(*IMAGE.shape)
        made = graph.add("AddN", "image", graph.constant(np.ones((1, 4, 5, 3))), "image")
        (output,) = run(convert(graph.write(made)), nchw(IMAGE))
        np.testing.assert_allclose(output, 2 * IMAGE + 1, rtol=1e-5)

    @pytest.mark.parametrize("divisor", [-7, -1, 1, 2, 5])
    def test_integers_are_divided_towards_minus_infinity(self, tiny, run, divisor):
        values = np.arange(-20, 21)
        graph = tiny(1, 1, values.size, 1)
        whole = graph.add("Cast", "image", SrcT="DT_FLOAT", DstT="DT_INT32")
        by = graph.constant(divisor, dtype="int32")
        quotient, rest = graph.add("FloorDiv", whole, by), graph.add("FloorMod", whole, by)
        outputs = run(convert(graph.write(quotient, rest)), values.astype(np.float32).reshape(1, 1, 1, -1))
        expected = np.divmod(values, divisor)
        assert [output.ravel().tolist() for output in outputs] == [part.tolist() for part in expected]

    def test_floats_are_divided_and_rounded_down(self, tiny, run):
        graph = tiny(1, 1, 4, 1)
        made = graph.add("FloorDiv", "image", graph.constant(2.0))
        (output,) = run(convert(graph.write(made)), np.float32([[[[-3, -1, 1, 5]]]]))
        assert output.ravel().tolist() == [-2, -1, 0, 2]

    @pytest.mark.parametrize("operation", REDUCTIONS)
    @pytest.mark.parametrize("axes", [[1, 2], [3], [-1], [2, 3]], ids=str)
    @pytest.mark.parametrize("keep", [True, False], ids=["axes stay", "axes go"])
    def test_reductions(self, tiny, run, operation, axes, keep):
        graph = tiny(*IMAGE.shape)
        made = graph.add(operation, "image", graph.constant(axes, dtype="int32"), keep_dims=keep)
        (output,) = run(convert(graph.write(made)), nchw(IMAGE))
        expected = REDUCTIONS[operation](IMAGE, axis=tuple(axes), keepdims=keep)
        np.testing.assert_allclose(output, expected, rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize("axis", [1, 2, 3])
    def test_place_of_the_largest(self, tiny, run, axis):
        graph = tiny(*IMAGE.shape)
        made = graph.add("ArgMax", "image", graph.constant(axis, dtype="int32"), output_type="DT_INT32")
        (output,) = run(convert(graph.write(made)), nchw(IMAGE))
        assert output.dtype == np.int32
        assert (output == IMAGE.argmax(axis)).all()


class TestShapes:
    @pytest.mark.parametrize("shape", [(1, -1, 3), (20, 3), (5, 4, 3)], ids=str)
    def test_reshape_reads_the_numbers_in_tensorflows_order(self, tiny, run, shape):
        graph = tiny(*IMAGE.shape)
        made = graph.add("Reshape", "image", graph.constant(shape, dtype="int32"))
        (output,) = run(convert(graph.write(made)), nchw(IMAGE))
        assert (output == IMAGE.reshape(shape)).all()

    @pytest.mark.parametrize("axis", [0, 1, 2, 3, -1])
    def test_expand_dims(self, tiny, run, axis):
        graph = tiny(1, 2, 3, 2)
        image = IMAGE[:, :2, :3, :2]
        rows = graph.add("Squeeze", "image", squeeze_dims=[0])
        made = flat(graph, graph.add("ExpandDims", rows, graph.constant(axis, dtype="int32")))
        (output,) = run(convert(graph.write(made)), nchw(image))
        assert (output == image.ravel()).all()

    def test_squeeze_takes_every_one_where_none_is_named(self, tiny, run):
        graph = tiny(1, 4, 1, 3)
        image = IMAGE[:, :, :1]
        (output,) = run(convert(graph.write(graph.add("Squeeze", "image"))), nchw(image))
        assert (output == image.squeeze()).all()

    @pytest.mark.parametrize("axis", [0, 1, 2, -1])
    def test_unpack_and_pack(self, tiny, run, axis):
        graph = tiny(*IMAGE.shape)
        rows = graph.add("Squeeze", "image", squeeze_dims=[0])
        parts = graph.add("Unpack", rows, axis=1, num=5)
        chosen = [f"{parts}:3", parts, f"{parts}:4"]
        made = graph.add("Pack", *chosen, axis=axis, N=3)
        (output,) = run(convert(graph.write(made)), nchw(IMAGE))
        assert (output == np.stack([IMAGE[0][:, i] for i in (3, 0, 4)], axis)).all()

    @pytest.mark.parametrize("axis", [1, 2, 3, -1])
    def test_split_and_concat(self, tiny, run, axis):
        image = RNG.normal(size=(1, 4, 6, 2)).astype(np.float32)
        graph = tiny(*image.shape)
        parts = graph.add("Split", graph.constant(axis, dtype="int32"), "image", num_split=2)
        made = graph.add("ConcatV2", f"{parts}:1", parts, graph.constant(axis, dtype="int32"), N=2)
        (output,) = run(convert(graph.write(made)), nchw(image))
        first, second = np.split(image, 2, axis)
        assert (output == np.concatenate([second, first], axis)).all()

    def test_gathers_along_an_axis_and_by_place(self, tiny, run):
        graph = tiny(*IMAGE.shape)
        along = graph.add(
            "GatherV2", "image", graph.constant([2, 0], dtype="int32"), graph.constant(2, dtype="int32")
        )
        by_place = graph.add("GatherNd", "image", graph.constant([[0, 1, 2], [0, 3, 4]], dtype="int32"))
        outputs = run(convert(graph.write(flat(graph, along), by_place)), nchw(IMAGE))
        assert (outputs[0] == IMAGE[:, :, [2, 0]].ravel()).all()
        assert (outputs[1] == IMAGE[[0, 0], [1, 3], [2, 4]]).all()

    def test_top_k(self, tiny, run):
        graph = tiny(1, 1, 5, 1)
        row = flat(graph, "image")
        best = graph.add("TopKV2", row, graph.constant(3, dtype="int32"), sorted=True)
        values, places = run(convert(graph.write(best, f"{best}:1")), np.float32([[[[5, 9, 1, 7, 3]]]]))
        assert values.tolist() == [9, 7, 5]
        assert places.tolist() == [1, 3, 0]

    def test_shapes_are_known_at_conversion(self, tiny, run):
        graph = tiny(1, 4, 6, 2)
        sides = graph.add(
            "StridedSlice",
            graph.add("Shape", "image"),
            *(graph.constant([limit], dtype="int32") for limit in (1, 3, 1)),
        )
        doubled = graph.add("Mul", sides, graph.constant([2, 2], dtype="int32"))
        made = graph.add("ResizeBilinear", "image", doubled, half_pixel_centers=True)
        network = convert(graph.write(made), outputs={"larger": made})
        assert [node.op_type for node in network.graph.node] == ["Resize"]
        assert run(network, nchw(IMAGE[:, :, :, :2].repeat(2, 2)[:, :, :6]))[0].shape == (1, 2, 8, 12)

    def test_constants_are_computed_at_conversion(self, tiny, run):
        graph = tiny(1, 2, 3, 1)
        count = graph.add("Cast", graph.add("Size", "image"), SrcT="DT_INT32", DstT="DT_FLOAT")
        row = graph.add("Range", graph.constant(0.0), count, graph.constant(1.0))
        twos = graph.add("Fill", graph.constant([6], dtype="int32"), graph.constant(2.0))
        twice = graph.add("Tile", graph.add("Mul", row, twos), graph.constant([2], dtype="int32"))
        made = graph.add("ConcatV2", flat(graph, "image"), twice, graph.constant(0, dtype="int32"), N=2)
        network = convert(graph.write(made))
        assert {node.op_type for node in network.graph.node} <= {"Reshape", "Concat", "Transpose"}
        (output,) = run(network, np.zeros((1, 1, 2, 3), np.float32))
        assert output.tolist() == [0] * 6 + [0, 2, 4, 6, 8, 10] * 2


SLICES = {
    "a part": ([1, 0], [3, 2], [1, 1], {}, np.s_[1:3, 0:2]),
    "from the end": ([-2, 0], [4, -1], [1, 1], {}, np.s_[-2:4, 0:-1]),
    "begin_mask": ([2, 1], [3, 3], [1, 1], {"begin_mask": 1}, np.s_[:3, 1:3]),
    "end_mask": ([1, 1], [2, 2], [1, 1], {"end_mask": 2}, np.s_[1:2, 1:]),
    "everything": ([0, 0], [0, 0], [1, 1], {"begin_mask": 3, "end_mask": 3}, np.s_[:, :]),
    "every second": ([0, 0], [4, 5], [2, 2], {}, np.s_[0:4:2, 0:5:2]),
    "backwards": ([3, 0], [0, 5], [-1, 1], {}, np.s_[3:0:-1, 0:5]),
    "wholly backwards": ([0, 0], [0, 5], [-1, 1], {"begin_mask": 1, "end_mask": 1}, np.s_[::-1, 0:5]),
    "one place": ([2, 1], [3, 3], [1, 1], {"shrink_axis_mask": 1}, np.s_[2, 1:3]),
    "the last place": ([-1, 1], [0, 3], [1, 1], {"shrink_axis_mask": 1}, np.s_[-1, 1:3]),
    "a new axis": ([0, 1], [0, 3], [1, 1], {"new_axis_mask": 1}, np.s_[None, 1:3]),
    "new axes around a place": (
        [0, 1, 0, 1], [0, 2, 0, 4], [1, 1, 1, 1],
        {"new_axis_mask": 5, "shrink_axis_mask": 2}, np.s_[None, 1, None, 1:4],
    ),
}  # fmt: skip


class TestStridedSlice:
    @pytest.mark.parametrize("case", SLICES)
    def test_equals_numpys_slice(self, tiny, run, case):
        begins, ends, steps, masks, places = SLICES[case]
        graph = tiny(*IMAGE.shape)
        rows = graph.add("Squeeze", "image", squeeze_dims=[0])
        limits = [graph.constant(values, dtype="int32") for values in (begins, ends, steps)]
        sliced = graph.add("StridedSlice", rows, *limits, **masks)
        network = convert(graph.write(sliced))
        (output,) = run(network, nchw(IMAGE))
        expected = IMAGE[0][places]
        assert output.shape == expected.shape
        assert (output == expected).all()

    def test_refuses_an_ellipsis(self, tiny):
        graph = tiny()
        limits = [graph.constant([0], dtype="int32") for _ in range(3)]
        with pytest.raises(WeightsError, match="ellipsis"):
            convert(graph.write(graph.add("StridedSlice", "image", *limits, ellipsis_mask=1)))


def test_every_operation_has_a_test():
    tests = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    assert [name for name in OPERATIONS if f'"{name}"' not in tests] == []
