"""ONNX Runtime: float32 and int8 on the processor, CUDA where the library was built with it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from sitepose.core.errors import ConfigError, WeightsError
from sitepose.models.runtimes.api import AnyArray, RuntimeInfo, RuntimeOptions
from sitepose.models.runtimes.focus import without_focus
from sitepose.models.runtimes.onnx_file import has_external_data, has_quantization, load_graph
from sitepose.models.runtimes.streams import (
    Dims,
    Signature,
    StreamedSession,
    check_single_input,
    select_outputs,
)
from sitepose.models.runtimes.workers import Workers

CPU_PROVIDER = "CPUExecutionProvider"
CUDA_PROVIDER = "CUDAExecutionProvider"

DTYPES = {"tensor(float)": "f4", "tensor(int32)": "i4", "tensor(uint8)": "u1", "tensor(float16)": "f2"}
"""ONNX Runtime's names of the types that a network may take."""


def open_onnxruntime(
    path: Path, *, options: RuntimeOptions, workers: Workers, outputs: Sequence[str] | None = None
) -> StreamedSession:
    """Load an ONNX file.

    Args:
        path: The file.
        options: What is asked for; ``precision`` must be ``auto``, ``fp32`` or, for a quantised file, ``int8``.
        workers: The threads that inferences run on.
        outputs: Names of the outputs to compute, in this order; all by default.

    Raises:
        ConfigError: The machine or the library lacks what is asked for.
        WeightsError: The file is missing, damaged or does not fit.
    """
    published = load_graph(path)
    precision = _precision(path, options, quantized=has_quantization(published))
    session = _load(path, published, _providers(options.device))
    provider = session.get_providers()[0]
    if options.device.startswith("cuda") and provider != CUDA_PROVIDER:
        raise ConfigError(f"device {options.device!r}: onnxruntime could not start CUDA and offers {provider}")
    names = select_outputs([node.name for node in session.get_outputs()], outputs, str(path))
    signature = _signature(session, names)
    check_single_input(signature, str(path))
    on_gpu = provider == CUDA_PROVIDER
    info = RuntimeInfo(
        library="onnxruntime",
        version=ort.__version__,
        device=provider,
        precision=precision,
        streams=1 if on_gpu else workers.threads,
        threads_per_stream=1,
    )

    def infer(piece: AnyArray) -> list[AnyArray]:
        results: list[AnyArray] = session.run(names, {signature.input_names[0]: piece})
        return results

    items = None if on_gpu and signature.free_batch else 1
    return StreamedSession(signature=signature, info=info, workers=workers, infer=infer, items=items)


def _precision(path: Path, options: RuntimeOptions, *, quantized: bool) -> str:
    """Return the precision that the file will run at, or say why the one asked for cannot be had."""
    if options.precision in {"bf16", "fp16"}:
        raise ConfigError(
            f"precision {options.precision!r}: onnxruntime runs a file in the precision it is stored in; "
            "choose fp32, or bf16 with openvino"
        )
    if options.precision == "int8" and not quantized:
        raise ConfigError(f"precision 'int8': {path} is not quantised; make an int8 file of it first")
    if options.precision == "fp32" and quantized:
        raise ConfigError(f"precision 'fp32': {path} is quantised to int8; choose int8 or the fp32 file")
    return "int8" if quantized else "fp32"


def _providers(device: str) -> list[Any]:
    if device == "cpu":
        return [CPU_PROVIDER]
    has_cuda = CUDA_PROVIDER in ort.get_available_providers()
    if not has_cuda:
        if device != "auto":
            raise ConfigError(f"device {device!r}: this onnxruntime has no CUDA; pip install onnxruntime-gpu")
        return [CPU_PROVIDER]
    number = int(device.partition(":")[2] or 0)
    return [(CUDA_PROVIDER, {"device_id": number}), CPU_PROVIDER]


def _load(path: Path, published: Any, providers: list[Any]) -> ort.InferenceSession:
    settings = ort.SessionOptions()
    settings.intra_op_num_threads = 1
    settings.inter_op_num_threads = 1
    settings.log_severity_level = 3
    rewritten = published if has_external_data(published) else without_focus(published)
    network = str(path) if rewritten is published else rewritten.SerializeToString()
    try:
        return ort.InferenceSession(network, settings, providers=providers)
    except Exception as error:  # the library's exceptions have no common base of their own
        reason = " ".join(str(error).split())
        raise WeightsError(f"{path}: not a network that onnxruntime can load ({reason:.200})") from error


def _signature(session: ort.InferenceSession, outputs: tuple[str, ...]) -> Signature:
    inputs = session.get_inputs()
    shapes = {node.name: _dims(node.shape) for node in session.get_outputs()}
    return Signature(
        input_names=tuple(node.name for node in inputs),
        input_shapes=tuple(_dims(node.shape) for node in inputs),
        input_dtypes=tuple(np.dtype(DTYPES.get(node.type, "V1")) for node in inputs),
        output_names=outputs,
        output_shapes=tuple(shapes[name] for name in outputs),
    )


def _dims(shape: Sequence[int | str | None]) -> Dims:
    return tuple(side if isinstance(side, int) and side > 0 else None for side in shape)
