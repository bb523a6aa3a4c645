"""Saved pose candidates: what the pose network said before the pose-NMS, so that it need not run again.

A folder of parts ``candidates-0000.npz``, ``candidates-0001.npz`` ... Each holds the frames of a stretch and is
put in place in one step, so a killed run can be read up to its last complete part. Numbers are kept exactly;
coordinates are Sitepose's own. The frames' stamps are in the ``poses.jsonl`` beside the folder.
"""

from __future__ import annotations

import contextlib
import os
import re
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sitepose.core.errors import FormatError, RecordingError
from sitepose.core.structures import UNTRACKED, PoseCandidates

FRAMES_PER_PART = 500
"""A killed run loses at most this many frames of candidates."""

BYTES_PER_PART = 16 * 2**20
"""A part is also complete at this size: what the writer holds in memory is bounded by it."""

_DAMAGE = (
    OSError, EOFError, ValueError, LookupError, TypeError, SyntaxError, RuntimeError, ArithmeticError,
    MemoryError, zipfile.BadZipFile, zlib.error, struct.error, tokenize.TokenError,
)  # fmt: skip
"""What numpy and zipfile are known to raise on a part with bytes flipped or cut."""

_PART = re.compile(r"candidates-(\d{4,})\.npz")
_ROWS = ("keypoints", "scores", "radii", "boxes", "box_scores", "from_tracks")


class CandidatesWriter:
    """Writes candidates in parts; parts of an earlier run in the same folder are removed.

    Args:
        folder: Where to write; made if need be.

    Raises:
        RecordingError: The folder cannot be made or cleared.
    """

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)
        self._frames: list[tuple[int, PoseCandidates]] = []
        self._bytes = 0
        self._parts = 0
        with self._told():
            self._folder.mkdir(parents=True, exist_ok=True)
            remove_candidates(self._folder)

    def write(self, index: int, candidates: PoseCandidates) -> None:
        """Add the candidates of a frame.

        Raises:
            RecordingError: A part cannot be written.
        """
        self._frames.append((index, candidates))
        self._bytes += sum(getattr(candidates, name).nbytes for name in _ROWS)
        if len(self._frames) >= FRAMES_PER_PART or self._bytes >= BYTES_PER_PART:
            self._flush()

    def close(self) -> None:
        """Write the last part; calling it twice is fine."""
        if self._frames:
            self._flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _flush(self) -> None:
        frames, self._frames, self._bytes = self._frames, [], 0
        path = self._folder / f"candidates-{self._parts:04d}.npz"
        self._parts += 1
        with self._told():
            unfinished = path.with_name(f"{path.name}.part")
            with unfinished.open("wb") as stream:
                np.savez(stream, **_packed(frames))  # type: ignore[arg-type]
                stream.flush()
                os.fsync(stream.fileno())
            unfinished.replace(path)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise RecordingError(f"{self._folder}: cannot be written: {error.strerror or error}") from error


def remove_candidates(folder: Path) -> None:
    """Remove what a writer has left in a folder, and nothing else.

    Raises:
        OSError: A part cannot be removed.
    """
    for path in folder.iterdir() if folder.is_dir() else ():
        if _PART.fullmatch(path.name.removesuffix(".part")):
            path.unlink()


def read_candidates(folder: str | Path) -> Iterator[tuple[int, PoseCandidates]]:
    """Return frame index and candidates of every saved frame, one part in memory at a time.

    Raises:
        FormatError: There is no part, one is missing, or one is damaged.
    """
    for path in _parts(Path(folder)):
        yield from _unpacked(_arrays(path), path)


def _parts(folder: Path) -> list[Path]:
    found = {}
    if folder.is_dir():
        matches = ((_PART.fullmatch(path.name), path) for path in folder.iterdir())
        found = {int(match[1]): path for match, path in matches if match}
    if not found:
        raise FormatError(
            f"{folder}: no candidates-0000.npz; expected a folder that --save-candidates has written"
        )
    for number in range(len(found)):
        if number not in found:
            raise FormatError(f"{folder}: candidates-{number:04d}.npz is missing")
    return [found[number] for number in sorted(found)]


def _packed(frames: list[tuple[int, PoseCandidates]]) -> dict[str, NDArray[Any]]:
    tables = [candidates for _, candidates in frames]
    peaks = max(table.keypoints.shape[2] for table in tables)
    named = [table.track_ids is not None for table in tables]
    ids = [np.full(len(t), UNTRACKED) if t.track_ids is None else t.track_ids for t in tables]
    columns = {
        name: np.concatenate([_with_peaks(getattr(table, name), peaks, name) for table in tables])
        for name in _ROWS
    }
    return {
        "indices": np.array([index for index, _ in frames], np.int64),
        "counts": np.array([len(table) for table in tables], np.int64),
        "named": np.array(named),
        "track_ids": np.concatenate(ids).astype(np.int64),
        **columns,
    }


def _with_peaks(array: NDArray[Any], peaks: int, name: str) -> NDArray[Any]:
    """Return a column with room for ``peaks`` peaks; those that are not there are NaN with score 0."""
    if name not in ("keypoints", "scores", "radii") or array.shape[2] == peaks:
        return array
    shape = (*array.shape[:2], peaks, *array.shape[3:])
    wider = np.full(shape, 0 if name == "scores" else np.nan, array.dtype)
    wider[:, :, : array.shape[2]] = array
    return wider


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    names = ("indices", "counts", "named", "track_ids", *_ROWS)
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as part:
            return {name: part[name] for name in names}
    except _DAMAGE as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FormatError(f"{path}: not a part of saved candidates ({reason})") from error


def _unpacked(arrays: Mapping[str, NDArray[Any]], path: Path) -> list[tuple[int, PoseCandidates]]:
    try:
        counts = arrays["counts"].tolist()
        indices, named = arrays["indices"].tolist(), arrays["named"].tolist()
        columns = {name: np.split(arrays[name], np.cumsum(counts)[:-1]) for name in ("track_ids", *_ROWS)}
        frames = []
        for i, (index, has_ids) in enumerate(zip(indices, named, strict=True)):
            fields = {name: columns[name][i] for name in _ROWS}
            candidates = PoseCandidates(**fields, track_ids=columns["track_ids"][i] if has_ids else None)
            frames.append((int(index), candidates))
    except _DAMAGE as error:
        raise FormatError(f"{path}: its arrays do not fit each other ({error})") from error
    if [len(candidates) for _, candidates in frames] != counts:
        raise FormatError(f"{path}: its arrays do not have the lengths that its counts say")
    return frames
