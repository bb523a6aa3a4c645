"""Streams for recorders: real H.264 made here, cut into packets as a live source gives them."""

from __future__ import annotations

import io
import sys
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from sitepose.plugins.sources.live.gst_library import has_gstreamer
from sitepose.plugins.sources.live.packets import EncodedPacket, StreamFormat

RATE = 30
sys.path.insert(0, str(Path(__file__).resolve().parents[3]))  # for the simulated cameras in `benchmarks`

WALL = 1_760_000_000.0


class Stream:
    """A camera's packets, in order; ``stream(10)`` gives the next ten."""

    def __init__(self, size_wh=(128, 96), gop=15, rate=RATE):
        self._encoded, self.format = encode(size_wh, gop, rate)
        self._gop, self._rate = gop, rate
        self._next = 0
        self.epoch = 0
        self.late = 0.0

    def __call__(self, count):
        packets = [self._packet(self._next + n) for n in range(count)]
        self._next += count
        return packets

    def skip(self, count):
        """Lose frames."""
        self._next += count

    def reconnect(self, after_s=2.0, **changes):
        """Go on over a new connection, in another format if need be."""
        self.epoch += 1
        self.late += after_s
        self._next += -self._next % self._gop  # a camera begins with a keyframe
        if changes:
            self._encoded, self.format = encode(changes.get("size_wh", (128, 96)), self._gop, self._rate)

    def _packet(self, index):
        data, keyframe = self._encoded[index % len(self._encoded)]
        timestamp = round(index / self._rate + self.late, 6)
        return EncodedPacket(
            data=data,
            keyframe=keyframe,
            format=self.format,
            index=index,
            timestamp=timestamp,
            pts=index * 3000,
            time_base=Fraction(1, 90_000),
            captured_at=timestamp,
            wall=WALL + timestamp,
            epoch=self.epoch,
        )


def encode(size_wh, gop, rate):
    """Return the packets of some whole groups of pictures, with lengths, and what they are."""
    memory = io.BytesIO()
    with av.open(memory, "w", format="matroska") as output:
        options = {"preset": "ultrafast", "tune": "zerolatency", "g": str(gop), "keyint_min": str(gop)}
        stream = output.add_stream("libx264", rate=rate, options=options)
        stream.width, stream.height = size_wh
        stream.pix_fmt = "yuv420p"
        for n in range(4 * gop):
            image = np.full((size_wh[1], size_wh[0], 3), 40 + 3 * n % 150, np.uint8)
            image[n % size_wh[1]] = 250
            output.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        output.mux(stream.encode())
    memory.seek(0)
    with av.open(memory) as container:
        video = container.streams.video[0]
        private = bytes(video.codec_context.extradata)
        packets = [(bytes(packet), packet.is_keyframe) for packet in container.demux(video) if packet.size]
    return packets, StreamFormat("h264", size_wh, Fraction(rate), private)


@pytest.fixture(scope="session")
def make_stream():
    return Stream


@pytest.fixture
def stream(make_stream):
    return make_stream()


@pytest.fixture(autouse=True)
def every_thread_ends(no_thread_is_left):
    """Holds every test of this folder to it."""


@pytest.fixture
def camera():
    """A real RTSP camera on loopback, with a time barcode in its pixels."""
    if not has_gstreamer():
        pytest.skip("needs GStreamer and PyGObject: scripts/setup-live.sh")
    from benchmarks.camera.process import CameraProcess

    with CameraProcess("rtsp", width=320, height=180, gop=15, bitrate=600) as process:
        yield process


@pytest.fixture
def settle():
    """Waits until a recorder has written what it was given."""

    def wait(recorder, frames, timeout_s=20.0):
        deadline = time.monotonic() + timeout_s
        while recorder.stats.frames < frames:
            assert time.monotonic() < deadline, recorder.stats
            time.sleep(0.01)

    return wait
