"""Putting the video of a session together again: segments that were cut off, or lost from ``session.json``."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av

from sitepose.app.sessions.folder import SafeFolder
from sitepose.app.sessions.manifest import VIDEO, Segment, SessionManifest, segment_file
from sitepose.app.sessions.matroska import finish
from sitepose.app.sessions.matroska_scan import Block, Scan, scan
from sitepose.app.sessions.rows import FrameRow
from sitepose.app.sessions.sums import CHUNK, file_sha256
from sitepose.core.errors import FormatError

HEAD_BYTES = 4096
"""What is at most before the first frame, but for a whole one."""

TAIL_BYTES = 16
"""Of the index at the end of a closed segment."""

_SEGMENT_NAME = re.compile(r"(\d{6})\.mkv")


class VideoRepair:
    """Mends the segments of one session.

    A segment that was closed, and is as long as it was then or has no frame left, was not cut off: what is
    wrong with it is damage, and is left to be seen.

    Args:
        path: Folder of the session.
        note: Is told of each thing that was mended.
        leave: Is told of each thing that cannot be.
    """

    def __init__(self, path: Path, note: Callable[[str], None], leave: Callable[[str], None]) -> None:
        self._path = path
        self._note = note
        self._leave = leave
        self._mended: set[int] = set()

    def run(self, manifest: SessionManifest, rows: list[FrameRow]) -> tuple[list[Segment], dict[int, Scan]]:
        """Return all segments, and what is in those that are whole now."""
        described = {part.number: part for part in manifest.segments}
        numbers = set(described)
        if (self._path / VIDEO).is_dir():
            matches = (_SEGMENT_NAME.fullmatch(path.name) for path in (self._path / VIDEO).iterdir())
            numbers |= {int(match[1]) for match in matches if match}
        parts: list[Segment] = []
        scans: dict[int, Scan] = {}
        for number in sorted(numbers):
            part = described.get(number)
            if part is not None and part.state == "deleted":
                self._remove_deleted(part)
                parts.append(part)
                continue
            if part is not None and self._left(part):
                parts.append(part)
                continue
            found = self._finished(number)
            if found is None:
                continue
            scans[number] = found
            parts.append(self._described(number, part, found, rows))
        return parts, scans

    def _remove_deleted(self, part: Segment) -> None:
        path = self._path / VIDEO / part.file
        if path.exists():
            path.unlink()
            self._note(f"removed {VIDEO}/{part.file}, which the ring buffer had given up")

    def _left(self, part: Segment) -> bool:
        """Return whether a segment was closed and has been damaged or lost since; say so."""
        name, path = f"{VIDEO}/{part.file}", self._path / VIDEO / part.file
        if part.sha256 and not path.exists():
            self._leave(f"{name} is gone")
            return True
        if not part.sha256:
            return False
        found = _scanned(path)
        cut_off = path.stat().st_size != part.bytes or not _written(path, part.bytes - TAIL_BYTES)
        if found is not None and found.blocks and (cut_off or found.finished):
            return False
        self._leave(f"{name} is damaged, and was left as it is")
        return True

    def _finished(self, number: int) -> Scan | None:
        """Return what a file holds, after giving it its sizes and index; None where nothing can be played."""
        path = self._path / VIDEO / segment_file(number)
        found = _scanned(path)
        if found is None or not found.blocks:
            self._put_away(path)
            return None
        if found.finished:
            return found
        cut = path.stat().st_size - found.layout.end
        with SafeFolder(path.parent) as video:
            descriptor = video.open(path.name, os.O_RDWR)
            try:
                finish(descriptor, found.layout, interval_ms=_interval_ms(found.blocks))
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            video.sync()
        self._mended.add(number)
        half = f", and cut off {cut} bytes of a half-written frame" if cut else ""
        self._note(f"gave {VIDEO}/{path.name} its index{half}")
        return scan(path)

    def _put_away(self, path: Path) -> None:
        """Remove a file in which there is no frame; keep it under another name where something else is."""
        name = f"{VIDEO}/{path.name}"
        if path.exists() and _written(path, HEAD_BYTES):
            path.rename(path.with_name(f"{path.name}.damaged"))
            self._note(f"put {name} aside as {path.name}.damaged: nothing in it can be played")
            return
        path.unlink(missing_ok=True)
        self._note(f"removed {name}: there is no whole frame in it")

    def _described(self, number: int, part: Segment | None, found: Scan, rows: list[FrameRow]) -> Segment:
        path = self._path / VIDEO / segment_file(number)
        if part is None:
            part = _guessed(number, path, rows)
        stamps = [block.pts_ms for block in found.blocks]
        size = path.stat().st_size
        if part.sha256 and part.number not in self._mended:
            return part
        changes = {
            "state": "repaired",
            "frames": len(stamps),
            "bytes": size,
            "seconds": (max(stamps) - min(stamps)) / 1000,
            "sha256": file_sha256(path),
        }
        return part.model_copy(update=changes)


def _scanned(path: Path) -> Scan | None:
    try:
        return scan(path)
    except FormatError:
        return None


def _written(path: Path, begin: int) -> bool:
    """Return whether anything is in a file from an offset on: a power cut leaves zeros."""
    with path.open("rb") as stream:
        stream.seek(max(0, begin))
        return any(data.strip(b"\0") for data in iter(lambda: stream.read(CHUNK), b""))


def _guessed(number: int, path: Path, rows: list[FrameRow]) -> Segment:
    """Return what can be known of a segment that ``session.json`` has lost."""
    row = next((row for row in rows if row.segment == number), None)
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        codec = {"hevc": "h265"}.get(context.name, context.name)
        width, height = context.width, context.height
    begin = row.timestamp - row.pts / 1000 if row else 0.0
    wall = row.wall - row.pts / 1000 if row else path.stat().st_mtime
    return Segment(number=number, codec=codec, width=width, height=height, timestamp=begin, wall=wall)


def _interval_ms(blocks: list[Block]) -> float:
    """Return the mean time between frames."""
    if len(blocks) < 2:
        return 0.0
    stamps = [block.pts_ms for block in blocks]
    return float(Fraction(max(stamps) - min(stamps), len(stamps) - 1))
