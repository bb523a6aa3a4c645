"""From what a user calls a camera to a running source."""

from __future__ import annotations

from typing import Any

from sitepose.core.errors import SourceError
from sitepose.core.settings import check
from sitepose.plugins.sources.live.address import CameraAddress, parse_address
from sitepose.plugins.sources.live.events import Listener
from sitepose.plugins.sources.live.gst_library import load_gstreamer
from sitepose.plugins.sources.live.settings import LiveSettings, login_fields
from sitepose.plugins.sources.live.source import LiveSource

BACKENDS = ("auto", "gstreamer", "pyav", "opencv")


def live_settings(
    location: str, *, user: str | None = None, password: str | None = None, **values: Any
) -> LiveSettings:
    """Return the settings of a camera; a login in the address is taken out of it at once.

    Args:
        location: As for :func:`~sitepose.plugins.sources.live.address.parse_address`.
        user: Login; replaces one in the address.
        password: Password; replaces one in the address.
        values: Other fields of :class:`LiveSettings`.

    Raises:
        SourceError: It is no address; the message shows no secret.
        ConfigError: A value does not fit.

    >>> live_settings("rtsp://root:secret@10.0.0.2/live", transport="udp").location
    'rtsp://10.0.0.2/live'
    """
    address = parse_address(location, user=user, password=password)
    prefix = {"file": "loop:", "test": "test:"}.get(address.kind, "")
    fields = {"location": prefix + address.location, **login_fields(address.credentials), **values}
    return check(LiveSettings, fields, where=f"{address.label}:")


def pipeline_settings(description: str, **values: Any) -> LiveSettings:
    """Return the settings of a GStreamer pipeline that the user wrote and explicitly asked for."""
    return check(LiveSettings, {"location": "", "pipeline": description, **values}, where="--gst:")


def open_live(settings: LiveSettings, *, backend: str = "auto", listener: Listener | None = None) -> LiveSource:
    """Return a running source.

    Args:
        settings: As from :func:`live_settings` or :func:`pipeline_settings`.
        backend: ``gstreamer``, ``pyav``, ``opencv``, or ``auto``: GStreamer where it is installed, else PyAV
            for network cameras and files, and OpenCV for local cameras.
        listener: Is told of every event, from the first connection on.

    Raises:
        PluginError: A library is missing; the message says what to install.
        SourceError: The chosen library cannot read such a source.
    """
    return _class_of(settings, backend)(settings, listener=listener)


def _class_of(settings: LiveSettings, backend: str) -> type[LiveSource]:
    if backend not in BACKENDS:
        raise SourceError(f"unknown backend {backend!r}; expected one of {', '.join(BACKENDS)}")
    if backend == "auto":
        backend = _best(settings.address())
    if backend == "pyav":
        from sitepose.plugins.sources.live.libav import PyAvSource

        return PyAvSource
    if backend == "opencv":
        from sitepose.plugins.sources.live.opencv import OpenCvSource

        return OpenCvSource
    from sitepose.plugins.sources.live.gstreamer import GStreamerSource

    return GStreamerSource


def _best(address: CameraAddress) -> str:
    from sitepose.plugins.sources.live.gst_library import has_gstreamer

    if address.kind in ("test", "gst"):
        load_gstreamer()  # nothing else can: says what to install
    if address.segmented and address.credentials is not None:
        return "pyav"  # GStreamer asks for the pieces without the login
    # GStreamer gives every frame of a GIF the stamp 0.
    if has_gstreamer() and not (address.kind == "file" and address.location.lower().endswith(".gif")):
        return "gstreamer"
    return "opencv" if address.kind == "v4l2" else "pyav"
