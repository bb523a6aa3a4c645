"""Poses in other people's formats: one table for ``--format`` during a run and for ``export`` afterwards.

Both give the same bytes: every format writes the numbers of :func:`sitepose.core.formats.poses_lines.rounded`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np

from sitepose.core.errors import ConfigError, did_you_mean
from sitepose.core.formats.alphapose import alphapose_results
from sitepose.core.formats.coco_results import coco_results
from sitepose.core.formats.csv import csv_header, csv_rows
from sitepose.core.formats.mot import mot_lines
from sitepose.core.formats.openpose import openpose_content, openpose_name, openpose_places
from sitepose.core.formats.poses_lines import PoseRecord, PosesHeader
from sitepose.core.formats.posetrack import (
    posetrack_category,
    posetrack_image,
    posetrack_people,
    posetrack_places,
)
from sitepose.core.formats.streams import JsonListsStream, JsonListStream, TextStream, dumps, told
from sitepose.core.structures import UNTRACKED


class PosesExport(Protocol):
    """A file, or a folder of files, in the making."""

    def write(self, record: PoseRecord) -> None:
        """Append a frame.

        Raises:
            RecordingError: It cannot be written.
        """

    def close(self) -> None:
        """Finish; calling it twice is fine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportFormat:
    """One row of the table.

    Attributes:
        name: To choose it by.
        place: Name of its file, or with a slash at the end of its folder.
        summary: One line of help.
        whole: Whether the file can be read at any time; else only once it has been closed.
        tracks_only: Whether people who were carried without evidence, or have no identity, are left out
            unless asked for.
        start: Begins the file or folder.
    """

    name: str
    place: str
    summary: str
    whole: bool
    tracks_only: bool
    start: Callable[[Path, PosesHeader], PosesExport]


def open_export(
    name: str,
    folder: str | Path,
    header: PosesHeader,
    *,
    carried: bool | None = None,
    nameless: bool | None = None,
) -> tuple[Path, PosesExport]:
    """Begin an export; an existing one is replaced.

    Args:
        name: One of :data:`EXPORTS`.
        folder: Where to write; made if need be.
        header: First line of the ``poses.jsonl`` that holds, or would hold, the same frames.
        carried: Whether to write people whom a tracker carried through frames without evidence; the format's
            habit by default.
        nameless: Whether to write people without an identity; the format's habit by default.

    Returns:
        Path of the file or folder, and the export to write frames to.

    Raises:
        ConfigError: There is no such format.
        RecordingError: The folder or file cannot be made.
    """
    if name not in EXPORTS:
        raise ConfigError(f"unknown export format {name!r}; {did_you_mean(name, EXPORTS)}")
    row = EXPORTS[name]
    path = Path(folder) / row.place
    with told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    habit = not row.tracks_only
    return path, _Choosing(
        row.start(path, header),
        carried=habit if carried is None else carried,
        nameless=habit if nameless is None else nameless,
    )


def export_all(
    names: Iterable[str],
    folder: str | Path,
    header: PosesHeader,
    records: Iterable[PoseRecord],
    **options: bool | None,
) -> dict[str, Path]:
    """Write frames in several formats in one pass, and return the path of each.

    Args:
        names: Of :data:`EXPORTS`.
        folder: Where to write.
        header: What the frames share.
        records: The frames.
        **options: ``carried`` and ``nameless`` of :func:`open_export`.
    """
    opened: dict[str, tuple[Path, PosesExport]] = {}
    try:
        for name in names:
            opened[name] = open_export(name, folder, header, **options)
        for record in records:
            for _, export in opened.values():
                export.write(record)
    finally:
        for _, export in opened.values():
            export.close()
    return {name: path for name, (path, _) in opened.items()}


