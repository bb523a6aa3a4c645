"""Live sources through OpenCV: local cameras where GStreamer is missing."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import cv2
import numpy as np

from sitepose.core.errors import SourceError
from sitepose.core.structures import ImageArray
from sitepose.plugins.sources.live.address import CameraAddress
from sitepose.plugins.sources.live.encoder import FrameEncoder
from sitepose.plugins.sources.live.events import ConnectionFault
from sitepose.plugins.sources.live.intake import NANOSECOND, Arrival, Delivery
from sitepose.plugins.sources.live.packets import StreamFormat
from sitepose.plugins.sources.live.settings import LiveSettings
from sitepose.plugins.sources.live.source import LiveSource

SPEAK_OUT = ("OPENCV_FFMPEG_DEBUG", "OPENCV_FFMPEG_LOGLEVEL")
"""Variables that make OpenCV's FFmpeg print whole addresses, which cannot be masked."""

FASTEST = 240.0
"""Frames per second beyond which a camera's own claim is taken for none."""


class OpenCvSource(LiveSource):
    """Local cameras, and network cameras if need be; OpenCV does not say why it fails."""

    def check(self) -> None:
        """Say at once what OpenCV cannot do.

        Raises:
            SourceError: The address is of another kind.
        """
        if self.address.kind not in ("v4l2", "rtsp", "http"):
            raise SourceError(f"{self.address.label}: OpenCV reads local and network cameras only")
        outspoken = [name for name in SPEAK_OUT if name in os.environ]
        if self.address.secrets and outspoken:
            raise SourceError(f"{self.address.label}: {outspoken[0]} would print the password; unset it")
        if self.address.encrypted and self.settings.verify_tls:
            reason = "OpenCV checks no certificate; choose another backend, or --no-verify-tls"
            raise SourceError(f"{self.address.label}: {reason}")

    def connection(self, delivery: Delivery) -> OpenCvConnection:
        """Return a new connection."""
        return OpenCvConnection(self.address, self.settings, delivery)


@dataclass(frozen=True, slots=True)
class _BgrPicture:
    image: ImageArray

    def to_rgb(self) -> ImageArray:
        return np.asarray(cv2.cvtColor(self.image, cv2.COLOR_BGR2RGB), np.uint8)


class OpenCvConnection:
    """One ``VideoCapture``.

    Args:
        address: Where the camera is.
        settings: How it is treated.
        delivery: Where frames go.
    """

    def __init__(self, address: CameraAddress, settings: LiveSettings, delivery: Delivery) -> None:
        self._address = address
        self._settings = settings
        self._delivery = delivery
        # OpenCV tells no stamps: those of arrival say nothing about loss.
        delivery.count_gaps = False
        self._stopping = threading.Event()
        self._encoder: FrameEncoder | None = None

    def stop(self) -> None:
        """Ask the connection to end; from any thread."""
        self._stopping.set()

    def run(self) -> None:
        """Deliver until the camera ends or :meth:`stop` is called.

        Raises:
            ConnectionFault: Why it ended.
        """
        capture = self._opened()
        try:
            self._deliver(capture)
        finally:
            capture.release()
            if self._encoder is not None:
                self._encoder.close()

    def _opened(self) -> Any:
        try:
            capture = self._capture()
        except cv2.error:  # its text may hold the address
            capture = None
        if capture is None or not capture.isOpened():
            raise ConnectionFault("unreachable", "OpenCV cannot open it") from None
        return capture

    def _capture(self) -> Any:
        settings = self._settings
        if self._address.kind != "v4l2":
            limits = [
                cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
                int(settings.connect_timeout_s * 1000),
                cv2.CAP_PROP_READ_TIMEOUT_MSEC,
                int(max(1.0, settings.stall_s) * 1000),
                # One more frame of delay for each thread.
                cv2.CAP_PROP_N_THREADS,
                1,
            ]
            with _quiet():
                return cv2.VideoCapture(self._address.with_login(), cv2.CAP_FFMPEG, limits)
        with _quiet():
            capture = cv2.VideoCapture(self._address.location, cv2.CAP_V4L2)
        if settings.pixels != "raw":
            capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        if settings.size_wh is not None:
            capture.set(cv2.CAP_PROP_FRAME_WIDTH, settings.size_wh[0])
            capture.set(cv2.CAP_PROP_FRAME_HEIGHT, settings.size_wh[1])
        if settings.frame_rate is not None:
            capture.set(cv2.CAP_PROP_FPS, settings.frame_rate)
        return capture

    def _deliver(self, capture: Any) -> None:
        rate = _rate(capture.get(cv2.CAP_PROP_FPS))
        stream: StreamFormat | None = None
        while not self._stopping.is_set():
            good, image = capture.read()
            if not good:
                if not self._stopping.is_set():
                    raise ConnectionFault("ended", "the camera ended the stream, or does not answer")
                return
            size = (image.shape[1], image.shape[0])
            if stream is None or stream.size_wh != size:
                stream = StreamFormat("raw", size, rate)
            arrival = Arrival(time.monotonic_ns(), NANOSECOND, time.monotonic())
            self._delivery.picture(arrival, _BgrPicture(image), stream)
            self._encode(image, arrival, stream)

    def _encode(self, image: ImageArray, arrival: Arrival, stream: StreamFormat) -> None:
        """Encode a picture while somebody records."""
        if not (self._delivery.packets_wanted or self._settings.encode_always):
            return
        if self._encoder is None:
            self._encoder = FrameEncoder(self._delivery, stream.size_wh, stream.frame_rate or Fraction(30))
        self._encoder.put(image, arrival)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep OpenCV from printing the address that it opens."""
    before = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(before)


def _rate(claimed: float) -> Fraction | None:
    return Fraction(claimed).limit_denominator(1001) if 0 < claimed <= FASTEST else None
