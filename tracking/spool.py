"""Decided frames, out of memory until the end: an unnamed file that vanishes with its owner."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Iterator
from dataclasses import fields
from typing import IO, Any

import numpy as np

from sitepose.core.structures import Poses

_FIELDS = tuple(field.name for field in fields(Poses))


class FrameSpool:
    """Keeps people by frame, in the order in which they come; holds none of them in memory."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the spool
        weakref.finalize(self, self._file.close)

    def append(self, index: int, poses: Poses) -> None:
        """Keep the people of a frame."""
        np.save(self._file, np.array([index]))
        for name in _FIELDS:
            np.save(self._file, getattr(poses, name))

    def __iter__(self) -> Iterator[tuple[int, Poses]]:
        """Return index and people of every frame kept."""
        end = self._file.tell()
        self._file.seek(0)
        while self._file.tell() < end:
            index = int(np.load(self._file)[0])
            columns: dict[str, Any] = {name: np.load(self._file) for name in _FIELDS}
            yield index, Poses(**columns)
