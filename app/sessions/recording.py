"""What a recording is like, where it is, and what happens to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Self

from pydantic import Field, model_validator

from sitepose.app.sessions.disk import DiskState
from sitepose.core.settings import Settings

QUEUE_BYTES = 64 << 20
"""Encoded video that may wait for the disk: two minutes at 4 Mbit/s."""


class RecordingSettings(Settings):
    """What a recording is like."""

    segment_s: float = Field(300.0, gt=0)
    """Seconds of a file of video; it ends at the next keyframe."""
    segment_bytes: int = Field(1 << 30, gt=0)
    """Size of a file of video; it ends at the next keyframe."""
    reserve_bytes: int = Field(1 << 30, ge=0)
    """Free space that is left to the rest of the machine."""
    ring_bytes: int | None = Field(None, gt=0)
    """Video that may be kept: the oldest without a mark is deleted when it is more. None keeps everything."""
    queue_bytes: int = Field(QUEUE_BYTES, gt=0)
    """Encoded video that may wait for a slow disk."""
    blur_faces: bool = False
    """Whether faces are made unrecognizable: video is encoded anew, from the frames whose poses are known."""
    poses_only: bool = False
    """Whether no video is recorded, but where people were and how they moved."""
    consent: str = ""
    """Who agreed to be recorded, or on what grounds."""
    retention: str = ""
    """How long the recording may be kept."""

    @property
    def posed(self) -> bool:
        """Whether only frames are recorded that networks have looked at."""
        return self.blur_faces or self.poses_only

    @model_validator(mode="after")
    def _either(self) -> Self:
        if self.blur_faces and self.poses_only:
            raise ValueError("blur_faces and poses_only: without video there are no faces; choose one")
        return self


@dataclass(frozen=True, slots=True)
class RecorderEvent:
    """Something that happened to a recording.

    Attributes:
        kind: ``stopped`` is the last one, and says why where the user did not ask for it.
        message: One line for people.
    """

    kind: Literal["warning", "stopped"]
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderStats:
    """Where a recording is.

    Attributes:
        frames: Frames that were recorded.
        dropped: Frames that the source lost between them.
        overflowed: Frames that the disk was too slow for.
        deleted: Recorded frames that the ring buffer has deleted since.
        seconds: Seconds of video that is there.
        bytes: Bytes of video that is there.
        waiting_bytes: Bytes that wait for the disk.
        disk: What is left.
    """

    frames: int
    dropped: int
    overflowed: int
    deleted: int
    seconds: float
    bytes: int
    waiting_bytes: int
    disk: DiskState


RecorderListener = Callable[[RecorderEvent], None]
"""Is told of events, in the recorder's thread: be quick."""
