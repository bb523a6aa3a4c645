"""Saved poses tracked anew, or saved candidates suppressed and tracked anew: no network runs."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sitepose.app.config import InputConfig, PartConfig
from sitepose.app.factory import build_suppress, build_tracker
from sitepose.app.outputs.corrections import correct_poses
from sitepose.app.outputs.writers import CANDIDATES, POSES, REPORT, make_folder
from sitepose.app.pipeline.stages import Suppress
from sitepose.app.sources import open_source
from sitepose.core.errors import ConfigError, FormatError
from sitepose.core.formats.candidates import read_candidates
from sitepose.core.formats.poses_jsonl import PoseRecord, PosesFile, PosesHeader, PosesWriter, read_poses
from sitepose.core.skeleton import load_skeleton
from sitepose.core.structures import UNTRACKED, Frame, PoseCandidates, Poses
from sitepose.models.runtimes.workers import Workers
from sitepose.plugins.api import FrameSource


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrackReport:
    """What came out of a retracking: where it is, and how much."""

    poses: str
    frames: int
    people: int
    tracks: int


def retrack(
    saved: Path, output: Path, *, tracker: PartConfig, nms: PartConfig | None = None, video: str | None = None
) -> RetrackReport:
    """Write ``poses.jsonl`` in ``output`` with the people of a finished run under new identities.

    Args:
        saved: A ``poses.jsonl``, the folder of its run, or the folder of its candidates.
        output: Another folder than that of ``saved``.
        tracker: Who keeps the identities.
        nms: Which poses are people, from saved candidates; None keeps the people as they were saved.
        video: Where the pixels are, for trackers that need them; the run's own video by default.

    Raises:
        ConfigError: Candidates or pixels are needed and not there, or ``output`` would overwrite ``saved``.
        FormatError: The saved file cannot be read.
        RecordingError: The result cannot be written.
    """
    poses = _poses_file(saved)
    if output.resolve() == poses.path.parent.resolve():
        raise ConfigError(f"--output {output} is where the saved poses are; choose another folder")
    skeleton = load_skeleton(poses.header.skeleton)
    people = _people(poses, build_suppress(nms, skeleton) if nms is not None else None)
    with ExitStack() as opened:
        workers = opened.enter_context(Workers(1))
        chosen = build_tracker(tracker, skeleton, workers)
        pixels: _Blank | _Video = _Blank(poses.header)
        if chosen.needs_pixels:
            source = open_source(video or _video_of(poses), InputConfig(), workers)
            pixels = _Video(opened.enter_context(closing(source)))
        make_folder(output)
        writer = opened.enter_context(PosesWriter(output / POSES, _header(poses.header, tracker, nms)))
        count = 0
        for record in people:
            count += 1
            tracked = chosen.update(pixels.frame(record), _forgotten(record.poses))
            writer.write(dataclasses.replace(record, poses=tracked))
        writer.end(frames=count, dropped=poses.end.dropped if poses.end else 0)
        writer.close()
        correct_poses(output / POSES, chosen.finish())
    return _report(output / POSES)


def _poses_file(saved: Path) -> PosesFile:
    if saved.is_dir():
        saved = saved.parent if saved.name == CANDIDATES else saved
        saved /= POSES
    return read_poses(saved)


def _people(poses: PosesFile, suppress: Suppress | None) -> Iterator[PoseRecord]:
    """Return the saved frames, with their candidates suppressed anew where a pose-NMS is given."""
    if suppress is None:
        return iter(poses)
    folder = poses.path.parent / CANDIDATES
    if not folder.is_dir():
        raise ConfigError(
            f"--nms needs the candidates of the run in {folder}: run again with --save-candidates"
        )
    return _suppressed_anew(poses, suppress, folder)


def _suppressed_anew(poses: PosesFile, suppress: Suppress, folder: Path) -> Iterator[PoseRecord]:
    candidates = read_candidates(folder)
    for record in poses:
        yield dataclasses.replace(record, poses=suppress(_of_frame(candidates, record.index, folder)))


def _of_frame(candidates: Iterator[tuple[int, PoseCandidates]], index: int, folder: Path) -> PoseCandidates:
    for found, people in candidates:
        if found == index:
            return people
        if found > index:
            break
    raise FormatError(f"{folder}: no candidates of frame {index}; the run was cut before they were written")


class _Blank:
    """Frames without pixels, for trackers that do not look: one black pixel, seen everywhere."""

    def __init__(self, header: PosesHeader) -> None:
        self._image = np.broadcast_to(np.uint8(0), (header.height, header.width, 3))

    def frame(self, record: PoseRecord) -> Frame:
        return Frame(self._image, record.index, record.timestamp, record.pts)


class _Video:
    """The frames of the run's own video."""

    def __init__(self, source: FrameSource) -> None:
        self._source = source

    def frame(self, record: PoseRecord) -> Frame:
        for frame in self._source:
            if frame.index == record.index:
                return frame
        raise ConfigError(
            f"the video ends before frame {record.index} of the saved poses; is it the right one?"
        )


def _video_of(poses: PosesFile) -> str:
    try:
        report = json.loads((poses.path.parent / REPORT).read_text(encoding="utf-8"))
        return str(report["source"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"this tracker needs the pixels, and {REPORT} beside {poses.path.name} does not name the video; "
            "give it with --video"
        ) from error


def _forgotten(poses: Poses) -> Poses:
    """Return the people without identities; those who were carried without evidence go."""
    seen = poses[poses.observed]
    return seen.replace(track_ids=np.full(len(seen), UNTRACKED, np.int64))


def _header(header: PosesHeader, tracker: PartConfig, nms: PartConfig | None) -> PosesHeader:
    parts = {"tracker": tracker} if nms is None else {"tracker": tracker, "nms": nms}
    config = {**header.config, **{key: part.model_dump(mode="json") for key, part in parts.items()}}
    return dataclasses.replace(header, config=config)


def _report(path: Path) -> RetrackReport:
    frames = people = 0
    track_ids: set[int] = set()
    for record in read_poses(path):
        frames += 1
        people += len(record.poses)
        track_ids.update(record.poses.track_ids.tolist())
    return RetrackReport(poses=str(path), frames=frames, people=people, tracks=len(track_ids - {UNTRACKED}))
