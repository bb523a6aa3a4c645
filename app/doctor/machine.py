"""What is installed on this machine, what is missing, and what to do about it."""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, distributions, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from sitepose.app.doctor.findings import Finding, apt, pip
from sitepose.app.doctor.live import cameras, live_sources
from sitepose.app.doctor.window import window
from sitepose.app.sessions.disk import show_size

DISK_TEST_BYTES = 64 << 20
SLOW_DISK = 10_000_000
"""Bytes per second below which several cameras cannot be recorded."""

CODECS: dict[str, tuple[str, Literal["r", "w"]]] = {
    "reads H.264": ("h264", "r"),
    "reads H.265": ("hevc", "r"),
    "reads MJPEG": ("mjpeg", "r"),
    "writes H.264": ("libx264", "w"),
}
"""What videos are read and overlays are written with."""


def examine(disk: Path) -> Iterator[Finding]:
    """Yield what is found, topic by topic; nothing that is broken ends it.

    Args:
        disk: Folder of recordings, whose disk is measured.
    """
    checks: tuple[tuple[str, Callable[[], Iterator[Finding]]], ...] = (
        ("Python", _python),
        ("Live sources", live_sources),
        ("Cameras", cameras),
        ("Window", window),
        ("Networks", _runtimes),
        ("Disk", lambda: _disk(disk)),
    )
    for topic, check in checks:
        try:
            yield from check()
        except Exception as error:  # noqa: BLE001  the edge of other people's libraries: that is what we look for
            yield Finding(topic, "check", "bad", f"{type(error).__name__}: {error}")


def _python() -> Iterator[Finding]:
    yield Finding("Python", "Python", "good", f"{sys.version.split()[0]} ({sys.executable})")
    for name in ("sitepose", "av", "numpy"):
        yield Finding("Python", name, "good", version(name))
    owners = sorted(
        name for dist in distributions() if (name := dist.metadata["Name"] or "").startswith("opencv-")
    )
    two = len(owners) > 1
    remedy = "keep opencv-python-headless alone: uninstall all of them, then install it" if two else ""
    yield Finding("Python", "OpenCV", "bad" if two else "good", ", ".join(owners), remedy)
    yield _codecs()


def _codecs() -> Finding:
    lacking = [label for label, (name, mode) in CODECS.items() if not _has_codec(name, mode)]
    if lacking:
        remedy = "pip install --force-reinstall --only-binary :all: av"
        return Finding("Python", "codecs of PyAV", "missing", f"none that {', '.join(lacking)}", remedy)
    return Finding("Python", "codecs of PyAV", "good", ", ".join(CODECS))


def _has_codec(name: str, mode: Literal["r", "w"]) -> bool:
    from av.codec import Codec
    from av.error import FFmpegError

    try:
        Codec(name, mode)
    except (FFmpegError, ValueError):
        return False
    return True


def _runtimes() -> Iterator[Finding]:
    yield from _openvino()
    yield from _onnxruntime()
    yield from _torch()


def _openvino() -> Iterator[Finding]:
    if find_spec("openvino") is None:
        yield Finding("Networks", "OpenVINO", "missing", "", "pip install openvino")
        return
    from sitepose.models.runtimes.openvino import TELEMETRY

    # Barred: nothing is sent from here.
    sys.modules.setdefault(TELEMETRY, None)  # type: ignore[arg-type]
    core = importlib.import_module("openvino").Core()
    devices = [f"{name} ({core.get_property(name, 'FULL_DEVICE_NAME')})" for name in core.available_devices]
    yield Finding("Networks", "OpenVINO", "good", f"{_version('openvino')}: {', '.join(devices)}")
    cards = sorted(path.name for path in Path("/dev/dri").glob("renderD*"))
    if cards and not any(name.startswith("GPU") for name in core.available_devices):
        detail = f"/dev/dri/{cards[0]} cannot be used; if it is Intel's: {apt(['intel-opencl-icd'])}"
        yield Finding("Networks", "Intel GPU", "none", detail)


def _onnxruntime() -> Iterator[Finding]:
    if find_spec("onnxruntime") is None:
        yield Finding("Networks", "ONNX Runtime", "missing", "", "pip install onnxruntime")
        return
    module: Any = importlib.import_module("onnxruntime")
    # "Azure" is a service elsewhere, which is never asked.
    names = [name.removesuffix("ExecutionProvider") for name in module.get_available_providers()]
    providers = [name for name in names if name != "Azure"]
    yield Finding("Networks", "ONNX Runtime", "good", f"{module.__version__}: {', '.join(providers)}")


def _torch() -> Iterator[Finding]:
    if find_spec("torch") is None:
        yield Finding("Networks", "PyTorch", "none", f"needed for training and CUDA: {pip('torch')}")
        return
    torch: Any = importlib.import_module("torch")
    built = torch.version.cuda
    cards = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())] if built else []
    yield Finding("Networks", "PyTorch", "good", f"{torch.__version__}")
    driver = Path("/proc/driver/nvidia/version").exists()
    if cards:
        yield Finding("Networks", "CUDA", "good", f"{built}: {', '.join(cards)}")
    elif driver:
        reason = "PyTorch is built without CUDA" if not built else "PyTorch sees no card"
        yield Finding("Networks", "CUDA", "bad", reason, "install the CUDA build of PyTorch")
    else:
        yield Finding("Networks", "CUDA", "none", "no NVIDIA driver")


def _disk(folder: Path) -> Iterator[Finding]:
    while not folder.is_dir():
        folder = folder.parent
    state = os.statvfs(folder)
    free = state.f_bavail * state.f_frsize
    yield Finding("Disk", "free", "good", f"{show_size(free)} at {folder.resolve()}")
    if free < 4 * DISK_TEST_BYTES:
        yield Finding("Disk", "speed", "bad", "too little room to measure", "make room")
        return
    try:
        speed, sync_ms = _measured(folder)
    except OSError as error:
        detail = f"{folder.resolve()} cannot be written: {error.strerror}"
        yield Finding("Disk", "speed", "bad", detail, "record to another folder: record --output DIR")
        return
    slow = speed < SLOW_DISK
    yield Finding(
        "Disk",
        "speed",
        "bad" if slow else "good",
        f"{show_size(int(speed))}/s written and synced, a small sync takes {sync_ms:.1f} ms",
        "record to another disk" if slow else "",
    )


def _measured(folder: Path) -> tuple[float, float]:
    """Return bytes per second of a large write, and milliseconds of a small synced one."""
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".sitepose-speed-") as file:
        block = os.urandom(1 << 20)
        began = time.perf_counter()
        for _ in range(DISK_TEST_BYTES >> 20):
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
        speed = DISK_TEST_BYTES / (time.perf_counter() - began)
        times = []
        for _ in range(9):
            began = time.perf_counter()
            file.write(b"x" * 200)
            file.flush()
            os.fsync(file.fileno())
            times.append(time.perf_counter() - began)
    return speed, sorted(times)[len(times) // 2] * 1000


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "?"
