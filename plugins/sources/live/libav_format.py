"""What the packets of a stream are encoded in, also after somebody has set the camera otherwise."""

from __future__ import annotations

from dataclasses import replace

import av

from sitepose.plugins.sources.live.annexb import has_start_codes, parameter_sets, private_of
from sitepose.plugins.sources.live.events import ConnectionFault
from sitepose.plugins.sources.live.keyframes import keyframe_picture
from sitepose.plugins.sources.live.packets import Codec, StreamFormat

_FRAME_HEADERS = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
"""Markers of JPEG behind which height and width stand."""


class PacketFormat:
    """Follows what a stream is encoded in. Remembers the format, and what said so.

    Args:
        stream: The stream as it was opened.
        codec: None where it cannot be recorded as it is.

    Attributes:
        now: The format; another object from the first keyframe on that has another.
        start_codes: Whether packets come with start codes in place of lengths.

    Raises:
        ConnectionFault: The stream does not say what a decoder needs.
    """

    def __init__(self, stream: av.VideoStream, codec: Codec | None) -> None:
        context = stream.codec_context
        extradata = bytes(context.extradata or b"")
        self.start_codes = codec in ("h264", "h265") and has_start_codes(extradata)
        self._stream = stream
        self._sets = parameter_sets(extradata, codec) if self.start_codes and codec else ()
        size, rate = (context.width, context.height), stream.average_rate
        private = b""
        if codec in ("h264", "h265"):
            private = self._private() if self.start_codes else extradata
        self.now = StreamFormat(codec or "raw", size, rate, private)

    def look(self, data: bytes) -> StreamFormat:
        """Return the format from a keyframe on."""
        if self.now.codec == "mjpeg":
            size = jpeg_size(data)
            if size is not None and size != self.now.size_wh:
                self.now = replace(self.now, size_wh=size)
        elif self.start_codes:
            self._compare(data)
        return self.now

    def _compare(self, data: bytes) -> None:
        sets = parameter_sets(data, self.now.codec)
        if set(sets) <= set(self._sets):
            return
        picture = keyframe_picture(data, replace(self.now, private=b""))
        if picture is not None:
            self._sets = sets
            size = (picture.width, picture.height)
            self.now = replace(self.now, size_wh=size, private=self._private())

    def _private(self) -> bytes:
        try:
            return private_of(self._stream, self._sets)
        except ValueError as error:
            raise ConnectionFault("broken", str(error)) from error


def jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Return width and height of a JPEG picture; None where it does not say.

    >>> jpeg_size(bytes.fromhex("ffd8 ffe00004 0000 ffc0 000b 08 0010 0020 01 11 00"))
    (32, 16)
    """
    place = 2
    while place + 9 <= len(data) and data[place] == 0xFF:
        if data[place + 1] in _FRAME_HEADERS:
            height, width = data[place + 5 : place + 7], data[place + 7 : place + 9]
            return int.from_bytes(width, "big"), int.from_bytes(height, "big")
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return None
