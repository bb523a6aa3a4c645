"""Our own file of poses, ``poses.jsonl``: written and flushed as the run goes, read a frame at a time.

:mod:`sitepose.core.formats.poses_lines` says what the lines hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO, Self

from sitepose.core.errors import FormatError, RecordingError
from sitepose.core.formats.poses_entries import parse_change, parse_end, parse_header, parse_record
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
from sitepose.core.formats.reading import parse_json, table, unreadable

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
            place, entry = next(_lines(stream, self.path), (1, None))
        if entry is None:
            raise FormatError(f'{self.path}: empty, expected a first line {{"schema":"{SCHEMA}",...}}')
        self.header = parse_header(entry, f"{self.path}: line {place}")

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
                    self.end = parse_end(entry, where)
                elif "change" in entry:
                    self.changes.append(parse_change(entry["change"], where))
                else:
                    yield parse_record(entry, len(self.header.keypoint_names), where)


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
