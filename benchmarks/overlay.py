"""What a frame of ``overlay.mp4`` costs: drawing, encoding by each preset of x264, and the size of the file.

Run: python benchmarks/overlay.py [--video FILE] [--people 10] [--frames 100]

Everything takes turns on every frame, and medians are printed. Without a video the test pattern is drawn upon,
which a real camera's noise makes harder to encode than it is: figures that matter come from a real video.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from fractions import Fraction
from itertools import cycle, islice
from pathlib import Path

import cv2
import numpy as np

from sitepose.app.outputs.overlay_encoder import OverlayEncoder
from sitepose.app.rendering.draw import draw_poses
from sitepose.app.rendering.labels import draw_header
from sitepose.core.structures import ImageArray
from sitepose.plugins.sources.figures import Crowd
from sitepose.plugins.sources.synthetic import SyntheticSource
from sitepose.plugins.sources.video import VideoFile

SIZES = ((640, 480), (1280, 720), (1920, 1080))
PRESETS = ("ultrafast", "superfast", "veryfast")
FRAME_RATE = Fraction(25)
DISTINCT_FRAMES = 50
"""Pictures held in memory; shown forwards and backwards, so that motion goes on."""


def pictures(video: str | None, size_wh: tuple[int, int]) -> list[ImageArray]:
    """Return pictures of a video, or of the test pattern without people, at a size."""
    if video is None:
        settings = SyntheticSource.Settings(width=size_wh[0], height=size_wh[1], people=0)
        with SyntheticSource(settings) as pattern:
            return [frame.image for frame in islice(pattern, DISTINCT_FRAMES)]
    with VideoFile(VideoFile.Settings(location=video, max_frames=DISTINCT_FRAMES)) as source:
        kind = cv2.INTER_CUBIC if size_wh > source.info.size_wh else cv2.INTER_AREA
        return [np.asarray(cv2.resize(frame.image, size_wh, interpolation=kind), np.uint8) for frame in source]


def measure(images: list[ImageArray], people: int, frames: int, folder: Path) -> dict[str, tuple[float, float]]:
    """Return for drawing and for each preset the median milliseconds, and kilobytes a second of video."""
    height, width = images[0].shape[:2]
    crowd = Crowd(people, (width, height), float(FRAME_RATE), seed=1)
    paths = {preset: folder / f"{preset}.mp4" for preset in PRESETS}
    encoders = {
        preset: OverlayEncoder(path, size_wh=(width, height), frame_rate=FRAME_RATE, preset=preset)
        for preset, path in paths.items()
    }
    taken: dict[str, list[float]] = {name: [] for name in ("draw", *PRESETS)}
    canvas = np.empty_like(images[0])
    for index, image in zip(range(frames), cycle(images + images[-2:0:-1]), strict=False):
        poses = crowd.at(index)
        start = time.perf_counter()
        draw_poses(image, poses, crowd.skeleton, out=canvas)
        draw_header(canvas, f"{index / 25:.2f} s  #{index}  {people} people")
        taken["draw"].append(time.perf_counter() - start)
        for preset, encoder in encoders.items():
            start = time.perf_counter()
            encoder.encode(canvas, index / 25)
            taken[preset].append(time.perf_counter() - start)
    for encoder in encoders.values():
        encoder.close()
    rates = {preset: path.stat().st_size / 1e3 / (frames / 25) for preset, path in paths.items()}
    return {name: (1e3 * float(np.median(times)), rates.get(name, 0.0)) for name, times in taken.items()}


def main() -> None:
    """Print a table of sizes and presets."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--video", help="a video to draw upon, scaled to each size")
    parser.add_argument("--people", type=int, default=10)
    parser.add_argument("--frames", type=int, default=100)
    arguments = parser.parse_args()
    print(f"{'size':>10} {'draw ms':>8} {'preset':>10} {'encode ms':>10} {'both ms':>8} {'kB/s':>8}")
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            images = pictures(arguments.video, size)
            costs = measure(images, arguments.people, arguments.frames, Path(folder))
        draw, _ = costs["draw"]
        for preset in PRESETS:
            encode, rate = costs[preset]
            times = f"{draw:8.2f} {preset:>10} {encode:10.2f} {draw + encode:8.2f}"
            print(f"{'{}x{}'.format(*size):>10} {times} {rate:8.0f}")


if __name__ == "__main__":
    main()
