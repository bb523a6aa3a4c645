"""H.264 of pictures that come raw, in a thread of its own, where GStreamer is not there to do it."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from fractions import Fraction
from typing import Protocol

import av
import numpy as np
from av.video.reformatter import ColorRange

from sitepose.core.structures import ImageArray
from sitepose.plugins.sources.colour import SWSCALE_OF_MATRIX, Matrix, matrix_of
from sitepose.plugins.sources.live.annexb import with_lengths
from sitepose.plugins.sources.live.intake import Arrival
from sitepose.plugins.sources.live.packets import StreamFormat

WAITING = 60
"""Pictures that may wait for the encoder; one more is lost, and counted by the gap that it leaves."""

OPTIONS = {"preset": "superfast", "tune": "zerolatency", "crf": "23"}

KEYFRAME_S = 2
"""Seconds between keyframes: where recordings begin and segments end."""

TICKS = Fraction(1, 1_000_000)

UNSPECIFIED = 2
"""``matrix_coefficients`` of ITU-T H.273 where a stream does not say: the size decides."""

_H273: dict[Matrix, int] = {"bt601": 6, "bt709": 1}

MakeImage = Callable[[], ImageArray]

_log = logging.getLogger(__name__)


class PacketTaker(Protocol):
    """Where an encoder's packets go: a :class:`Delivery`, or a recording of its own."""

    def packet(
        self, arrival: Arrival, data: bytes, encoding: StreamFormat, *, keyframe: bool, ours: bool = False
    ) -> None:
        """Take an encoded frame."""


class FrameEncoder:
    """Encodes pictures and delivers the packets. Remembers the stamps of those that wait.

    Args:
        delivery: Where packets go.
        size_wh: Of the pictures.
        frame_rate: About so many a second.
        pixels: ``bgr24`` or ``rgb24``.
    """

    def __init__(
        self, delivery: PacketTaker, size_wh: tuple[int, int], frame_rate: Fraction, *, pixels: str = "bgr24"
    ) -> None:
        self._delivery = delivery
        self._size_wh = size_wh
        self._rate = frame_rate
        self._pixels = pixels
        self._waiting: deque[tuple[ImageArray | MakeImage, Arrival]] = deque(maxlen=WAITING)
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="encode", daemon=True)
        self._thread.start()

    def put(self, image: ImageArray | MakeImage, arrival: Arrival) -> None:
        """Encode a picture, shape (H, W, 3), that nobody changes any more; never waits.

        Args:
            image: The picture, or what makes it, in the encoder's thread.
            arrival: Its stamps.
        """
        with self._changed:
            self._waiting.append((image, arrival))
            self._changed.notify()

    def close(self) -> None:
        """Encode what waits, and end."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._encode()
        except (av.FFmpegError, ValueError):  # the edge of a thread: the live pictures go on
            _log.exception("encoding failed; nothing is recorded from here on")

    def _encode(self) -> None:
        context = self._context()
        arrivals: dict[int, Arrival] = {}
        encoding: StreamFormat | None = None
        while (item := self._next()) is not None:
            image, arrival = item
            pixels = image() if callable(image) else image
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format=self._pixels)
            stamp = round(arrival.pts * arrival.time_base / TICKS)
            arrivals[stamp] = arrival
            frame.pts, frame.time_base = stamp, TICKS
            for packet in context.encode(to_planar(frame)):
                if encoding is None:
                    encoding = StreamFormat("h264", self._size_wh, self._rate, _avcc(context))
                data = with_lengths(bytes(packet), "h264")
                place = arrivals.pop(packet.pts if packet.pts is not None else stamp, arrival)
                self._delivery.packet(place, data, encoding, keyframe=packet.is_keyframe, ours=True)

    def _context(self) -> av.VideoCodecContext:
        context = av.CodecContext.create("libx264", "w")
        assert isinstance(context, av.VideoCodecContext)
        context.width, context.height = self._size_wh
        context.pix_fmt = "yuv420p"
        context.color_range = ColorRange.MPEG
        context.colorspace = _H273[matrix_of(UNSPECIFIED, self._size_wh[1])]
        context.time_base = TICKS
        context.framerate = self._rate
        context.gop_size = max(1, round(KEYFRAME_S * self._rate))
        context.options = OPTIONS
        # Parameter sets apart from the frames, as Matroska stores them.
        context.flags |= av.codec.context.Flags.global_header
        context.open()
        return context

    def _next(self) -> tuple[ImageArray | MakeImage, Arrival] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            return self._waiting.popleft() if self._waiting else None


def to_planar(frame: av.VideoFrame) -> av.VideoFrame:
    """Return an RGB frame as what H.264 wants, by the matrix that all our sources read it with."""
    planar = frame.reformat(
        format="yuv420p",
        dst_colorspace=SWSCALE_OF_MATRIX[matrix_of(UNSPECIFIED, frame.height)],
        dst_color_range=ColorRange.MPEG,
    )
    planar.pts, planar.time_base = frame.pts, frame.time_base
    return planar


def _avcc(context: av.VideoCodecContext) -> bytes:
    """Return the encoder's parameter sets as ``avcC``."""
    lengths = with_lengths(bytes(context.extradata or b""), "h264")
    units = []
    while lengths:
        size = int.from_bytes(lengths[:4], "big")
        units.append(lengths[4 : 4 + size])
        lengths = lengths[4 + size :]
    sets = {kind: [unit for unit in units if unit[0] & 0x1F == kind] for kind in (7, 8)}
    first = sets[7][0]
    parts = [b"\x01", first[1:4], b"\xff", bytes([0xE0 | len(sets[7])]), *map(_sized, sets[7])]
    return b"".join([*parts, bytes([len(sets[8])]), *map(_sized, sets[8])])


def _sized(unit: bytes) -> bytes:
    return len(unit).to_bytes(2, "big") + unit
