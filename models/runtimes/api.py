"""What every runtime offers: open a network file, run batches through it, say what was really used."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from numpy.typing import NDArray

Precision = Literal["auto", "fp32", "bf16", "fp16", "int8"]

AnyArray = NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeOptions:
    """What was asked for.

    Attributes:
        library: ``openvino`` or ``onnxruntime``; ``auto`` takes OpenVINO for bfloat16 and ONNX Runtime for the
            rest.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:1``.
        precision: ``auto`` takes the lowest precision that the processor runs natively and that is known to
            keep the accuracy.
        threads_per_item: Threads that work on one item on a processor. One gives the most items a second where
            there are always several; more answer sooner.
        compiled: Folder in which compiled networks are kept for the next time, where the library can do so.
    """

    library: str = "auto"
    device: str = "auto"
    precision: Precision = "auto"
    threads_per_item: int = 1
    compiled: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeInfo:
    """What is really used; goes into the run report word for word.

    Attributes:
        library: Name of the library.
        version: Its version.
        device: The execution provider or device that the library itself reports.
        precision: The precision that the library itself reports.
        streams: Inferences that may run at once.
        threads_per_stream: Threads of each of them.
        items: Crops or frames that one inference takes where there are as many.
    """

    library: str
    version: str
    device: str
    precision: str
    streams: int
    threads_per_stream: int
    items: int = 1


class Session(Protocol):
    """A loaded network. Thread-safe: several stages may call :meth:`run` at once."""

    @property
    def info(self) -> RuntimeInfo:
        """What is really used."""

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the inputs, in order."""

    @property
    def input_shapes(self) -> tuple[tuple[int | None, ...], ...]:
        """Shape of each input; None where the network leaves it open."""

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the outputs, in order."""

    def run(self, batch: AnyArray) -> tuple[AnyArray, ...]:
        """Run N items through the network.

        Args:
            batch: First input, shape (N, ...), N >= 0. On a processor the items run in pieces of
                ``info.items``, as parallel single-thread streams; the result is the same either way and
                does not depend on what else runs at that moment.

        Returns:
            Every output, each with N as its first dimension.
        """

    def close(self) -> None:
        """Give the memory back; calling it twice is fine."""
