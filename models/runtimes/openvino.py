"""OpenVINO: float32, bfloat16 and int8 on the processor."""

from __future__ import annotations

import dataclasses
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from sitepose.core.errors import ConfigError, WeightsError
from sitepose.models.runtimes.api import AnyArray, RuntimeInfo, RuntimeOptions
from sitepose.models.runtimes.compiled import make_room
from sitepose.models.runtimes.machine import has_native_bf16
from sitepose.models.runtimes.onnx_file import OnnxFile
from sitepose.models.runtimes.openvino_requests import Pieces, Requests, agree
from sitepose.models.runtimes.process_locale import KEPT_LOCALE
from sitepose.models.runtimes.streams import (
    Dims,
    Signature,
    StreamedSession,
    check_single_input,
    select_outputs,
)
from sitepose.models.runtimes.workers import Workers

DEVICE = "CPU"
TELEMETRY = "openvino_telemetry"
"""The module through which OpenVINO tells its maker of its use unless each user objects."""
PRECISIONS = {"fp32": "f32", "bf16": "bf16", "fp16": "f16", "int8": "f32"}
"""Our names to OpenVINO's; a quantised network computes what is not quantised in float32."""
REPORTED = {"f32": "fp32", "bf16": "bf16", "f16": "fp16", "u8": "int8", "i8": "int8"}
"""OpenVINO's names of precisions to ours."""
HEAVY_LAYERS = frozenset({"Convolution", "GroupConvolution", "Deconvolution", "FullyConnected", "MatMul"})
"""Layers that do the work: the precision that most of them run at is the network's."""


