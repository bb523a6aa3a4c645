"""rtmlib on a video, as often as it is asked to; runs in rtmlib's own environment.

Reads lines from its input and answers each with one line of JSON: ``{"frames": 50, "keep": false}`` runs the
video once (``frames`` 0: all of it) and answers with frames, seconds, processor seconds and people; with
``keep`` also with everybody's box and keypoints. Networks are loaded before the first line is read.

The loop is the one of rtmlib's own demo with ``cv2.VideoCapture``: detector, then pose network, no tracking,
nothing drawn and nothing written. Box and pose classes are rtmlib's, with their own crops and decoding.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
import rtmlib
from rtmlib_networks import BGR_MEAN, BGR_STD, POSE_SIZE, people_only, with_simcc

DETECTOR_SIDE = 416


def set_threads(threads: int) -> None:
    """Give rtmlib's sessions, which it opens without options, this many threads."""
    plain = onnxruntime.InferenceSession

    def with_threads(*arguments: Any, **named: Any) -> Any:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        return plain(*arguments, sess_options=options, **named)

    onnxruntime.InferenceSession = with_threads


def run(video: str, detector: Any, pose: Any, *, frames: int, keep: bool) -> dict[str, Any]:
    """Return what one pass over the video took and found."""
    answer: dict[str, Any] = {"people": [], "boxes": [], "keypoints": []}
    started, worked = time.perf_counter(), time.process_time()
    capture = cv2.VideoCapture(video)
    while not frames or len(answer["people"]) < frames:
        good, image = capture.read()
        if not good:
            break
        boxes = detector(image)
        # With no box it would look at the whole frame for somebody.
        keypoints = pose(image, bboxes=boxes)[0] if len(boxes) else np.empty((0, 17, 2))
        answer["people"].append(len(boxes))
        if keep:
            answer["boxes"].append(np.asarray(boxes).reshape(-1, 4).tolist())
            answer["keypoints"].append(keypoints.tolist())
    capture.release()
    answer["seconds"] = time.perf_counter() - started
    answer["cpu_seconds"] = time.process_time() - worked
    answer["frames"] = len(answer["people"])
    return answer


def main() -> None:
    """Load the networks, then answer line by line."""
    parser = argparse.ArgumentParser()
    for name in ("--detector", "--pose", "--video", "--backend"):
        parser.add_argument(name, required=True)
    parser.add_argument("--score", type=float, required=True)
    parser.add_argument("--nms", type=float, required=True)
    parser.add_argument("--threads", type=int, default=0, help="0: as rtmlib leaves it")
    arguments = parser.parse_args()
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # rtmlib prints what it loads
    if arguments.threads:
        set_threads(arguments.threads)
        cv2.setNumThreads(arguments.threads)
    with tempfile.TemporaryDirectory() as folder:
        detector = rtmlib.YOLOX(
            str(people_only(Path(arguments.detector), Path(folder) / "people.onnx")),
            model_input_size=(DETECTOR_SIDE, DETECTOR_SIDE),
            nms_thr=arguments.nms,
            score_thr=arguments.score,
            backend=arguments.backend,
        )
        pose = rtmlib.RTMPose(
            str(with_simcc(Path(arguments.pose), Path(folder) / "simcc.onnx")),
            model_input_size=POSE_SIZE,
            mean=BGR_MEAN,
            std=BGR_STD,
            backend=arguments.backend,
        )
        for line in sys.stdin:
            answer = run(arguments.video, detector, pose, **json.loads(line))
            print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
