"""What a run shows on a terminal: progress while it goes, a summary at the end."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from sitepose.app.outputs.report import RunReport
from sitepose.app.pipeline.runner import Work

if TYPE_CHECKING:
    from sitepose.app.run import VideoRun


class RunProgress:
    """A bar with frames per second and time left on a terminal; nothing where standard error is piped.

    Args:
        video: Named beside the bar.
    """

    def __init__(self, video: str) -> None:
        self.run: VideoRun | None = None
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
        )
        self._progress = Progress(
            *columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()
        )
        self._task = self._progress.add_task(Path(video).name, total=None, rate="")

    def __call__(self, work: Work) -> None:
        """Count one frame."""
        task = self._progress.tasks[0]
        if task.total is None and self.run is not None and self.run.info is not None:
            self._progress.update(self._task, total=self.run.info.frame_count)
        rate = f"{task.speed:.1f} fps" if task.speed else ""
        self._progress.update(self._task, advance=1, rate=rate)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()


class FetchProgress:
    """A bar for each file that is fetched; one line each where standard error is piped."""

    def __init__(self) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
        self._terminal = sys.stderr.isatty()
        self._progress = Progress(
            *columns, console=Console(stderr=True), transient=True, disable=not self._terminal
        )
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, name: str, done: int, total: int | None) -> None:
        """Show that ``done`` of ``total`` bytes of a file are here."""
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(f"fetching {name}", total=total)
            if not self._terminal:
                print(f"fetching {name}", file=sys.stderr)
        self._progress.update(self._tasks[name], completed=done, total=total)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()


@contextmanager
def loading() -> Iterator[None]:
    """Say that networks are being loaded, on a terminal."""
    if sys.stderr.isatty():
        print("loading networks ...", end="\r", file=sys.stderr, flush=True)
    yield


def print_report(report: RunReport, *, as_json: bool) -> None:
    """Print what came out of one video: a table for people, or one line of JSON."""
    if as_json:
        print(json.dumps(report.as_table(), default=str))
        return
    if report.frames:
        _print_figures(report)
    if report.status == "failed":
        print(f"sitepose: {report.error}", file=sys.stderr)
    if report.status == "interrupted":
        print(
            f"sitepose: interrupted after {report.frames} frames; what is written is readable", file=sys.stderr
        )


def _print_figures(report: RunReport) -> None:
    mean = report.people / report.frames
    print(
        f"{report.source}: {report.frames} frames of {report.width}x{report.height} in {report.seconds:.1f} s",
        end=" ",
    )
    print(f"({report.frames_per_second:.1f} frames per second)")
    print(f"  {report.tracks} tracks, {mean:.1f} people a frame", end="")
    print(f", {report.damaged} damaged packets skipped" if report.damaged else "")
    for model in report.models:
        used = model.runtime
        how = f"{used.library} on {used.device}, {used.precision}, {used.streams} streams" if used else "file"
        print(f"  {model.name}: {how}")
    table = Table("stage", "p50 ms", "p95 ms", "mean ms", box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for stage, timing in report.stages.items():
        table.add_row(stage, *(f"{timing[key]:.2f}" for key in ("p50_ms", "p95_ms", "mean_ms")))
    Console(file=sys.stdout, width=60).print(table)
    for kind, path in report.paths.items():
        print(f"  {kind}: {path}")
