"""GStreamer as a library that may be missing: loaded when asked for, and its messages in plain words."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from sitepose.core.errors import PluginError
from sitepose.plugins.sources.live.events import ConnectionFault, FaultKind

QUIET = "4"
"""``GST_DEBUG`` above this prints addresses with all that is in them."""

_OUTSPOKEN = re.compile(r"(?<![^:,\s])(?:[5-9]|DEBUG|LOG|TRACE|MEMDUMP)(?![^,\s])")

HOW_TO_INSTALL = (
    "run scripts/setup-live.sh, or 'pip install sitepose[gstreamer]' beside GStreamer 1.20 or newer"
)

_ELEMENTS_OF_PACKAGE = {
    "gstreamer1.0-libav": ("avdec_h264", "avdec_h265", "avdec_mjpeg"),
    "gstreamer1.0-plugins-bad": (
        "h264parse", "h265parse", "hlsdemux", "jpegparse", "libde265dec", "openh264dec", "openh264enc",
        "tsdemux",
    ),
    "gstreamer1.0-plugins-base": ("decodebin", "parsebin", "videoconvert", "videotestsrc"),
    "gstreamer1.0-plugins-good": (
        "jpegdec", "matroskademux", "multipartdemux", "qtdemux", "rtph264depay", "rtph265depay",
        "rtpjitterbuffer", "rtpjpegdepay", "rtspsrc", "souphttpsrc", "v4l2src",
    ),
    "gstreamer1.0-plugins-ugly": ("x264enc",),
}  # fmt: skip

PACKAGE_OF_ELEMENT = {name: package for package, names in _ELEMENTS_OF_PACKAGE.items() for name in names}
"""Debian's package of each element that is not in the core, for the message that says what to install."""

_KIND_OF_CODE: dict[tuple[str, int], FaultKind] = {
    ("gst-resource-error-quark", 3): "unreachable",  # not found
    ("gst-resource-error-quark", 4): "unreachable",  # busy
    ("gst-resource-error-quark", 5): "unreachable",  # cannot be opened
    ("gst-resource-error-quark", 7): "unreachable",
    ("gst-resource-error-quark", 15): "refused",
    ("gst-core-error-quark", 12): "unsupported",  # a plug-in is missing
    ("gst-stream-error-quark", 6): "unsupported",  # no decoder
}
"""``GError`` domain and code of GStreamer, and what they mean for us; all others are ``broken``."""


_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class GstLibrary:
    """The modules of GStreamer's introspection."""

    Gst: Any
    GstApp: Any
    GstVideo: Any

    def make(self, factory: str, **properties: Any) -> Any:
        """Return a new element with its properties set.

        Args:
            factory: Name of the element.
            properties: Their names with ``_`` for ``-``.

        Raises:
            ConnectionFault: There is no such element; the message says what to install.
        """
        element = self.Gst.ElementFactory.make(factory, None)
        if element is None:
            package = PACKAGE_OF_ELEMENT.get(factory, "the GStreamer plug-in that has it")
            raise ConnectionFault("unsupported", f"GStreamer has no {factory} here; install {package}")
        for name, value in properties.items():
            element.set_property(name.replace("_", "-"), value)
        return element

    def has(self, factory: str) -> bool:
        """Return whether there is an element of this name."""
        return self.Gst.ElementFactory.find(factory) is not None

    def caps_filter(self, caps: str) -> Any:
        """Return an element that lets only these caps through."""
        return self.make("capsfilter", caps=self.Gst.Caps.from_string(caps))


@cache
def load_gstreamer() -> GstLibrary:
    """Return GStreamer, initialised.

    Raises:
        PluginError: PyGObject or GStreamer is missing; the message says what to install.
    """
    _keep_exceptions_working()
    try:
        import gi

        for name in ("Gst", "GstApp", "GstVideo"):
            gi.require_version(name, "1.0")
        from gi.repository import Gst, GstApp, GstVideo
    except (ImportError, ValueError) as error:
        raise PluginError(f"GStreamer is not installed for Python ({error}); {HOW_TO_INSTALL}") from error
    Gst.init(None)
    return GstLibrary(Gst, GstApp, GstVideo)


def _keep_exceptions_working() -> None:
    """Let C++ libraries that are loaded later find the compiler's own unwinder first.

    GStreamer brings libunwind, whose symbols have the same names and are visible everywhere. A library that is
    loaded afterwards would take half of its exceptions from there, and abort at the first one: OpenVINO
    does so when it looks for devices.
    """
    with contextlib.suppress(OSError):  # other systems have no such library, and no such clash
        ctypes.CDLL("libgcc_s.so.1", mode=ctypes.RTLD_GLOBAL)


def keep_debugging_quiet(library: GstLibrary) -> None:
    """Lower what ``GST_DEBUG`` asks for to where no address is printed, and say so."""
    asked = os.environ.get("GST_DEBUG", "")
    quiet = _OUTSPOKEN.sub(QUIET, asked)
    if quiet != asked:
        _log.warning("GST_DEBUG is lowered to %s: above, GStreamer prints the login of the camera", quiet)
        library.Gst.debug_set_threshold_from_string(quiet, True)


def has_gstreamer() -> bool:
    """Return whether GStreamer can be used from Python here."""
    try:
        load_gstreamer()
    except PluginError:
        return False
    return True


def fault_of(error: Any) -> ConnectionFault:
    """Return a ``GError`` from a pipeline as a fault, in one line.

    Args:
        error: As ``GstMessage.parse_error`` gives it; its debug text is left out, for it may hold an address.
    """
    kind = _KIND_OF_CODE.get((error.domain, error.code), "broken")
    if kind == "refused":
        return ConnectionFault(kind, "the camera refuses the user or password")
    return ConnectionFault(
        kind, " ".join(str(error.message).split()).rstrip(".") or "GStreamer gives no reason"
    )
