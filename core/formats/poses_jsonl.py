"""Our own file of poses, ``poses.jsonl``: written and flushed as the run goes, read a frame at a time.

:mod:`sitepose.core.formats.poses_lines` says what the lines hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO, Self

import numpy as np

from sitepose.core.errors import FormatError, RecordingError
from sitepose.core.formats.poses_lines import (
    SCHEMA,
    PoseRecord,
    PosesChange,
    PosesEnd,
    PosesHeader,
    change_line,
    end_line,
    header_line,
    poses_schema,
    record_line,
)
from sitepose.core.formats.reading import (
    brief,
    number,
    numbers,
    parse_json,
    required,
    rows,
    table,
    text,
    unreadable,
    whole,
)
from sitepose.core.structures import UNTRACKED, Poses

__all__ = [
    "SCHEMA",
    "PoseRecord",
    "PosesChange",
    "PosesEnd",
    "PosesFile",
    "PosesHeader",
    "PosesWriter",
    "change_line",
    "end_line",
    "header_line",
    "poses_schema",
    "read_poses",
    "record_line",
]

LONGEST_LINE = 64 * 2**20
"""Bytes; a longer line is no line of ours (a frame of 1000 people with 133 keypoints has 4 MB)."""

MOST_KEYPOINTS = 1000
"""No skeleton has more; a header that says so is damaged."""

_VERSION = re.compile(r"sitepose\.poses/(\d{1,9})(\.\d+)?")


class PosesWriter:
    """Writes a ``poses.jsonl``; every line is flushed, so that a killed run can be read up to its last frame.

    Args:
        target: A path (an existing file is replaced), or an open binary stream, which stays open at the end.
        header: The first line, written at once.

    Raises:
        RecordingError: The file cannot be made or written.
    """

    def __init__(self, target: str | Path | IO[bytes], header: PosesHeader) -> None:
        self._num_keypoints = len(header.keypoint_names)
        self._owned = isinstance(target, str | Path)
        self._name = str(target) if isinstance(target, str | Path) else str(getattr(target, "name", "stream"))
        try:
            # Unbuffered: after a full disk nothing is left that closing would try to write once more.
            self._stream = open(target, "wb", 0) if isinstance(target, str | Path) else target  # noqa: SIM115
        except OSError as error:
            raise self._failed(error) from error
        try:
            self._put(header_line(header))
        except RecordingError:
            self.close()
            raise

    def write(self, record: PoseRecord) -> None:
        """Append a frame.

        Raises:
            RecordingError: The file cannot be written.
            ValueError: The poses do not fit the header, or are not finite.
        """
        found = record.poses.keypoints.shape[1]
        if found != self._num_keypoints:
            raise ValueError(
                f"frame {record.index} has {found} keypoints a person, the header names {self._num_keypoints}"
            )
        self._put(record_line(record))

    def change(self, index: int, **values: Any) -> None:
        """Say what is new from frame ``index`` on: ``change(120, detector="yolox", models=[...])``."""
        self._put(change_line(PosesChange(index, values)))

    def end(self, *, frames: int, dropped: int) -> None:
        """Write the last line; the file still wants :meth:`close`."""
        self._put(end_line(PosesEnd(frames, dropped)))

    def close(self) -> None:
        """Close the file if it is ours; calling it twice is fine."""
        if self._owned and not self._stream.closed:
            try:
                self._stream.close()
            except OSError as error:
                raise self._failed(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _put(self, line: str) -> None:
        # A file name that is not UTF-8 arrives as lone surrogates; as \udcXX it is JSON.
        left = memoryview(line.encode(errors="backslashreplace") + b"\n")
        try:
            while left:
                left = left[self._stream.write(left) :]
            self._stream.flush()
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> RecordingError:
        return RecordingError(f"{self._name}: cannot be written: {error.strerror or error}")


class PosesFile:
    """A ``poses.jsonl`` to iterate over; each iteration reads the file anew, a line at a time.

    Attributes:
        path: The file.
        header: Its first line.
        changes: Parts that were switched, as far as the last iteration came.
        end: The last line; None until an iteration has come to it, and for good where the run was killed.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.changes: list[PosesChange] = []
        self.end: PosesEnd | None = None
        with _opened(self.path) as stream:
            self.header = _header(next(_lines(stream, self.path), (1, None)), self.path)

    def __iter__(self) -> Iterator[PoseRecord]:
        """Return the frames in the file's order.

        Raises:
            FormatError: A line before the last is damaged; the message has its number.
        """
        self.changes, self.end = [], None
        with _opened(self.path) as stream:
            lines = _lines(stream, self.path)
            next(lines, None)
            for place, entry in lines:
                where = f"{self.path}: line {place}"
                if self.end is not None:
                    raise FormatError(f"{where}: nothing may follow the end line")
                if "end" in entry:
                    self.end = _end(entry, where)
                elif "change" in entry:
                    self.changes.append(_change(entry["change"], where))
                else:
                    yield _record(entry, len(self.header.keypoint_names), where)


def read_poses(path: str | Path) -> PosesFile:
    """Open a ``poses.jsonl``.

    Frames are read as they are iterated over. Lines of older versions and fields nobody knows are fine; a
    last line that was cut is left out.

    Raises:
        FormatError: It cannot be opened, its header is not one, or a newer Sitepose has written it.
    """
    return PosesFile(path)


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error


