"""Run the items of a batch as parallel single-thread inferences on the shared workers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from sitepose.core.errors import WeightsError
from sitepose.models.runtimes.api import AnyArray, RuntimeInfo
from sitepose.models.runtimes.workers import Workers

Dims = tuple[int | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What goes into a network and what comes out, as its file declares it.

    Attributes:
        input_names: Names of the inputs, in order.
        input_shapes: Shape of each; None where the file leaves it open.
        input_dtypes: Type of the numbers of each.
        output_names: Names of the outputs, in order.
        output_shapes: Shape of each; None where the file leaves it open.
    """

    input_names: tuple[str, ...]
    input_shapes: tuple[Dims, ...]
    input_dtypes: tuple[np.dtype[np.generic], ...]
    output_names: tuple[str, ...]
    output_shapes: tuple[Dims, ...]

    @property
    def free_batch(self) -> bool:
        """Whether one inference takes any number of items."""
        return bool(self.input_shapes[0]) and self.input_shapes[0][0] is None

    def is_batched(self, output: int) -> bool:
        """Return whether the first axis of an output counts items; else the items are stacked."""
        first = self.output_shapes[output][:1]
        return first == (1,) or (first == (None,) and self.free_batch)


class StreamedSession:
    """A loaded network; see :class:`sitepose.models.runtimes.api.Session`.

    Args:
        signature: What goes in and out.
        info: What is really used.
        workers: The threads that the inferences run on.
        infer: Runs one piece of a batch, shape (n, ...), and returns fresh arrays, one for each output.
            Called from several threads at once.
        items: How many items one call of ``infer`` takes at most; None for a whole batch.
    """

    def __init__(
        self,
        *,
        signature: Signature,
        info: RuntimeInfo,
        workers: Workers,
        infer: Callable[[AnyArray], Sequence[AnyArray]],
        items: int | None = 1,
    ) -> None:
        self.info = info
        self.input_names = signature.input_names
        self.input_shapes = signature.input_shapes
        self.output_names = signature.output_names
        self._signature = signature
        self._workers = workers
        self._infer: Callable[[AnyArray], Sequence[AnyArray]] | None = infer
        self._items = items

    def run(self, batch: AnyArray) -> tuple[AnyArray, ...]:
        """Run N items through the network; shape and type of the batch are checked.

        Raises:
            ValueError: The batch does not fit the network's input, or the session is closed.
        """
        if self._infer is None:
            raise ValueError("the session is closed")
        self._check(batch)
        pieces = np.split(batch, _cuts(len(batch), self._items)) if len(batch) else []
        results = self._workers.map(self._infer, pieces)
        return tuple(
            self._join(output, [r[output] for r in results]) for output in range(len(self.output_names))
        )

    def close(self) -> None:
        """Give the memory back; calling it twice is fine."""
        self._infer = None

    def _check(self, batch: AnyArray) -> None:
        shape, dtype = self._signature.input_shapes[0], self._signature.input_dtypes[0]
        fits = len(batch.shape) == len(shape) and all(
            want is None or want == got for want, got in zip(shape[1:], batch.shape[1:], strict=True)
        )
        if not fits or batch.dtype != dtype:
            expected = ("N", *("?" if side is None else side for side in shape[1:]))
            raise ValueError(
                f"input {self.input_names[0]!r} has shape {batch.shape} and {batch.dtype}, "
                f"expected ({', '.join(map(str, expected))}) {dtype}"
            )

    def _join(self, output: int, pieces: list[AnyArray]) -> AnyArray:
        batched = self._signature.is_batched(output)
        if not pieces:
            declared = self._signature.output_shapes[output]
            return np.empty((0, *(side or 0 for side in (declared[1:] if batched else declared))), np.float32)
        if not batched:
            return np.stack(pieces)
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)


def _cuts(count: int, items: int | None) -> list[int]:
    """Return where to cut a batch of N > 0: into pieces of ``items``, and a small rest into single items.

    >>> _cuts(4, 4), _cuts(7, 4), _cuts(6, 4), _cuts(3, 1)
    ([], [4], [4, 5], [1, 2])
    """
    if items is None:
        return []
    whole = count // items * items
    # A rest of more than half a piece costs less as a piece with empty places.
    lone = [] if 2 * (count - whole) > items else range(whole, count)
    return sorted({*range(items, whole + 1, items), *lone} - {0, count})


def check_single_input(signature: Signature, path: str) -> None:
    """Refuse networks that these sessions cannot feed.

    Raises:
        WeightsError: The network has no input, several, or a fixed batch above 1.
    """
    if len(signature.input_names) != 1:
        raise WeightsError(f"{path}: the network has {len(signature.input_names)} inputs, expected 1")
    batch = signature.input_shapes[0][:1]
    if batch not in ((1,), (None,)):
        raise WeightsError(
            f"{path}: the network's batch is fixed at {batch[0] if batch else 'none'}, expected 1"
        )


def select_outputs(available: Sequence[str], wanted: Sequence[str] | None, path: str) -> tuple[str, ...]:
    """Return the outputs to compute, all of them unless told otherwise.

    Raises:
        WeightsError: The network lacks one that is wanted.
    """
    for name in wanted or ():
        if name not in available:
            raise WeightsError(f"{path}: the network has no output {name!r}; it has {', '.join(available)}")
    return tuple(wanted) if wanted else tuple(available)
