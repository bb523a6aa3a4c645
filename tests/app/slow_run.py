"""A run over the test pattern whose pose stage is slow; prints its resident size as it goes.

Run: python tests/app/slow_run.py FRAMES FOLDER

Prints one line of JSON, with the bytes at every hundredth frame. It is a process of its own, so that memory
which earlier tests have given back does not hide what this run takes.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from unittest.mock import patch

import numpy as np
import psutil

from sitepose.app import run
from sitepose.app.config import RunConfig, read_config
from sitepose.app.factory import Parts, build_suppress, build_tracker
from sitepose.app.pipeline.runner import Work
from sitepose.core.skeleton import load_skeleton
from sitepose.core.structures import Detections, Frame, PoseCandidates
from sitepose.models.runtimes.workers import Workers
from sitepose.plugins.api import Capabilities
from sitepose.plugins.sources.synthetic import SyntheticSource

SAMPLE_EVERY = 100
POSE_S = 0.0015
"""The slowest stage: the source gives several frames in that time, which would pile up before it."""

WIDTH, HEIGHT = 160, 120
"""Small, but 10,000 frames of this size are 576 MB."""


class TrueBoxes:
    """Finds the people of the test pattern by knowing where they are."""

    capabilities = Capabilities(thread_safe=True)

    def __init__(self, pattern: SyntheticSource) -> None:
        self._pattern = pattern

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        truth = [self._pattern.truth(frame.index) for frame in frames]
        return [Detections(boxes=poses.boxes, scores=poses.box_scores) for poses in truth]

    def close(self) -> None:
        pass


class SlowTruth:
    """Finds their keypoints in the same way, one frame at a time, taking its time."""

    def __init__(self, pattern: SyntheticSource) -> None:
        self._pattern = pattern
        self.capabilities = Capabilities(skeleton=load_skeleton("coco17"))

    def estimate(self, frames: Sequence[Frame], detections: Sequence[Detections]) -> list[PoseCandidates]:
        time.sleep(POSE_S)
        truth = [self._pattern.truth(frame.index) for frame in frames]
        return [
            PoseCandidates(
                keypoints=poses.keypoints[:, :, None],
                scores=poses.keypoint_scores[:, :, None],
                radii=np.ones((*poses.keypoint_scores.shape, 1), np.float32),
                boxes=found.boxes,
                box_scores=found.scores,
            )
            for poses, found in zip(truth, detections, strict=True)
        ]

    def close(self) -> None:
        pass


def parts_for(pattern: SyntheticSource, config: RunConfig, workers: Workers) -> Parts:
    """Return the parts of a run: the two above, our own pose-NMS and tracker."""
    skeleton = load_skeleton("coco17")
    return Parts(
        detector=TrueBoxes(pattern),
        estimator=SlowTruth(pattern),
        suppress=build_suppress(config.nms, skeleton),
        tracker=build_tracker(config.tracker, skeleton, workers),
        skeleton=skeleton,
        workers=workers,
    )


def main(frames: int, folder: Path) -> None:
    """Do the run, and say how large the process was at every hundredth frame."""
    sizes: list[int] = []
    process = psutil.Process()

    def sample(work: Work) -> None:
        if work.frame.index % SAMPLE_EVERY == 0:
            sizes.append(process.memory_info().rss)

    config = read_config(overrides={"output": {"overlay": False}})
    settings = SyntheticSource.Settings(frames=frames, width=WIDTH, height=HEIGHT, people=1)
    with (
        SyntheticSource(settings) as pattern,
        Workers(1) as workers,
        patch.object(run, "open_source", lambda *_: pattern),
    ):
        report = run.VideoRun(
            "synthetic", folder, config, parts_for(pattern, config, workers), listener=sample
        ).run()
    answer = {"status": report.status, "frames": report.frames, "people": report.people, "sizes": sizes}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
