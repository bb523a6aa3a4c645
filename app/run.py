"""One video through the parts of a pipeline, into one folder."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sitepose.app.choices import NONE
from sitepose.app.config import RunConfig
from sitepose.app.factory import Parts
from sitepose.app.outputs.corrections import correct_poses
from sitepose.app.outputs.report import RunReport
from sitepose.app.outputs.writers import OVERLAY, POSES, REPORT, Listener, RunWriters
from sitepose.app.pipeline.runner import Runner, Work
from sitepose.app.pipeline.timings import Timings
from sitepose.app.sources import open_source
from sitepose.core.errors import SiteposeError
from sitepose.core.formats.exports import export_all
from sitepose.core.formats.poses_jsonl import PosesHeader, read_poses
from sitepose.core.structures import UNTRACKED
from sitepose.plugins.api import FrameSource, SourceInfo

_log = logging.getLogger(__name__)


class VideoRun:
    """Turns one video into poses; remembers how far it came and what it cost.

    Args:
        video: A video file, a folder of images, or what else a source plug-in takes.
        folder: Where to write.
        config: What to run.
        parts: The loaded parts; their tracker is reset.
        listener: Told of each frame that has come out.
    """

    def __init__(
        self, video: str, folder: Path, config: RunConfig, parts: Parts, *, listener: Listener | None = None
    ) -> None:
        self.video = video
        self.info: SourceInfo | None = None
        self._folder = folder
        self._config = config
        self._parts = parts
        self._listener = listener
        self._runner: Runner | None = None
        self._stopped = False
        self._tally = _Tally()

    def stop(self) -> None:
        """Take no more frames; what is in flight is finished and written. Safe in a signal handler."""
        self._stopped = True
        if self._runner is not None:
            self._runner.stop()

    def run(self) -> RunReport:
        """Do the whole video and write its report.

        Returns:
            The report, also where the video failed: then with ``status`` ``failed`` and one line in ``error``.
        """
        started = datetime.now(UTC).isoformat(timespec="seconds")
        opened = time.perf_counter()
        error: str | None = None
        paths: dict[str, str] = {}
        source: FrameSource | None = None
        try:
            source = open_source(self.video, self._config.input, self._parts.workers)
            self.info = source.info
            self._tally.begin(opened)
            paths = self._process(source)
        except SiteposeError as reason:
            _log.debug("%s failed", self.video, exc_info=True)
            error = str(reason)
        finally:
            self._tally.finish()
            if source is not None:
                source.close()
        report = self._report(error, started=started, paths=paths, damaged=source.damaged if source else 0)
        return self._written(report)

    def _process(self, source: FrameSource) -> dict[str, str]:
        self._parts.tracker.reset()
        with RunWriters(self._folder, self._header(source.info), source.info, self._parts.skeleton) as writers:
            stages = self._parts.stages(self._config)
            stages += writers.stages(self._config.output)
            self._runner = Runner(stages)
            if self._stopped:
                self._runner.stop()
            for work in self._runner.run(source):
                self._tally.count(work)
                if self._listener is not None:
                    self._listener(work)
            if not self._stopped:
                writers.finish(self._tally.frames)
        corrected = correct_poses(self._folder / POSES, self._parts.tracker.finish())
        if corrected and self._config.output.overlay:
            self._redraw()
        return {**writers.paths, **self._exported()}

    def _redraw(self) -> None:
        """Draw the overlay again, because look-ahead has changed people in frames already drawn."""
        from sitepose.app.outputs.redraw import draw_overlay

        source = open_source(self.video, self._config.input, self._parts.workers)
        with closing(source):
            draw_overlay(source, self._folder / POSES, self._folder / OVERLAY, skeleton=self._parts.skeleton)

    def _exported(self) -> dict[str, str]:
        names = self._config.output.formats
        if not names:
            return {}
        saved = read_poses(self._folder / POSES)
        # Without a tracker nobody has an identity, and formats of tracks would be empty.
        nameless = True if self._config.tracker.name == NONE else None
        written = export_all(names, self._folder, saved.header, saved, nameless=nameless)
        return {name: str(path) for name, path in written.items()}

    def _header(self, info: SourceInfo) -> PosesHeader:
        skeleton = self._parts.skeleton
        return PosesHeader(
            source=info.source_id,
            width=info.size_wh[0],
            height=info.size_wh[1],
            skeleton=skeleton.name,
            keypoint_names=skeleton.keypoint_names,
            config=described(self._config),
            models=tuple({"name": model.name, "sha256": model.sha256} for model in self._parts.models),
            version=version("sitepose"),
        )

    def _report(self, error: str | None, *, started: str, paths: dict[str, str], damaged: int) -> RunReport:
        width, height = self.info.size_wh if self.info else (0, 0)
        status = "failed" if error else "interrupted" if self._stopped else "done"
        return RunReport(
            source=self.video,
            status=status,
            error=error,
            version=version("sitepose"),
            config=self._config.model_dump(mode="json"),
            models=list(self._parts.models),
            width=width,
            height=height,
            started=started,
            paths={**paths, "report": str(self._folder / REPORT)},
            damaged=damaged,
            **self._tally.figures(),
        )

    def _written(self, report: RunReport) -> RunReport:
        if not self._folder.is_dir():
            return report
        try:
            report.write(self._folder / REPORT)
        except OSError as error:
            # Where the run has failed already, its own reason is the one to tell.
            level = logging.DEBUG if report.error else logging.WARNING
            _log.log(level, "cannot write %s: %s", self._folder / REPORT, error.strerror or error)
        return report


class _Tally:
    """Counts what comes out of a run."""

    def __init__(self) -> None:
        self.frames = 0
        self._people = 0
        self._track_ids: set[int] = set()
        self._timings = Timings()
        self._opened = self._began = self._ended = 0.0

    def begin(self, opened: float) -> None:
        self._opened = opened
        self._began = self._ended = time.perf_counter()

    def count(self, work: Work) -> None:
        self.frames += 1
        self._timings.add(work.timings)
        if work.poses is not None:
            self._people += len(work.poses)
            self._track_ids.update(work.poses.track_ids.tolist())

    def finish(self) -> None:
        if self._began:
            self._ended = time.perf_counter()

    def figures(self) -> dict[str, Any]:
        return {
            "frames": self.frames,
            "people": self._people,
            "tracks": len(self._track_ids - {UNTRACKED}),
            "seconds": self._ended - self._began,
            "start_up_seconds": self._began - self._opened,
            "stages": self._timings.summary(),
        }


def described(config: RunConfig) -> dict[str, Any]:
    """Return the configuration as it goes into ``poses.jsonl``: what decides the result, without any path."""
    return _without_paths(config.model_dump(mode="python", exclude={"output"}))  # type: ignore[no-any-return]


def _without_paths(value: Any) -> Any:
    if isinstance(value, Path):
        return value.name
    if isinstance(value, dict):
        return {key: _without_paths(inner) for key, inner in value.items()}
    if isinstance(value, tuple | list):
        return [_without_paths(inner) for inner in value]
    return value


def frames_of(video: str, config: RunConfig, parts: Parts) -> Iterator[Work]:
    """Yield every frame of a video with its people, writing nothing.

    Raises:
        SiteposeError: The video cannot be read, or a stage failed.
    """
    source = open_source(video, config.input, parts.workers)
    try:
        parts.tracker.reset()
        yield from Runner(parts.stages(config)).run(source)
    finally:
        source.close()
