"""What a run writes while it goes: ``poses.jsonl``, ``overlay.mp4``, candidates."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from sitepose.app.config import OutputConfig
from sitepose.app.outputs.publish import Publisher
from sitepose.app.pipeline.runner import Stage, Work
from sitepose.core.errors import RecordingError
from sitepose.core.formats.exports import EXPORTS
from sitepose.core.formats.poses_jsonl import PoseRecord, PosesHeader, PosesWriter
from sitepose.core.skeleton import Skeleton
from sitepose.plugins.api import SourceInfo

if TYPE_CHECKING:
    from sitepose.app.outputs.overlay import OverlayWriter
    from sitepose.core.formats.candidates import CandidatesWriter

POSES = "poses.jsonl"
OVERLAY = "overlay.mp4"
REPORT = "run.json"
CANDIDATES = "candidates"


class RunWriters:
    """The files of one run; each is a stage of the pipeline, and all are closed together.

    Args:
        folder: Where to write; made if need be.
        header: First line of ``poses.jsonl``.
        info: What is known of the source.
        skeleton: What the people have.

    Raises:
        RecordingError: The folder or a file cannot be made.
    """

    def __init__(self, folder: Path, header: PosesHeader, info: SourceInfo, skeleton: Skeleton) -> None:
        self._folder = folder
        self._header = header
        self._info = info
        self._skeleton = skeleton
        self._closers = ExitStack()
        make_folder(folder)
        forget_run(folder)
        self._poses = self._closers.enter_context(PosesWriter(folder / POSES, header))
        self._publisher: Publisher | None = None
        self._overlay: OverlayWriter | None = None
        self._candidates: CandidatesWriter | None = None
        self.paths = {"poses": str(folder / POSES)}

    def stages(self, output: OutputConfig) -> tuple[Stage, ...]:
        """Return one stage for each thing that is asked for."""
        stages = [Stage("write", self._write)]
        if output.publish:
            self._publisher = self._closers.enter_context(Publisher(output.publish, self._header))
            stages.append(Stage("publish", self._publish))
        if output.save_candidates:
            self._candidates = self._open_candidates()
            stages.append(Stage("candidates", self._keep_candidates))
        if output.overlay:
            self._overlay = self._open_overlay()
            stages.append(Stage("overlay", self._draw))
        return tuple(stages)

    def finish(self, frames: int) -> None:
        """Mark the poses as complete: every frame of the input has its line."""
        self._poses.end(frames=frames, dropped=0)
        if self._publisher is not None:
            self._publisher.end(frames=frames, dropped=0)

    def close(self) -> None:
        """Close every file; calling it twice is fine."""
        self._closers.close()

    def __enter__(self) -> RunWriters:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write(self, work: Work) -> None:
        self._poses.write(record_of(work))

    def _publish(self, work: Work) -> None:
        assert self._publisher is not None
        self._publisher.publish(record_of(work))

    def _draw(self, work: Work) -> None:
        assert self._overlay is not None
        assert work.poses is not None
        self._overlay.write(work.frame, work.poses)

    def _keep_candidates(self, work: Work) -> None:
        assert self._candidates is not None
        assert work.candidates is not None
        self._candidates.write(work.frame.index, work.candidates)

    def _open_overlay(self) -> OverlayWriter:
        from sitepose.app.outputs.overlay import OverlayWriter

        path = self._folder / OVERLAY
        self.paths["overlay"] = str(path)
        return self._closers.enter_context(
            OverlayWriter(
                path, size_wh=self._info.size_wh, frame_rate=self._info.frame_rate, skeleton=self._skeleton
            )
        )

    def _open_candidates(self) -> CandidatesWriter:
        from sitepose.core.formats.candidates import CandidatesWriter

        folder = self._folder / CANDIDATES
        self.paths["candidates"] = str(folder)
        return self._closers.enter_context(CandidatesWriter(folder))


def record_of(work: Work) -> PoseRecord:
    """Return a frame's line of ``poses.jsonl``."""
    assert work.poses is not None  # the stages before have filled it in
    frame = work.frame
    return PoseRecord(frame.index, frame.timestamp, frame.pts, work.poses, frame.name)


def make_folder(folder: Path) -> None:
    """Make a folder and its parents.

    Raises:
        RecordingError: It cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RecordingError(f"cannot make the output folder {folder}: {error.strerror or error}") from error


def forget_run(folder: Path) -> None:
    """Remove what an earlier run has left in a folder: it does not belong to the poses that replace its own.

    The report goes first, as a run that is cut short must not be taken for one that was finished.

    Raises:
        RecordingError: A file cannot be removed.
    """
    from sitepose.core.formats.candidates import remove_candidates

    exports = _exports_of(folder / REPORT)
    try:
        for name in (REPORT, OVERLAY, *exports):
            place = folder / name
            if place.is_dir():
                shutil.rmtree(place)
            else:
                place.unlink(missing_ok=True)
        remove_candidates(folder / CANDIDATES)
    except OSError as error:
        raise RecordingError(f"{folder}: cannot be cleared of an earlier run: {error.strerror}") from error


def _exports_of(report: Path) -> list[str]:
    """Return the files and folders of those exports that a report names."""
    try:
        paths = json.loads(report.read_text(encoding="utf-8"))["paths"]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return [export.place for name, export in EXPORTS.items() if name in paths]


Listener = Callable[[Work], None]
"""Told of each frame that has come out."""
