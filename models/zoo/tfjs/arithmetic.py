"""Operations on each number alone, and reductions: they keep the layout they find."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sitepose.core.errors import WeightsError
from sitepose.models.zoo.tfjs.builder import TO_FIRST, Builder, Tensor
from sitepose.models.zoo.tfjs.convolutions import relu6
from sitepose.models.zoo.tfjs.graph import Node
from sitepose.models.zoo.tfjs.handlers import Handler, known
from sitepose.models.zoo.tfjs.hard_swish import hard_swish

TYPES: Mapping[str, str] = {"DT_FLOAT": "float32", "DT_INT32": "int32", "DT_BOOL": "bool"}
"""TensorFlow's names of the types of numbers."""


def aligned(builder: Builder, inputs: list[Tensor]) -> list[Tensor]:
    """Return the operands in one layout, so that they broadcast as TensorFlow means it."""
    if not any(tensor.channels_first for tensor in inputs):
        return inputs
    rank = len(TO_FIRST)
    if any(tensor.value is None and len(tensor.shape) not in (0, rank) for tensor in inputs):
        return [builder.last(tensor) for tensor in inputs]
    return [builder.first(_image(builder, tensor)) for tensor in inputs]


def same(onnx_operation: str) -> Handler:
    """Return a handler for an operation that ONNX knows under this name."""

    def convert(builder: Builder, node: Node, inputs: list[Tensor]) -> list[Tensor]:
        return [builder.emit(onnx_operation, *aligned(builder, inputs))]

    return convert


def multiply(builder: Builder, node: Node, inputs: list[Tensor]) -> list[Tensor]:
    """Convert a product; one with a hard gate becomes a HardSwish."""
    activated = hard_swish(builder, inputs)
    return [activated or builder.emit_linear("Mul", *aligned(builder, inputs))]


def subtract(builder: Builder, node: Node, inputs: list[Tensor]) -> list[Tensor]:
    """Convert a subtraction; taking away zeros is nothing at all."""
    image, value = inputs[0], inputs[1].value
    if (
        value is not None
        and not value.any()
        and np.broadcast_shapes(image.tf_shape, value.shape) == image.tf_shape
    ):
        return [image]
    return [builder.emit("Sub", *aligned(builder, inputs))]


def squared_difference(builder: Builder, node: Node, inputs: list[Tensor]) -> list[Tensor]:
    """Convert ``(a - b)²``."""
    difference = builder.emit("Sub", *aligned(builder, inputs))
    return [builder.emit("Mul", difference, difference)]


def floor_divide(builder: Builder, node: Node, inputs: list[Tensor]) -> list[Tensor]:
    """Convert a division rounded down; ONNX alone rounds integers towards zero."""
    a, b = aligned(builder, inputs)
    if a.dtype.kind == "f":
        return [builder.emit("Floor", builder.emit("Div", a, b))]
    if b.value is not None and (b.value == 1).all() and b.shape == ():
        return [a]
    multiple = builder.emit("Sub", a, builder.emit("Mod", a, b))
    return [builder.emit("Div", multiple, b)]


def floor_modulo(builder: Builder, node: Node, inputs: list[Tensor]) -> list[Tensor]:
    """Convert the remainder that has the divisor's sign."""
    a, b = aligned(builder, inputs)
    if a.dtype.kind == "f":
        raise WeightsError(f"{node.name}: FloorMod of {a.dtype} is not supported, only of integers")
    return [builder.emit("Mod", a, b)]


def add_many(builder: Builder, node: Node, inputs: list[Tensor]) -> list[Tensor]:
    """Convert a sum of any number of operands."""
    return [builder.emit("Sum", *aligned(builder, inputs))]


def clip_to_six(builder: Builder, node: Node, inputs: list[Tensor]) -> list[Tensor]:
    """Convert a Relu6."""
    return [relu6(builder, inputs[0])]


def cast(builder: Builder, node: Node, inputs: list[Tensor]) -> list[Tensor]:
    """Convert a change of type."""
    target = node.attributes["DstT"]
    if target not in TYPES:
        raise WeightsError(f"{node.name}: type {target!r} is not supported, only {', '.join(TYPES)}")
    return [builder.cast(inputs[0], TYPES[target])]


def identity(builder: Builder, node: Node, inputs: list[Tensor]) -> list[Tensor]:
    """Convert nothing."""
    return inputs[:1]


def reduce(onnx_operation: str) -> Handler:
    """Return a handler for a reduction over constant axes."""

    def convert(builder: Builder, node: Node, inputs: list[Tensor]) -> list[Tensor]:
        keep = bool(node.attributes.get("keep_dims"))
        # Without the axes the rest has another order: only NHWC says which.
        tensor = inputs[0] if keep else builder.last(inputs[0])
        axes = sorted(tensor.axis(int(axis)) for axis in np.atleast_1d(known(inputs[1], node)))
        places = builder.constant(axes, dtype=np.int64)
        emit = builder.emit if onnx_operation == "ReduceMax" else builder.emit_linear
        return [emit(onnx_operation, tensor, places, keepdims=int(keep))]

    return convert


def arg_max(builder: Builder, node: Node, inputs: list[Tensor]) -> list[Tensor]:
    """Convert the place of the maximum; the first of equals."""
    tensor = builder.last(inputs[0])
    axis = int(known(inputs[1], node)) % len(tensor.shape)
    return [builder.cast(builder.emit("ArgMax", tensor, axis=axis, keepdims=0), np.int32)]


def select(builder: Builder, node: Node, inputs: list[Tensor]) -> list[Tensor]:
    """Convert a choice, number by number, by a truth value of the same shape."""
    condition, yes, no = inputs
    if not condition.tf_shape == yes.tf_shape == no.tf_shape:
        raise WeightsError(f"{node.name}: Select needs operands of one shape")
    return [builder.emit("Where", *aligned(builder, inputs))]


def _image(builder: Builder, tensor: Tensor) -> Tensor:
    """Give a constant of fewer axes leading ones, as broadcasting would; single numbers stay."""
    missing = len(TO_FIRST) - len(tensor.shape)
    if tensor.value is None or not tensor.shape or missing == 0:
        return tensor
    return builder.constant(tensor.value.reshape((1,) * missing + tensor.shape))


OPERATIONS: Mapping[str, Handler] = {
    **{
        name: same(onnx_name)
        for name, onnx_name in {
            "Abs": "Abs",
            "Add": "Add",
            "AddV2": "Add",
            "Equal": "Equal",
            "Exp": "Exp",
            "Greater": "Greater",
            "GreaterEqual": "GreaterOrEqual",
            "Less": "Less",
            "LogicalAnd": "And",
            "Maximum": "Max",
            "Minimum": "Min",
            "RealDiv": "Div",
            "Reciprocal": "Reciprocal",
            "Relu": "Relu",
            "Sigmoid": "Sigmoid",
            "Sqrt": "Sqrt",
        }.items()
    },
    "AddN": add_many,
    "ArgMax": arg_max,
    "Cast": cast,
    "FloorDiv": floor_divide,
    "FloorMod": floor_modulo,
    "Identity": identity,
    "Max": reduce("ReduceMax"),
    "Mean": reduce("ReduceMean"),
    "Mul": multiply,
    "Relu6": clip_to_six,
    "Select": select,
    "SquaredDifference": squared_difference,
    "Sub": subtract,
    "Sum": reduce("ReduceSum"),
}
"""TensorFlow's operations on numbers, and what converts them."""
