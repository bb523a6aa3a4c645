"""Where the processor time of an offline run goes, by thread.

Run: python benchmarks/profile_threads.py [--precisions fp32,auto] [--frames 100]

Threads are read from the operating system ten times a second while the run goes on; those without a name here
belong to the library that runs the networks.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
from pathlib import Path

import cv2
import psutil
from offline_sides import Ours, Taken, add_own_options

SAMPLE_S = 0.1
LIBRARY = "library"
"""Threads that OpenVINO has made."""


class ThreadWatch:
    """Remembers the name and the processor time of every thread of this process while it is open."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._names: dict[int, str] = {}
        self._before = self._read()
        self._seconds = dict(self._before)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watch")

    def by_name(self) -> dict[str, float]:
        """Return seconds of processor time by thread name, most first; threads of one stage together."""
        total: dict[str, float] = {}
        for number, seconds in self._seconds.items():
            name = self._names.get(number, LIBRARY).partition("_")[0]
            total[name] = total.get(name, 0.0) + seconds - self._before.get(number, 0.0)
        total.pop("watch", None)
        return dict(sorted(total.items(), key=lambda row: -row[1]))

    def __enter__(self) -> ThreadWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stopping.wait(SAMPLE_S):
            self._names |= {thread.native_id or 0: thread.name for thread in threading.enumerate()}
            self._seconds |= self._read()

    def _read(self) -> dict[int, float]:
        return {thread.id: thread.user_time + thread.system_time for thread in self._process.threads()}


def profile(arguments: argparse.Namespace, precision: str) -> tuple[Taken, dict[str, float]]:
    """Return what a run took, and seconds of processor time by thread."""
    with tempfile.TemporaryDirectory() as folder, Ours(arguments, precision, Path(folder)) as ours:
        ours.run(20)
        with ThreadWatch() as watch:
            taken = ours.run(arguments.frames)
        return taken, watch.by_name()


def main() -> None:
    """Measure, and print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    add_own_options(parser)
    parser.add_argument("--frames", type=int, default=100, help="frames per run")
    arguments = parser.parse_args()
    cv2.setNumThreads(arguments.threads)
    print("| precision | CPU ms/frame | of which |\n|---|---|---|")
    for precision in arguments.precisions.split(","):
        taken, seconds = profile(arguments, precision)
        parts = [f"{name} {1e3 * value / taken.frames:.1f}" for name, value in seconds.items() if value > 0]
        print(f"| {precision} | {taken.cpu_ms:.1f} | {', '.join(parts)} |", flush=True)


if __name__ == "__main__":
    main()
