"""Puts ONNX nodes together: keeps image tensors channels-first, folds constants, drops what cancels out.

TensorFlow keeps images as NHWC, the fast kernels of ONNX Runtime and OpenVINO want NCHW. A tensor here knows
how it is stored; an operation asks for the layout it needs, and a transpose appears only where the two differ.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator

AnyArray = NDArray[Any]

OPSET = 18
"""Version of the ONNX operators: the first where reductions take their axes as an input."""

IR_VERSION = 9
"""Version of the ONNX file format; both runtimes read it."""

TO_FIRST = (0, 3, 1, 2)
"""Order of the axes that makes NHWC to NCHW."""

TO_LAST = (0, 2, 3, 1)
"""Order of the axes that makes NCHW to NHWC."""


@dataclass(frozen=True, slots=True, eq=False)
class Tensor:
    """A value in the graph under construction.

    Attributes:
        name: Its name in the ONNX graph.
        shape: As stored.
        dtype: Type of its numbers.
        channels_first: Stored as NCHW, though TensorFlow means NHWC.
        factor: What is stored, times this, is what is meant; a convolution takes it into its weights.
        value: Its numbers where they are known at conversion.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    channels_first: bool = False
    factor: float = 1.0
    value: AnyArray | None = None

    @property
    def tf_shape(self) -> tuple[int, ...]:
        """Shape as TensorFlow means it."""
        return tuple(self.shape[axis] for axis in TO_LAST) if self.channels_first else self.shape

    def axis(self, axis: int) -> int:
        """Return where TensorFlow's axis lies in the stored order."""
        axis %= len(self.shape)
        return TO_FIRST.index(axis) if self.channels_first else axis


