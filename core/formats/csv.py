"""A table for spreadsheets and data frames (RFC 4180): a header, then a row for each person in each frame.

Columns are ``frame,timestamp,pts,name,track_id,score,box_score,box_origin,observed,x1,y1,x2,y2`` and, for each
keypoint, ``<keypoint>_x,<keypoint>_y,<keypoint>_score``. Frames without people have no row; what is not there
is an empty cell. Coordinates are Sitepose's own (the centre of the top-left pixel is (0, 0)).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sitepose.core.errors import FormatError
from sitepose.core.formats.poses_lines import TIMESTAMP_DECIMALS, PoseRecord, rounded
from sitepose.core.formats.reading import LARGEST, brief, read_bytes
from sitepose.core.structures import Poses

PERSON_COLUMNS = (
    "frame", "timestamp", "pts", "name", "track_id", "score", "box_score", "box_origin", "observed",
    "x1", "y1", "x2", "y2",
)  # fmt: skip

_KEYPOINT_COLUMNS = ("x", "y", "score")


def csv_header(keypoint_names: Sequence[str]) -> str:
    """Return the header row, with its line break."""
    keypoints = [f"{name}_{column}" for name in keypoint_names for column in _KEYPOINT_COLUMNS]
    return _rows([[*PERSON_COLUMNS, *keypoints]])


def csv_rows(record: PoseRecord) -> str:
    """Return the rows of a frame, each with its line break; '' for a frame without people."""
    poses, numbers = record.poses, rounded(record)
    frame = [record.index, round(float(record.timestamp), TIMESTAMP_DECIMALS) + 0.0, record.pts, record.name]
    return _rows(
        [
            *frame,
            int(poses.track_ids[i]),
            *numbers.scores[i].tolist(),
            "track" if poses.from_tracks[i] else "detector",
            "true" if poses.observed[i] else "false",
            *numbers.boxes[i].tolist(),
            *(cell for point in numbers.points[i].tolist() for cell in (point if any(point) else ("", "", 0))),
        ]
        for i in range(len(poses))
    )


def read_csv(path: str | Path) -> tuple[tuple[str, ...], list[PoseRecord]]:
    """Read the table: names of the keypoints, and the frames that have people.

    Raises:
        FormatError: It cannot be opened, or is not such a table; the message has the line's number.
    """
    where = str(path)
    try:
        content = read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError(f"{where}: not UTF-8 ({error.reason} at byte {error.start})") from error
    lines = _lines(content, where)
    names = _keypoint_names(next(lines, (1, []))[1], where)
    frames: dict[int, list[list[str]]] = {}
    for place, row in lines:
        if len(row) != len(PERSON_COLUMNS) + 3 * len(names):
            raise FormatError(f"{where}: line {place}: {len(row)} cells, the header names more or fewer")
        frames.setdefault(_whole(row[0], f"{where}: line {place}: frame"), []).append([*row, str(place)])
    return names, [_record(index, rows, names, where) for index, rows in frames.items()]


def _rows(rows: Any) -> str:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\r\n").writerows(rows)
    return buffer.getvalue()


def _lines(content: str, where: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(content, newline=""), strict=True)
    try:
        for row in reader:
            if row:
                yield reader.line_num, row
    except csv.Error as error:
        raise FormatError(f"{where}: line {reader.line_num}: not CSV ({error})") from error


def _keypoint_names(header: list[str], where: str) -> tuple[str, ...]:
    keypoints = header[len(PERSON_COLUMNS) :]
    names = tuple(column.removesuffix("_x") for column in keypoints[::3])
    wanted = [f"{name}_{column}" for name in names for column in _KEYPOINT_COLUMNS]
    if tuple(header[: len(PERSON_COLUMNS)]) != PERSON_COLUMNS or keypoints != wanted:
        raise FormatError(f"{where}: line 1: expected the columns {','.join(PERSON_COLUMNS)},<keypoint>_x,...")
    return names


def _record(index: int, rows: list[list[str]], names: Sequence[str], where: str) -> PoseRecord:
    def column(place: int) -> list[float]:
        return [_number(row[place], f"{where}: line {row[-1]}") for row in rows]

    first = len(PERSON_COLUMNS)
    people = len(rows)
    points = np.array([column(first + k) for k in range(3 * len(names))]).T.reshape(people, len(names), 3)
    poses = Poses(
        keypoints=points[..., :2],
        keypoint_scores=points[..., 2],
        boxes=np.array([column(place) for place in range(first - 4, first)]).T,
        box_scores=np.array(column(6)),
        scores=np.array(column(5)),
        track_ids=np.array([_whole(row[4], f"{where}: line {row[-1]}: track_id") for row in rows]),
        observed=np.array([row[8] != "false" for row in rows]),
        from_tracks=np.array([row[7] == "track" for row in rows]),
    )
    row = rows[0]
    pts = _whole(row[2], f"{where}: line {row[-1]}: pts") if row[2] else None
    return PoseRecord(index, column(1)[0], pts, poses, row[3] or None)


def _number(cell: str, where: str) -> float:
    try:
        value = float(cell or 0)
    except ValueError as error:
        raise FormatError(f"{where}: expected a number, not {brief(cell)}") from error
    if not abs(value) < LARGEST:
        raise FormatError(f"{where}: expected a finite number, not {brief(cell)}")
    return value


def _whole(cell: str, where: str) -> int:
    try:
        value = int(cell)
    except ValueError as error:
        raise FormatError(f"{where}: expected a whole number, not {brief(cell)}") from error
    if not -(2**63) <= value < 2**63:
        raise FormatError(f"{where}: expected a whole number of 64 bits, not {brief(cell)}")
    return value
