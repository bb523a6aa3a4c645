"""Putting a session together again that was cut off: by a power cut, a kill, a full disk."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sitepose.app.sessions.folder import SafeFolder
from sitepose.app.sessions.manifest import (
    EVENTS,
    FRAMES,
    MANIFEST,
    POSES,
    SUMS,
    VIDEO,
    NewerSessionError,
    Segment,
    SessionManifest,
    read_manifest,
    salvaged_manifest,
)
from sitepose.app.sessions.matroska_scan import Block, Scan
from sitepose.app.sessions.repair_video import VideoRepair
from sitepose.app.sessions.rows import NO_VIDEO, FrameRow, parse_rows, whole_lines
from sitepose.app.sessions.sums import read_sums, write_sums
from sitepose.app.sessions.writer import ROOM
from sitepose.core.errors import FormatError, RecordingError
from sitepose.core.formats.reading import parse_json

_Stamps = dict[int, set[int]]


@dataclass(slots=True)
class Repair:
    """What was done.

    Attributes:
        name: Of the session.
        frames: Frames in the video now.
        seconds: Of video now.
        done: One line for each thing that was mended; empty where nothing was cut off.
        left: One line for each thing that cannot be mended.
    """

    name: str
    frames: int = 0
    seconds: float = 0.0
    done: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return it for ``--json``."""
        return {
            "name": self.name,
            "frames": self.frames,
            "seconds": round(self.seconds, 3),
            "done": self.done,
            "left": self.left,
        }


def repair(folder: Path) -> Repair:
    """Make a session whole: every segment plays, and rows and poses are those of its frames.

    Calling it twice, or for a session that is whole, changes nothing.

    Raises:
        RecordingError: It is being recorded, or the disk does not let us.
        FormatError: It is no session, or a newer program has written it.
    """
    if not (folder / MANIFEST).exists() and not (folder / VIDEO).is_dir():
        raise FormatError(f"{folder}: is no session; it has neither {MANIFEST} nor {VIDEO}/")
    with SafeFolder(folder) as safe:
        lock = safe.lock()
        if lock is None:
            raise RecordingError(f"{folder}: is being recorded; it can be repaired when that has ended")
        try:
            return _Repairer(safe).run()
        except OSError as error:
            raise RecordingError(f"{folder}: cannot be repaired: {error.strerror or error}") from error
        finally:
            os.close(lock)


def needs_repair(folder: Path) -> bool:
    """Return whether a session was cut off and is not being recorded."""
    try:
        cut_off = read_manifest(folder).state == "recording"
    except NewerSessionError:
        return False
    except FormatError:
        return (folder / VIDEO).is_dir()
    if not cut_off:
        return False
    with SafeFolder(folder) as safe:
        lock = safe.lock()
    if lock is not None:
        os.close(lock)
    return lock is not None


