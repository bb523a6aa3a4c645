"""The two sides of benchmarks/offline.py: our offline run, and rtmlib in its own process."""

from __future__ import annotations

import argparse
import json
import subprocess
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from sitepose.app.choices import NONE
from sitepose.app.config import OutputConfig, PartConfig, RunConfig, read_config
from sitepose.app.factory import build_parts, build_suppress, build_tracker
from sitepose.app.run import VideoRun, frames_of
from sitepose.core.formats.poses_jsonl import read_poses
from sitepose.core.structures import FloatArray, IntArray, Poses

HERE = Path(__file__).resolve().parent
DATA = HERE.parents[1] / "shared" / "data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What one run took.

    Attributes:
        frames: How many.
        seconds: From before the video was opened until the last result was out.
        cpu_seconds: Of all threads of the process.
    """

    frames: int
    seconds: float
    cpu_seconds: float

    @property
    def rate(self) -> float:
        """Frames per second."""
        return self.frames / self.seconds

    @property
    def cpu_ms(self) -> float:
        """Milliseconds of processor time per frame."""
        return 1e3 * self.cpu_seconds / self.frames


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerRun(Taken):
    """What the peer took and found: people per frame, boxes (P, 4) and keypoints (P, K, 2) of each frame."""

    people: IntArray
    boxes: list[FloatArray]
    keypoints: list[FloatArray]


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnRun:
    """What we found: people per frame who were seen in it, and their keypoints (P, K, 2)."""

    people: IntArray
    keypoints: list[FloatArray]


def add_own_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that decide what our side does."""
    parser.add_argument("--video", default=str(DATA / "mot" / "TUD-Stadtmitte" / "TUD-Stadtmitte.mp4"))
    parser.add_argument("--detector", default=str(DATA / "models" / "yolox_nano.onnx"))
    parser.add_argument("--pose", default=str(DATA / "models" / "tinypose_256x192.onnx"))
    parser.add_argument("--precisions", default="fp32,auto", help="of our side, with commas")
    parser.add_argument("--runtime", default="auto", help="library of our side")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--score", type=float, default=0.3, help="boxes must score higher")
    parser.add_argument("--nms", type=float, default=0.5, help="overlap that two boxes may have")


def own_config(arguments: argparse.Namespace, precision: str) -> RunConfig:
    """Return the configuration of our side."""
    thresholds = {"min_score": arguments.score, "nms_iou": arguments.nms}
    return read_config(
        overrides={
            "detector": {"name": "yolox", "file": arguments.detector, "settings": thresholds},
            "pose": {"name": "tinypose-256x192", "file": arguments.pose},
            "runtime": {
                "precision": precision,
                "threads": arguments.threads,
                "library": arguments.runtime,
            },
        }
    )


class Ours:
    """Our offline run, with its networks loaded.

    Args:
        arguments: Files, thresholds and threads.
        precision: Of the networks.
        folder: Where to write.
    """

    def __init__(self, arguments: argparse.Namespace, precision: str, folder: Path) -> None:
        self._video = arguments.video
        self._config = own_config(arguments, precision)
        self._folder = folder
        self._parts = build_parts(self._config)

    def run(self, frames: int = 0, *, overlay: bool = False) -> Taken:
        """Do the video, or its first frames, and return what it took."""
        config = _cut(self._config, frames)
        config = config.model_copy(update={"output": OutputConfig(overlay=overlay)})
        started, worked = time.perf_counter(), time.process_time()
        report = VideoRun(self._video, self._folder, config, self._parts).run()
        seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - worked
        if report.error is not None:
            raise SystemExit(report.error)
        return Taken(frames=report.frames, seconds=seconds, cpu_seconds=cpu_seconds)

    def found(self) -> OwnRun:
        """Return what the last run found."""
        seen = [record.poses[record.poses.observed] for record in read_poses(self._folder / "poses.jsonl")]
        return _own_run(seen)

    def looked_at(self, frames: int) -> OwnRun:
        """Return everybody who goes through the pose network, before pose-NMS and tracker."""
        parts, nothing = self._parts, PartConfig(name=NONE)
        everybody = replace(
            parts,
            suppress=build_suppress(nothing, parts.skeleton),
            tracker=build_tracker(nothing, parts.skeleton, parts.workers),
        )
        works = frames_of(self._video, _cut(self._config, frames), everybody)
        return _own_run([work.poses for work in works if work.poses is not None])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._parts.close()


def _cut(config: RunConfig, frames: int) -> RunConfig:
    span = config.input.model_copy(update={"max_frames": frames or None})
    return config.model_copy(update={"input": span})


def _own_run(seen: list[Poses]) -> OwnRun:
    return OwnRun(
        people=np.array([len(poses) for poses in seen]), keypoints=[poses.keypoints for poses in seen]
    )


class Rtmlib:
    """rtmlib in its own process, with its networks loaded.

    Args:
        arguments: Files, thresholds, and the Python of its environment.
        backend: What it runs networks with.
        threads: Threads to give it; 0 leaves them to it.
    """

    def __init__(self, arguments: argparse.Namespace, backend: str, threads: int) -> None:
        if not Path(arguments.peer).is_file():
            raise SystemExit(f"{arguments.peer}: no such file; benchmarks/peers/setup_rtmlib.sh makes it")
        self.name = f"rtmlib {backend}" + (f", {threads} threads" if threads else "")
        self.is_exact = backend != "openvino"  # which computes in bfloat16 where the processor can
        command = [arguments.peer, str(HERE / "peers" / "rtmlib_run.py"), "--backend", backend]
        for name in ("detector", "pose", "video", "score", "nms"):
            command += [f"--{name}", str(getattr(arguments, name))]
        self._closers = ExitStack()
        self._process = self._closers.enter_context(
            subprocess.Popen(
                [*command, "--threads", str(threads)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        )

    def run(self, frames: int = 0, *, keep: bool = False) -> PeerRun:
        """Do the video, or its first frames, and return what it took; with ``keep`` what it found as well."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps({"frames": frames, "keep": keep}), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} failed; its script is benchmarks/peers/rtmlib_run.py")
        answer: dict[str, Any] = json.loads(line)
        return PeerRun(
            frames=answer["frames"],
            seconds=answer["seconds"],
            cpu_seconds=answer["cpu_seconds"],
            people=np.array(answer["people"], np.int64),
            boxes=[np.reshape(np.array(rows, np.float32), (-1, 4)) for rows in answer["boxes"]],
            keypoints=[np.reshape(np.array(rows, np.float32), (-1, 17, 2)) for rows in answer["keypoints"]],
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._closers.close()
