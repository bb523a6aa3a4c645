"""The figures of a source as the window shows them: rates, latency by step, drops, what really runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sitepose.app.factory import Model
from sitepose.app.live.stats import LiveFigures

STEPS = {
    "queue": "queue age",
    "follow": "follow tracks",
    "detect": "detect",
    "pose": "pose",
    "nms": "pose-NMS",
    "track": "track",
    "camera to pose": "camera to pose",
    "camera to paint": "camera to paint",
}
"""Steps in the order in which they are shown, in words."""

DROPS = {
    "network": "lost by the network",
    "decoder": "lost in the decoder",
    "busy": "newer came before capture",
    "inference": "newer came before inference",
    "loading": "while networks were loaded",
    "failed": "a stage failed",
    "stopped": "the source was closed",
}
"""Why a frame was not looked at, in words."""


NONE = "-"
"""A figure that there is not."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One large figure."""

    value: str
    caption: str


@dataclass(frozen=True, slots=True)
class StepRow:
    """Milliseconds of one step over the last frames."""

    name: str
    p50: str
    p95: str
    p99: str


@dataclass(frozen=True, slots=True)
class CountRow:
    """So many frames, and what became of them."""

    name: str
    count: str


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A network, and what it really runs on."""

    name: str
    used: str


@dataclass(frozen=True, slots=True)
class FiguresTable:
    """What the figures' box shows.

    Attributes:
        tiles: Frames per second of video and poses; how much older the poses are than the picture.
        steps: A row for each step.
        frames: What became of the frames that the source has had; the first two are all, and those with poses.
        models: Each network with the device and precision really used.
    """

    tiles: tuple[Tile, Tile, Tile]
    steps: tuple[StepRow, ...] = ()
    frames: tuple[CountRow, ...] = ()
    models: tuple[ModelRow, ...] = ()


def figures_table(
    figures: LiveFigures | None, age_s: float | None, models: Iterable[Model] = ()
) -> FiguresTable:
    """Return the figures in words.

    Args:
        figures: Of a source; None before there are any.
        age_s: How much older the poses are than the picture; None without poses.
        models: The networks at work.
    """
    rows = tuple(map(_model, models))
    if figures is None:
        return FiguresTable(_tiles(NONE, NONE, None), models=rows)
    rates = f"{figures.capture_rate:.1f}", f"{figures.inference_rate:.1f}"
    return FiguresTable(_tiles(*rates, age_s), _steps(figures), _frames(figures), rows)


def disk_line(free_bytes: int, seconds_left: float | None) -> str:
    """Return what is left on the disk.

    >>> disk_line(12_300_000_000, 7260)
    '12.3 GB free, 2 h 01 min of recording'
    """
    free = f"{free_bytes / 1e9:.1f} GB free"
    if seconds_left is None:
        return free
    hours, minutes = divmod(int(seconds_left) // 60, 60)
    return f"{free}, {f'{hours} h ' if hours else ''}{minutes:02d} min of recording"


def _tiles(video: str, poses: str, age_s: float | None) -> tuple[Tile, Tile, Tile]:
    age = NONE if age_s is None else f"{age_s * 1e3:.0f} ms"
    return Tile(video, "video fps"), Tile(poses, "pose fps"), Tile(age, "pose age")


def _steps(figures: LiveFigures) -> tuple[StepRow, ...]:
    known = [step for step in STEPS if step in figures.recent]
    others = [step for step in figures.recent if step not in STEPS]
    rows = []
    for step in known + others:
        found = figures.recent[step]
        values = (f"{value:.1f}" for value in (found.p50_ms, found.p95_ms, found.p99_ms))
        rows.append(StepRow(STEPS.get(step, step), *values))
    return tuple(rows)


def _frames(figures: LiveFigures) -> tuple[CountRow, ...]:
    """Return the counts; those below the first add up to it."""
    rows = [CountRow("captured", f"{figures.captured}"), CountRow("with poses", f"{figures.inferred}")]
    rows += [
        CountRow(DROPS.get(reason, reason), f"{count}") for reason, count in figures.dropped.items() if count
    ]
    return (*rows, CountRow("waiting", f"{figures.waiting}"))


def _model(model: Model) -> ModelRow:
    used = model.runtime
    return ModelRow(model.name, "" if used is None else f"{used.library} · {used.device} · {used.precision}")
