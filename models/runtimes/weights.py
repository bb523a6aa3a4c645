"""Large weights, kept out of the message that an ONNX file is.

Python's protobuf reads and writes a message in one call that holds the interpreter, 1 to 4 ms per MB for each
step: whoever paints a window in another thread waits for that. So large tensors are cut out of the bytes before
these are read as a message. Each leaves a reference behind, and is read into memory, with the interpreter free,
when somebody looks at it.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sitepose.core.errors import WeightsError
from sitepose.models.runtimes.api import AnyArray

LARGE = 1 << 16
"""Bytes from which on a tensor is kept out; smaller ones may be shapes, which must be known at once."""

PLACE = "sitepose.weights"
"""Stands in the message where a file beside it would be named; the offset is a number of :class:`Weights`."""

MESSAGES = {
    "model": {7: "graph"},
    "graph": {1: "node", 5: "tensor"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor"},
}
"""Which fields of which messages of ONNX lead to tensors; those of branches are left alone."""

RAW_DATA, FLOAT_DATA = 9, 4
"""Fields of a tensor that hold its numbers, one after another."""

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
"""How a field of a message is written."""


@dataclass(frozen=True, slots=True)
class _Span:
    """Where in a file a tensor's numbers are."""

    offset: int
    length: int


class Weights:
    """The large tensors of a network: of its file, or made since. Remembers what somebody has looked at.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._spans: list[_Span | None] = []
        self._arrays: dict[int, AnyArray] = {}

    def read_message(self) -> bytes:
        """Return the file without its large tensors, which are referred to.

        Raises:
            ValueError: It is no message.
            OSError: It cannot be read.
        """
        with self._path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return b"".join(self._without_tensors(data, 0, len(data), "model"))

    def array(self, tensor: Any) -> AnyArray:
        """Return the numbers of any tensor (``onnx.TensorProto``), kept here or in the message.

        Raises:
            WeightsError: They are not, or no longer, in the file.
        """
        from onnx import helper, numpy_helper

        number = _number(tensor)
        if number is None:
            return np.asarray(numpy_helper.to_array(tensor))
        if number not in self._arrays:
            dtype = helper.tensor_dtype_to_np_dtype(tensor.data_type)
            self._arrays[number] = self._read(number, dtype).reshape(tuple(tensor.dims))
        return self._arrays[number]

    def tensor(self, array: AnyArray, name: str) -> Any:
        """Return an array as an ``onnx.TensorProto``: a reference where it is large."""
        from onnx import TensorProto, helper, numpy_helper

        kind = helper.np_dtype_to_tensor_dtype(array.dtype)
        if array.nbytes < LARGE or kind not in _kinds():
            return numpy_helper.from_array(array, name)
        tensor = TensorProto(name=name, data_type=kind, dims=array.shape)
        number = next((n for n, known in self._arrays.items() if known is array), len(self._spans))
        if number == len(self._spans):
            self._spans.append(None)
            self._arrays[number] = array
        _refer(tensor, number)
        return tensor

    def referred(self, model: Any) -> dict[str, AnyArray]:
        """Return what a model's initializers refer to, by name."""
        tensors = [tensor for tensor in model.graph.initializer if _number(tensor) is not None]
        return {tensor.name: self.array(tensor) for tensor in tensors}

    def _read(self, number: int, dtype: np.dtype[Any]) -> AnyArray:
        span = self._spans[number] if number < len(self._spans) else None
        if span is None:
            raise WeightsError(f"{self._path}: damaged; it refers to weights that it does not have")
        array = np.empty(span.length // dtype.itemsize, dtype)
        try:
            with self._path.open("rb") as file:
                file.seek(span.offset)
                read = file.readinto(array.data.cast("B"))
        except OSError as error:
            raise WeightsError(f"{self._path}: cannot be read ({error.strerror})") from error
        if read != span.length:
            raise WeightsError(f"{self._path}: was changed while it was read")
        return array

    def _without_tensors(self, data: mmap.mmap, start: int, end: int, kind: str) -> Iterator[bytes]:
        """Yield a message piece by piece, large tensors replaced by references."""
        kept = start
        for field in _fields(data, start, end):
            inner = MESSAGES[kind].get(field.number)
            if inner is None or field.wire != LENGTH or field.end - field.value < LARGE:
                continue
            if inner == "tensor":
                message = self._reference(data, field)
            else:
                message = b"".join(self._without_tensors(data, field.value, field.end, inner))
            if message is not None:
                yield data[kept : field.start]
                yield _varint(field.number << 3 | LENGTH) + _varint(len(message)) + message
                kept = field.end
        yield data[kept:end]

    def _reference(self, data: mmap.mmap, field: _Field) -> bytes | None:
        """Return a tensor without its numbers, and remember where they are; None where it must stay whole."""
        from onnx import TensorProto, helper

        inner = list(_fields(data, field.value, field.end))
        values = [part for part in inner if part.end - part.value >= LARGE]
        if len(values) != 1 or values[0].number not in (RAW_DATA, FLOAT_DATA):
            return None
        rest = b"".join(data[part.start : part.end] for part in inner if part is not values[0])
        tensor = TensorProto.FromString(rest)
        length = values[0].end - values[0].value
        allowed = _kinds() if values[0].number == RAW_DATA else {TensorProto.FLOAT}
        if tensor.data_type not in allowed or tensor.external_data:
            return None
        if math.prod(tensor.dims) * helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize != length:
            return None
        _refer(tensor, len(self._spans))
        self._spans.append(_Span(values[0].value, length))
        return bytes(tensor.SerializeToString())


@dataclass(frozen=True, slots=True)
class _Field:
    """A field of a message: its number, how it is written, and where it, its value and its end are."""

    number: int
    wire: int
    start: int
    value: int
    end: int


def _fields(data: mmap.mmap, start: int, end: int) -> Iterator[_Field]:
    """Yield the fields of a message.

    Raises:
        ValueError: It is none.
    """
    place = start
    while place < end:
        tag, value = _read_varint(data, place, end)
        wire = tag & 7
        if wire == VARINT:
            after = _read_varint(data, value, end)[1]
        elif wire == LENGTH:
            length, value = _read_varint(data, value, end)
            after = value + length
        elif wire in (FIXED32, FIXED64):
            after = value + (4 if wire == FIXED32 else 8)
        else:
            raise ValueError("no such way to write a field")
        if after > end:
            raise ValueError("a field ends after its message")
        yield _Field(tag >> 3, wire, place, value, after)
        place = after


def _read_varint(data: mmap.mmap, place: int, end: int) -> tuple[int, int]:
    """Return a number, seven bits to a byte with the lowest first, and the place behind it."""
    number = 0
    for shift in range(0, 70, 7):
        if place >= end:
            raise ValueError("a number ends after its message")
        byte = data[place]
        place += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, place
    raise ValueError("a number is too long")


def _varint(number: int) -> bytes:
    r"""Return how a number is written.

    >>> _varint(300)
    b'\xac\x02'
    """
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*written, number])


def _kinds() -> frozenset[int]:
    """Return the types whose numbers lie in a file as in memory, and that every library here takes."""
    from onnx import TensorProto

    return frozenset({TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.INT8, TensorProto.UINT8})


def _refer(tensor: Any, number: int) -> None:
    from onnx import TensorProto

    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", PLACE), ("offset", str(number))):
        tensor.external_data.add(key=key, value=value)


def _number(tensor: Any) -> int | None:
    """Return which of the large tensors one refers to; None where it refers to none."""
    entries = {entry.key: entry.value for entry in tensor.external_data}
    number = entries.get("offset", "")
    return int(number) if entries.get("location") == PLACE and number.isdecimal() else None


def is_elsewhere(tensor: Any) -> bool:
    """Return whether a tensor's numbers are in a file beside the network's."""
    return bool(tensor.external_data) and _number(tensor) is None
