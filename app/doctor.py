"""What is installed on this machine, what is missing, and what to do about it."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distributions, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from sitepose.app.sessions.disk import show_size
from sitepose.core.errors import PluginError
from sitepose.plugins.sources.live.cameras import list_cameras
from sitepose.plugins.sources.live.gst_library import HOW_TO_INSTALL, PACKAGE_OF_ELEMENT, load_gstreamer

Verdict = Literal["good", "missing", "bad", "none"]

DISK_TEST_BYTES = 64 << 20
SLOW_DISK = 10_000_000
"""Bytes per second below which several cameras cannot be recorded."""

QT_S = 20.0
"""Time for a window system to answer."""

ELEMENTS = {
    "RTSP cameras": ("rtspsrc", "rtph264depay", "parsebin"),
    "HTTP cameras": ("souphttpsrc", "multipartdemux", "parsebin"),
    "USB cameras": ("v4l2src",),
    "H.264": ("h264parse", "avdec_h264"),
    "H.265": ("h265parse", "avdec_h265"),
    "MJPEG": ("jpegparse", "jpegdec"),
    "recording of USB cameras": ("x264enc",),
}
"""What GStreamer needs for what."""

_TRY_QT = (
    "import sys; from qtpy import API_NAME, QtWidgets; app = QtWidgets.QApplication(sys.argv[:1]);"
    " print(API_NAME, app.platformName())"
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        topic: What it belongs to.
        name: What it is.
        verdict: ``none`` is not there and need not be.
        detail: What was found.
        remedy: What to do; empty where nothing is to be done.
    """

    topic: str
    name: str
    verdict: Verdict
    detail: str = ""
    remedy: str = ""


def examine(disk: Path) -> Iterator[Finding]:
    """Yield what is found, topic by topic; nothing that is broken ends it.

    Args:
        disk: Folder of recordings, whose disk is measured.
    """
    checks: tuple[tuple[str, Callable[[], Iterator[Finding]]], ...] = (
        ("Python", _python),
        ("Live sources", _gstreamer),
        ("Cameras", _cameras),
        ("Window", _qt),
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


def _gstreamer() -> Iterator[Finding]:
    try:
        library = load_gstreamer()
    except PluginError as error:
        yield Finding("Live sources", "GStreamer", "missing", str(error), HOW_TO_INSTALL)
        yield Finding("Live sources", "fall-back", "good", f"PyAV {version('av')} and OpenCV, with more delay")
        return
    gi = importlib.import_module("gi")
    detail = f"{library.Gst.version_string().removeprefix('GStreamer ')}, PyGObject {gi.__version__}"
    yield Finding("Live sources", "GStreamer", "good", detail)
    for purpose, elements in ELEMENTS.items():
        lacking = [name for name in elements if not library.has(name)]
        packages = sorted({PACKAGE_OF_ELEMENT.get(name, "gstreamer1.0-plugins-good") for name in lacking})
        yield Finding(
            "Live sources",
            purpose,
            "missing" if lacking else "good",
            f"no {', '.join(lacking)}" if lacking else "",
            f"apt-get install {' '.join(packages)}" if lacking else "",
        )


def _cameras() -> Iterator[Finding]:
    cameras = list_cameras()
    if not cameras:
        yield Finding("Cameras", "local cameras", "none", "none is plugged in")
    for camera in cameras:
        good = os.access(camera.device, os.R_OK | os.W_OK)
        remedy = "" if good else f"sudo usermod -aG video {os.environ.get('USER', 'USER')}, then log in again"
        yield Finding(
            "Cameras", camera.name, "good" if good else "bad", f"{camera.stable} ({camera.device})", remedy
        )


def _qt() -> Iterator[Finding]:
    display = os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY") or ""
    if find_spec("qtpy") is None:
        yield Finding("Window", "Qt", "missing", "", "pip install 'sitepose[gui]'")
        return
    if not display and "QT_QPA_PLATFORM" not in os.environ:
        yield Finding("Window", "display", "none", "no DISPLAY: the window cannot be shown, --headless works")
        return
    # A platform that does not load ends the process: it is tried in another one.
    answer = subprocess.run(
        [sys.executable, "-c", _TRY_QT], capture_output=True, text=True, timeout=QT_S, check=False
    )
    if answer.returncode == 0:
        yield Finding("Window", "Qt", "good", f"{answer.stdout.strip()} on {display or 'no display'}")
        return
    lines = answer.stderr.strip().splitlines() or ["it ends without a word"]
    packages = "libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxkbcommon-x11-0 libegl1"
    yield Finding("Window", "Qt", "bad", lines[-1], f"apt-get install {packages}")


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


def _onnxruntime() -> Iterator[Finding]:
    if find_spec("onnxruntime") is None:
        yield Finding("Networks", "ONNX Runtime", "missing", "", "pip install onnxruntime")
        return
    module: Any = importlib.import_module("onnxruntime")
    providers = [name.removesuffix("ExecutionProvider") for name in module.get_available_providers()]
    yield Finding("Networks", "ONNX Runtime", "good", f"{module.__version__}: {', '.join(providers)}")


def _torch() -> Iterator[Finding]:
    if find_spec("torch") is None:
        yield Finding(
            "Networks", "PyTorch", "none", "needed for training and CUDA: pip install 'sitepose[torch]'"
        )
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
    speed, sync_ms = _measured(folder)
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
