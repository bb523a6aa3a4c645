"""How long the whole command takes for a first frame, and for a second of video; rtmlib beside it.

Run: benchmarks/peers/setup_rtmlib.sh && python benchmarks/startup.py [--rounds 7]

A process each time, from start to end: Python, libraries, networks, the frames, and on our side tracking,
``poses.jsonl`` and ``run.json``. Files and bytecode have been read before. The sides take turns.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from offline_sides import HERE, add_own_options

FRAMES = (1, 25)


def ours(arguments: argparse.Namespace, precision: str, folder: Path, frames: int) -> list[str]:
    """Return our command."""
    command = [sys.executable, str(HERE.parent / "main.py"), "--video", arguments.video, "--no-overlay"]
    command += ["--detector", f"yolox:{arguments.detector}", "--pose", f"tinypose-256x192:{arguments.pose}"]
    command += ["--precision", precision, "--max-frames", str(frames)]
    return [*command, "--output", str(folder / "out"), "--overwrite"]


def rtmlib(arguments: argparse.Namespace, backend: str, folder: Path, frames: int) -> list[str]:
    """Return the peer's command."""
    command = [arguments.peer, str(HERE / "peers" / "rtmlib_start.py"), "--backend", backend]
    command += ["--detector", str(folder / "people.onnx"), "--pose", str(folder / "simcc.onnx")]
    return [*command, "--video", arguments.video, "--frames", str(frames)]


def prepare(arguments: argparse.Namespace, folder: Path) -> None:
    """Let the peer write the networks in its own form."""
    command = [arguments.peer, str(HERE / "peers" / "rtmlib_start.py"), "--prepare", str(folder)]
    subprocess.run([*command, "--detector", arguments.detector, "--pose", arguments.pose], check=True)


def taken(command: list[str], folder: Path) -> tuple[float, float]:
    """Return seconds, and seconds of the processor, of a whole process."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure, and print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    add_own_options(parser)
    parser.add_argument("--peer", default=str(HERE.parent / ".venv-rtmlib" / "bin" / "python"))
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    print("| frames | side | seconds, median (least .. most) | of the processor |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(arguments, folder)
        for frames in FRAMES:
            sides = {f"rtmlib {b}": rtmlib(arguments, b, folder, frames) for b in ("onnxruntime", "openvino")}
            for precision in arguments.precisions.split(","):
                sides[f"ours, {precision}"] = ours(arguments, precision, folder, frames)
            rounds = [
                {side: taken(command, folder) for side, command in sides.items()}
                for _ in range(arguments.rounds + 1)
            ][1:]  # the first fills caches
            for side in sides:
                seconds, processor = zip(*(found[side] for found in rounds), strict=True)
                spread = f"{median(seconds):.2f} ({min(seconds):.2f} .. {max(seconds):.2f})"
                print(f"| {frames} | {side} | {spread} | {median(processor):.2f} |", flush=True)


if __name__ == "__main__":
    main()
