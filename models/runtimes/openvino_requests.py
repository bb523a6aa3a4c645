"""Inferences of a network that OpenVINO has compiled: one item at a time, or several."""

from __future__ import annotations

from collections.abc import Mapping
from queue import SimpleQueue
from typing import Any

import numpy as np

from sitepose.models.runtimes.api import AnyArray

SAME = 1e-3
"""How far a network for several items may be from the one for a single item; on x86 they give the same bits."""


class Requests:
    """One inference request for each worker; whoever comes takes a free one.

    Args:
        compiled: The network.
        count: How many.
        weights: What the network looks at; kept for as long.
    """

    def __init__(self, compiled: Any, count: int, weights: Mapping[str, AnyArray]) -> None:
        from openvino import Tensor

        self._compiled = compiled
        self._weights = weights
        self._tensor = Tensor
        self._free: SimpleQueue[Any] = SimpleQueue()
        for _ in range(count):
            self._free.put(compiled.create_infer_request())

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of the input, which must be fixed."""
        return tuple(self._compiled.inputs[0].get_shape())

    @property
    def input_dtype(self) -> Any:
        """Data type of the input."""
        return np.dtype(self._compiled.inputs[0].get_element_type().to_dtype())

    def __call__(self, piece: AnyArray) -> list[AnyArray]:
        """Return the outputs of a piece of the batch."""
        request = self._free.get()
        try:
            # `request.infer([piece])` does the same and costs a third of a millisecond more in Python.
            request.set_input_tensor(self._tensor(np.ascontiguousarray(piece), shared_memory=True))
            request.start_async()
            request.wait()
            return [tensor.data.copy() for tensor in request.output_tensors]
        finally:
            self._free.put(request)


class Pieces:
    """Single items through one network, more through the other, with its empty places filled."""

    def __init__(self, alone: Requests, together: Requests, items: int) -> None:
        self._alone = alone
        self._together = together
        self._items = items

    def __call__(self, piece: AnyArray) -> list[AnyArray]:
        """Return the outputs of a piece of the batch."""
        if len(piece) == 1:
            return self._alone(piece)
        missing = self._items - len(piece)
        full = np.concatenate([piece, np.repeat(piece[-1:], missing, axis=0)]) if missing else piece
        return [result[: len(piece)] for result in self._together(full)]


def agree(together: Requests, alone: Requests) -> bool:
    """Return whether a network for several items gives the same as the one for a single item.

    A file may name its batch of 1 anywhere. Where that stops nothing, but changes the result, only a try shows.
    """
    items = np.random.default_rng(0).uniform(0, 2, together.input_shape).astype(together.input_dtype)
    for got, *results in zip(together(items), *map(alone, items[:, None]), strict=True):
        expected = np.concatenate(results)
        if got.shape != expected.shape or not np.allclose(got, expected, rtol=SAME, atol=SAME):
            return False
    return True
