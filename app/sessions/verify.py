"""Whether a session is what it says: hashes, every frame decodes, rows and poses agree with the video."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av

from sitepose.app.sessions.manifest import (
    EVENTS,
    FRAMES,
    POSES,
    SUMS,
    VIDEO,
    Segment,
    SessionManifest,
    read_manifest,
)
from sitepose.app.sessions.matroska_scan import scan
from sitepose.app.sessions.rows import NO_VIDEO, read_rows, span
from sitepose.app.sessions.sums import file_sha256, read_sums
from sitepose.core.errors import FormatError
from sitepose.core.formats.poses_jsonl import read_poses

MOST_PROBLEMS = 20
"""Of each session; more would hide the first ones."""


@dataclass(slots=True)
class Verification:
    """What was found.

    Attributes:
        name: Of the session.
        frames: Frames in the video, or with poses where there is no video.
        decoded: Frames of it that could be decoded.
        damaged: Decoded frames that had arrived damaged.
        poses: Frames with poses.
        seconds: Of video, or of poses.
        problems: One line each; empty if all is well.
    """

    name: str
    frames: int = 0
    decoded: int = 0
    damaged: int = 0
    poses: int = 0
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def to_json(self) -> dict[str, Any]:
        """Return it for ``--json``."""
        return {
            "name": self.name,
            "good": self.good,
            "frames": self.frames,
            "decoded": self.decoded,
            "damaged": self.damaged,
            "poses": self.poses,
            "seconds": round(self.seconds, 3),
            "problems": self.problems,
        }


def verify(folder: Path, *, decode: bool = True) -> Verification:
    """Compare everything in a session with everything else.

    Args:
        folder: Of the session.
        decode: Whether to decode every frame, which takes most of the time.
    """
    result = Verification(folder.name)
    problems = _problems(folder, result, decode=decode)
    for problem in problems:
        result.problems.append(problem)
        if len(result.problems) == MOST_PROBLEMS:
            result.problems.append("and more")
            break
    return result


def _problems(folder: Path, result: Verification, *, decode: bool) -> Iterator[str]:
    try:
        manifest = read_manifest(folder)
    except FormatError as error:
        yield str(error)
        return
    if manifest.state == "recording":
        yield "it was not closed; `sessions repair` mends that"
    if manifest.name != folder.name:
        yield f"session.json calls it {manifest.name!r}, its folder is {folder.name!r}"
    yield from _sums(folder, manifest)
    stamps: dict[int, Counter[int]] = {}
    for part in manifest.segments:
        if part.state != "deleted":
            yield from _segment(folder / VIDEO / part.file, part, result, stamps, decode=decode)
    files = [path.name for path in (folder / VIDEO).glob("*") if path.suffix != ".damaged"]
    extra = set(files) - {part.file for part in manifest.segments}
    yield from (f"{VIDEO}/{name}: session.json does not know it" for name in sorted(extra))
    deleted = {part.number for part in manifest.segments if part.state == "deleted"}
    yield from _rows(folder, stamps, deleted, poses_only=manifest.poses_only)
    yield from _poses(folder, result, stamps, deleted)
    if manifest.poses_only:
        yield from _without_video(folder, result, stamps)


def _without_video(folder: Path, result: Verification, stamps: dict[int, Counter[int]]) -> Iterator[str]:
    """Compare rows and poses of a session that is to have no video."""
    result.frames = stamps.get(NO_VIDEO, Counter()).total()
    if result.frames != result.poses:
        yield f"{FRAMES}: has {result.frames} rows, {POSES} has {result.poses} frames"
    if result.frames:
        result.seconds = span(folder / FRAMES)
    if any((folder / VIDEO).glob("*")):
        yield f"{VIDEO}: session.json says that no video was recorded"


def _sums(folder: Path, manifest: SessionManifest) -> Iterator[str]:
    if manifest.state == "recording":
        return
    try:
        sums = read_sums(folder / SUMS)
    except FormatError as error:
        yield str(error)
        return
    for name, expected in sums.items():
        path = folder / name
        if Path(name).is_absolute() or ".." in Path(name).parts or path.is_symlink():
            yield f"{SUMS}: {name!r} is not inside the session"
        elif not path.is_file():
            if name in (EVENTS, POSES):  # others are missed below
                yield f"{name}: missing"
        elif file_sha256(path) != expected:
            yield f"{name}: has changed since it was recorded"
    known = {f"{VIDEO}/{part.file}" for part in manifest.segments if part.state != "deleted"}
    yield from (f"{name}: has no hash in {SUMS}" for name in sorted(known - sums.keys()))


def _segment(
    path: Path, part: Segment, result: Verification, stamps: dict[int, Counter[int]], *, decode: bool
) -> Iterator[str]:
    name = f"{VIDEO}/{path.name}"
    if not path.exists():
        yield f"{name}: missing"
        return
    try:
        found = scan(path)
    except FormatError as error:
        yield str(error)
        return
    count = len(found.blocks)
    stamps[part.number] = Counter(block.pts_ms for block in found.blocks)
    result.frames += count
    result.seconds += part.seconds
    if part.state != "open":
        if count != part.frames:
            yield f"{name}: has {count} frames, session.json says {part.frames}"
        if not found.finished:
            yield f"{name}: its index is missing"
    if found.blocks and not found.blocks[0].keyframe:
        yield f"{name}: does not begin with a keyframe"
    if decode:
        decoded, damaged, fault = _decoded(path)
        result.decoded += decoded
        result.damaged += damaged
        if fault or decoded != count:
            yield f"{name}: {decoded} of {count} frames can be decoded{f' ({fault})' if fault else ''}"


def _decoded(path: Path) -> tuple[int, int, str]:
    """Return how many frames of a file decode, how many of them are damaged, and why not all do."""
    decoded = damaged = 0
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            for frame in container.decode(stream):
                decoded += 1
                damaged += frame.is_corrupt
    except (av.FFmpegError, IndexError, ValueError) as error:
        return decoded, damaged, str(error)
    return decoded, damaged, ""


def _rows(
    folder: Path, stamps: dict[int, Counter[int]], deleted: set[int], *, poses_only: bool
) -> Iterator[str]:
    rows: defaultdict[int, Counter[int]] = defaultdict(Counter)
    if not (folder / FRAMES).exists():
        yield f"{FRAMES}: missing"
        return
    try:
        for row in read_rows(folder / FRAMES):
            rows[row.segment][row.pts] += 1
    except FormatError as error:
        yield str(error)
        return
    if poses_only:
        stamps[NO_VIDEO] = rows[NO_VIDEO]
    for number in sorted((stamps.keys() | rows.keys()) - deleted):
        missing = (stamps.get(number, Counter()) - rows[number]).total()
        extra = (rows[number] - stamps.get(number, Counter())).total()
        if missing or extra:
            yield f"{FRAMES}: segment {number}: {missing} frames have no row, {extra} rows have no frame"


def _poses(
    folder: Path, result: Verification, stamps: dict[int, Counter[int]], deleted: set[int]
) -> Iterator[str]:
    if not (folder / POSES).exists():
        return
    stray = 0
    try:
        for record in read_poses(folder / POSES):
            result.poses += 1
            segment = record.segment or 0
            stray += segment not in deleted and record.pts not in stamps.get(segment, ())
    except FormatError as error:
        yield str(error)
        return
    if stray:
        yield f"{POSES}: {stray} frames are not in the video"
