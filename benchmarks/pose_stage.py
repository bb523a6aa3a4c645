"""What the pose stage costs per person beyond its network: cropping, normalising, decoding.

Run: python benchmarks/pose_stage.py NETWORK.onnx [--card tinypose-256x192] [--people 5] [--library auto]
     [--precision auto] [--codec dark] [--max-peaks 3] [--rounds 50]

Everything runs in turn in each round, so that a busy machine slows all alike; medians of processor time of the
calling thread for the parts, and of the whole process for the network and the stage.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from sitepose.core.skeleton import load_skeleton
from sitepose.core.structures import Detections, Frame
from sitepose.models.crops import warp
from sitepose.models.movenet import MoveNetHead
from sitepose.models.preprocessing import CropWriter, fit_to_file
from sitepose.models.runtimes.api import RuntimeOptions
from sitepose.models.runtimes.factory import open_session
from sitepose.models.runtimes.workers import Workers
from sitepose.models.zoo.card import PoseSpec, load_card
from sitepose.plugins.api import PluginContext
from sitepose.plugins.poses.heatmap import HeatmapPose, make_head

Parts = dict[str, Callable[[], object]]


def someone_s_frame(people: int) -> tuple[Frame, Detections]:
    """Return a frame of smooth noise, 1280x720, and people of 60 to 300 pixels in it."""
    rng = np.random.default_rng(0)
    image = cv2.GaussianBlur(rng.integers(0, 256, (720, 1280, 3), np.uint8), (0, 0), 3)
    heights = rng.uniform(60, 300, people)
    corners = rng.uniform([0, 0], [1000, 400], (people, 2))
    boxes = np.concatenate([corners, corners + np.stack([heights * 0.4, heights], axis=1)], axis=1)
    return Frame(image=image, index=0, timestamp=0.0), Detections(boxes=boxes, scores=np.ones(people))


def parts_of(arguments: argparse.Namespace, workers: Workers) -> Parts:
    """Return each part of the stage, and the stage as a whole, ready to be run."""
    card = load_card(arguments.card)
    pose = card.pose or PoseSpec()
    options = RuntimeOptions(library=arguments.library, precision=arguments.precision)
    settings = HeatmapPose.Settings(codec=arguments.codec, max_peaks=arguments.max_peaks)
    context = PluginContext(weights=arguments.network, card=card, runtime=options, workers=workers)
    stage = HeatmapPose(settings, context)
    outputs = MoveNetHead.output_names if pose.head == "movenet" else None
    session = open_session(arguments.network, options=options, workers=workers, outputs=outputs)
    print(session.info)
    spec = fit_to_file(card.input, session.input_shapes[0])
    head = make_head(pose, load_skeleton(pose.skeleton), spec.size_wh, settings)
    writer = CropWriter(spec, padding=pose.padding, geometry=pose.geometry)
    frame, detections = someone_s_frame(arguments.people)
    crops = writer.crops(detections.boxes)
    batch = writer.batch(frame.image, crops)
    results = session.run(batch)
    return {
        "crop": lambda: [warp(frame.image, crops, i) for i in range(len(crops))],
        "crop and normalise": lambda: writer.batch(frame.image, crops),
        "network": lambda: session.run(batch),
        "decode": lambda: crops.to_frame(head.decode(results).positions),
        "stage": lambda: stage.estimate([frame], [detections]),
    }


def measure(parts: Parts, rounds: int) -> dict[str, tuple[float, float]]:
    """Return the median wall time and processor time of each part in milliseconds."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in parts}
    for _ in range(rounds):
        for name, part in parts.items():
            wall, processor = time.perf_counter(), time.process_time()
            part()
            taken[name].append((time.perf_counter() - wall, time.process_time() - processor))
    return {name: tuple(np.median(times, axis=0) * 1e3) for name, times in taken.items()}


def main() -> None:
    """Print milliseconds per person of each part."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("network", type=Path)
    parser.add_argument("--card", default="tinypose-256x192")
    parser.add_argument("--people", type=int, default=5)
    parser.add_argument("--library", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--codec", choices=["argmax", "quarter", "dark"])
    parser.add_argument("--max-peaks", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=50)
    arguments = parser.parse_args()
    with Workers(arguments.threads) as workers:
        taken = measure(parts_of(arguments, workers), arguments.rounds)
    print(f"{'ms per person':20} {'wall':>8} {'processor':>10}")
    for name, (wall, processor) in taken.items():
        print(f"{name:20} {wall / arguments.people:8.3f} {processor / arguments.people:10.3f}")
    wall, processor = (taken["stage"][i] / taken["network"][i] for i in range(2))
    print(f"{'stage / network':20} {wall:8.3f} {processor:10.3f}")


if __name__ == "__main__":
    main()
