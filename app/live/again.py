"""A live run done again from its recording: the frames that it looked at, and no others, in their order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from sitepose.app.config import RunConfig
from sitepose.app.live.clips import Clips
from sitepose.app.live.parts import LiveParts
from sitepose.app.live.results import LiveResult
from sitepose.app.live.scenes import Scenes
from sitepose.app.live.writer import header_of
from sitepose.app.outputs.writers import POSES, make_folder
from sitepose.app.pipeline.runner import Work
from sitepose.app.sessions.manifest import read_manifest
from sitepose.core.errors import ConfigError, FormatError
from sitepose.core.formats.poses_jsonl import PoseRecord, PosesFile, PosesWriter, read_poses, record_line
from sitepose.core.similarity import box_iou
from sitepose.core.structures import Frame, Poses, TrackedFrame

SAME_PERSON = 0.5
"""Overlap of boxes from which on two people are the same one."""

LANE = "again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How the poses found again differ from the recorded ones.

    Attributes:
        frames: Frames that were looked at.
        identical: Frames whose line in ``poses.jsonl`` is the same, to the last digit.
        recorded: People that were recorded.
        found: People that were found again.
        same: Recorded people that were found again, by the overlap of boxes.
        same_ids: Of these, those with the same ``track_id``.
        median_px: Distance of their keypoints, the median, in pixels.
        p95_px: The same, exceeded by one in twenty.
        worst_px: The largest.
    """

    frames: int
    identical: int
    recorded: int
    found: int
    same: int
    same_ids: int
    median_px: float
    p95_px: float
    worst_px: float

    def to_json(self) -> dict[str, Any]:
        """Return it for ``--json``."""
        return asdict(self)


class RecordedRun:
    """A live run as a recording has it.

    Args:
        folder: Of the site session.

    Raises:
        FormatError: It holds no poses that its video belongs to, or is damaged.
        SourceError: It holds no video.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = read_manifest(folder)
        if not (folder / POSES).is_file():
            raise FormatError(f"{folder}: was recorded without poses; there is nothing to do again")
        if self.manifest.offsets:
            raise FormatError(
                f"{folder}: its poses are from another stream than its video; they cannot be found again"
            )
        self.saved: PosesFile = read_poses(folder / POSES)

    def config(self, changes: Mapping[str, Any]) -> RunConfig:
        """Return what the run was made with, but for some parts.

        Args:
            changes: Parts that are to be others, as tables: ``{"detector": {"name": ...}}``.

        Raises:
            ConfigError: It says none that this program knows, or parts were switched meanwhile.
        """
        for _ in self.saved:
            pass  # switches are known behind the last frame
        switches = [change for change in self.saved.changes if "config" in change.values]
        if switches and not changes:
            raise ConfigError(
                f"{self.folder}: parts were switched at frame {switches[0].index}; say what to run"
            )
        try:
            return RunConfig.model_validate({**self.saved.header.config, **changes})
        except ValidationError as error:
            fault = error.errors()[0]
            place = ".".join(map(str, fault["loc"]))
            raise ConfigError(f"{self.folder}: {POSES}: config: {place}: {fault['msg'].lower()}") from error

    def frames(self) -> Iterator[tuple[Frame, PoseRecord]]:
        """Yield the frames that the run looked at, with the stamps that they had, and what it found.

        Raises:
            SourceError: A frame cannot be decoded.
        """
        clips = Clips(self.folder)
        numbers = {(place.segment, place.pts): number for number, place in enumerate(clips.places)}
        try:
            for record in self.saved:
                number = numbers.get((record.segment, record.pts or 0))
                if number is not None:  # else the ring buffer has deleted it
                    frame = clips.frame(number)
                    yield (
                        replace(frame, index=record.index, timestamp=record.timestamp, captured_at=0.0),
                        record,
                    )
        finally:
            clips.close()


def run_again(run: RecordedRun, parts: LiveParts, output: Path) -> Comparison:
    """Look at every frame again that a live run looked at, and write the poses.

    Args:
        run: What was recorded.
        parts: The networks.
        output: Folder for ``poses.jsonl``.

    Raises:
        SiteposeError: A frame cannot be decoded, a stage failed, or nothing can be written.
    """
    make_folder(output)
    scenes, tally = Scenes(), _Tally()
    writer: PosesWriter | None = None
    try:
        for frame, record in run.frames():
            poses = _looked_at(frame, scenes, parts)
            if writer is None:
                tracked = TrackedFrame(frame, poses)
                header = header_of(parts, LiveResult(frame.source_id, LANE, tracked, parts.skeleton, 0.0))
                blurred = {"blurred": True} if run.manifest.blurred else {}
                writer = PosesWriter(output / POSES, replace(header, config={**header.config, **blurred}))
            again = replace(record, poses=poses)
            writer.write(again)
            tally.add(record, again)
        if writer is not None:
            writer.end(frames=tally.frames, dropped=0)
    finally:
        if writer is not None:
            writer.close()
    return tally.comparison()


def _looked_at(frame: Frame, scenes: Scenes, parts: LiveParts) -> Poses:
    work = Work(frame, {})
    scenes.process(frame.source_id, work, parts)
    assert work.poses is not None  # the stages have filled it in
    return work.poses


class _Tally:
    """Compares frame by frame. Remembers the distances of keypoints."""

    def __init__(self) -> None:
        self.frames = self._identical = self._recorded = self._found = self._same = self._same_ids = 0
        self._distances: list[np.ndarray[Any, np.dtype[np.float32]]] = []

    def add(self, record: PoseRecord, again: PoseRecord) -> None:
        """Compare what was recorded of a frame with what was found again."""
        self.frames += 1
        self._identical += record_line(record) == record_line(again)
        self._recorded += len(record.poses)
        self._found += len(again.poses)
        for ours, theirs in _pairs(again.poses, record.poses):
            self._same += 1
            self._same_ids += int(again.poses.track_ids[ours] == record.poses.track_ids[theirs])
            moved = again.poses.keypoints[ours] - record.poses.keypoints[theirs]
            self._distances.append(np.linalg.norm(moved, axis=1).astype(np.float32))

    def comparison(self) -> Comparison:
        """Return the whole."""
        distances = np.concatenate(self._distances) if self._distances else np.zeros(1, np.float32)
        return Comparison(
            frames=self.frames,
            identical=self._identical,
            recorded=self._recorded,
            found=self._found,
            same=self._same,
            same_ids=self._same_ids,
            median_px=round(float(np.median(distances)), 3),
            p95_px=round(float(np.percentile(distances, 95)), 3),
            worst_px=round(float(distances.max()), 3),
        )


def _pairs(ours: Poses, theirs: Poses) -> Iterator[tuple[int, int]]:
    """Yield who is who, best overlap first."""
    overlap = box_iou(ours.boxes, theirs.boxes)
    while overlap.size and overlap.max() >= SAME_PERSON:
        one, other = np.unravel_index(int(overlap.argmax()), overlap.shape)
        yield int(one), int(other)
        overlap[one], overlap[:, other] = 0, 0
