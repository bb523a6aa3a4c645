"""rtmlib on the first frames of a video, from the start of Python to its end; runs in its own environment.

With ``--prepare DIR`` it only writes the two networks in the form that rtmlib reads: that is not counted.
"""

from __future__ import annotations

import argparse
from pathlib import Path

SIDE, POSE_SIZE = 416, (192, 256)


def prepare(arguments: argparse.Namespace) -> None:
    """Write the networks in rtmlib's form."""
    from rtmlib_networks import people_only, with_simcc

    people_only(Path(arguments.detector), arguments.prepare / "people.onnx")
    with_simcc(Path(arguments.pose), arguments.prepare / "simcc.onnx")


def run(arguments: argparse.Namespace) -> None:
    """Load the networks, and look at the first frames."""
    import cv2
    import rtmlib

    detector = rtmlib.YOLOX(arguments.detector, model_input_size=(SIDE, SIDE), backend=arguments.backend)
    pose = rtmlib.RTMPose(arguments.pose, model_input_size=POSE_SIZE, backend=arguments.backend)
    capture = cv2.VideoCapture(arguments.video)
    for _ in range(arguments.frames):
        _, image = capture.read()
        pose(image, bboxes=detector(image))


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--detector", "--pose"):
        parser.add_argument(name, required=True)
    parser.add_argument("--prepare", type=Path)
    parser.add_argument("--video")
    parser.add_argument("--backend", default="onnxruntime")
    parser.add_argument("--frames", type=int, default=1)
    arguments = parser.parse_args()
    (prepare if arguments.prepare else run)(arguments)


if __name__ == "__main__":
    main()