class Builder:
    """An ONNX graph under construction. Remembers its nodes, its constants and the transposes made so far."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._constants: dict[str, AnyArray] = {}
        self._made_by: dict[str, tuple[str, tuple[Tensor, ...]]] = {}
        self._transposed: dict[tuple[str, tuple[int, ...]], Tensor] = {}
        self._used_names: set[str] = set()

    def input(
        self, name: str, shape: tuple[int, ...], dtype: np.dtype[Any], *, channels_first: bool = False
    ) -> Tensor:
        """Return a new input of the graph."""
        kind = onnx.helper.np_dtype_to_tensor_dtype(dtype)
        self._inputs.append(onnx.helper.make_tensor_value_info(name, kind, shape))
        self._used_names.add(name)
        return Tensor(name, shape, dtype, channels_first)

    def constant(self, value: AnyArray | float | Sequence[float], *, dtype: Any = None) -> Tensor:
        """Return a value that is known now; it lands in the file only if something uses it."""
        array = np.asarray(value, dtype=dtype)
        name = self._unique("constant")
        self._constants[name] = array
        return Tensor(name, array.shape, array.dtype, value=array)

    def emit(self, operation: str, *inputs: Tensor, **attributes: Any) -> Tensor:
        """Add a node with one output; its result is computed now where all inputs are constants.

        The output counts as channels-first where an input is and the number of axes is an image's.
        """
        return self.emit_many(operation, inputs, 1, **attributes)[0]

    def emit_many(
        self, operation: str, inputs: Sequence[Tensor], num_outputs: int, **attributes: Any
    ) -> list[Tensor]:
        """Add a node with several outputs."""
        inputs = [self.settled(tensor) for tensor in inputs]
        names = [self._unique(operation) for _ in range(num_outputs)]
        node = onnx.helper.make_node(operation, [tensor.name for tensor in inputs], names, **attributes)
        if all(tensor.value is not None for tensor in inputs):
            return [self.constant(value) for value in _compute(node, inputs)]
        self._nodes.append(node)
        first = any(tensor.channels_first for tensor in inputs)
        self._made_by.update((name, (operation, tuple(inputs))) for name in names)
        return [
            Tensor(name, shape, dtype, channels_first=first and len(shape) == len(TO_FIRST))
            for name, (shape, dtype) in zip(names, _infer(node, inputs), strict=True)
        ]

    def settled(self, tensor: Tensor) -> Tensor:
        """Return the tensor as it is meant, its factor multiplied in."""
        if tensor.factor == 1:
            return tensor
        factor = self.constant(tensor.factor, dtype=tensor.dtype)
        return self.emit("Mul", replace(tensor, factor=1.0), factor)

    def emit_linear(self, operation: str, *inputs: Tensor, **attributes: Any) -> Tensor:
        """Add a node whose result grows with each of its inputs; it passes their factors on."""
        plain = [replace(tensor, factor=1.0) for tensor in inputs]
        made = self.emit(operation, *plain, **attributes)
        return replace(made, factor=math.prod(tensor.factor for tensor in inputs))

    def operands(self, tensor: Tensor, operation: str) -> tuple[Tensor, ...]:
        """Return what an operation made this tensor of; nothing if another one made it."""
        maker, inputs = self._made_by.get(tensor.name, ("", ()))
        return inputs if maker == operation else ()

    def first(self, tensor: Tensor) -> Tensor:
        """Return an image tensor stored as NCHW."""
        if tensor.channels_first or len(tensor.shape) != len(TO_FIRST):
            return tensor
        return self._transpose(tensor, TO_FIRST, channels_first=True)

    def last(self, tensor: Tensor) -> Tensor:
        """Return a tensor stored as TensorFlow means it."""
        if not tensor.channels_first:
            return tensor
        return self._transpose(tensor, TO_LAST, channels_first=False)

    def squeeze(self, tensor: Tensor, axis: int) -> Tensor:
        """Remove an axis of length 1."""
        return self._reversible("Squeeze", "Unsqueeze", tensor, axis % len(tensor.tf_shape))

    def unsqueeze(self, tensor: Tensor, axis: int) -> Tensor:
        """Insert an axis of length 1."""
        return self._reversible("Unsqueeze", "Squeeze", tensor, axis % (len(tensor.tf_shape) + 1))

    def cast(self, tensor: Tensor, dtype: Any) -> Tensor:
        """Return the tensor with another type of numbers; none where it has it already."""
        if tensor.dtype == np.dtype(dtype):
            return tensor
        return self.emit("Cast", tensor, to=onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def model(self, outputs: Mapping[str, Tensor], *, name: str) -> onnx.ModelProto:
        """Return the finished model: only what the outputs need, under the names given here."""
        outputs = {key: self.settled(tensor) for key, tensor in outputs.items()}
        nodes = _live(self._nodes, {tensor.name for tensor in outputs.values()})
        nodes = _renamed(nodes, outputs)
        used = {source for node in nodes for source in node.input}
        graph = onnx.helper.make_graph(
            nodes,
            name,
            self._inputs,
            [_value_info(key, tensor) for key, tensor in outputs.items()],
            [onnx.numpy_helper.from_array(v, k) for k, v in self._constants.items() if k in used],
        )
        opsets = [onnx.helper.make_opsetid("", OPSET)]
        return onnx.helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)

    def _unique(self, stem: str) -> str:
        name = f"{stem}_{len(self._used_names)}"
        self._used_names.add(name)
        return name

    def _transpose(self, tensor: Tensor, order: tuple[int, ...], *, channels_first: bool) -> Tensor:
        key = (tensor.name, order)
        if key not in self._transposed:
            moved = replace(self.emit("Transpose", tensor, perm=order), channels_first=channels_first)
            self._transposed[key] = moved
            self._transposed[moved.name, TO_LAST if order == TO_FIRST else TO_FIRST] = tensor
        return self._transposed[key]

    def _reversible(self, operation: str, reverse: str, tensor: Tensor, axis: int) -> Tensor:
        match self.operands(tensor, reverse):
            case (source, undone) if undone.value is not None and undone.value.tolist() == [axis]:
                # What was brought into TensorFlow's layout for the detour goes back to its own.
                return self._transposed.get((source.name, TO_FIRST), source)
        return self.emit(operation, self.last(tensor), self.constant([axis], dtype=np.int64))


def _infer(node: onnx.NodeProto, inputs: Sequence[Tensor]) -> list[tuple[tuple[int, ...], np.dtype[Any]]]:
    schema = onnx.defs.get_schema(node.op_type, OPSET)
    types = {tensor.name: _value_info(tensor.name, tensor).type for tensor in inputs}
    data = {
        tensor.name: onnx.numpy_helper.from_array(tensor.value)
        for tensor in inputs
        if tensor.value is not None and tensor.value.ndim <= 1
    }
    opsets = [onnx.helper.make_opsetid("", OPSET)]
    inferred = onnx.shape_inference.infer_node_outputs(schema, node, types, data, opset_imports=opsets)
    kinds = [inferred[name].tensor_type for name in node.output]
    return [
        (
            tuple(dimension.dim_value for dimension in kind.shape.dim),
            onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type),
        )
        for kind in kinds
    ]


def _compute(node: onnx.NodeProto, inputs: Sequence[Tensor]) -> list[AnyArray]:
    graph = onnx.helper.make_graph(
        [node],
        "constants",
        [_value_info(tensor.name, tensor) for tensor in dict.fromkeys(inputs)],
        [onnx.helper.make_empty_tensor_value_info(name) for name in node.output],
    )
    model = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
    )
    feeds = {tensor.name: tensor.value for tensor in inputs}
    return [np.asarray(value) for value in ReferenceEvaluator(model).run(None, feeds)]


def _value_info(name: str, tensor: Tensor) -> onnx.ValueInfoProto:
    return onnx.helper.make_tensor_value_info(
        name, onnx.helper.np_dtype_to_tensor_dtype(tensor.dtype), tensor.shape
    )


def _live(nodes: Sequence[onnx.NodeProto], outputs: set[str]) -> list[onnx.NodeProto]:
    wanted, kept = set(outputs), []
    for node in reversed(nodes):
        if wanted.intersection(node.output):
            kept.append(node)
            wanted.update(node.input)
    return kept[::-1]


def _renamed(nodes: list[onnx.NodeProto], outputs: Mapping[str, Tensor]) -> list[onnx.NodeProto]:
    """Give the outputs their names; an identity stands where one value has two names or no node makes it."""
    made = {name for node in nodes for name in node.output}
    names: dict[str, str] = {}
    identities = []
    for key, tensor in outputs.items():
        if tensor.name in made and tensor.name not in names:
            names[tensor.name] = key
        else:
            identities.append(onnx.helper.make_node("Identity", [tensor.name], [key]))
    for node in (nodes := nodes + identities):
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    return nodes
