"""Pictures into an mp4 file that can be played whatever happens to the program that writes it.

While it grows, the file consists of fragments of a second, each complete in itself: after a kill or on a full
disk all but the last second can be played. At the end it is rewritten with its index in front, for browsers.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import cv2
import numpy as np

from sitepose.core.errors import RecordingError
from sitepose.core.structures import ImageArray
from sitepose.models.runtimes.workers import available_threads

_log = logging.getLogger(__name__)

ENCODERS = {
    "libx264": {"crf": "23", "bf": "0"},
    "libopenh264": {"rc_mode": "quality"},
    "mpeg4": {"qscale": "4"},
}
"""Encoders and their options, best first; without B-frames every picture is out at once."""

PRESET = "superfast"
"""Of x264: benchmarks/overlay.py has the time and size of each."""

TIME_BASE = Fraction(1, 60_000)
"""Common multiple of the usual frame rates and of milliseconds, within MPEG-4's 16 bits."""

KEY_FRAME_S = 2
"""Seconds between places that a player can jump to."""

FRAGMENT_US = 1_000_000
"""Microseconds of video that a kill can cost."""

FRAGMENTED = {
    "movflags": "frag_keyframe+empty_moov+default_base_moof",
    "frag_duration": str(FRAGMENT_US),
    "flush_packets": "1",
}

INDEX_FIRST = {"movflags": "faststart"}

MAX_THREADS = 4
"""More threads cost more than they bring at the sizes of cameras."""

_LIMITED_RANGE = 1
_BT601_MATRIX = 6
_BT709 = 1
"""Codes of ITU-T H.273 (matrix, and primaries and transfer) and FFmpeg's for the limited range."""


class OverlayEncoder:
    """Encodes RGB pictures with time stamps into one mp4 file.

    Args:
        path: The file; one that exists is replaced.
        size_wh: Width and height of the pictures, both even.
        frame_rate: Pictures per second, roughly: for the distance of key frames.
        time_base: Seconds per unit of the stamps.
        preset: What x264 spends its time on.

    Raises:
        RecordingError: The file cannot be made.
    """

    def __init__(
        self,
        path: Path,
        *,
        size_wh: tuple[int, int],
        frame_rate: Fraction,
        time_base: Fraction = TIME_BASE,
        preset: str = PRESET,
    ) -> None:
        self._path = path
        self._time_base = time_base
        self._duration = max(1, round(1 / (frame_rate * time_base)))
        self._last_pts = -1
        self._container: av.container.OutputContainer | None = None
        with self._closed_on_failure():
            self._container = av.open(str(path), "w", format="mp4", container_options=FRAGMENTED)
            self._stream = self._add_stream(self._container, size_wh, frame_rate)
            if self._stream.name == "libx264":
                self._stream.codec_context.options = {**self._stream.codec_context.options, "preset": preset}
            self._container.start_encoding()

    def encode(self, image: ImageArray, seconds: float) -> None:
        """Append a picture.

        Args:
            image: RGB, shape (H, W, 3).
            seconds: When it is shown; moved to just after the last picture if it is not later.

        Raises:
            RecordingError: It cannot be written; what was written before can be played.
        """
        if self._container is None:
            raise RecordingError(f"{self._path}: is closed")
        frame = _yuv_frame(image)
        self._last_pts = max(self._last_pts + 1, round(seconds / self._time_base))
        frame.pts = self._last_pts
        frame.time_base = self._time_base
        frame.duration = self._duration
        with self._closed_on_failure():
            self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        """Write what is left and give the file its final form; calling it twice, or after a fault, is fine.

        Raises:
            RecordingError: The rest cannot be written.
        """
        if self._container is None:
            return
        with self._closed_on_failure():
            if self._last_pts >= 0:
                self._container.mux(self._stream.encode(None))
            self._container.close()
        self._container = None
        if self._last_pts >= 0:
            _put_index_in_front(self._path)

    def _add_stream(
        self, container: av.container.OutputContainer, size_wh: tuple[int, int], frame_rate: Fraction
    ) -> av.VideoStream:
        encoder = next(name for name in ENCODERS if name in av.codecs_available)
        if encoder != next(iter(ENCODERS)):
            _log.warning("this build of FFmpeg has no libx264; %s is encoded by %s", self._path, encoder)
        stream = cast(
            "av.VideoStream", container.add_stream(encoder, rate=frame_rate, options=ENCODERS[encoder])
        )
        context = stream.codec_context
        context.width, context.height = size_wh
        context.pix_fmt = "yuv420p"
        context.time_base = self._time_base
        context.gop_size = max(1, round(KEY_FRAME_S * frame_rate))
        context.color_range = _LIMITED_RANGE
        context.colorspace = _BT601_MATRIX
        context.color_primaries = context.color_trc = _BT709
        context.thread_type = "FRAME"
        context.thread_count = min(MAX_THREADS, max(1, available_threads() // 2))
        return stream

    @contextlib.contextmanager
    def _closed_on_failure(self) -> Iterator[None]:
        """Turn FFmpeg's errors into ours, and try nothing more on the file after one."""
        try:
            yield
        except (av.FFmpegError, OSError) as error:
            container, self._container = self._container, None
            if container is not None:
                with contextlib.suppress(av.FFmpegError, OSError):
                    container.close()
            reason = (error.strerror or str(error)).lower()
            raise RecordingError(f"{self._path}: cannot be written: {reason}") from error


def _yuv_frame(image: ImageArray) -> av.VideoFrame:
    """Return an RGB picture as BT.601 YCbCr in limited range, its colours at half the size.

    OpenCV takes the colour of one pixel in four where swscale averages them, in an eighth of the time; drawn
    lines look the same to the eye.
    """
    height, width = image.shape[:2]
    values = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2YUV_I420), np.uint8).reshape(-1)
    frame = av.VideoFrame(width, height, "yuv420p")
    begin = 0
    for plane in frame.planes:
        end = begin + plane.width * plane.height
        buffer: Any = plane  # PyAV's annotations leave out that it is one
        rows = np.frombuffer(buffer, np.uint8).reshape(-1, plane.line_size)
        rows[: plane.height, : plane.width] = values[begin:end].reshape(plane.height, plane.width)
        begin = end
    return frame


def _put_index_in_front(path: Path) -> None:
    """Rewrite a file of fragments as a plain one with its index in front; leave it as it is if that fails."""
    part = path.with_name(f".{path.name}.part")
    try:
        with (
            av.open(str(path)) as source,
            av.open(str(part), "w", format="mp4", container_options=INDEX_FIRST) as target,
        ):
            stream = source.streams.video[0]
            copy = target.add_stream_from_template(stream)
            for packet in source.demux(stream):
                if packet.size:
                    packet.stream = copy
                    target.mux(packet)
        part.replace(path)
    except (av.FFmpegError, OSError) as error:
        _log.warning("%s: can be played, but its index is not in front: %s", path, error)
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
