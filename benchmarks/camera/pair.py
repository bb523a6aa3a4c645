"""A simulated camera with two streams of one scene: ``python -m benchmarks.camera.pair``.

``/main`` shows it at once, ``/sub`` at half the size and some time later. Prints the address of ``/main``.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import threading
import time
from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.camera import barcode

WALKERS = 4
"""Squares that wander through the picture: what two streams of one camera have in common."""

STEP = 0.02
"""How fast their direction changes, of the width a frame: no walk repeats itself."""

ENCODER = (
    "x264enc tune=zerolatency speed-preset=ultrafast sliced-threads=false threads=1 bitrate={bitrate}"
    " key-int-max=15 ! video/x-h264,profile=main ! rtph264pay name=pay0 pt=96 config-interval=-1"
)

Luma = NDArray[np.uint8]


class Scene:
    """Draws what the camera sees. Remembers the pictures of the last seconds.

    Args:
        size_wh: Of the main stream.
        rate: Pictures a second.
        delay_s: By how much the sub stream is late.
    """

    def __init__(self, size_wh: tuple[int, int], rate: int, delay_s: float) -> None:
        width, height = size_wh
        self._random = np.random.default_rng(1)
        self._background = np.tile(np.linspace(40, 200, width).astype(np.uint8), (height, 1))
        self._background[height // 2 :: 24, :] //= 2
        self._places = self._random.random((WALKERS, 2))
        self._steps = np.zeros((WALKERS, 2))
        self._pictures: deque[Luma] = deque(maxlen=max(1, round(delay_s * rate) + 1))
        self._changed = threading.Condition()
        self._number = 0
        self._rate = rate
        threading.Thread(target=self._run, daemon=True).start()

    def wait(self, after: int) -> tuple[int, Luma, Luma]:
        """Return number and pictures of both streams, newer than ``after``."""
        with self._changed:
            self._changed.wait_for(lambda: self._number > after)
            return self._number, self._pictures[-1], self._pictures[0]

    def _run(self) -> None:
        due = time.monotonic()
        for number in itertools.count(1):
            due += 1 / self._rate
            time.sleep(max(0.0, due - time.monotonic()))
            picture = self._draw(number)
            with self._changed:
                self._pictures.append(picture)
                self._number = number
                self._changed.notify_all()

    def _draw(self, number: int) -> Luma:
        picture = self._background.copy()
        height, width = picture.shape
        self._steps = 0.9 * self._steps + self._random.normal(0, STEP / 3, self._steps.shape)
        self._places = (self._places + self._steps) % 1
        for grey, (x, y) in zip((10, 90, 160, 250), self._places, strict=True):
            left, top = int(x * (width - 60)), barcode.HEIGHT + int(y * (height - barcode.HEIGHT - 100))
            picture[top : top + 100, left : left + 60] = grey
        barcode.draw(picture, time.monotonic_ns() // 1000, number)
        return picture


class PairedCamera:
    """Serves both streams to any number of clients.

    Args:
        options: The command line's options.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        import gi

        gi.require_version("Gst", "1.0")
        gi.require_version("GstRtspServer", "1.0")
        from gi.repository import Gst, GstRtspServer

        Gst.init(None)
        self._gst, self._rtsp, self._options = Gst, GstRtspServer, options
        self._scene = Scene((options.width, options.height), options.rate, options.delay)
        self._server = GstRtspServer.RTSPServer.new()
        self._server.set_address("127.0.0.1")
        self._server.set_service(str(options.port))

    def serve(self) -> None:
        """Serve until the process is ended."""
        from gi.repository import GLib

        for name in ("main", "sub"):
            factory = self._rtsp.RTSPMediaFactory.new()
            factory.set_launch(f"( {self._source(name)} ! {ENCODER.format(bitrate=self._options.bitrate)} )")
            factory.set_shared(True)
            factory.connect("media-configure", self._on_media, name)
            self._server.get_mount_points().add_factory(f"/{name}", factory)
        if not self._server.attach(None):
            sys.exit(f"cannot listen on port {self._options.port}")
        print(f"rtsp://127.0.0.1:{self._server.get_bound_port()}/main", flush=True)
        GLib.MainLoop().run()

    def _source(self, name: str) -> str:
        o, part = self._options, 1 if name == "main" else 2
        caps = f"video/x-raw,format=I420,width={o.width // part},height={o.height // part},framerate={o.rate}/1"
        return f"appsrc name=frames is-live=true format=time caps={caps}"

    def _on_media(self, _factory: Any, media: Any, name: str) -> None:
        source = media.get_element().get_by_name_recurse_up("frames")
        threading.Thread(target=self._feed, args=(source, name), daemon=True).start()

    def _feed(self, source: Any, name: str) -> None:
        """Push pictures as they come until the media is gone, with stamps as regular as those of a sensor."""
        gst, seen = self._gst, 0
        while source.get_state(0)[1] != gst.State.PLAYING:
            time.sleep(0.005)
        first: int | None = None
        begin = 0
        while True:
            seen, main, sub = self._scene.wait(seen)
            if first is None:
                first, begin = seen, source.get_clock().get_time() - source.get_base_time()
            luma = main if name == "main" else halved(sub)
            buffer = gst.Buffer.new_wrapped(luma.tobytes() + bytes([128]) * (luma.size // 2))
            buffer.pts = begin + (seen - first) * gst.SECOND // self._options.rate
            if source.emit("push-buffer", buffer) != gst.FlowReturn.OK:
                return


def halved(luma: Luma) -> Luma:
    """Return a picture at half its size."""
    height, width = luma.shape
    blocks = luma.reshape(height // 2, 2, width // 2, 2).astype(np.uint16)
    return (blocks.sum((1, 3)) // 4).astype(np.uint8)


def main() -> None:
    """Serve a camera as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--height", type=int, default=352)
    parser.add_argument("--rate", type=int, default=25)
    parser.add_argument("--bitrate", type=int, default=2000, help="kbit/s")
    parser.add_argument("--delay", type=float, default=0.4, help="seconds by which the sub stream is late")
    PairedCamera(parser.parse_args()).serve()


if __name__ == "__main__":
    main()