class _Choosing:
    """Leaves people out before they are written."""

    def __init__(self, export: PosesExport, *, carried: bool, nameless: bool) -> None:
        self._export = export
        self._carried = carried
        self._nameless = nameless

    def write(self, record: PoseRecord) -> None:
        kept = np.ones(len(record.poses), np.bool_)
        if not self._carried:
            kept &= record.poses.observed
        if not self._nameless:
            kept &= record.poses.track_ids != UNTRACKED
        self._export.write(record if kept.all() else replace(record, poses=record.poses[kept]))

    def close(self) -> None:
        self._export.close()


class _Lines:
    """A text with some lines for each frame."""

    def __init__(self, path: Path, head: str, lines: Callable[[PoseRecord], str]) -> None:
        self._text = TextStream(path, head)
        self._lines = lines

    def write(self, record: PoseRecord) -> None:
        self._text.add(self._lines(record))

    def close(self) -> None:
        self._text.close()


class _Results:
    """A JSON list with an entry for each person."""

    def __init__(self, path: Path, entries: Callable[[PoseRecord], list[dict[str, Any]]]) -> None:
        self._list = JsonListStream(path)
        self._entries = entries

    def write(self, record: PoseRecord) -> None:
        self._list.add(self._entries(record))

    def close(self) -> None:
        self._list.close()


class _PoseTrack:
    """One JSON object with all frames and all people; the people are spooled."""

    def __init__(self, path: Path, header: PosesHeader) -> None:
        head = {"categories": [posetrack_category()]}
        self._lists = JsonListsStream(path, head, first="images", second="annotations")
        self._header = header
        self._places = posetrack_places(header)
        self._people = 0

    def write(self, record: PoseRecord) -> None:
        people = posetrack_people(record, self._places, self._people)
        self._people += len(people)
        self._lists.add([posetrack_image(record, self._header)], people)

    def close(self) -> None:
        self._lists.close()


class _OpenPose:
    """A folder with a JSON file for each frame; those of an earlier export are removed."""

    def __init__(self, folder: Path, header: PosesHeader) -> None:
        self._folder = folder
        self._header = header
        self._places = openpose_places(header)
        ours = re.compile(re.escape(PurePath(header.source).stem) + r"_\d{12}_keypoints\.json")
        with told(folder):
            folder.mkdir(exist_ok=True)
            for path in folder.iterdir():
                if ours.fullmatch(path.name):
                    path.unlink()

    def write(self, record: PoseRecord) -> None:
        path = self._folder / openpose_name(record, self._header)
        with told(path):
            path.write_text(f"{dumps(openpose_content(record, self._places))}\n", encoding="utf-8")

    def close(self) -> None:
        pass


_ROWS = (
    ExportFormat(
        name="coco",
        place="coco.json",
        summary="COCO's list of keypoint results, with track_id",
        whole=True,
        tracks_only=False,
        start=lambda path, _: _Results(path, coco_results),
    ),
    ExportFormat(
        name="alphapose",
        place="alphapose.json",
        summary="AlphaPose's list of results, with idx",
        whole=True,
        tracks_only=False,
        start=lambda path, _: _Results(path, alphapose_results),
    ),
    ExportFormat(
        name="openpose",
        place="openpose/",
        summary="OpenPose's JSON, a file a frame, 18 keypoints",
        whole=True,
        tracks_only=False,
        start=_OpenPose,
    ),
    ExportFormat(
        name="posetrack",
        place="posetrack.json",
        summary="PoseTrack18's JSON, 17 places for keypoints",
        whole=False,
        tracks_only=False,
        start=_PoseTrack,
    ),
    ExportFormat(
        name="mot",
        place="mot.txt",
        summary="MOTChallenge's results: boxes with track ids",
        whole=True,
        tracks_only=True,
        start=lambda path, _: _Lines(path, "", mot_lines),
    ),
    ExportFormat(
        name="csv",
        place="poses.csv",
        summary="a table: one row for each person in each frame",
        whole=True,
        tracks_only=False,
        start=lambda path, header: _Lines(path, csv_header(header.keypoint_names), csv_rows),
    ),
)

EXPORTS: Mapping[str, ExportFormat] = MappingProxyType({row.name: row for row in _ROWS})
"""Every format by its name."""
