"""How GStreamer reaches each kind of camera: elements whose properties are set, no text that is parsed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sitepose.plugins.sources.live.address import CameraAddress
from sitepose.plugins.sources.live.events import ConnectionFault
from sitepose.plugins.sources.live.gst_library import GstLibrary
from sitepose.plugins.sources.live.settings import LiveSettings

Elements = tuple[Any, ...]
"""To be linked in a row."""

STAMPS_OF_THE_CAMERA = 0
"""``buffer-mode`` of rtspsrc: stamps as the camera gave them, neither smoothed nor bent to our clock, so that a
step between them that is too long is a frame that was lost."""

RTSP_TRANSPORTS = {"udp": 1, "tcp": 4}
"""Values of rtspsrc's ``protocols``."""

ANY_CERTIFICATE = 0
"""``tls-validation-flags`` of rtspsrc that ask for nothing."""

PATTERN_SIZE_WH = (640, 360)
PATTERN_RATE = 30.0


def source_elements(library: GstLibrary, address: CameraAddress, settings: LiveSettings) -> Elements:
    """Return what gives the stream of a camera.

    Args:
        library: GStreamer.
        address: Where the camera is.
        settings: How it is treated.

    Raises:
        ConnectionFault: An element is missing, or the user's pipeline is wrong.
    """
    make: dict[str, Callable[[GstLibrary, CameraAddress, LiveSettings], Elements]] = {
        "rtsp": _rtsp,
        "http": _http,
        "v4l2": _camera,
        "file": _file,
        "test": _pattern,
        "gst": _user_pipeline,
    }
    return make[address.kind](library, address, settings)


def _rtsp(library: GstLibrary, address: CameraAddress, settings: LiveSettings) -> Elements:
    source = library.make(
        "rtspsrc",
        location=address.location,
        protocols=RTSP_TRANSPORTS[settings.transport],
        latency=settings.jitter_ms,
        buffer_mode=STAMPS_OF_THE_CAMERA,
        # A process that had no time takes all its packets once it has: latency is bounded elsewhere.
        drop_on_latency=False,
        # Our own watch decides; a change of transport by itself would race with it.
        timeout=0,
        tcp_timeout=int(settings.connect_timeout_s * 1e6),
    )
    if not settings.verify_tls:
        source.set_property("tls-validation-flags", ANY_CERTIFICATE)
    return (_logged_in(source, address),)


def _http(library: GstLibrary, address: CameraAddress, settings: LiveSettings) -> Elements:
    source = library.make(
        "souphttpsrc",
        location=address.location,
        is_live=True,
        do_timestamp=True,
        retries=0,
        keep_alive=True,
        timeout=max(1, int(settings.connect_timeout_s)),
        ssl_strict=settings.verify_tls,
    )
    return (_logged_in(source, address),)


def _logged_in(source: Any, address: CameraAddress) -> Any:
    if address.credentials is not None:
        source.set_property("user-id", address.credentials.user)
        source.set_property("user-pw", address.credentials.password)
    return source


def _camera(library: GstLibrary, address: CameraAddress, settings: LiveSettings) -> Elements:
    kinds = {"auto": ("image/jpeg", "video/x-raw"), "raw": ("video/x-raw",), "mjpeg": ("image/jpeg",)}
    asked = _asked(settings.size_wh, settings.frame_rate)
    caps = ";".join(kind + asked for kind in kinds[settings.pixels])
    return library.make("v4l2src", device=address.location), library.caps_filter(caps)


def _file(library: GstLibrary, address: CameraAddress, _settings: LiveSettings) -> Elements:
    return (library.make("filesrc", location=address.location),)


def _pattern(library: GstLibrary, address: CameraAddress, settings: LiveSettings) -> Elements:
    source = library.make("videotestsrc", is_live=True)
    library.Gst.util_set_object_arg(source, "pattern", address.location)
    asked = _asked(settings.size_wh or PATTERN_SIZE_WH, settings.frame_rate or PATTERN_RATE)
    return source, library.caps_filter("video/x-raw,format=I420" + asked)


def _user_pipeline(library: GstLibrary, address: CameraAddress, _settings: LiveSettings) -> Elements:
    try:
        # What stands at the end may be caps, which need something behind them.
        return (library.Gst.parse_bin_from_description(f"{address.location} ! queue", True),)
    except Exception as error:
        message = getattr(error, "message", str(error))
        raise ConnectionFault("unsupported", f"the GStreamer pipeline is wrong: {message}") from error


def _asked(size_wh: tuple[int, int] | None, rate: float | None) -> str:
    """Return size and rate as caps fields."""
    size = f",width={size_wh[0]},height={size_wh[1]}" if size_wh else ""
    return size + (f",framerate={round(rate * 1000)}/1000" if rate else "")
