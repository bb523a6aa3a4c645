"""How much longer the offline run takes than its networks alone.

Run: python benchmarks/overhead.py [--pairs 7] [--precisions fp32,auto]

One run records everything that goes into the networks. Then runs of the whole pipeline (decoding, crops,
pose-NMS, tracking, ``poses.jsonl``; no overlay) take turns with the same inferences alone: the same inputs, one
by one, in the same sessions on the same threads, none of which ever waits.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np
from offline_sides import Ours, Taken, add_own_options

from sitepose.models.runtimes.workers import Workers

Inference = tuple[Callable[[Any], Any], Any]
"""A network, and what goes into it."""


class Recorder:
    """Remembers every inference of a run, in the order in which they were asked for."""

    def __init__(self) -> None:
        self.inferences: list[Inference] = []
        self.workers: Workers | None = None
        self._lock = threading.Lock()

    @contextmanager
    def recording(self) -> Any:
        """Record what any workers are asked for."""
        plain = Workers.map

        def recorded(workers: Workers, function: Callable[[Any], Any], items: Iterable[Any]) -> Any:
            pieces = list(items)
            with self._lock:
                self.workers = workers
                self.inferences += [(function, piece) for piece in pieces]
            return plain(workers, function, pieces)

        with patch.object(Workers, "map", recorded):
            yield

    def replay(self, frames: int) -> Taken:
        """Run all inferences again, and nothing else."""
        assert self.workers is not None
        started, worked = time.perf_counter(), time.process_time()
        self.workers.map(lambda inference: inference[0](inference[1]) and None, self.inferences)
        return Taken(
            frames=frames,
            seconds=time.perf_counter() - started,
            cpu_seconds=time.process_time() - worked,
        )


def measure(arguments: argparse.Namespace, precision: str) -> None:
    """Print the row of one precision."""
    recorder = Recorder()
    with tempfile.TemporaryDirectory() as folder, Ours(arguments, precision, Path(folder)) as ours:
        with recorder.recording():
            frames = ours.run(arguments.frames).frames
        whole, alone = [], []
        for _ in range(arguments.pairs):
            whole.append(ours.run(arguments.frames))
            alone.append(recorder.replay(frames))
    ratios = [run.seconds / other.seconds for run, other in zip(whole, alone, strict=True)]
    processor = [run.cpu_ms / other.cpu_ms for run, other in zip(whole, alone, strict=True)]
    print(
        f"| {precision} | {np.median([run.rate for run in whole]):.2f} | "
        f"{np.median([run.rate for run in alone]):.2f} | "
        f"**{np.median(ratios):.3f}** ({min(ratios):.3f}..{max(ratios):.3f}) | "
        f"{np.median([run.cpu_ms for run in whole]):.1f} | {np.median([run.cpu_ms for run in alone]):.1f} | "
        f"{np.median(processor):.3f} |",
        flush=True,
    )


def main() -> None:
    """Measure, and print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    add_own_options(parser)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--frames", type=int, default=80, help="frames per run; 6 MB of inputs each are kept")
    arguments = parser.parse_args()
    cv2.setNumThreads(arguments.threads)
    print(
        "| precision | frames/s, run | networks alone | time, run / alone | CPU ms/frame, run | alone | ratio |"
    )
    print("|---|---|---|---|---|---|---|")
    for precision in arguments.precisions.split(","):
        measure(arguments, precision)


if __name__ == "__main__":
    main()