class _Repairer:
    """Mends one session. Remembers what it has done."""

    def __init__(self, folder: SafeFolder) -> None:
        self._folder = folder
        self._path = folder.path
        self._result = Repair(folder.path.name)
        self._written: set[str] = set()

    def run(self) -> Repair:
        manifest = self._manifest()
        rows = list(self._rows())
        parts, scans = VideoRepair(self._path, self._note, self._result.left.append).run(manifest, rows)
        stamps = {number: {block.pts_ms for block in found.blocks} for number, found in scans.items()}
        stamps[NO_VIDEO] = self._without_video(rows)
        away = {part.number for part in parts} - scans.keys()
        alone = [row for row in rows if row.segment == NO_VIDEO and row.pts in stamps[NO_VIDEO]]
        kept = self._mend_rows(rows, [*alone, *self._rows_of_video(rows, parts, scans)])
        poses = self._mend_poses(stamps, away)
        self._mend_lines(EVENTS)
        self._result.frames = len(alone) + sum(len(found.blocks) for found in scans.values())
        self._result.seconds = sum(part.seconds for part in parts if part.number in scans)
        self._result.seconds += alone[-1].timestamp - alone[0].timestamp if alone else 0.0
        self._folder.remove(ROOM)
        sums = self._sums(manifest)
        if self._result.done or manifest.state == "recording":
            counters = {**manifest.counters, "frames": kept, **({"poses": poses} if poses else {})}
            changes = {"segments": parts, "state": "repaired", "counters": counters}
            mended = manifest.model_copy(update=changes | ({"poses_only": True} if alone else {}))
            write_sums(self._folder, mended, sums)
            mended.write(self._folder)
            self._note("closed the session")
        return self._result

    def _note(self, text: str) -> None:
        self._result.done.append(text)

    def _replace(self, name: str, content: bytes) -> None:
        self._folder.replace(name, content)
        self._written.add(name)

    def _sums(self, manifest: SessionManifest) -> dict[str, str]:
        """Return the hashes that stay: those of a closed session's files that nothing was mended in."""
        if manifest.state == "recording":
            return {}
        try:
            known = read_sums(self._path / SUMS)
        except FormatError as error:
            self._note(f"wrote {SUMS} anew ({error})")
            return {}
        return {name: sha256 for name, sha256 in known.items() if name not in self._written}

    def _manifest(self) -> SessionManifest:
        """Return ``session.json``, or what can still be known where it is damaged."""
        try:
            return read_manifest(self._path)
        except NewerSessionError:
            raise
        except FormatError as error:
            created = self._path.stat().st_mtime
            missing = {"name": self._path.name, "created": created, "created_local": "", "source": "unknown"}
            manifest = salvaged_manifest(self._path, missing)
            if (self._path / MANIFEST).exists():
                os.rename(self._path / MANIFEST, self._path / f"{MANIFEST}.damaged")
            self._note(f"wrote {MANIFEST} anew ({error})")
            return manifest

    def _rows(self) -> Iterator[FrameRow]:
        if (self._path / FRAMES).exists():
            yield from parse_rows(self._path / FRAMES, skip_damaged=True)

    def _without_video(self, rows: list[FrameRow]) -> set[int]:
        """Return the stamps of the frames that are in no video and have both a row and poses."""
        stamps = {row.pts for row in rows if row.segment == NO_VIDEO}
        if not stamps or not (self._path / POSES).exists():
            return set()
        entries = (_parsed(line) or {} for _, line in whole_lines(self._path / POSES))
        return stamps & {entry["pts"] for entry in entries if entry.get("segment") == NO_VIDEO}

    def _rows_of_video(
        self, rows: list[FrameRow], parts: list[Segment], scans: dict[int, Scan]
    ) -> list[FrameRow]:
        """Return a row for every frame of the video: the one that was written, or what can be told from it."""
        known = {(row.segment, row.pts): row for row in rows}
        kept: list[FrameRow] = []
        for part in parts:
            if part.number not in scans:  # deleted by the ring buffer, or damaged
                kept += [row for row in rows if row.segment == part.number]
                continue
            for block in scans[part.number].blocks:
                row = known.get((part.number, block.pts_ms))
                kept.append(row or _rebuilt(block, part, kept[-1].index + 1 if kept else 0))
        return kept

    def _mend_rows(self, rows: list[FrameRow], kept: list[FrameRow]) -> int:
        """Write ``frames.jsonl`` anew where it has other rows than those to keep; return their number."""
        content = "".join(f"{row.line()}\n" for row in kept).encode()
        path = self._path / FRAMES
        if not path.exists() or path.read_bytes() != content:
            rebuilt = sum(row.rebuilt for row in kept) - sum(row.rebuilt for row in rows)
            extra = len(rows) + rebuilt - len(kept)
            self._replace(FRAMES, content)
            self._note(f"{FRAMES}: {extra} rows without a frame removed, {rebuilt} rows built from the video")
        return len(kept)

    def _mend_poses(self, stamps: _Stamps, away: set[int]) -> int:
        """Leave only whole lines of frames that are in the video; return how many frames have poses."""

        def in_video(entry: dict[str, Any]) -> bool:
            if "people" not in entry:
                return True
            segment = entry.get("segment")
            return segment in away or entry.get("pts") in stamps.get(segment or 0, set())

        path = self._path / POSES
        if not path.exists():
            return 0
        first = next(whole_lines(path), None)
        if first is None or _parsed(first[1]) is None:
            os.rename(path, self._path / f"{POSES}.damaged")
            self._note(f"{POSES}: has no whole first line; put aside")
            return 0
        return self._mend_lines(POSES, in_video)["people"]

    def _mend_lines(self, name: str, wanted: Any = lambda _entry: True) -> Counter[str]:
        """Leave only whole, wanted lines; return how often each key is in them."""
        path = self._path / name
        keys: Counter[str] = Counter()
        if not path.exists():
            return keys
        kept = []
        for _, line in whole_lines(path):
            entry = _parsed(line)
            if entry is not None and wanted(entry):
                kept.append(line)
                keys.update(entry.keys())
        content = b"".join(kept)
        if content != path.read_bytes():
            self._replace(name, content)
            self._note(f"{name}: lines that are not whole, or of no recorded frame, removed")
        return keys


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        entry = parse_json(line, where="")
    except FormatError:
        return None
    return entry if isinstance(entry, dict) else None


def _rebuilt(block: Block, part: Segment, index: int) -> FrameRow:
    seconds = block.pts_ms / 1000
    return FrameRow(
        index=index,
        timestamp=round(part.timestamp + seconds, 6),
        pts=block.pts_ms,
        wall=part.wall + seconds,
        segment=part.number,
        keyframe=block.keyframe,
        rebuilt=True,
    )
