"""MOTChallenge text files: one box a line, ``frame,id,left,top,width,height,score,x,y,z``.

Frames and pixels count from 1 and boxes are corner-based: ``left = 1`` is the left edge of the first pixel, our
-0.5. So 1.5 is taken off ``left`` and ``top`` when reading and added when writing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sitepose.core.errors import FormatError
from sitepose.core.formats.poses_lines import PoseRecord, rounded
from sitepose.core.formats.reading import LARGEST, brief, read_bytes
from sitepose.core.structures import UNTRACKED, IntArray

OFFSET = 1.5
"""What MOT's ``left`` and ``top`` are above ours: one for counting from 1, a half for corners."""

FEWEST_COLUMNS = 6
MOST_COLUMNS = 10

PEDESTRIAN = 1
"""Class of a walking person in the nine-column ground truth of MOT16 and later."""

TRUTH_WITH_CLASS = 9
"""Columns of a ground-truth file that names the class; those of MOT15 have ten, the last three in metres."""


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class MotRows:
    """The rows of a MOT file, in the file's order.

    Attributes:
        frames: Index of the frame, from 0 (the file counts from 1), shape (N,).
        track_ids: Shape (N,); -1 in files of detections.
        boxes: ``xyxy`` in our pixels, shape (N, 4), float64.
        scores: Seventh column, shape (N,): a score, or in ground truth whether the row counts; 1 where missing.
        extra: Eighth to tenth column as they are, shape (N, 3); -1 where missing.
    """

    frames: IntArray
    track_ids: IntArray
    boxes: NDArray[np.float64]
    scores: NDArray[np.float64]
    extra: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, rows: ArrayLike) -> MotRows:
        """Select rows by mask or index, in every field."""
        index = np.asarray(rows)
        return MotRows(**{name: getattr(self, name)[index] for name in self.__slots__})


def read_mot(path: str | Path) -> MotRows:
    """Read a file of detections, results or ground truth, every row of it.

    Raises:
        FormatError: It cannot be opened, or a line is not a row of six to ten numbers.
    """
    return _rows(_table(path))


def read_mot_truth(path: str | Path) -> MotRows:
    """Read the people of a ground-truth file.

    Rows that the seventh column marks as not counting are left out, and where there is a class (nine columns:
    MOT16 and later) everything but pedestrians.

    Raises:
        FormatError: As :func:`read_mot`, or somebody is twice in a frame.
    """
    table = _table(path)
    rows = _rows(table)
    counts = rows.scores != 0
    if table and len(table[0]) == TRUTH_WITH_CLASS:
        counts &= rows.extra[:, 0] == PEDESTRIAN
    people = rows[counts]
    keys, times = np.unique(np.stack([people.frames, people.track_ids], 1), axis=0, return_counts=True)
    if (times > 1).any():
        frame, track_id = keys[times > 1][0]
        raise FormatError(f"{path}: person {track_id} is twice in frame {frame + 1}; expected once")
    return people


def mot_lines(record: PoseRecord) -> str:
    r"""Return the lines of a frame, each with its line break; '' for a frame without people.

    >>> from sitepose.core.structures import Poses
    >>> someone = Poses([[[0, 0]]], [[1]], [[-0.5, -0.5, 9.5, 19.5]], [1], [0.9], track_ids=[3])
    >>> mot_lines(PoseRecord(0, 0.0, None, someone))
    '1,3,1.00,1.00,10.00,20.00,0.9000,-1,-1,-1\n'
    """
    numbers = rounded(record)
    left_top = numbers.boxes[:, :2] + OFFSET
    sizes = numbers.boxes[:, 2:] - numbers.boxes[:, :2]
    ids, scores = record.poses.track_ids.tolist(), numbers.scores[:, 0].tolist()
    return "".join(
        f"{record.index + 1},{track_id},{left:.2f},{top:.2f},{width:.2f},{height:.2f},{score:.4f},-1,-1,-1\n"
        for track_id, (left, top), (width, height), score in zip(
            ids, left_top.tolist(), sizes.tolist(), scores, strict=True
        )
    )


def _table(path: str | Path) -> list[list[float]]:
    table = []
    for place, line in enumerate(read_bytes(path).split(b"\n"), start=1):
        if line.strip():
            table.append(_row(line, f"{path}: line {place}"))
    return table


def _row(line: bytes, where: str) -> list[float]:
    cells = line.split(b",") if b"," in line else line.split()
    try:
        row = [float(cell) for cell in cells]
    except ValueError as error:
        raise FormatError(f"{where}: expected numbers, not {brief(line.decode(errors='replace'))}") from error
    if not FEWEST_COLUMNS <= len(row) <= MOST_COLUMNS:
        raise FormatError(f"{where}: {len(row)} columns, expected frame,id,left,top,width,height[,score,...]")
    if not all(abs(value) < LARGEST for value in row):
        raise FormatError(f"{where}: a number is not finite or beyond {LARGEST:g}")
    if row[0] < 1 or row[0] % 1 or row[1] % 1:
        raise FormatError(f"{where}: frame and id must be whole numbers and frames count from 1")
    return row


def _rows(table: Sequence[Sequence[float]]) -> MotRows:
    filled = np.full((len(table), MOST_COLUMNS), float(UNTRACKED))
    filled[:, 6] = 1
    for i, row in enumerate(table):
        filled[i, : len(row)] = row
    corners = filled[:, 2:4] - OFFSET
    columns: dict[str, NDArray[Any]] = {
        "frames": filled[:, 0].astype(np.int64) - 1,
        "track_ids": filled[:, 1].astype(np.int64),
        "boxes": np.concatenate([corners, corners + filled[:, 4:6]], axis=1),
        "scores": filled[:, 6],
        "extra": filled[:, 7:],
    }
    return MotRows(**columns)
