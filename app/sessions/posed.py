"""Frames whose people are known, on their way to a recorder: without faces, or without any picture."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from sitepose.app.sessions.recorder import Recorder
from sitepose.app.sessions.rows import FrameStamps
from sitepose.core.formats.poses_jsonl import PosesHeader
from sitepose.core.skeleton import Skeleton
from sitepose.core.structures import Frame, Poses
from sitepose.plugins.sources.live.packets import EncodedPacket, StreamFormat

MILLISECOND = Fraction(1, 1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class PosedPacket(EncodedPacket):
    """A frame with its people; ``data`` is empty where no video is recorded.

    Attributes:
        stamps: Of the frame that was looked at.
        poses: Everybody in it.
        header: Whose poses these are; another object means that something has changed.
    """

    stamps: FrameStamps
    poses: Poses
    header: PosesHeader


@dataclass(frozen=True, eq=False, slots=True)
class PosedFrame:
    """A frame that was looked at.

    Attributes:
        frame: The frame.
        poses: Everybody in it.
        skeleton: What they have.
        header: Whose poses these are.
    """

    frame: Frame
    poses: Poses
    skeleton: Skeleton
    header: PosesHeader

    def packet(
        self, data: bytes, encoding: StreamFormat, *, keyframe: bool, epoch: int, pts: int, time_base: Fraction
    ) -> PosedPacket:
        """Return it as a recorder takes it; ``pts`` counts where the frame has no stamp of its own."""
        stamps = FrameStamps.of(self.frame)
        return PosedPacket(
            data=data,
            keyframe=keyframe,
            format=encoding,
            index=stamps.index,
            timestamp=stamps.timestamp,
            pts=pts if stamps.pts is None else stamps.pts,
            time_base=stamps.time_base or time_base,
            captured_at=self.frame.captured_at,
            wall=stamps.wall,
            epoch=epoch,
            stamps=stamps,
            poses=self.poses,
            header=self.header,
        )


class PosedSink(Protocol):
    """Takes frames with their people as they come."""

    def put(self, packet: PosedPacket) -> None:
        """Take a frame; never waits."""


class PosedFrames(Protocol):
    """Makes of frames with their people what may be recorded of them."""

    def put(self, posed: PosedFrame) -> None:
        """Take a frame; never waits."""

    def close(self) -> None:
        """Hand on what waits, and end; calling it twice is fine."""


class PosesAlone:
    """Hands on where people are, and nothing of the picture.

    Args:
        sink: Takes it.
    """

    def __init__(self, sink: PosedSink) -> None:
        self._sink = sink

    def put(self, posed: PosedFrame) -> None:
        """Hand on the people of a frame."""
        encoding = StreamFormat("raw", posed.frame.size_wh)
        stamp = round(posed.frame.timestamp / MILLISECOND)
        self._sink.put(posed.packet(b"", encoding, keyframe=True, epoch=0, pts=stamp, time_base=MILLISECOND))

    def close(self) -> None:
        """Nothing waits."""


class PosedFeed:
    """Gives a recorder what belongs to a frame: whose poses they are, the picture, the poses.

    It remembers the newest frame: a pre-roll may overlap with what is recorded already.

    Args:
        recorder: Gets it.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._header: PosesHeader | None = None
        self._newest = -1.0
        self._waits = True

    def begin(self) -> None:
        """Take up recording, also after a pause: with the next keyframe."""
        self._waits = True

    def put(self, packet: EncodedPacket) -> None:
        """Record a frame and its people; never waits."""
        assert isinstance(packet, PosedPacket)  # a hub of packets does not say of which kind they are
        if self._waits and not packet.keyframe:
            return
        self._waits = False
        if packet.header is not self._header:
            self._header = packet.header
            self._recorder.begin_poses(packet.header)
        if packet.data:
            self._recorder.put(packet)
        if packet.timestamp > self._newest:
            self._newest = packet.timestamp
            self._recorder.poses_at(packet.stamps, packet.poses)