def _lines(stream: BinaryIO, path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Return number and content of each line; an incomplete last one is the place where a run was killed."""
    place = 0
    while line := _read_line(stream, path):
        place += 1
        complete = line.endswith(b"\n")
        if complete and not line.strip():
            continue
        try:
            entry = table(parse_json(line, where=f"{path}: line {place}"), where=f"{path}: line {place}")
        except FormatError:
            if complete or place == 1:
                raise
            return
        yield place, entry


def _read_line(stream: BinaryIO, path: Path) -> bytes:
    try:
        line = stream.readline(LONGEST_LINE)
    except OSError as error:
        raise unreadable(path, error) from error
    if len(line) == LONGEST_LINE:
        raise FormatError(f"{path}: a line of more than {LONGEST_LINE} bytes; not a poses.jsonl")
    return line


def _header(line: tuple[int, dict[str, Any] | None], path: Path) -> PosesHeader:
    place, entry = line
    where = f"{path}: line {place}"
    if entry is None:
        raise FormatError(f'{path}: empty, expected a first line {{"schema":"{SCHEMA}",...}}')
    _check_version(required(entry, "schema", where=where), where)
    names = rows(required(entry, "keypoint_names", where=where), where=f"{where}: keypoint_names")
    if len(names) > MOST_KEYPOINTS:
        raise FormatError(f"{where}: {len(names)} keypoint_names, expected at most {MOST_KEYPOINTS}")
    models = rows(entry.get("models", []), where=f"{where}: models")
    return PosesHeader(
        source=text(entry.get("source", ""), where=f"{where}: source"),
        width=whole(required(entry, "width", where=where), where=f"{where}: width"),
        height=whole(required(entry, "height", where=where), where=f"{where}: height"),
        skeleton=text(required(entry, "skeleton", where=where), where=f"{where}: skeleton"),
        keypoint_names=tuple(text(name, where=f"{where}: keypoint_names") for name in names),
        config=table(entry.get("config", {}), where=f"{where}: config"),
        models=tuple(table(model, where=f"{where}: models") for model in models),
        version=text(entry.get("version", ""), where=f"{where}: version"),
        schema=entry["schema"],
    )


def _check_version(schema: Any, where: str) -> None:
    match = _VERSION.fullmatch(schema) if isinstance(schema, str) else None
    if match is None:
        raise FormatError(f"{where}: schema is {brief(schema)}, expected {SCHEMA!r}")
    ours = int(SCHEMA.rpartition("/")[2])
    if int(match[1]) > ours:
        raise FormatError(
            f"{where}: schema is {schema!r}, this version reads up to {SCHEMA!r}; upgrade Sitepose"
        )


def _record(entry: dict[str, Any], num_keypoints: int, where: str) -> PoseRecord:
    pts = entry.get("pts")
    name = entry.get("name")
    segment = entry.get("segment")
    people = rows(required(entry, "people", where=where), where=f"{where}: people")
    return PoseRecord(
        index=_count(required(entry, "index", where=where), f"{where}: index"),
        timestamp=number(required(entry, "timestamp", where=where), where=f"{where}: timestamp"),
        pts=None if pts is None else whole(pts, where=f"{where}: pts"),
        poses=_poses([table(person, where=f"{where}: people") for person in people], num_keypoints, where),
        name=None if name is None else text(name, where=f"{where}: name"),
        segment=None if segment is None else _count(segment, f"{where}: segment"),
    )


def _poses(people: list[dict[str, Any]], num_keypoints: int, where: str) -> Poses:
    def column(key: str, *shape: int) -> Any:
        values = [required(person, key, where=f"{where}: people[{i}]") for i, person in enumerate(people)]
        return numbers(values, (len(people), *shape), where=f"{where}: {key}")

    if not people:
        return Poses.empty(num_keypoints)
    points = column("keypoints", num_keypoints, 3)
    scores = column("score")
    ids = [whole(person.get("track_id", UNTRACKED), where=f"{where}: track_id") for person in people]
    return Poses(
        keypoints=points[..., :2],
        keypoint_scores=points[..., 2],
        boxes=column("box", 4),
        box_scores=column("box_score") if all("box_score" in person for person in people) else scores,
        scores=scores,
        track_ids=np.array(ids, np.int64),
        observed=np.array([person.get("observed", True) is not False for person in people]),
        from_tracks=np.array([person.get("box_origin") == "track" for person in people]),
    )


def _change(entry: Any, where: str) -> PosesChange:
    values = dict(table(entry, where=f"{where}: change"))
    index = _count(values.pop("index", None), f"{where}: change: index")
    return PosesChange(index, values)


def _end(entry: dict[str, Any], where: str) -> PosesEnd:
    frames = _count(required(entry, "frames", where=where), f"{where}: frames")
    return PosesEnd(frames, _count(entry.get("dropped", 0), f"{where}: dropped"))


def _count(value: Any, where: str) -> int:
    counted = whole(value, where=where)
    if counted < 0:
        raise FormatError(f"{where}: expected 0 or more, not {counted}")
    return counted
