"""What it costs to notice that a camera was moved: ``python -m benchmarks.scene_watch VIDEO [--looks 40]``.

One look, and what is decoded for it where nothing else is, by processor time, one after the other in turns.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from statistics import median
from typing import Any

import av
import cv2
import numpy as np

from sitepose.plugins.sources.colour import RgbConverter
from sitepose.plugins.sources.live.keyframes import keyframe_picture
from sitepose.plugins.sources.live.packets import StreamFormat
from sitepose.plugins.sources.live.scene import SceneWatch
from sitepose.plugins.sources.live.settings import LiveSettings

SIZES = ((640, 480), (1280, 720), (1920, 1080))
EVERY = 5
"""Frames of the video between two looks."""


def pictures(video: Path, looks: int, size_wh: tuple[int, int]) -> list[np.ndarray[Any, np.dtype[np.uint8]]]:
    """Return some frames of a video at another size."""
    with av.open(str(video)) as container:
        frames = (frame for n, frame in enumerate(container.decode(video=0)) if n % EVERY == 0)
        taken = [frame.to_ndarray(format="rgb24") for frame, _ in zip(frames, range(looks), strict=False)]
    return [np.asarray(cv2.resize(image, size_wh), np.uint8) for image in taken]


def keyframes(images: list[np.ndarray[Any, np.dtype[np.uint8]]]) -> tuple[list[bytes], StreamFormat]:
    """Return pictures as H.264 keyframes."""
    memory = io.BytesIO()
    height, width = images[0].shape[:2]
    with av.open(memory, "w", format="matroska") as output:
        stream = output.add_stream("libx264", rate=10, options={"g": "1", "preset": "fast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for image in images:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        output.mux(stream.encode())
    memory.seek(0)
    with av.open(memory) as container:
        video = container.streams.video[0]
        private = bytes(video.codec_context.extradata or b"")
        packets = [bytes(packet) for packet in container.demux(video) if packet.size]
    return packets, StreamFormat("h264", (width, height), Fraction(10), private)


def cost_ms(function: Callable[[], object]) -> float:
    """Return the processor time of a call."""
    began = time.process_time()
    function()
    return (time.process_time() - began) * 1000


def main() -> None:
    """Measure, and print a line for each size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--looks", type=int, default=40)
    options = parser.parse_args()
    every_s = LiveSettings(location="test:").watch_s
    cv2.setNumThreads(1)
    for size in SIZES:
        images = pictures(options.video, options.looks, size)
        packets, encoding = keyframes(images)
        watch, convert = SceneWatch(), RgbConverter()
        looks, decodings = [], []
        for image, packet in zip(images, packets, strict=True):
            looks.append(cost_ms(lambda: watch.look(image)))  # noqa: B023
            decodings.append(cost_ms(lambda: convert(keyframe_picture(packet, encoding))))  # type: ignore[arg-type]  # noqa: B023
        look, decoding = median(looks), median(decodings)
        share, both = look / every_s / 10, (look + decoding) / every_s / 10
        print(
            f"{size[0]}x{size[1]}: look {look:.1f} ms, keyframe {decoding:.1f} ms; every {every_s:g} s that is "
            f"{share:.2f} % of a core, with keyframes {both:.2f} %"
        )


if __name__ == "__main__":
    main()
