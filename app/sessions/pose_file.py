"""``poses.jsonl`` of a session while it is recorded."""

from __future__ import annotations

from typing import Any, cast

from sitepose.app.sessions.folder import LineFile, SafeFolder
from sitepose.app.sessions.manifest import POSES
from sitepose.app.sessions.rows import FrameStamps
from sitepose.app.sessions.syncing import Syncer
from sitepose.core.formats.poses_jsonl import PoseRecord, PosesHeader, PosesWriter
from sitepose.core.structures import Poses


class PoseFile:
    """Writes poses as they come; the file is made with the first header. Remembers the skeleton.

    Args:
        folder: The session's folder.
        syncer: Keeps what is written.
    """

    def __init__(self, folder: SafeFolder, syncer: Syncer) -> None:
        self._folder = folder
        self._syncer = syncer
        self._lines: LineFile | None = None
        self._writer: PosesWriter | None = None
        self._skeleton: tuple[str, ...] = ()

    def begin(self, header: PosesHeader, index: int) -> None:
        """Write the first line; a second call says what has changed from frame ``index`` on.

        Raises:
            OSError: The disk is full or gone.
            ValueError: The skeleton is another one than before.
        """
        if self._writer is None:
            self._lines = LineFile(self._folder.create(POSES))
            self._syncer.watch(self._lines.descriptor)
            self._writer = PosesWriter(cast("Any", _Stream(self._lines)), header)
            self._skeleton = tuple(header.keypoint_names)
        elif tuple(header.keypoint_names) != self._skeleton:
            raise ValueError("the skeleton cannot change in a recording; begin a new one")
        else:
            self._writer.change(index, config=header.config, models=list(header.models))

    def change(self, index: int, **values: Any) -> None:
        """Say what is different from frame ``index`` on; before the first line there is nothing to say.

        Raises:
            OSError: The disk is full or gone.
        """
        if self._writer is not None:
            self._writer.change(index, **values)

    def write(self, stamps: FrameStamps, poses: Poses, *, segment: int, pts: int) -> None:
        """Write the poses of a frame at its place.

        Raises:
            OSError: The disk is full or gone.
            ValueError: Nothing has been begun, or the poses do not fit.
        """
        if self._writer is None or self._lines is None:
            raise ValueError("poses before begin_poses")
        self._writer.write(PoseRecord(stamps.index, stamps.timestamp, pts, poses, segment=segment))
        self._syncer.touched(self._lines.descriptor)

    def end(self, *, frames: int, dropped: int) -> None:
        """Write the last line; without a first one there is nothing to end."""
        if self._writer is not None:
            self._writer.end(frames=frames, dropped=dropped)

    def close(self) -> None:
        """Close the file."""
        if self._lines is not None:
            self._lines.close()


class _Stream:
    """A :class:`LineFile` as the binary stream that the writer of poses wants."""

    name = POSES
    closed = False

    def __init__(self, lines: LineFile) -> None:
        self._lines = lines

    def write(self, data: bytes) -> int:
        self._lines.append_bytes(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is kept back."""
