"""Recorded video by exact stamps: where every frame of a file, or of a site session, is."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from sitepose.app.outputs.writers import POSES
from sitepose.app.sessions.manifest import MANIFEST, VIDEO, read_manifest
from sitepose.core.errors import SourceError
from sitepose.core.formats.poses_jsonl import read_poses
from sitepose.core.skeleton import Skeleton, load_skeleton
from sitepose.core.structures import Frame, Poses
from sitepose.plugins.sources.colour import RgbConverter
from sitepose.plugins.sources.containers import open_container, video_stream
from sitepose.plugins.sources.orientation import UPRIGHT, orientation_of_picture, upright
from sitepose.plugins.sources.reader import VideoReader

_log = logging.getLogger(__name__)

UNKNOWN = Fraction(1, 1000)
"""Seconds per unit of a file's stamps where it does not say."""

NEAR = 50
"""Frames that are sooner decoded than sought: two keyframes are further apart."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a frame is.

    Attributes:
        timestamp: Seconds since the first frame of the recording.
        pts: Stamp in its file.
        clip: Number of its file, from 0.
        segment: Number of the site session's segment; None for a single file.
    """

    timestamp: float
    pts: int
    clip: int
    segment: int | None = None


@dataclass(frozen=True, slots=True)
class _Clip:
    path: Path
    begins: float | None = None  # second of the recording at stamp 0; None where the first frame is at 0
    segment: int | None = None


class Clips:
    """The frames of a recording by place. Remembers where each is, and the file that is open.

    A segment of a site session that cannot be opened is left out.

    Args:
        path: A video file, or the folder of a site session.

    Attributes:
        left_out: One line for each segment that was left out.

    Raises:
        SourceError: It cannot be opened, or has no frames.
        FormatError: The session's description is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.places: list[Place] = []
        self._clips = _clips_of(path)
        self._time_bases: list[Fraction] = []
        self.left_out: list[str] = []
        for number, clip in enumerate(self._clips):
            self._time_bases.append(UNKNOWN)
            try:
                self._index(number, clip)
            except SourceError as error:
                self.left_out.append(str(error))
        if not self.places:
            raise SourceError(self.left_out[0] if self.left_out else f"{path}: has no frames with stamps")
        for text in self.left_out:
            _log.warning("%s; it is left out", text)
        self._reader: VideoReader | None = None
        self._pictures: Iterator[av.VideoFrame] = iter(())
        self._clip = -1
        self._next = -1
        self._orientation = UPRIGHT
        self._convert = RgbConverter()

    def frame(self, number: int) -> Frame:
        """Return frame ``number`` of the recording, exactly that one; the one after the last is found quickest.

        Raises:
            SourceError: It cannot be decoded.
        """
        place = self.places[number]
        if place.clip != self._clip or not 0 <= number - self._next <= NEAR:
            self._seek(place)
        for picture in self._pictures:
            if picture.pts == place.pts:
                self._next = number + 1
                return self._made(picture, number, place)
            if picture.pts is not None and picture.pts > place.pts:
                break
        self._clip = -1
        raise SourceError(f"{self._clips[place.clip].path}: the frame at {place.timestamp:.3f} s is damaged")

    def nearest(self, seconds: float) -> int:
        """Return the number of the last frame that begins at or before a second."""
        stamps = [place.timestamp for place in self.places]
        return max(0, int(np.searchsorted(stamps, seconds + 1e-9, side="right")) - 1)

    def close(self) -> None:
        """Close the open file; calling it twice is fine."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _index(self, number: int, clip: _Clip) -> None:
        with closing(open_container(clip.path)) as container:
            stream = video_stream(container, clip.path)
            base = stream.time_base or UNKNOWN
            stamps = sorted({packet.pts for packet in container.demux(stream) if packet.pts is not None})
        self._time_bases[number] = base
        first = stamps[0] if stamps else 0
        for pts in stamps:
            seconds = float((pts - first) * base) if clip.begins is None else clip.begins + float(pts * base)
            self.places.append(Place(seconds, pts, number, clip.segment))

    def _seek(self, place: Place) -> None:
        if place.clip != self._clip or self._reader is None:
            self.close()
            self._reader = VideoReader(self._clips[place.clip].path)
            self._clip = place.clip
            first = next(self._reader.pictures(), None)
            self._orientation = UPRIGHT if first is None else orientation_of_picture(first)
        self._pictures = self._reader.pictures_from(place.pts)

    def _made(self, picture: av.VideoFrame, number: int, place: Place) -> Frame:
        return Frame(
            image=upright(self._convert(picture), self._orientation),
            index=number,
            timestamp=place.timestamp,
            pts=place.pts,
            time_base=self._time_bases[place.clip],
            captured_at=time.monotonic(),
            source_id=self.path.name,
        )


@dataclass(frozen=True, eq=False, slots=True)
class RecordedPoses:
    """The poses that were found when a recording was made, or in an earlier run over it.

    Attributes:
        skeleton: What the people have.
        by_place: Everybody by segment and stamp.
    """

    skeleton: Skeleton
    by_place: Mapping[tuple[int | None, int], Poses]

    def at(self, place: Place) -> Poses | None:
        """Return the people of a frame; None where it was never looked at."""
        return self.by_place.get((place.segment, place.pts))


def recorded_poses(path: Path) -> RecordedPoses | None:
    """Return the poses that lie beside a recording; None where there are none.

    Args:
        path: A video file with ``poses.jsonl`` in its folder, the folder of a site session, or a
            ``poses.jsonl`` itself.

    Raises:
        FormatError: They are damaged.
    """
    file = path if path.suffix == ".jsonl" else (path if path.is_dir() else path.parent) / POSES
    if not file.is_file():
        return None
    saved = read_poses(file)
    found = {(record.segment, record.pts): record.poses for record in saved if record.pts is not None}
    return RecordedPoses(load_skeleton(saved.header.skeleton), found)


def _clips_of(path: Path) -> list[_Clip]:
    if not path.is_dir():
        return [_Clip(path)]
    if not (path / MANIFEST).is_file():
        raise SourceError(f"{path}: neither a video nor a site session")
    manifest = read_manifest(path)
    if manifest.poses_only:
        raise SourceError(f"{path}: holds poses without video; there is nothing to play")
    segments = [part for part in manifest.segments if part.state != "deleted"]
    return [_Clip(path / VIDEO / part.file, part.timestamp, part.number) for part in segments]
