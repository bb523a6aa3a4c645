"""Live sources through PyAV: network cameras and files where GStreamer is missing."""

from __future__ import annotations

import errno
import math
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from av.codec.context import Flags

from sitepose.core.errors import SourceError
from sitepose.core.structures import ImageArray
from sitepose.plugins.sources.colour import RgbConverter
from sitepose.plugins.sources.live.address import CameraAddress
from sitepose.plugins.sources.live.annexb import with_lengths
from sitepose.plugins.sources.live.encoder import FrameEncoder
from sitepose.plugins.sources.live.events import ConnectionFault, FaultKind
from sitepose.plugins.sources.live.intake import NANOSECOND, Arrival, Delivery
from sitepose.plugins.sources.live.libav_format import PacketFormat
from sitepose.plugins.sources.live.pace import Pace, stamped
from sitepose.plugins.sources.live.packets import Codec, StreamFormat
from sitepose.plugins.sources.live.settings import LiveSettings
from sitepose.plugins.sources.live.source import LiveSource

CODECS: dict[str, Codec] = {"h264": "h264", "hevc": "h265", "mjpeg": "mjpeg"}

PROTOCOLS = "rtsp,rtsps,rtp,srtp,tcp,udp,tls,http,https,httpproxy,crypto,hls"
"""What FFmpeg may use for a network camera: a playlist must not make it read files of this machine."""

DEFAULT_RATE = Fraction(25)

ARRIVAL_TICKS = Fraction(1, 1_000_000)
"""Unit of the stamps that we give by the time of arrival."""

RETURN_S = 0.4
"""How much longer than our watch FFmpeg waits for data."""

UNRELATED_S = 10.0
"""Stamps of a playlist that are so far from their time belong to another piece: the pace is taken anew."""


class PyAvSource(LiveSource):
    """Network cameras and looped files, with FFmpeg's latency: one or two frames more than GStreamer's."""

    def check(self) -> None:
        """Say at once what PyAV cannot do.

        Raises:
            SourceError: The address is of another kind.
        """
        if self.address.kind not in ("rtsp", "http", "file"):
            raise SourceError(f"{self.address.label}: PyAV reads network cameras and loop:FILE only")

    def connection(self, delivery: Delivery) -> PyAvConnection:
        """Return a new connection."""
        return PyAvConnection(self.address, self.settings, delivery)


@dataclass(frozen=True, slots=True)
class _AvPicture:
    frame: av.VideoFrame
    convert: RgbConverter

    def to_rgb(self) -> ImageArray:
        return self.convert(self.frame)


