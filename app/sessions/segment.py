"""One segment while it is being written."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from sitepose.app.sessions.folder import SafeFolder
from sitepose.app.sessions.manifest import Segment, segment_file
from sitepose.app.sessions.matroska import MatroskaWriter
from sitepose.app.sessions.matroska_parts import VideoTrack
from sitepose.plugins.sources.live.packets import EncodedPacket

REMEMBERED_STAMPS = 64
"""Stamps that a new one is compared with: no stream reorders further."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationRule:
    """When a segment is full; the next one begins at the next keyframe.

    Attributes:
        seconds: Length of a segment.
        bytes: Size of a segment.
    """

    seconds: float = 300.0
    bytes: int = 1 << 30


class OpenSegment:
    """A file of video that frames are added to. Remembers the stamps that it has given.

    Args:
        folder: The session's folder of video.
        number: Of the segment.
        first: Its first frame, a keyframe.

    Raises:
        OSError: The file cannot be made.
    """

    def __init__(self, folder: SafeFolder, number: int, first: EncodedPacket) -> None:
        self.number = number
        self.format = first.format
        self.epoch = first.epoch
        self.timestamp = first.timestamp
        self.wall = first.wall
        self.frames = 0
        self.marked = False
        self._last_timestamp = first.timestamp
        self._stamps: deque[int] = deque(maxlen=REMEMBERED_STAMPS)
        self.descriptor = folder.create(segment_file(number))
        stream = first.format
        track = VideoTrack(
            codec=stream.codec, size_wh=stream.size_wh, private=stream.private, frame_rate=stream.frame_rate
        )
        self._writer = MatroskaWriter(self.descriptor, track, wall=first.wall)

    @property
    def size(self) -> int:
        """Bytes written."""
        return self._writer.size

    @property
    def seconds(self) -> float:
        """From the first frame to the last."""
        return max(0.0, self._last_timestamp - self.timestamp)

    def full(self, packet: EncodedPacket, rule: RotationRule) -> bool:
        """Return whether the frame had better begin a new segment."""
        long = packet.timestamp - self.timestamp >= rule.seconds or self.size >= rule.bytes
        return packet.keyframe and long

    def fits(self, packet: EncodedPacket) -> bool:
        """Return whether the frame can be decoded behind those that are here."""
        same = packet.format is self.format or packet.format == self.format
        return packet.epoch == self.epoch and same

    def stamp(self, packet: EncodedPacket) -> int | None:
        """Return the stamp of a frame in this file, in milliseconds; None if it is from before the file."""
        stamp = round((packet.timestamp - self.timestamp) * 1000)
        while stamp in self._stamps:
            stamp += 1
        return stamp if stamp >= 0 else None

    def write(self, packet: EncodedPacket, stamp: int) -> None:
        """Append a frame.

        Raises:
            OSError: The disk is full or gone.
        """
        self._writer.write(packet.data, pts_ms=stamp, keyframe=packet.keyframe)
        self._stamps.append(stamp)
        self._last_timestamp = max(self._last_timestamp, packet.timestamp)
        self.frames += 1

    def finish(self) -> None:
        """Fill in sizes and index; the file stays open.

        Raises:
            OSError: The disk is full or gone; the file can be played all the same.
        """
        self._writer.finish()

    def close(self) -> None:
        """Close the file."""
        os.close(self.descriptor)

    def described(self, **changes: object) -> Segment:
        """Return what ``session.json`` says about it."""
        width, height = self.format.size_wh
        values: Mapping[str, object] = {
            "number": self.number,
            "codec": self.format.codec,
            "width": width,
            "height": height,
            "timestamp": self.timestamp,
            "wall": self.wall,
            "frames": self.frames,
            "bytes": self.size,
            "seconds": round(self.seconds, 3),
            "marked": self.marked,
            **changes,
        }
        return Segment.model_validate(values)
