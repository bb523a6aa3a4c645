"""How much longer a run with ``overlay.mp4`` takes than one without, at 1080p with some ten people.

Run: python benchmarks/overlay_run.py [--pairs 5] [--precisions fp32,auto]

The video is made of the real one: two of its moments side by side, scaled up. Runs with and without take turns.
benchmarks/overlay.py has what drawing and encoding a frame cost by themselves.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from offline_sides import Ours, add_own_options

from sitepose.app.outputs.overlay_encoder import OverlayEncoder
from sitepose.core.structures import ImageArray
from sitepose.plugins.sources.video import VideoFile

SIZE_WH = (1920, 1080)
FRAME_RATE = Fraction(25)


def crowded(video: str, target: Path, frames: int) -> None:
    """Write a video of 1080p that shows two moments of another one side by side, and its ground below."""
    with VideoFile(VideoFile.Settings(location=video)) as source:
        images = [frame.image for frame in source]
    width, height = SIZE_WH
    with_height = images[0].shape[0] * (width // 2) // images[0].shape[1]
    encoder = OverlayEncoder(target, size_wh=SIZE_WH, frame_rate=FRAME_RATE)
    for index in range(frames):
        pair = [images[(index + shift) % len(images)] for shift in (0, len(images) // 2)]
        upper = np.hstack([_scaled(image, (width // 2, with_height)) for image in pair])
        picture = np.vstack([upper, upper[: -1 - height + with_height : -1]])
        encoder.encode(np.ascontiguousarray(picture), float(index / FRAME_RATE))
    encoder.close()


def _scaled(image: ImageArray, size_wh: tuple[int, int]) -> ImageArray:
    return np.asarray(cv2.resize(image, size_wh, interpolation=cv2.INTER_CUBIC), np.uint8)


def measure(arguments: argparse.Namespace, precision: str, folder: Path) -> None:
    """Print the row of one precision."""
    with Ours(arguments, precision, folder) as ours:
        without, drawn = [], []
        for _ in range(arguments.pairs):
            without.append(ours.run())
            drawn.append(ours.run(overlay=True))
    report = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    ratios = [run.seconds / plain.seconds for run, plain in zip(drawn, without, strict=True)]
    processor = np.median([run.cpu_ms - plain.cpu_ms for run, plain in zip(drawn, without, strict=True)])
    print(
        f"| {precision} | {report['people'] / report['frames']:.1f} | "
        f"{np.median([run.rate for run in without]):.2f} | {np.median([run.rate for run in drawn]):.2f} | "
        f"**{np.median(ratios):.3f}** ({min(ratios):.3f}..{max(ratios):.3f}) | "
        f"{report['stages']['overlay']['mean_ms']:.1f} | {processor:.1f} |",
        flush=True,
    )


def main() -> None:
    """Measure, and print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    add_own_options(parser)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--frames", type=int, default=80, help="frames per run")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        crowded(arguments.video, folder / "crowd.mp4", arguments.frames)
        arguments.video = str(folder / "crowd.mp4")
        print(
            "| precision | people/frame | frames/s without | with | time, with / without | stage ms | CPU ms |"
        )
        print("|---|---|---|---|---|---|---|")
        for precision in arguments.precisions.split(","):
            measure(arguments, precision, folder / "out")


if __name__ == "__main__":
    main()
