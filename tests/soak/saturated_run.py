"""A camera watched and recorded while a pose network of 100 ms keeps a processor busy.

Run: python tests/soak/saturated_run.py URL FOLDER SECONDS

Prints one line of JSON for each frame that was looked at, when its poses have been handed to the recorder, and
one at the end. It is a process of its own, so that its memory is its own, and so that it can be killed.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from sitepose.app.config import RunConfig
from sitepose.app.factory import build_suppress
from sitepose.app.live.engine import LiveEngine
from sitepose.app.live.inputs import source_opener
from sitepose.app.live.parts import LiveParts, Loaded
from sitepose.app.live.recording import LiveRecording
from sitepose.app.live.results import LiveResult
from sitepose.app.live.views import LiveView
from sitepose.app.sessions.recorder import RecordingSettings
from sitepose.core.skeleton import load_skeleton
from sitepose.core.structures import Detections, Frame, PoseCandidates
from sitepose.models.runtimes.workers import Workers
from sitepose.plugins.api import Capabilities

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.camera import barcode

POSE_S = 0.1
SEGMENT_S = 2.0
PATIENCE_S = 30.0
COCO17 = load_skeleton("coco17")


class WholeFrame:
    """Finds one person, who fills the picture."""

    capabilities = Capabilities(thread_safe=True)

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        return [Detections(np.float32([[0, 0, *frame.size_wh]]), np.float32([0.9])) for frame in frames]

    def close(self) -> None:
        pass


class BusyPose:
    """Keeps a processor busy as a network does, outside of Python's lock."""

    capabilities = Capabilities(skeleton=COCO17, thread_safe=True)

    def estimate(self, frames: Sequence[Frame], detections: Sequence[Detections]) -> list[PoseCandidates]:
        end, product = time.monotonic() + POSE_S, np.ones((256, 256), np.float32)
        while time.monotonic() < end:
            product = np.tanh(product @ product)
        return [self._middle(found) for found in detections]

    def _middle(self, found: Detections) -> PoseCandidates:
        people = len(found)
        middle = (found.boxes[:, None, None, :2] + found.boxes[:, None, None, 2:]) / 2
        return PoseCandidates(
            keypoints=np.broadcast_to(middle, (people, COCO17.num_keypoints, 1, 2)),
            scores=np.full((people, COCO17.num_keypoints, 1), 0.8, np.float32),
            radii=np.ones((people, COCO17.num_keypoints, 1), np.float32),
            boxes=found.boxes,
            box_scores=found.scores,
        )

    def close(self) -> None:
        pass


class Report:
    """Measures how old pictures are when they could be painted, and when their poses are known."""

    def __init__(self) -> None:
        self._shown: list[float] = []
        self._process = psutil.Process()

    def view(self, view: LiveView) -> None:
        self._shown.append(age_ms(view.frame))

    def put(self, result: LiveResult) -> None:
        shown, self._shown = self._shown, []
        line = {
            "index": result.tracked.frame.index,
            "shown_ms": [age for age in shown if age is not None],
            "posed_ms": age_ms(result.tracked.frame),
            "mb": self._process.memory_info().rss / 1e6,
        }
        print(json.dumps(line), flush=True)  # noqa: T201  what the test reads

    def switched(self, source: str, index: int, parts: LiveParts) -> None:
        pass


def age_ms(frame: Frame) -> float | None:
    """Return how long ago the camera drew a frame."""
    stamp = barcode.read(frame.image)
    return None if stamp is None else (time.monotonic_ns() / 1e3 - stamp.time_us) / 1e3


def load(config: RunConfig, _old: Any, _progress: Any) -> LiveParts:
    pose = BusyPose()
    return LiveParts(
        config, Loaded(WholeFrame()), Loaded(pose), pose, build_suppress(config.nms, COCO17), COCO17, Workers(1)
    )


def wait(condition: Any) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            sys.exit("the camera gives nothing")
        time.sleep(0.01)


def main(url: str, folder: Path, seconds: float) -> None:
    """Watch and record."""
    report = Report()
    engine = LiveEngine(threads=1, on_view=report.view, load=load)
    engine.add_source("cam", source_opener(url))
    engine.start_lane(RunConfig())
    wait(lambda: engine.view("cam") is not None)
    recording = LiveRecording(engine, "cam", folder, RecordingSettings(reserve_bytes=0, segment_s=SEGMENT_S))
    engine.add_sink(report)  # behind the recording: a line that was printed has been recorded
    time.sleep(seconds)
    engine.remove_sink(report)
    figures = engine.figures("cam")
    recording.close()
    stats = recording.stats  # only now is everything written
    engine.stop()
    end = {"end": True, "dropped": dict(figures.dropped), "frames": stats.frames, "lost": stats.dropped}
    print(json.dumps(end | {"overflowed": stats.overflowed}), flush=True)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]))
