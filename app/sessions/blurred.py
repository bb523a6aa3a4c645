"""Video without faces: the frames whose poses are known, encoded anew in a thread of its own."""

from __future__ import annotations

from collections import OrderedDict
from fractions import Fraction
from functools import partial
from threading import Lock

from sitepose.app.sessions.faces import blur, head_regions
from sitepose.app.sessions.recorder import Recorder
from sitepose.app.sessions.rows import FrameStamps
from sitepose.core.skeleton import Skeleton
from sitepose.core.structures import Frame, ImageArray, Poses
from sitepose.plugins.sources.live.encoder import TICKS, FrameEncoder
from sitepose.plugins.sources.live.intake import Arrival
from sitepose.plugins.sources.live.packets import EncodedPacket, StreamFormat

FRAME_RATE = Fraction(15)
"""Frames a second that networks are expected to look at; it decides how many lie between keyframes."""


class BlurredVideo:
    """Records frames with their heads made unrecognizable, and their poses. Remembers those on their way.

    A frame that nobody has looked at is not recorded: nobody knows where its faces are.

    Args:
        recorder: Takes video and poses.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._encoder: FrameEncoder | None = None
        self._size_wh = (0, 0)
        self._epoch = 0
        self._newest = -1.0
        self._lock = Lock()
        self._waiting: OrderedDict[int, tuple[Frame, Poses]] = OrderedDict()

    def put(self, frame: Frame, poses: Poses, skeleton: Skeleton) -> None:
        """Record a frame and its poses; never waits. One that is not newer than the last is left out."""
        if frame.timestamp <= self._newest:
            return
        self._newest = frame.timestamp
        encoder = self._encoder_for(frame)
        stamp = round(frame.timestamp / TICKS)
        with self._lock:
            self._waiting[stamp] = (frame, poses)
        encoder.put(partial(_without_faces, frame, poses, skeleton), Arrival(stamp, TICKS, frame.captured_at))

    def packet(
        self, arrival: Arrival, data: bytes, encoding: StreamFormat, *, keyframe: bool, ours: bool = True
    ) -> None:
        """Take an encoded frame, in the encoder's thread."""
        del ours
        with self._lock:
            for early in [stamp for stamp in self._waiting if stamp < arrival.pts]:
                del self._waiting[early]  # the encoder was too slow for it: a gap in the rows
            frame, poses = self._waiting.pop(arrival.pts)
        stamps = FrameStamps.of(frame)
        self._recorder.put(
            EncodedPacket(
                data=data,
                keyframe=keyframe,
                format=encoding,
                index=stamps.index,
                timestamp=stamps.timestamp,
                pts=arrival.pts if stamps.pts is None else stamps.pts,
                time_base=stamps.time_base or TICKS,
                captured_at=frame.captured_at,
                wall=stamps.wall,
                epoch=self._epoch,
            )
        )
        self._recorder.poses(frame, poses)

    def close(self) -> None:
        """Encode what waits, and end."""
        if self._encoder is not None:
            self._encoder.close()

    def _encoder_for(self, frame: Frame) -> FrameEncoder:
        if self._encoder is None or self._size_wh != frame.size_wh:
            self.close()
            self._size_wh = frame.size_wh
            self._epoch += 1
            self._encoder = FrameEncoder(self, _even(frame.size_wh), FRAME_RATE, pixels="rgb24")
        return self._encoder


def _without_faces(frame: Frame, poses: Poses, skeleton: Skeleton) -> ImageArray:
    blurred = blur(frame.image, head_regions(poses, skeleton, frame.size_wh))
    width, height = _even(frame.size_wh)
    return blurred[:height, :width]


def _even(size_wh: tuple[int, int]) -> tuple[int, int]:
    """Return a size that H.264 can have: colours are stored for squares of four pixels."""
    return size_wh[0] // 2 * 2, size_wh[1] // 2 * 2