class PyAvConnection:
    """One connection through PyAV.

    Args:
        address: Where the camera is.
        settings: How it is treated.
        delivery: Where frames go.
    """

    def __init__(self, address: CameraAddress, settings: LiveSettings, delivery: Delivery) -> None:
        self._address = address
        self._settings = settings
        self._delivery = delivery
        self._stopping = threading.Event()
        self._convert = RgbConverter()
        self._encoder: FrameEncoder | None = None

    def stop(self) -> None:
        """Ask the connection to end; from any thread."""
        self._stopping.set()

    def run(self) -> None:
        """Deliver until the camera ends or :meth:`stop` is called.

        Raises:
            ConnectionFault: Why it ended.
        """
        fault: ConnectionFault | None = None
        try:
            with self._opened() as container:
                self._deliver(container)
        except (av.FFmpegError, OSError, IndexError) as error:
            fault = self._fault(error)
        finally:
            if self._encoder is not None:
                self._encoder.close()
        if fault is not None and not self._stopping.is_set():
            # FFmpeg's own error quotes the whole address: it must not even be chained.
            raise fault from None

    def _opened(self) -> av.container.InputContainer:
        settings = self._settings
        if self._address.kind == "file":
            return av.open(self._address.location)
        # To measure the frame rate would take a second; "nobuffer" would throw away the first keyframe.
        options = {"protocol_whitelist": PROTOCOLS, "fpsprobesize": "0"}
        if self._address.kind == "rtsp":
            options |= {"rtsp_transport": settings.transport, "allowed_media_types": "video"}
            options["max_delay"] = str(settings.jitter_ms * 1000)
        if settings.verify_tls:
            # FFmpeg knows no authorities by itself, and takes any certificate unless it is told.
            options |= {"tls_verify": "1", "ca_file": ssl.get_default_verify_paths().cafile or ""}
        # FFmpeg cannot be interrupted: it returns shortly after our own watch has seen the silence.
        timeouts = (settings.connect_timeout_s, settings.silence_s + RETURN_S)
        return av.open(self._address.with_login(), options=options, timeout=timeouts)

    def _deliver(self, container: av.container.InputContainer) -> None:
        stream = container.streams.video[0]
        context = stream.codec_context
        context.flags |= Flags.low_delay
        context.thread_type = "SLICE"
        codec = CODECS.get(context.name)
        # FFmpeg invents the stamps of MJPEG over HTTP; those of arrival say more, but nothing about loss.
        by_arrival = self._address.kind == "http" and codec == "mjpeg"
        self._delivery.count_gaps = not by_arrival
        packets = PacketFormat(stream, codec)
        for packet, arrival in self._packets(container, stream, by_arrival=by_arrival):
            if codec is not None:
                data = bytes(packet)
                encoding = packets.look(data) if packet.is_keyframe else packets.now
                data = with_lengths(data, codec) if packets.start_codes else data
                self._delivery.packet(arrival, data, encoding, keyframe=packet.is_keyframe)
            if self._settings.decode or codec is None:
                self._decode(packet, context, arrival, packets.now)

    def _packets(
        self, container: av.container.InputContainer, stream: av.VideoStream, *, by_arrival: bool
    ) -> Iterator[tuple[av.Packet[av.VideoStream], Arrival]]:
        """Yield packets, each with stamps, at their own pace where they come faster."""
        time_base = ARRIVAL_TICKS if by_arrival else Fraction(stream.time_base or NANOSECOND)
        step = round(1 / (stream.average_rate or DEFAULT_RATE) / time_base)
        began_at = time.monotonic()
        pace = None
        if self._address.kind == "file" or self._address.segmented:
            pace = Pace(time_base, UNRELATED_S if self._address.segmented else math.inf)
        for packet in stamped(container.demux(stream), step):
            if self._stopping.is_set():
                return
            if by_arrival:
                packet.pts = packet.dts = round((time.monotonic() - began_at) / time_base)
            elif pace is not None:
                stamp = packet.dts if packet.dts is not None else packet.pts or 0
                self._stopping.wait(pace.wait_s(stamp, time.monotonic()))
            yield packet, Arrival(packet.pts or 0, time_base, time.monotonic())

    def _decode(
        self,
        packet: av.Packet[av.VideoStream],
        context: av.VideoCodecContext,
        arrival: Arrival,
        encoding: StreamFormat,
    ) -> None:
        try:
            frames = context.decode(packet)
        except av.InvalidDataError:
            self._delivery.damaged()
            return
        for frame in frames:
            pts = frame.pts if frame.pts is not None else arrival.pts
            if frame.is_corrupt:
                self._delivery.damaged()
            # A decoder that reorders gives another frame than it was given.
            place = Arrival(pts, arrival.time_base, arrival.captured_at)
            picture = _AvPicture(frame, self._convert)
            raw = StreamFormat("raw", (frame.width, frame.height), encoding.frame_rate)
            self._delivery.picture(place, picture, raw if encoding.codec == "raw" else None)
            if encoding.codec == "raw":
                self._encode(frame, place, encoding)

    def _encode(self, frame: av.VideoFrame, arrival: Arrival, encoding: StreamFormat) -> None:
        """Encode a picture of a codec that cannot be recorded as it is, while somebody records."""
        if not (self._delivery.packets_wanted or self._settings.encode_always):
            return
        if self._encoder is None:
            rate = encoding.frame_rate or DEFAULT_RATE
            self._encoder = FrameEncoder(self._delivery, (frame.width, frame.height), rate)
        self._encoder.put(np.asarray(frame.to_ndarray(format="bgr24"), np.uint8), arrival)

    def _fault(self, error: Exception) -> ConnectionFault:
        kind, reason = _reason(error)
        return ConnectionFault(kind, self._address.secrets.redact(reason))


def _reason(error: Exception) -> tuple[FaultKind, str]:
    """Return what an error of PyAV means; its own text is not used, for it holds the address."""
    if isinstance(error, av.HTTPUnauthorizedError | av.HTTPForbiddenError):
        return "refused", "the camera refuses the user or password"
    if isinstance(error, av.ExitError):
        return "stalled", "the camera does not answer"
    if isinstance(error, av.EOFError):
        return "ended", "the camera ended the stream"
    if isinstance(error, IndexError):
        return "broken", "there is no video in it"
    code = getattr(error, "errno", None)
    text = getattr(error, "strerror", None) or type(error).__name__
    unreachable = code in (errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ETIMEDOUT)
    return ("unreachable" if unreachable else "broken"), str(text)
