"""How well, how fast and how large is each detector? All look at the same images, in turn, image by image.

Each detector runs in a process of its own. Box AP is that of the COCO evaluation, of people, with boxes above
a score of .05 and a box-NMS of .5; boxes an image are those above the detector's own least score. Times are
medians of one frame at a time; memory is what a process peaks at beyond one that has no detector (Linux).

Run: python benchmarks/detectors.py --annotations FILE --images FOLDER [--models FOLDER] [DETECTOR[:FILE] ...]
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from sitepose.app.choices import choose
from sitepose.app.config import PartConfig
from sitepose.core.formats.annotations import Annotations, Results
from sitepose.core.formats.coco import read_coco
from sitepose.core.structures import Detections, Frame
from sitepose.models.metrics.boxes import evaluate_boxes
from sitepose.models.runtimes.api import RuntimeOptions
from sitepose.models.runtimes.workers import Workers
from sitepose.models.zoo.card import card_names, load_card
from sitepose.models.zoo.store import cached
from sitepose.plugins.api import PluginContext
from sitepose.plugins.listing import plugin_reports

MIN_SCORE = 0.05
"""The least score of boxes that the AP is of."""

PRECISIONS = ("fp32", "auto")

MEGABYTE = 1 << 20

HEADER = (
    "detector", "input", "precision", "box AP", "AP50", "boxes/image", "ms/frame", "peak memory MB", "licence"
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """A detector to measure: name, file in place of the card's, and what precision to ask for."""

    name: str
    file: Path | None
    precision: str


@dataclass(frozen=True)
class Made:
    """What a detector's process says once the detector is made."""

    input: str
    precision: str
    floor: float


@dataclass(frozen=True)
class Answer:
    """What it says of a frame."""

    people: Detections
    milliseconds: float
    peak_bytes: int


def serve(row: Row | None, threads: int, pipe: Connection) -> None:
    """Answer frames until None comes; without a row say what memory a process takes by itself."""
    if row is None:
        pipe.send(peak_bytes())
        return
    choice = choose("detector", PartConfig(name=row.name, file=row.file, settings={"min_score": MIN_SCORE}))
    with Workers(threads) as workers:
        options = RuntimeOptions(precision=row.precision)  # type: ignore[arg-type]
        context = PluginContext(weights=choice.weights(), card=choice.card, runtime=options, workers=workers)
        detector = choice.construct(context)
        default = type(choice.settings).model_fields["min_score"].default
        size = "x".join(map(str, detector.input.size_wh)) if hasattr(detector, "input") else "?"
        pipe.send(Made(size, detector.runtime.precision, default))
        while (frame := pipe.recv()) is not None:
            start = time.perf_counter()
            people = detector.detect([frame])[0]
            pipe.send(Answer(people, (time.perf_counter() - start) * 1e3, peak_bytes()))
        detector.close()


def peak_bytes() -> int:
    """Return the most memory that this process has held."""
    # getrusage would count what the parent held when it started this process.
    (told,) = (row for row in Path("/proc/self/status").read_text().splitlines() if row.startswith("VmHWM"))
    return int(told.split()[1]) * 1024


def measure(
    rows: Sequence[Row], frames: Sequence[Frame], threads: int
) -> Iterator[tuple[Row, Made, list[Answer]]]:
    """Yield what each detector said of all frames; they take turns on every frame."""
    spawn = multiprocessing.get_context("spawn")
    pipes: list[Any] = []
    processes = []
    for row in rows:
        ours, theirs = spawn.Pipe()
        processes.append(spawn.Process(target=serve, args=(row, threads, theirs), daemon=True))
        processes[-1].start()
        pipes.append(ours)
    made = [pipe.recv() for pipe in pipes]
    answers: list[list[Answer]] = [[] for _ in rows]
    for frame in [frames[0], *frames]:  # the first one warms up
        for pipe, told in zip(pipes, answers, strict=True):
            pipe.send(frame)
            told.append(pipe.recv())
    for pipe, process in zip(pipes, processes, strict=True):
        pipe.send(None)
        process.join()
    yield from zip(rows, made, [told[1:] for told in answers], strict=True)


