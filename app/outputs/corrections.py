"""Writing look-ahead back: frames whose people a tracker has changed at the end of the run."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable
from pathlib import Path

from sitepose.core.formats.poses_jsonl import PosesWriter, read_poses
from sitepose.core.structures import Poses


def correct_poses(path: Path, corrections: Iterable[tuple[int, Poses]]) -> int:
    """Exchange frames of a finished ``poses.jsonl``, in one pass and whole or not at all.

    Args:
        path: The file; it must have its last line.
        corrections: Frames by index, ascending.

    Returns:
        The number of frames exchanged; with 0 the file is left alone.

    Raises:
        RecordingError: The file cannot be written.
        FormatError: The file cannot be read.
    """
    pending = iter(corrections)
    following = next(pending, None)
    if following is None:
        return 0
    saved = read_poses(path)
    partial = path.with_name(f"{path.name}.partial")
    exchanged = 0
    with PosesWriter(partial, saved.header) as writer:
        for record in saved:
            if following is not None and record.index == following[0]:
                writer.write(dataclasses.replace(record, poses=following[1]))
                following = next(pending, None)
                exchanged += 1
            else:
                writer.write(record)
        if saved.end is not None:
            writer.end(frames=saved.end.frames, dropped=saved.end.dropped)
    os.replace(partial, path)
    return exchanged
