"""What does a frame cost each tracker, and point following against the ORB matching that it replaces?

Run: python benchmarks/tracking_speed.py [--frames 100]

People are textured boxes that walk before a textured wall, 640x480; all trackers get the same frames, in turn,
so that a busy machine is as busy for all. Medians of milliseconds of one thread's processor time a frame.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Iterator

import cv2
import numpy as np
from tracking_candidates import CANDIDATES
from tracking_sequences import SKELETON

from sitepose.core.structures import Frame, ImageArray, Poses
from sitepose.plugins.api import Tracker
from sitepose.tracking.correspondence import FlowPoints
from sitepose.tracking.flow import OrbFlow, PointFlow

WIDTH, HEIGHT, RATE = 640, 480, 25.0
PEOPLE = (1, 10, 20, 50, 200)
ORB_FEATURES = 10_000
STANDING = np.random.default_rng(5).uniform(0.15, 0.85, (SKELETON.num_keypoints, 2))
"""Places of the keypoints in the box: where they are does not matter here."""


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=100, help="frames for each number of people")
    parser.add_argument("--orb-frames", type=int, default=10, help="frames for the comparison with ORB")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    costs = {count: tracker_costs(count, options.frames) for count in PEOPLE}
    print(f"| ms a frame, {WIDTH}x{HEIGHT} | " + " | ".join(f"{count} people" for count in PEOPLE) + " |")
    print("|---" * (len(PEOPLE) + 1) + "|")
    for label in costs[PEOPLE[0]]:
        print(f"| {label} | " + " | ".join(f"{costs[count][label]:.2f}" for count in PEOPLE) + " |")
    points, orb = correspondence_costs(10, options.orb_frames)
    print("\n| correspondences of 10 people | ms a frame |\n|---|---|")
    print(f"| points followed (poseflow) | {points:.2f} |")
    print(f"| ORB, {ORB_FEATURES} features matched | {orb:.0f} |\n| ratio | {orb / points:.0f} |")


def tracker_costs(people: int, frames: int) -> dict[str, float]:
    """Return the median milliseconds of every tracker, by label."""
    trackers: dict[str, Tracker] = {c.label: c.make({}) for c in CANDIDATES if "shipped" not in c.label}
    times: dict[str, list[float]] = defaultdict(list)
    for frame, poses in crowd(people, frames):
        for label, tracker in trackers.items():
            times[label].append(milliseconds(lambda t=tracker, f=frame, p=poses: t.update(f, p)))
    return {label: float(np.median(values)) for label, values in times.items()}


def correspondence_costs(people: int, frames: int) -> tuple[float, float]:
    """Return the median milliseconds of following points, pyramids included, and of matching ORB features."""
    flow, orb = PointFlow(), OrbFlow(ORB_FEATURES)
    points = FlowPoints.on(Poses.empty(SKELETON.num_keypoints), min_weight=0)
    times: tuple[list[float], list[float]] = ([], [])

    def follow(image: ImageArray, poses: Poses) -> None:
        flow.advance(image)
        points.follow(flow, flow.background(points.boxes))
        points.arrivals(poses)

    for frame, poses in crowd(people, frames):
        times[0].append(milliseconds(lambda f=frame, p=poses: follow(f.image, p)))
        times[1].append(milliseconds(lambda f=frame: orb.advance(f.image)))
        points = FlowPoints.on(poses.replace(track_ids=np.arange(people)), min_weight=0.2)
    return float(np.median(times[0][1:])), float(np.median(times[1][1:]))


def crowd(people: int, frames: int) -> Iterator[tuple[Frame, Poses]]:
    """Return frames with people who walk to and fro."""
    rng = np.random.default_rng(people)
    wall = blocks(rng, HEIGHT, WIDTH)
    heights = rng.integers(20, 50, people) * 4
    coats = [blocks(rng, height, 2 * height // 5 // 4 * 4) for height in heights]
    starts, speeds = rng.uniform(0, WIDTH - 90, people), rng.uniform(-60, 60, people)
    feet = np.sort(rng.integers(210, HEIGHT, people))
    for i in range(frames):
        image, boxes = wall.copy(), np.zeros((people, 4))
        for k in range(people):
            x = round(abs((starts[k] + speeds[k] * i / RATE) % (2 * (WIDTH - 90)) - (WIDTH - 90)))
            height, width = coats[k].shape[:2]
            image[feet[k] - height : feet[k], x : x + width] = coats[k]
            boxes[k] = x, feet[k] - height, x + width, feet[k]
        yield Frame(image, index=i, timestamp=i / RATE), standing(boxes, rng)


def standing(boxes: np.ndarray, rng: np.random.Generator) -> Poses:
    """Return people in boxes, their keypoints a little unsteady."""
    sides = boxes[:, 2:] - boxes[:, :2]
    keypoints = boxes[:, None, :2] + STANDING * sides[:, None] + rng.normal(0, 1, (len(boxes), *STANDING.shape))
    scores = np.full(len(boxes), 0.9)
    return Poses(keypoints, np.tile(scores[:, None], (1, len(STANDING))), boxes, scores, scores)


def blocks(rng: np.random.Generator, height: int, width: int) -> ImageArray:
    """Return a texture of 4-pixel blocks."""
    small = rng.integers(0, 256, (height // 4, width // 4, 3), np.uint8)
    return np.kron(small, np.ones((4, 4, 1), np.uint8))


def milliseconds(task: Callable[[], object]) -> float:
    """Return the processor time of a task: what it would take on a core of its own."""
    start = time.thread_time()
    task()
    return (time.thread_time() - start) * 1e3


if __name__ == "__main__":
    main()