def empty_process(threads: int) -> int:
    """Return the memory of a process that has imported the same and made nothing."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=serve, args=(None, threads, theirs))
    process.start()
    peak = int(ours.recv())
    process.join()
    return peak


def results_of(truth: Annotations, answers: Sequence[Answer]) -> Results:
    """Return the boxes as results of the labelled images, in their order."""
    people = [answer.people for answer in answers]
    images = [
        image.image_id for image, found in zip(truth.images, people, strict=True) for _ in range(len(found))
    ]
    count = len(images)
    return Results(
        image_ids=tuple(images),
        scores=np.concatenate([found.scores for found in people]).astype(np.float64),
        boxes=np.concatenate([found.boxes for found in people]).astype(np.float64),
        keypoints=np.empty((count, 0, 2)),
        keypoint_scores=np.empty((count, 0)),
        track_ids=np.full(count, -1),
    )


def line(truth: Annotations, measured: tuple[Row, Made, list[Answer]], baseline: int) -> list[str]:
    """Return a row of the table."""
    row, made, answers = measured
    scores = evaluate_boxes(truth, results_of(truth, answers)).scores
    boxes = sum(int((answer.people.scores > made.floor).sum()) for answer in answers) / len(answers)
    return [
        row.name,
        made.input,
        made.precision if row.precision != "auto" else f"auto: {made.precision}",
        f"{scores.ap:.3f}",
        f"{scores.ap50:.3f}",
        f"{boxes:.2f}",
        f"{np.median([answer.milliseconds for answer in answers]):.1f}",
        f"{(answers[-1].peak_bytes - baseline) / MEGABYTE:.0f}",
        licence(row.name),
    ]


def licence(name: str) -> str:
    """Return the licence of the weights, and that of the code where it is another."""
    card = load_card(name)
    code = next(report.licence for report in plugin_reports() if report.name == card.plugin)
    weights = card.licence.partition(" (")[0]
    return weights if weights == code else f"{weights}; code {code}"


def with_weights(folder: Path | None) -> list[tuple[str, Path | None]]:
    """Return every detector's card whose file is in a folder or in the cache."""
    found: list[tuple[str, Path | None]] = []
    for card in map(load_card, card_names()):
        brought = folder / card.files[0].name if folder else None
        if card.kind == "detector" and brought is not None and brought.is_file():
            found.append((card.name, brought))
        elif card.kind == "detector" and cached(card):
            found.append((card.name, None))
    return found


def read_frames(truth: Annotations, folder: Path) -> list[Frame]:
    """Return the labelled images."""
    frames = []
    for i, image in enumerate(truth.images):
        pixels = cv2.imread(str(folder / image.file_name))
        if pixels is None:
            raise SystemExit(f"{folder / image.file_name}: cannot be read")
        frames.append(Frame(image=pixels[..., ::-1], index=i, timestamp=0.0, name=image.file_name))
    return frames


def main() -> None:
    """Print the table, in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--annotations", type=Path, required=True, help="COCO file of labelled people")
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--models", type=Path, help="folder of files that cards know by name")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("detectors", nargs="*", metavar="DETECTOR[:FILE]", help="default: all that are here")
    arguments = parser.parse_args()
    named = [word.partition(":") for word in arguments.detectors]
    chosen = [(name, Path(file) if file else None) for name, _, file in named] or with_weights(arguments.models)
    truth = read_coco(arguments.annotations)
    frames = read_frames(truth, arguments.images)
    baseline = empty_process(arguments.threads)
    rows = [Row(name, file, precision) for name, file in chosen for precision in PRECISIONS]
    print("| " + " | ".join(HEADER) + " |")
    print("|" + "---|" * len(HEADER))
    for measured in measure(rows, frames, arguments.threads):
        print("| " + " | ".join(line(truth, measured, baseline)) + " |")


if __name__ == "__main__":
    main()
