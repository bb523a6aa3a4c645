"""A live run done again from its recording: the frames that it looked at, and no others, in their order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from pydantic import ValidationError

from sitepose.app.config import RunConfig
from sitepose.app.live.clips import Clips
from sitepose.app.live.comparison import Comparison, Pixels, Tally
from sitepose.app.live.parts import LiveParts
from sitepose.app.live.results import LiveResult
from sitepose.app.live.scenes import Scenes
from sitepose.app.live.writer import header_of
from sitepose.app.outputs.writers import POSES, make_folder
from sitepose.app.pipeline.runner import Work
from sitepose.app.sessions.manifest import read_manifest
from sitepose.app.sessions.paired_poses import scaled
from sitepose.core.errors import ConfigError, FormatError
from sitepose.core.formats.poses_jsonl import (
    PoseRecord,
    PosesFile,
    PosesHeader,
    PosesWriter,
    read_poses,
)
from sitepose.core.structures import Frame, ImageArray, Poses, TrackedFrame

LANE = "again"


@dataclass(frozen=True, eq=False, slots=True)
class Look:
    """A frame that a run has looked at, to be looked at again.

    Attributes:
        frame: What there is of it, of the size that the run has seen.
        size_wh: Of the video, in whose pixels the recorded poses are.
        record: What the run has found in it.
    """

    frame: Frame
    size_wh: tuple[int, int]
    record: PoseRecord


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

    @property
    def pixels(self) -> Pixels:
        """What there is to look at again."""
        if self.manifest.offsets:
            return "main stream"
        return "faces blurred" if self.manifest.blurred else "as recorded"

    def frames(self) -> Iterator[Look]:
        """Yield the frames that the run looked at, with the stamps that they had, and what it found.

        Where it looked at the second stream of the camera, these are the frames of the video that belong to
        them, made as small.

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
                    seen = replace(
                        frame,
                        image=_resized(frame.image, self._looked_at_wh()),
                        index=record.index,
                        timestamp=record.timestamp,
                        captured_at=0.0,
                    )
                    yield Look(seen, frame.size_wh, record)
        finally:
            clips.close()

    def _looked_at_wh(self) -> tuple[int, int] | None:
        """Return the size of the second stream, as far as the file was read; None where there is none."""
        offsets = [change.values["offset"] for change in self.saved.changes if "offset" in change.values]
        if not offsets or "looked_at_width" not in offsets[-1]:
            return None  # also sessions of before it was written down
        return int(offsets[-1]["looked_at_width"]), int(offsets[-1]["looked_at_height"])


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
    scenes, tally = Scenes(), Tally()
    writer: PosesWriter | None = None
    try:
        for look in run.frames():
            poses = _looked_at(look, scenes, parts)
            if writer is None:
                writer = PosesWriter(output / POSES, _header(run, look, poses, parts))
            again = replace(look.record, poses=poses)
            writer.write(again)
            tally.add(look.record, again)
        if writer is None:
            raise FormatError(f"{run.folder}: its video has no frame that was looked at")
        writer.end(frames=tally.frames, dropped=0)
    finally:
        if writer is not None:
            writer.close()
    return tally.comparison(run.pixels)


def _header(run: RecordedRun, look: Look, poses: Poses, parts: LiveParts) -> PosesHeader:
    """Return whose poses these are, of what pixels, and in those of the video."""
    tracked = TrackedFrame(look.frame, poses)
    header = header_of(parts, LiveResult(look.frame.source_id, LANE, tracked, parts.skeleton, 0.0))
    config = header.config
    if run.pixels != "as recorded":
        config = {**config, "pixels": run.pixels, **({"blurred": True} if run.manifest.blurred else {})}
    return replace(header, config=config, width=look.size_wh[0], height=look.size_wh[1])


def _resized(image: ImageArray, size_wh: tuple[int, int] | None) -> ImageArray:
    if size_wh is None:
        return image
    return np.asarray(cv2.resize(image, size_wh, interpolation=cv2.INTER_AREA), np.uint8)


def _looked_at(look: Look, scenes: Scenes, parts: LiveParts) -> Poses:
    """Return who is found now, in the pixels of the video."""
    work = Work(look.frame, {})
    scenes.process(look.frame.source_id, work, parts)
    assert work.poses is not None  # the stages have filled it in
    size_wh = look.frame.size_wh
    return work.poses if size_wh == look.size_wh else scaled(work.poses, size_wh, look.size_wh)
