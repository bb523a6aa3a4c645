"""``frames.jsonl``: a line for every recorded frame; (segment, pts) joins it to the video and the poses."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

from sitepose.core.errors import FormatError
from sitepose.core.formats.reading import parse_json, required, table, text, unreadable, whole
from sitepose.core.structures import Frame

TIME_BASE = "1/1000"
"""Seconds per unit of ``pts``: the millisecond of Matroska."""


TAIL_BYTES = 64 << 10
"""End of a file in which there is a whole row: one takes some 200 bytes."""

NO_VIDEO = 0
"""In place of the number of a segment: poses of a frame that is in no video."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameStamps:
    """The stamps of a frame, without its picture: what waits for the disk must not keep pictures alive.

    Attributes:
        index: Place in the capture sequence of the source.
        timestamp: Seconds since the first frame of the source.
        pts: The stream's own stamp; None where it has none.
        time_base: Seconds per unit of ``pts``.
        wall: Unix time at which it reached this program.
    """

    index: int
    timestamp: float
    pts: int | None
    time_base: Fraction | None
    wall: float

    @classmethod
    def of(cls, frame: Frame) -> Self:
        """Return the stamps of a frame; its age now tells the time of day at which it came."""
        age = max(0.0, time.monotonic() - frame.captured_at) if frame.captured_at > 0 else 0.0
        return cls(
            index=frame.index,
            timestamp=frame.timestamp,
            pts=frame.pts,
            time_base=frame.time_base,
            wall=time.time() - age,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameRow:
    """One recorded frame.

    Attributes:
        index: Place in the capture sequence of the source; for display.
        timestamp: Seconds since the first frame of the source.
        pts: Stamp in the file of the segment, in milliseconds.
        wall: Unix time at which it reached this program.
        segment: Number of the segment; ``NO_VIDEO`` where only poses are recorded.
        dropped: Frames lost since the row before.
        keyframe: Whether decoding can begin here.
        source_pts: The stream's own stamp; None where it has been rebuilt.
        source_time_base: Seconds per unit of it, as ``"1/90000"``.
        rebuilt: Whether the row was lost in a power cut and put together again from the video.
    """

    index: int
    timestamp: float
    pts: int
    wall: float
    segment: int
    dropped: int = 0
    keyframe: bool = False
    source_pts: int | None = None
    source_time_base: str | None = None
    rebuilt: bool = False

    def line(self) -> str:
        """Return the row as it is written."""
        values: dict[str, Any] = {
            "index": self.index,
            "timestamp": round(self.timestamp, 6),
            "pts": self.pts,
            "time_base": TIME_BASE,
            "wall": round(self.wall, 6),
            "segment": self.segment,
            "dropped": self.dropped,
        }
        if self.keyframe:
            values["keyframe"] = True
        if self.source_pts is not None:
            values["source_pts"] = self.source_pts
            values["source_time_base"] = self.source_time_base
        if self.rebuilt:
            values["rebuilt"] = True
        return json.dumps(values, separators=(",", ":"))


def read_rows(path: Path) -> Iterator[FrameRow]:
    """Yield the rows of a ``frames.jsonl``; a last line that was cut off is left out.

    Raises:
        FormatError: The file cannot be read, or a line is no row.
    """
    yield from parse_rows(path, skip_damaged=False)


def parse_rows(path: Path, *, skip_damaged: bool) -> Iterator[FrameRow]:
    """Yield the rows of a ``frames.jsonl``, without those that are damaged if so wanted.

    Raises:
        FormatError: The file cannot be read, or a line is no row.
    """
    for place, line in whole_lines(path):
        where = f"{path}: line {place}"
        try:
            yield _row(table(parse_json(line, where=where), where=where), where)
        except FormatError:
            if not skip_damaged:
                raise


def whole_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield number and content of every line that has its end.

    Raises:
        FormatError: The file cannot be read.
    """
    try:
        with path.open("rb") as stream:
            for place, line in enumerate(stream, 1):
                if line.endswith(b"\n"):
                    yield place, line
    except OSError as error:
        raise unreadable(path, error) from error


def last_row(path: Path) -> FrameRow | None:
    """Return the last whole row of a ``frames.jsonl``, reading no more than its end; None where there is none.

    Raises:
        FormatError: The file cannot be read.
    """
    try:
        with path.open("rb") as stream:
            stream.seek(max(0, path.stat().st_size - TAIL_BYTES))
            lines = stream.read().splitlines(keepends=True)
    except OSError as error:
        raise unreadable(path, error) from error
    for line in reversed(lines):
        if line.endswith(b"\n"):
            try:
                return _row(table(parse_json(line, where=str(path)), where=str(path)), str(path))
            except FormatError:
                continue  # a power cut has left zeros
    return None


def span(path: Path) -> float:
    """Return the seconds from the first row to the last.

    Raises:
        FormatError: The file cannot be read.
    """
    first, last = next(parse_rows(path, skip_damaged=True), None), last_row(path)
    return 0.0 if first is None or last is None else max(0.0, last.timestamp - first.timestamp)


def _row(entry: dict[str, Any], where: str) -> FrameRow:
    stamp = entry.get("source_pts")
    base = entry.get("source_time_base")
    return FrameRow(
        index=whole(required(entry, "index", where=where), where=f"{where}: index"),
        timestamp=_seconds(entry, "timestamp", where),
        pts=whole(required(entry, "pts", where=where), where=f"{where}: pts"),
        wall=_seconds(entry, "wall", where),
        segment=whole(required(entry, "segment", where=where), where=f"{where}: segment"),
        dropped=whole(entry.get("dropped", 0), where=f"{where}: dropped"),
        keyframe=entry.get("keyframe") is True,
        source_pts=None if stamp is None else whole(stamp, where=f"{where}: source_pts"),
        source_time_base=None if base is None else text(base, where=f"{where}: source_time_base"),
        rebuilt=entry.get("rebuilt") is True,
    )


def _seconds(entry: dict[str, Any], key: str, where: str) -> float:
    value = required(entry, key, where=where)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise FormatError(f"{where}: {key}: expected a number, not {value!r}")
    return float(value)
