"""Whether cameras can be read here: GStreamer with what it needs for each kind, and local cameras."""

from __future__ import annotations

import importlib
import os
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sitepose.app.doctor.findings import Finding, apt, pip
from sitepose.core.errors import PluginError
from sitepose.plugins.sources.live.cameras import list_cameras
from sitepose.plugins.sources.live.diagnosis.local import allow_cameras
from sitepose.plugins.sources.live.gst_codecs import DECODERS, ENCODERS
from sitepose.plugins.sources.live.gst_library import PACKAGE_OF_ELEMENT, GstLibrary, load_gstreamer

ELEMENTS: dict[str, tuple[Sequence[str], ...]] = {
    "RTSP cameras": (("rtspsrc",), ("rtpjitterbuffer",), ("rtph264depay",), ("parsebin",)),
    "HTTP cameras": (("souphttpsrc",), ("multipartdemux",), ("parsebin",)),
    "HLS": (("souphttpsrc",), ("hlsdemux",), ("tsdemux",)),
    "USB cameras": (("v4l2src",), ("videoconvert",)),
    "files and patterns": (("qtdemux",), ("matroskademux",), ("videotestsrc",)),
    "H.264": (("h264parse",), DECODERS["video/x-h264"]),
    "H.265": (("h265parse",), DECODERS["video/x-h265"]),
    "MJPEG": (("jpegparse",), DECODERS["image/jpeg"]),
    "recording of USB cameras": (ENCODERS,),
}
"""What GStreamer needs for what; of each group the first that is there."""

GST_PACKAGES = (
    "gir1.2-gst-plugins-base-1.0",
    "glib-networking",
    "gstreamer1.0-libav",
    "gstreamer1.0-plugins-bad",
    "gstreamer1.0-plugins-base",
    "gstreamer1.0-plugins-good",
    "gstreamer1.0-plugins-ugly",
)
BUILD_PACKAGES = ("gcc", "libcairo2-dev", "libgirepository1.0-dev", "pkg-config")
"""PyGObject publishes no wheels: it is compiled when it is installed."""

TOPIC = "Live sources"


def live_sources() -> Iterator[Finding]:
    """Yield what GStreamer can read and write here, and what is left without it."""
    try:
        library = load_gstreamer()
    except PluginError as error:
        detail = str(error).partition(";")[0].removeprefix("GStreamer is ")
        yield Finding(TOPIC, "GStreamer", "missing", detail, how_to_install())
        yield Finding(TOPIC, "fall-back", "good", f"PyAV {version('av')} and OpenCV, with more delay")
        return
    gi = importlib.import_module("gi")
    detail = f"{library.Gst.version_string().removeprefix('GStreamer ')}, PyGObject {gi.__version__}"
    yield Finding(TOPIC, "GStreamer", "good", detail)
    for purpose, groups in ELEMENTS.items():
        yield _purpose(library, purpose, groups)
    yield _encrypted()


def how_to_install() -> str:
    """Return what is lacking: the library, or Python's side of it as well."""
    if find_spec("gi") is not None:
        return apt(GST_PACKAGES)
    headers = () if has_headers() else (f"python{sys.version_info.major}.{sys.version_info.minor}-dev",)
    return f"{apt((*GST_PACKAGES, *BUILD_PACKAGES, *headers))} && {pip('gstreamer')}"


def has_headers() -> bool:
    """Return whether packages can be compiled for this Python."""
    return (Path(sysconfig.get_path("include")) / "Python.h").is_file()


def _purpose(library: GstLibrary, purpose: str, groups: tuple[Sequence[str], ...]) -> Finding:
    lacking = [group[0] for group in groups if not any(map(library.has, group))]
    if not lacking:
        return Finding(TOPIC, purpose, "good")
    remedy = apt(PACKAGE_OF_ELEMENT[name] for name in lacking)
    return Finding(TOPIC, purpose, "missing", f"no {', '.join(lacking)}", remedy)


def _encrypted() -> Finding:
    gio: Any = importlib.import_module("gi.repository.Gio")
    if gio.TlsBackend.get_default().supports_tls():
        return Finding(TOPIC, "https:// and rtsps://", "good")
    return Finding(TOPIC, "https:// and rtsps://", "missing", "no TLS", apt(["glib-networking"]))


def cameras() -> Iterator[Finding]:
    """Yield the local cameras, by names that stay, and whether they may be opened."""
    found = list_cameras()
    if not found:
        yield Finding("Cameras", "local cameras", "none", "none is plugged in")
    for camera in found:
        good = os.access(camera.device, os.R_OK | os.W_OK)
        remedy = "" if good else allow_cameras()
        yield Finding(
            "Cameras", camera.name, "good" if good else "bad", f"{camera.stable} ({camera.device})", remedy
        )
