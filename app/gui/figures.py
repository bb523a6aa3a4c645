"""The figures of a source as the window shows them: rates, latency by step, drops, what really runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sitepose.app.factory import Model
from sitepose.app.pipeline.live_stats import LiveFigures

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
    "network": "network",
    "decoder": "decoder",
    "busy": "capture",
    "inference": "newer frame came first",
    "loading": "while loading",
    "failed": "stage failed",
    "stopped": "stopped",
}


@dataclass(frozen=True, slots=True)
class StepRow:
    """Milliseconds of one step over the last frames."""

    name: str
    p50: str
    p95: str
    p99: str


@dataclass(frozen=True, slots=True)
class FiguresTable:
    """What the figures' box shows.

    Attributes:
        headline: Frames per second of video and poses.
        age: How much older the poses are than the picture.
        steps: A row for each step.
        drops: Why frames were not looked at.
        models: Each network with the device and precision really used.
    """

    headline: str
    age: str = ""
    steps: tuple[StepRow, ...] = ()
    drops: str = ""
    models: tuple[str, ...] = ()


def figures_table(
    figures: LiveFigures | None, age_s: float | None, models: Iterable[Model] = ()
) -> FiguresTable:
    """Return the figures in words.

    Args:
        figures: Of a source; None before there are any.
        age_s: How much older the poses are than the picture; None without poses.
        models: The networks at work.
    """
    if figures is None:
        return FiguresTable("no source")
    age = "no poses yet" if age_s is None else f"poses {age_s * 1e3:.0f} ms older than the picture"
    headline = f"{figures.capture_rate:.1f} fps video · {figures.inference_rate:.1f} fps poses"
    return FiguresTable(headline, age, _steps(figures), _drops(figures), tuple(map(_model, models)))


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


def _steps(figures: LiveFigures) -> tuple[StepRow, ...]:
    known = [step for step in STEPS if step in figures.recent]
    others = [step for step in figures.recent if step not in STEPS]
    rows = []
    for step in known + others:
        found = figures.recent[step]
        values = (f"{value:.1f}" for value in (found.p50_ms, found.p95_ms, found.p99_ms))
        rows.append(StepRow(STEPS.get(step, step), *values))
    return tuple(rows)


def _drops(figures: LiveFigures) -> str:
    if not figures.captured:
        return "no frames yet"
    parts = [f"{DROPS.get(why, why)} {count}" for why, count in figures.dropped.items() if count]
    lost = f"; not looked at: {', '.join(parts)}" if parts else ""
    return f"{figures.inferred} of {figures.captured} frames have poses{lost}"


def _model(model: Model) -> str:
    used = model.runtime
    if used is None:
        return model.name
    return f"{model.name}: {used.library}, {used.device}, {used.precision}"
