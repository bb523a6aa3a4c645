"""Asking the detector now and then: frames per second and tracking quality against asking it about every frame.

Run: python benchmarks/detect_every.py --video FILE [--pose NAME:FILE] [--truth gt.txt] [--pairs 3]
     [--input 1280 960 --detector-threads 2]

The ways take turns on the same frames, overlay off, networks loaded beforehand; a ratio is made of two runs of
the same round. With a ground truth (MOT) it also prints MOTA, IDF1 and HOTA at IoU .5, carried people left out.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from statistics import median
from typing import Any

from sitepose.app.config import RunConfig, read_config
from sitepose.app.factory import Parts, build_parts
from sitepose.app.run import frames_of
from sitepose.core.formats.mot import read_mot_truth
from sitepose.core.structures import Poses
from sitepose.models.metrics.tracking import TrackedBoxes, compare_boxes, score_tracks, tracked_boxes

WAYS: tuple[int | str, ...] = (1, 2, 5, "auto")


@dataclass
class Taken:
    """What one run of one way gave."""

    seconds: float
    asked: int
    people: list[tuple[int, Poses]]


def main() -> None:
    """Measure, and print Markdown."""
    arguments = _arguments()
    runs: dict[int | str, list[Taken]] = {way: [] for way in WAYS}
    with build_parts(_config(arguments, 1)) as always, build_parts(_config(arguments, "auto")) as seldom:
        for _ in range(arguments.pairs):
            for way in WAYS:
                parts = always if way == 1 else seldom
                runs[way].append(_run(arguments.video, _config(arguments, way), parts))
    truth = _truth(arguments.truth) if arguments.truth else None
    print("| every | asked | frames/s | x every frame (min .. max) | MOTA | IDF1 | HOTA |")
    print("|---|---|---|---|---|---|---|")
    for way, taken in runs.items():
        ratios = sorted(base.seconds / run.seconds for base, run in zip(runs[1], taken, strict=True))
        frames = len(taken[0].people)
        speed = frames / median(run.seconds for run in taken)
        ratio = f"{median(ratios):.2f} ({ratios[0]:.2f} .. {ratios[-1]:.2f})"
        print(f"| {way} | {taken[0].asked} of {frames} | {speed:.1f} | {ratio} | {_quality(truth, taken[0])} |")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--video", required=True)
    parser.add_argument("--detector", default="yolox", metavar="NAME[:FILE]")
    parser.add_argument("--input", type=int, nargs=2, metavar=("W", "H"), help="what the detector looks at")
    parser.add_argument("--detector-threads", type=int, default=1, help="for a frame, unless asked always")
    parser.add_argument("--pose", default="movenet-lightning", metavar="NAME[:FILE]")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--truth", help="ground truth in MOT form")
    parser.add_argument("--frames", type=int, help="frames per run")
    parser.add_argument("--pairs", type=int, default=3)
    return parser.parse_args()


def _config(arguments: argparse.Namespace, way: int | str) -> RunConfig:
    def part(text: str) -> dict[str, Any]:
        name, _, file = text.partition(":")
        return {"name": name, "file": file} if file else {"name": name}

    settings: dict[str, Any] = {} if arguments.input is None else {"input_wh": arguments.input}
    if arguments.detector_threads > 1 and way != 1:
        settings["threads"] = arguments.detector_threads
    detector = part(arguments.detector) | ({"settings": settings} if settings else {})
    return read_config(
        overrides={
            "detector": detector,
            "pose": part(arguments.pose),
            "runtime": {"precision": arguments.precision},
            "input": {"max_frames": arguments.frames},
            "detect_every": way,
        }
    )


def _run(video: str, config: RunConfig, parts: Parts) -> Taken:
    started = time.perf_counter()
    people, asked = [], 0
    for work in frames_of(video, config, parts):
        assert work.poses is not None
        people.append((work.frame.index, work.poses))
        asked += "detect" in work.timings
    return Taken(time.perf_counter() - started, asked, people)


def _truth(path: str) -> TrackedBoxes:
    rows = read_mot_truth(path)
    return TrackedBoxes(frames=rows.frames, track_ids=rows.track_ids, boxes=rows.boxes)


def _quality(truth: TrackedBoxes | None, taken: Taken) -> str:
    if truth is None:
        return " |  | "
    scores = score_tracks(compare_boxes(truth, tracked_boxes(taken.people))).as_row()
    return " | ".join(f"{float(scores[name]):.3f}" for name in ("MOTA", "IDF1", "HOTA"))


if __name__ == "__main__":
    main()
