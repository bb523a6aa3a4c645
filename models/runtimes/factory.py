"""Open a network with the library, device and precision that were asked for, or the best of this machine."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from sitepose.core.errors import ConfigError, did_you_mean
from sitepose.models.runtimes.api import RuntimeOptions, Session
from sitepose.models.runtimes.machine import has_native_bf16
from sitepose.models.runtimes.onnx_file import OnnxFile, read_onnx
from sitepose.models.runtimes.workers import Workers

LIBRARIES = ("openvino", "onnxruntime")
"""What can run an ONNX file."""

CUDA_PACKAGE = "onnxruntime-gpu"
"""Who has installed this means to use it."""


def open_session(
    network: Path | OnnxFile,
    *,
    options: RuntimeOptions,
    workers: Workers,
    outputs: Sequence[str] | None = None,
    columns: int | None = None,
    items: int = 1,
) -> Session:
    """Load a network.

    Args:
        network: An ONNX file with one input, or what was read from it and changed.
        options: What is asked for. ``auto`` decides by the file and facts of the machine.
        workers: The threads that inferences run on.
        outputs: Names of the outputs to compute, in this order; all by default.
        columns: How many entries of the last axis of the only output are needed. Those beyond may be missing
            from the result: a detector of people does without the other classes.
        items: How many items one inference should take on a processor, where the library and the file allow it:
            the result is the same, but for the time.

    Raises:
        ConfigError: The machine lacks what is asked for; nothing falls back in silence.
        WeightsError: The file is missing, damaged or does not fit.
    """
    _check_device(options.device)
    file = read_onnx(network) if isinstance(network, Path) else network
    library = choose_library(options, quantized=file.quantized)
    if library == "openvino":
        from sitepose.models.runtimes.openvino import open_openvino

        return open_openvino(
            file, options=options, workers=workers, outputs=outputs, columns=columns, items=items
        )
    from sitepose.models.runtimes.onnxruntime import open_onnxruntime

    return open_onnxruntime(file, options=options, workers=workers, outputs=outputs, columns=columns)


def choose_library(options: RuntimeOptions, *, quantized: bool) -> str:
    """Return the library that ``auto`` stands for, or the one asked for.

    OpenVINO where the network is to run in bfloat16 (ONNX Runtime has none on a CPU), ONNX Runtime for
    float32, int8 and CUDA.

    Raises:
        ConfigError: The library is unknown or not installed.
    """
    if options.library != "auto":
        if options.library not in LIBRARIES:
            hint = did_you_mean(options.library, LIBRARIES)
            raise ConfigError(f"runtime {options.library!r} cannot run an ONNX file; {hint}")
        if find_spec(options.library) is None:
            raise ConfigError(f"runtime {options.library!r} is not installed; pip install {options.library}")
        return options.library
    on_cpu = options.device == "cpu" or (options.device == "auto" and not _is_installed(CUDA_PACKAGE))
    if options.precision in {"bf16", "fp16"}:
        wanted = options.device in {"auto", "cpu"}  # ONNX Runtime has neither
    elif quantized or options.precision == "int8":
        wanted = False
    else:
        wanted = on_cpu and options.precision == "auto" and has_native_bf16()
    return "openvino" if wanted and find_spec("openvino") is not None else "onnxruntime"


def _is_installed(package: str) -> bool:
    try:
        return bool(version(package))
    except PackageNotFoundError:
        return False


def _check_device(device: str) -> None:
    kind, _, number = device.partition(":")
    if kind not in {"auto", "cpu", "cuda"} or (number and (kind != "cuda" or not number.isdecimal())):
        raise ConfigError(f"device {device!r} is unknown; there is: auto, cpu, cuda, cuda:1")
