"""ONNX Runtime: float32 and int8 on the processor, CUDA where the library was built with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime as ort

from sitepose.core.errors import ConfigError, WeightsError
from sitepose.models.runtimes.api import AnyArray, RuntimeInfo, RuntimeOptions
from sitepose.models.runtimes.onnx_file import OnnxFile
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
    file: OnnxFile,
    *,
    options: RuntimeOptions,
    workers: Workers,
    outputs: Sequence[str] | None = None,
    columns: int | None = None,
) -> StreamedSession:
    """Load a network.

    Args:
        file: The network.
        options: What is asked for; ``precision`` must be ``auto``, ``fp32`` or, for a quantised file, ``int8``.
        workers: The threads that inferences run on.
        outputs: Names of the outputs to compute, in this order; all by default.
        columns: How many entries of the last axis of the only output are needed; all by default.

    Raises:
        ConfigError: The machine or the library lacks what is asked for.
        WeightsError: The file is missing, damaged or does not fit.
    """
    precision = _precision(file, options)
    # Channel shuffles stay: this library keeps channels in blocks of 16 and loses by folding what it saves.
    network = file.rewritten(fold_shuffles=False, columns=columns)
    weights = network.large_weights()
    session = _load(network, weights, options)
    provider = session.get_providers()[0]
    if options.device.startswith("cuda") and provider != CUDA_PROVIDER:
        raise ConfigError(f"device {options.device!r}: onnxruntime could not start CUDA and offers {provider}")
    names = select_outputs([node.name for node in session.get_outputs()], outputs, str(file.path))
    signature = _signature(session, names)
    check_single_input(signature, str(file.path))
    on_gpu = provider == CUDA_PROVIDER
    info = RuntimeInfo(
        library="onnxruntime",
        version=ort.__version__,
        device=provider,
        precision=precision,
        streams=1 if on_gpu else workers.threads,
        threads_per_stream=1 if on_gpu else options.threads_per_item,
    )
    infer = _Inference(session, signature.input_names[0], names, weights)
    items = None if on_gpu and signature.free_batch else 1
    return StreamedSession(signature=signature, info=info, workers=workers, infer=infer, items=items)


@dataclass(frozen=True, slots=True)
class _Inference:
    """Runs a session, and keeps the weights that it looks at for as long."""

    session: ort.InferenceSession
    input_name: str
    output_names: tuple[str, ...]
    weights: Mapping[str, AnyArray]

    def __call__(self, piece: AnyArray) -> list[AnyArray]:
        results: list[AnyArray] = self.session.run(self.output_names, {self.input_name: piece})
        return results


def _precision(file: OnnxFile, options: RuntimeOptions) -> str:
    """Return the precision that the file will run at, or say why the one asked for cannot be had."""
    if options.precision in {"bf16", "fp16"}:
        raise ConfigError(
            f"precision {options.precision!r}: onnxruntime runs a file in the precision it is stored in; "
            "choose fp32, or bf16 with openvino"
        )
    if options.precision == "int8" and not file.quantized:
        raise ConfigError(f"precision 'int8': {file.path} is not quantised; make an int8 file of it first")
    if options.precision == "fp32" and file.quantized:
        raise ConfigError(f"precision 'fp32': {file.path} is quantised to int8; choose int8 or the fp32 file")
    return "int8" if file.quantized else "fp32"


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


def _load(network: OnnxFile, weights: Mapping[str, AnyArray], options: RuntimeOptions) -> ort.InferenceSession:
    providers = _providers(options.device)
    settings = ort.SessionOptions()
    settings.intra_op_num_threads = options.threads_per_item
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
    settings.inter_op_num_threads = 1
    settings.log_severity_level = 3
    values = [ort.OrtValue.ortvalue_from_numpy(array) for array in weights.values()]
    settings.add_external_initializers(list(weights), values)
    try:
        return ort.InferenceSession(network.to_load(), settings, providers=providers)
    except Exception as error:  # the library's exceptions have no common base of their own
        reason = " ".join(str(error).split())
        raise WeightsError(
            f"{network.path}: not a network that onnxruntime can load ({reason:.200})"
        ) from error


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
