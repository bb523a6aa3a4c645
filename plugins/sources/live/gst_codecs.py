"""Which of GStreamer's elements unpack, decode and encode video."""

from __future__ import annotations

from typing import Any

from sitepose.plugins.sources.live.gst_library import GstLibrary

DEPAYLOADERS = {"H264": "rtph264depay", "H265": "rtph265depay", "JPEG": "rtpjpegdepay"}
"""By the encoding name of the RTP stream."""

PARSERS = {
    "video/x-h264": ("h264parse", "video/x-h264,stream-format=avc,alignment=au"),
    "video/x-h265": ("h265parse", "video/x-h265,stream-format=hvc1,alignment=au"),
    "image/jpeg": ("jpegparse", "image/jpeg"),
}
"""What makes whole frames of a stream, and the form in which Matroska stores them."""

DECODERS = {
    "video/x-h264": ("avdec_h264", "openh264dec"),
    "video/x-h265": ("avdec_h265", "libde265dec"),
    "image/jpeg": ("jpegdec", "avdec_mjpeg"),
}
"""The first that is installed is taken."""

ENCODERS = ("x264enc", "openh264enc")

QUALITY = 23
"""Constant quality of our own H.264: no visible loss at a tenth of the size of MJPEG."""

SUPERFAST = 2
ZERO_LATENCY = 4
CONSTANT_QUALITY = 5
"""Values of x264enc's ``speed-preset``, ``tune`` and ``pass``."""

KEYFRAME_S = 2
USUAL_RATE = 30.0


def make_decoder(library: GstLibrary, media: str) -> Any:
    """Return a decoder of a type of video, which keeps broken pictures to itself.

    Raises:
        ConnectionFault: There is none; the message says what to install.
    """
    names = DECODERS[media]
    decoder = library.make(next(filter(library.has, names), names[0]))
    if decoder.find_property("output-corrupt") is not None:
        decoder.set_property("output-corrupt", False)
    return decoder


def make_encoder(library: GstLibrary, frame_rate: float | None) -> Any | None:
    """Return an encoder of H.264; None where none is installed."""
    name = next(filter(library.has, ENCODERS), None)
    if name != "x264enc":
        return library.make(name) if name else None
    encoder = library.make(name, speed_preset=SUPERFAST, tune=ZERO_LATENCY, quantizer=QUALITY)
    encoder.set_property("pass", CONSTANT_QUALITY)
    encoder.set_property("key-int-max", round(KEYFRAME_S * (frame_rate or USUAL_RATE)))
    return encoder
