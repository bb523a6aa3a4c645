"""Live sources through GStreamer: the lowest latency, and recording without decoding."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any, ClassVar

from sitepose.plugins.sources.live.address import CameraAddress
from sitepose.plugins.sources.live.events import ConnectionFault
from sitepose.plugins.sources.live.gst_library import (
    GstLibrary,
    fault_of,
    keep_debugging_quiet,
    load_gstreamer,
)
from sitepose.plugins.sources.live.gst_pictures import GstPicture, frame_rate_of, raw_format
from sitepose.plugins.sources.live.gst_pipeline import GstPipeline
from sitepose.plugins.sources.live.intake import NANOSECOND, Arrival, Delivery
from sitepose.plugins.sources.live.packets import Codec, StreamFormat
from sitepose.plugins.sources.live.pictures import RawConverter, RawFormat
from sitepose.plugins.sources.live.settings import LiveSettings
from sitepose.plugins.sources.live.source import LiveSource

PULL_NS = 100_000_000
"""How long one pull waits; a stop is seen within this time."""

OVERLOAD_NS = 500_000_000
"""Encoded video before the decoder from which on it skips to a keyframe, so that latency stays bounded."""

OLDEST_S = 10.0
"""A stamp that says a frame is older than this tells the time of something else than its capture."""

CODECS: dict[str, Codec] = {"video/x-h264": "h264", "video/x-h265": "h265", "image/jpeg": "mjpeg"}

_log = logging.getLogger(__name__)


class GStreamerSource(LiveSource):
    """Any camera that GStreamer can reach."""

    requires: ClassVar[tuple[str, ...]] = ("gi",)
    extra: ClassVar[str] = "sitepose[gstreamer]"

    def check(self) -> None:
        """Say at once if GStreamer is missing.

        Raises:
            PluginError: It is; the message says what to install.
        """
        library = load_gstreamer()
        if self.address.secrets:
            keep_debugging_quiet(library)

    def connection(self, delivery: Delivery) -> GstConnection:
        """Return a new connection."""
        return GstConnection(load_gstreamer(), self.address, self.settings, delivery)


class GstConnection:
    """One run of a pipeline.

    Args:
        library: GStreamer.
        address: Where the camera is.
        settings: How it is treated.
        delivery: Where frames go.
    """

    def __init__(
        self, library: GstLibrary, address: CameraAddress, settings: LiveSettings, delivery: Delivery
    ) -> None:
        self._library = library
        self._address = address
        self._settings = settings
        self._delivery = delivery
        self._stopping = threading.Event()
        self._faults: list[ConnectionFault] = []
        self._convert = RawConverter()
        self._picture_caps: Any = None
        self._layout: RawFormat | None = None
        self._raw_stream: StreamFormat | None = None
        self._packet_caps: Any = None
        self._encoding: StreamFormat | None = None

    def stop(self) -> None:
        """Ask the connection to end; from any thread."""
        self._stopping.set()
        self._delivery.wait_no_more()

    def run(self) -> None:
        """Deliver until the camera ends or :meth:`stop` is called.

        Raises:
            ConnectionFault: Why it ended.
        """
        built = GstPipeline(
            self._library, self._address, self._settings, self._faults.append, self._delivery.clock_set
        )
        packets = threading.Thread(
            target=self._serve_packets, args=(built,), name=f"packets {self._address.label}", daemon=True
        )
        try:
            packets.start()
            built.pipeline.set_state(self._library.Gst.State.PLAYING)
            self._serve_pictures(built)
        finally:
            self._stopping.set()
            built.close()
            packets.join()

    def _serve_pictures(self, built: GstPipeline) -> None:
        bus = built.pipeline.get_bus()
        skipping = False
        while not self._stopping.is_set():
            if built.frames is None:
                self._stopping.wait(PULL_NS / 1e9)
            elif (sample := built.frames.try_pull_sample(PULL_NS)) is not None:
                self._deliver_picture(sample, built)
            if built.valve is not None:
                self._turn(built)
            if built.backlog is not None and not skipping:
                skipping = self._relieve(built.backlog)
            elif skipping:
                skipping = built.backlog.get_property("current-level-time") > OVERLOAD_NS
            self._look_at(bus)
            if self._faults:
                raise self._faults[0]

    def _look_at(self, bus: Any) -> None:
        """Raise what the pipeline reports: an error, or an end, which is one for a camera."""
        kinds = self._library.Gst.MessageType
        message = bus.pop_filtered(kinds.ERROR | kinds.EOS)
        if message is None:
            return
        if message.type == kinds.EOS:
            raise ConnectionFault("ended", "the camera ended the stream")
        fault = fault_of(message.parse_error()[0])
        if (
            self._address.kind == "rtsp"
            and fault.kind == "unsupported"
            and message.src.get_name().startswith("rtspsrc")
        ):
            fault = ConnectionFault("broken", f"it offers no video over {self._settings.transport}")
        if self._address.kind == "gst":  # which of the user's elements
            fault = ConnectionFault(fault.kind, f"{message.src.get_name()}: {fault}")
        raise _redacted(fault, self._address)

    def _deliver_picture(self, sample: Any, built: GstPipeline) -> None:
        caps, buffer = sample.get_caps(), sample.get_buffer()
        if self._picture_caps is None or not caps.is_equal(self._picture_caps):
            self._picture_caps = caps
            self._layout = layout = raw_format(self._library, caps)
            rate = frame_rate_of(caps.get_structure(0))
            self._raw_stream = StreamFormat("raw", layout.size_wh, rate) if built.backlog is None else None
        assert self._layout is not None  # set with the caps
        if buffer.has_flags(self._library.Gst.BufferFlags.CORRUPTED):
            self._delivery.damaged()
        picture = GstPicture(sample, self._layout, self._convert)
        self._delivery.picture(self._arrival(sample, buffer, built), picture, self._raw_stream)

    def _serve_packets(self, built: GstPipeline) -> None:
        try:
            while not self._stopping.is_set():
                sample = built.packets.try_pull_sample(PULL_NS)
                if sample is not None:
                    self._deliver_packet(sample, built)
        except Exception as error:  # noqa: BLE001  the edge of a thread: it goes to the one who waits
            _log.debug("the packets of a connection failed", exc_info=True)
            self._delivery.wait_no_more()
            self._faults.append(ConnectionFault("broken", f"{type(error).__name__}: {error}"))

    def _deliver_packet(self, sample: Any, built: GstPipeline) -> None:
        caps, buffer = sample.get_caps(), sample.get_buffer()
        if self._packet_caps is None or not caps.is_equal(self._packet_caps):
            self._packet_caps, self._encoding = caps, _encoding(caps)
            # Stamps of an MJPEG camera over HTTP are times of arrival, which vary without any loss.
            self._delivery.count_gaps = not (self._address.kind == "http" and self._encoding.codec == "mjpeg")
        assert self._encoding is not None  # set with the caps
        self._delivery.packet(
            self._arrival(sample, buffer, built),
            buffer.extract_dup(0, buffer.get_size()),
            self._encoding,
            keyframe=not buffer.has_flags(self._library.Gst.BufferFlags.DELTA_UNIT),
            # Where no pictures are wanted, what we encode is all that tells that the camera is alive.
            ours=built.valve is not None and built.frames is not None,
        )

    def _arrival(self, sample: Any, buffer: Any, built: GstPipeline) -> Arrival:
        """Return the stamps of a frame; its ``pts`` is the running time, which decoders and encoders keep."""
        gst = self._library.Gst
        now, never = time.monotonic(), gst.CLOCK_TIME_NONE
        stamp = buffer.pts
        if stamp == never:
            stamp = buffer.dts
        running = sample.get_segment().to_running_time(gst.Format.TIME, stamp)
        if stamp == never or running == never:
            since = time.monotonic_ns() - built.pipeline.get_base_time()
            return Arrival(max(0, since), NANOSECOND, now)
        if built.valve is None:
            return Arrival(running, NANOSECOND, now)
        # Raw pictures carry the time of their capture, and GStreamer's clock is the monotonic one.
        captured = (built.pipeline.get_base_time() + running) / 1e9
        return Arrival(running, NANOSECOND, captured if now - OLDEST_S < captured <= now else now)

    def _turn(self, built: GstPipeline) -> None:
        """Let raw pictures through to the encoder while somebody records."""
        closed = not (self._delivery.packets_wanted or self._settings.encode_always)
        if built.valve.get_property("drop") == closed:
            return
        built.valve.set_property("drop", closed)
        if not closed:  # the encoder may have been at work before: a recording begins with a keyframe
            never = self._library.Gst.CLOCK_TIME_NONE
            built.packets.send_event(
                self._library.GstVideo.video_event_new_upstream_force_key_unit(never, True, 1)
            )

    def _relieve(self, backlog: Any) -> bool:
        """Let the decoder skip to the next keyframe when it is too slow; return whether it does."""
        if backlog.get_property("current-level-time") < OVERLOAD_NS:
            return False
        gst = self._library.Gst

        def skip(_pad: Any, info: Any) -> Any:
            delta = info.get_buffer().has_flags(gst.BufferFlags.DELTA_UNIT)
            return gst.PadProbeReturn.DROP if delta else gst.PadProbeReturn.REMOVE

        _log.warning("%s: decoding is too slow; skipping to the next keyframe", self._address.label)
        backlog.get_static_pad("sink").add_probe(gst.PadProbeType.BUFFER, skip)
        return True


def _encoding(caps: Any) -> StreamFormat:
    structure = caps.get_structure(0)
    size = structure.get_int("width")[1], structure.get_int("height")[1]
    private = structure.get_value("codec_data") if structure.has_field("codec_data") else None
    return StreamFormat(
        codec=CODECS[structure.get_name()],
        size_wh=size,
        frame_rate=frame_rate_of(structure),
        private=private.extract_dup(0, private.get_size()) if private is not None else b"",
    )


def _redacted(fault: ConnectionFault, address: CameraAddress) -> ConnectionFault:
    return ConnectionFault(fault.kind, address.secrets.redact(str(fault)))
