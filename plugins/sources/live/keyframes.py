"""A picture now and then of a stream that is recorded without being decoded: its keyframes alone."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import av

from sitepose.core.structures import ImageArray
from sitepose.plugins.sources.colour import RgbConverter
from sitepose.plugins.sources.live.mailbox import Mailbox
from sitepose.plugins.sources.live.packets import EncodedPacket, StreamFormat

DECODERS = {"h264": "h264", "h265": "hevc", "mjpeg": "mjpeg"}
"""FFmpeg's names of what can be recorded."""

TAKE_S = 1.0

_log = logging.getLogger(__name__)


class KeyframeViewer:
    """A packet sink that shows a keyframe every few seconds. Remembers when the next is due.

    Args:
        show: Takes a picture and its timestamp.
        every_s: Seconds between two pictures, at least.
    """

    def __init__(self, show: Callable[[ImageArray, float], None], every_s: float) -> None:
        self._show = show
        self._every_s = every_s
        self._due = 0.0
        self._mailbox: Mailbox[EncodedPacket] = Mailbox()
        self._convert = RgbConverter()
        self._thread = threading.Thread(target=self._run, name="keyframes", daemon=True)
        self._thread.start()

    def put(self, packet: EncodedPacket) -> None:
        """Take a packet; never waits."""
        if packet.keyframe and packet.timestamp >= self._due:
            self._due = packet.timestamp + self._every_s
            self._mailbox.put(packet)

    def close(self) -> None:
        """End the thread."""
        self._mailbox.close()
        self._thread.join()

    def _run(self) -> None:
        while not self._mailbox.closed:
            packet = self._mailbox.take(TAKE_S)
            if packet is None:
                continue
            picture = keyframe_picture(packet.data, packet.format)
            if picture is not None:
                self._show(self._convert(picture), packet.timestamp)


def decoder_of(encoding: StreamFormat) -> av.VideoCodecContext:
    """Return a decoder for packets as recorders get them, in the thread that asks it."""
    context = av.CodecContext.create(DECODERS[encoding.codec], "r")
    assert isinstance(context, av.VideoCodecContext)
    context.thread_count = 1
    if encoding.private:
        context.extradata = encoding.private
    return context


def keyframe_picture(data: bytes, encoding: StreamFormat) -> av.VideoFrame | None:
    """Return the picture of a keyframe; None where it cannot be decoded."""
    context = decoder_of(encoding)
    try:
        pictures = [*context.decode(av.Packet(data)), *context.decode(None)]
    except (av.FFmpegError, ValueError) as error:
        _log.debug("a keyframe cannot be decoded: %s", error)
        return None
    return pictures[0] if pictures else None