def open_openvino(
    file: OnnxFile,
    *,
    options: RuntimeOptions,
    workers: Workers,
    outputs: Sequence[str] | None = None,
    columns: int | None = None,
    items: int = 1,
) -> StreamedSession:
    """Load and compile a network.

    Args:
        file: The network.
        options: What is asked for; the device must be ``auto`` or ``cpu``.
        workers: The threads that inferences run on; each has its own stream of one thread, or some share one.
        outputs: Names of the outputs to compute, in this order; all by default.
        columns: How many entries of the last axis of the only output are needed; all by default.
        items: How many items an inference should take, where the network can be rewritten so.

    Raises:
        ConfigError: The processor or the library lacks what is asked for.
        WeightsError: The file is missing, damaged or does not fit.
    """
    if options.device not in {"auto", "cpu"}:
        raise ConfigError(
            f"device {options.device!r}: openvino runs on the CPU here; choose onnxruntime for CUDA"
        )
    core = _core(options.compiled)
    precision = _precision(core, file, options)
    network = file.rewritten(fold_shuffles=True, columns=columns)
    weights = network.large_weights()
    model, signature = _read(core, network, weights, outputs)
    settings = {
        "INFERENCE_PRECISION_HINT": PRECISIONS[precision],
        "NUM_STREAMS": max(1, workers.threads // options.threads_per_item),
        "INFERENCE_NUM_THREADS": max(workers.threads, options.threads_per_item),
        "ENABLE_HYPER_THREADING": True,
        "ENABLE_CPU_PINNING": False,  # two networks pinned to the same processors would wait for each other
    }
    # Compiling takes one processor each.
    with KEPT_LOCALE, ThreadPoolExecutor(1, thread_name_prefix="compile") as pool:
        compiling = pool.submit(_compiled_for_several, core, network, items, signature.output_names, settings)
        try:
            compiled = core.compile_model(model, DEVICE, settings)
        except RuntimeError as error:
            raise WeightsError(f"{file.path}: openvino cannot compile it ({_one_line(error)})") from error
    info = _info(compiled, precision, file.path)
    alone, together = Requests(compiled, workers.threads, weights), compiling.result()
    if together is None or not agree(together, alone):
        return StreamedSession(signature=signature, info=info, workers=workers, infer=alone)
    return StreamedSession(
        signature=signature,
        info=dataclasses.replace(info, items=items),
        workers=workers,
        infer=Pieces(alone, together, items),
        items=items,
    )


def _library() -> Any:
    """Import OpenVINO with its telemetry barred: it then uses its own stand-in, which sends nothing."""
    sys.modules.setdefault(TELEMETRY, None)  # type: ignore[arg-type]
    import openvino

    return openvino


def _core(compiled: Path | None) -> Any:
    """Return a new core, which keeps what it compiles in this folder."""
    core = _library().Core()
    folder = make_room(compiled)
    if folder is not None:
        core.set_property({"CACHE_DIR": str(folder)})
    return core


def _compiled_for_several(
    core: Any, network: OnnxFile, items: int, outputs: Sequence[str], settings: dict[str, Any]
) -> Requests | None:
    """Return the network for several items at once; None where none are wanted, or it cannot be had."""
    several = network.for_items(items) if items > 1 else None
    if several is None:
        return None
    try:
        weights = several.large_weights()
        model = _with_outputs(_read_model(core, several, weights), outputs)
        compiled = core.compile_model(model, DEVICE, settings)
    except RuntimeError:
        return None
    return Requests(compiled, int(settings["NUM_STREAMS"]), weights)


def _with_outputs(model: Any, names: Sequence[str]) -> Any:
    if [_name(port, i) for i, port in enumerate(model.outputs)] == list(names):
        return model
    return _library().Model([model.output(name) for name in names], model.get_parameters())


def _precision(core: Any, file: OnnxFile, options: RuntimeOptions) -> str:
    """Return the precision to compile for, or say why the one asked for cannot be had."""
    if file.quantized and options.precision not in {"auto", "int8"}:
        raise ConfigError(
            f"precision {options.precision!r}: {file.path} is quantised to int8; choose int8 or the fp32 file"
        )
    if file.quantized:
        return "int8"
    if options.precision == "int8":
        raise ConfigError(f"precision 'int8': {file.path} is not quantised; make an int8 file of it first")
    if options.precision == "auto":
        return "bf16" if has_native_bf16() else "fp32"
    capabilities = core.get_property(DEVICE, "OPTIMIZATION_CAPABILITIES")
    if options.precision.upper() not in capabilities:
        offered = ", ".join(name for name in ("fp32", "bf16", "fp16") if name.upper() in capabilities)
        raise ConfigError(f"precision {options.precision!r}: this processor lacks it; it has {offered}")
    return options.precision


def _read(
    core: Any, network: OnnxFile, weights: Mapping[str, AnyArray], outputs: Sequence[str] | None
) -> tuple[Any, Signature]:
    """Return the network with the wanted outputs alone and a batch of 1, and its signature as published."""
    path = str(network.path)
    try:
        model = _read_model(core, network, weights)
    except RuntimeError as error:
        raise WeightsError(f"{path}: not a network that openvino can load ({_one_line(error)})") from error
    names = select_outputs([_name(port, i) for i, port in enumerate(model.outputs)], outputs, path)
    model = _with_outputs(model, names)
    signature = Signature(
        input_names=tuple(_name(port, i) for i, port in enumerate(model.inputs)),
        input_shapes=tuple(_dims(port) for port in model.inputs),
        input_dtypes=tuple(np.dtype(port.get_element_type().to_dtype()) for port in model.inputs),
        output_names=names,
        output_shapes=tuple(_dims(port) for port in model.outputs),
    )
    check_single_input(signature, path)
    if signature.free_batch:
        shape = model.inputs[0].get_partial_shape()
        shape[0] = 1
        model.reshape(shape)
    return model, signature


def _read_model(core: Any, network: OnnxFile, weights: Mapping[str, AnyArray]) -> Any:
    """Return the library's form of a network, large weights where they are in memory."""
    if not weights:
        return core.read_model(network.to_load())
    model = core.read_model(network.fed_weights())
    constant = _library().op.Constant
    for name, array in weights.items():
        parameter = model.input(name).get_node()
        parameter.output(0).replace(constant(array, shared_memory=True).output(0))
        model.remove_parameter(parameter)
    model.validate_nodes_and_infer_types()
    return model


def _info(compiled: Any, precision: str, path: Path) -> RuntimeInfo:
    """Return what the compiled network says of itself; another precision than asked for is an error."""
    used = _executed_precision(compiled)
    if used != precision:
        raise ConfigError(f"precision {precision!r}: openvino runs {path} at {used} on this processor")
    streams = int(compiled.get_property("NUM_STREAMS"))
    return RuntimeInfo(
        library="openvino",
        version=str(_library().__version__).partition("-")[0],
        device=", ".join(compiled.get_property("EXECUTION_DEVICES")),
        precision=used,
        streams=streams,
        threads_per_stream=max(1, int(compiled.get_property("INFERENCE_NUM_THREADS")) // streams),
    )


def _executed_precision(compiled: Any) -> str:
    """Return int8 where any heavy layer runs at it (some never do), else what most heavy layers run at."""
    layers = [node.get_rt_info() for node in compiled.get_runtime_model().get_ordered_ops()]
    heavy = [layer for layer in layers if layer["layerType"].astype(str) in HEAVY_LAYERS]
    counts = Counter(layer["runtimePrecision"].astype(str) for layer in heavy)
    hint = str(compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name())
    used = [REPORTED.get(name, name) for name, _ in counts.most_common()]
    return "int8" if "int8" in used else (used or [REPORTED.get(hint, hint)])[0]


def _name(port: Any, index: int) -> str:
    return str(port.get_any_name()) if port.get_names() else f"output_{index}"


def _dims(port: Any) -> Dims:
    return tuple(side.get_length() if side.is_static else None for side in port.get_partial_shape())


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
