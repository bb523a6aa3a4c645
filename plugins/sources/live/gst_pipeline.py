r"""A camera's pipeline, put together from elements and properties; no address ever becomes pipeline text.

::

    encoded:  source - parser - tee - appsink "packets"
                                  \- queue - decoder - converter - appsink "frames" (newest only)
    raw:      source ---------- tee - queue - converter - appsink "frames" (newest only)
                                  \- queue - valve - H.264 encoder - appsink "packets"
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from sitepose.plugins.sources.live.address import CameraAddress
from sitepose.plugins.sources.live.events import ConnectionFault
from sitepose.plugins.sources.live.gst_clock import ClockKeeper
from sitepose.plugins.sources.live.gst_codecs import DEPAYLOADERS, PARSERS, make_decoder, make_encoder
from sitepose.plugins.sources.live.gst_library import GstLibrary
from sitepose.plugins.sources.live.gst_pictures import caps_of_pictures
from sitepose.plugins.sources.live.gst_sources import source_elements
from sitepose.plugins.sources.live.settings import LiveSettings

DECODE_BACKLOG_NS = 2_000_000_000
"""Encoded video that may wait for the decoder; the connection skips to a keyframe long before."""

ENCODE_BACKLOG = 60
"""Raw pictures that may wait for the encoder; one more is lost, and counted by the gap that it leaves."""

PACKETS_WAITING = 900
"""Encoded frames that may wait for the Python side: half a minute, which only a stopped process reaches."""

LEAK_OLDEST = 2
"""``leaky`` of a queue: the oldest goes when it is full."""

DROP_BUFFERS = 1
"""``drop-mode`` of a valve: the end of a stream passes also while it is shut, or a file would never be over."""


class GstPipeline:
    """Builds a pipeline, and takes it apart. Remembers its elements and signal handlers.

    Args:
        library: GStreamer.
        address: Where the camera is.
        settings: How it is treated.
        fail: Is told of a fault in one of GStreamer's threads.
        clock_set: Is told, there as well, by how many seconds the camera has set its clock.

    Attributes:
        frames: Sink of the decoded pictures; None where none are wanted.
        packets: Sink of the encoded frames.
        valve: Holds raw pictures back from the encoder; None for encoded streams.
        backlog: Queue before the decoder; None before the stream is known, and for raw pictures.
    """

    def __init__(
        self,
        library: GstLibrary,
        address: CameraAddress,
        settings: LiveSettings,
        fail: Callable[[ConnectionFault], None],
        clock_set: Callable[[float], None],
    ) -> None:
        self._library = library
        self._address = address
        self._settings = settings
        self._fail = fail
        self._clock_set = clock_set
        self._clock: ClockKeeper | None = None
        self._handlers: list[tuple[Any, int]] = []
        self._connected = False
        self.pipeline = library.Gst.Pipeline.new(None)
        self.packets = self._sink(max_buffers=PACKETS_WAITING)
        self.frames = self._sink(max_buffers=1) if settings.decode else None
        self.valve: Any = None
        self.backlog: Any = None
        self._begin()

    def close(self) -> None:
        """Stop the pipeline, and let go of everything."""
        self.pipeline.set_state(self._library.Gst.State.NULL)
        for element, handler in self._handlers:
            element.disconnect(handler)
        self._handlers.clear()
        if self._clock is not None:
            self._clock.close()

    def _sink(self, max_buffers: int) -> Any:
        sink = self._library.make(
            "appsink", sync=False, max_buffers=max_buffers, drop=True, enable_last_sample=False
        )
        # A sink that gets nothing yet must not keep the others from playing.
        sink.set_property("async", False)
        self.pipeline.add(sink)
        return sink

    def _begin(self) -> None:
        """Add the source, and see to what it sends."""
        source = source_elements(self._library, self._address, self._settings)
        if self._address.kind == "rtsp":
            self._on(source[0], "select-stream", _is_video)
            self._on(source[0], "pad-added", self._guarded(self._on_rtp_pad))
            self._add(*source)
        elif self._address.kind == "test":
            self._add(*source)
            self._raw(source[-1].get_static_pad("src"))
        else:
            self._parse_from(*source)

    def _parse_from(self, *source: Any) -> None:
        """Find out what a source sends, and go on with what turns up."""
        parser = self._library.make("parsebin")
        self._on(parser, "pad-added", self._guarded(self._on_pad))
        self._add(*source, parser)

    def _on_rtp_pad(self, _source: Any, pad: Any) -> None:
        structure = (pad.get_current_caps() or pad.query_caps(None)).get_structure(0)
        if self._connected or structure.get_string("media") not in (None, "video"):
            return
        encoding = structure.get_string("encoding-name") or "?"
        if encoding not in DEPAYLOADERS:
            right = "set it to H.264, H.265 or MJPEG"
            raise ConnectionFault("unsupported", f"the camera sends {encoding}, which cannot be used: {right}")
        self._connected = True
        depayloader = self._library.make(DEPAYLOADERS[encoding])
        media = {"H264": "video/x-h264", "H265": "video/x-h265", "JPEG": "image/jpeg"}[encoding]
        self._encoded(pad, media, depayloader)

    def _on_pad(self, _parser: Any, pad: Any) -> None:
        media = (pad.get_current_caps() or pad.query_caps(None)).get_structure(0).get_name()
        if self._connected or not media.startswith(("video/", "image/")):
            return
        self._connected = True
        if media == "video/x-raw":
            self._raw(pad)
        elif media in PARSERS:
            self._encoded(pad, media)
        else:
            self._decode_first(pad)

    def _decode_first(self, pad: Any) -> None:
        """Treat a stream that cannot be recorded as it is like raw pictures."""
        decoder = self._library.make("decodebin")
        self._connected = False
        self._on(decoder, "pad-added", self._guarded(self._on_pad))
        self._add(decoder)
        _link_pad(pad, decoder)

    def _encoded(self, pad: Any, media: str, *before: Any) -> None:
        make = self._library.make
        parser, caps = PARSERS[media]
        tee = make("tee")
        whole = self._library.caps_filter(caps)
        chain = (*before, make(parser), whole, *self._pace(), *self._one_segment(), tee)
        self._add(*chain)
        if self._keeps_clock:
            self._clock = ClockKeeper(self._library.Gst, whole.get_static_pad("src"), self._clock_set)
        tee.link(self.packets)
        if self.frames is not None:
            self.backlog = make("queue", max_size_buffers=0, max_size_bytes=0, leaky=LEAK_OLDEST)
            self.backlog.set_property("max-size-time", DECODE_BACKLOG_NS)
            self._add(self.backlog, make_decoder(self._library, media), *self._to_frames())
            tee.link(self.backlog)
        _link_pad(pad, chain[0])

    def _raw(self, pad: Any) -> None:
        make = self._library.make
        tee = make("tee")
        chain = (*self._pace(), tee)
        self._add(*chain)
        if self.frames is not None:
            newest = make("queue", max_size_buffers=2, max_size_bytes=0, max_size_time=0, leaky=LEAK_OLDEST)
            self._add(newest, *self._to_frames())
            tee.link(newest)
        encoder = make_encoder(self._library, self._settings.frame_rate)
        if encoder is not None:
            queue = make("queue", max_size_bytes=0, max_size_time=0, leaky=LEAK_OLDEST)
            queue.set_property("max-size-buffers", ENCODE_BACKLOG)
            self.valve = make("valve", drop=not self._settings.encode_always, drop_mode=DROP_BUFFERS)
            parser, caps = PARSERS["video/x-h264"]
            planar = self._library.caps_filter("video/x-raw,format=I420")
            finish = (make(parser), self._library.caps_filter(caps), self.packets)
            self._add(queue, self.valve, make("videoconvert"), planar, encoder, *finish)
            tee.link(queue)
        _link_pad(pad, chain[0])

    @property
    def _keeps_clock(self) -> bool:
        """Whether a decoder must not see that the camera has set its clock; packets are numbered anyway."""
        return self._address.kind == "rtsp" and self.frames is not None

    def _one_segment(self) -> tuple[Any, ...]:
        """Return what puts the moves of a :class:`ClockKeeper` into the stamps themselves."""
        return (self._library.make("identity", single_segment=True),) if self._keeps_clock else ()

    def _pace(self) -> tuple[Any, ...]:
        """Return what holds to its own pace what could be read at once."""
        at_once = self._address.kind == "file" or self._address.segmented
        return (self._library.make("clocksync"),) if at_once else ()

    def _to_frames(self) -> tuple[Any, ...]:
        """Return the end of the branch of pictures; the converter does nothing for the usual formats."""
        return self._library.make("videoconvert"), self._library.caps_filter(caps_of_pictures()), self.frames

    def _add(self, *chain: Any) -> None:
        """Add elements that are not in the pipeline yet, link them in a row, and start them from the end."""
        for element in chain:
            if element.get_parent() is None:
                self.pipeline.add(element)
        for first, second in pairwise(chain):
            if not first.link(second):
                names = f"{first.get_factory().get_name()} and {second.get_factory().get_name()}"
                raise ConnectionFault("unsupported", f"GStreamer cannot link {names}")
        for element in reversed(chain):
            element.sync_state_with_parent()

    def _on(self, element: Any, signal: str, handler: Callable[..., Any]) -> None:
        self._handlers.append((element, element.connect(signal, handler)))

    def _guarded(self, handler: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
        """Return a handler whose faults reach the one who waits, not GStreamer's thread."""

        def guarded(element: Any, pad: Any) -> None:
            try:
                handler(element, pad)
            except ConnectionFault as fault:
                self._fail(fault)

        return guarded


def _is_video(_source: Any, _number: int, caps: Any) -> bool:
    """Tell rtspsrc which streams to ask the camera for: the picture, not the sound."""
    return bool(caps.get_structure(0).get_string("media") == "video")


def _link_pad(pad: Any, element: Any) -> None:
    sink = element.get_static_pad("sink")
    if int(pad.link(sink)) < 0:
        raise ConnectionFault("unsupported", f"GStreamer cannot link to {element.get_factory().get_name()}")
