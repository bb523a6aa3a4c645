"""Video without faces: the frames whose poses are known, encoded anew in a thread of its own."""

from __future__ import annotations

from collections import OrderedDict
from fractions import Fraction
from functools import partial
from threading import Lock

from sitepose.app.sessions.faces import blur, head_regions
from sitepose.app.sessions.posed import PosedFrame, PosedFrames, PosedSink, PosesAlone
from sitepose.app.sessions.recording import RecordingSettings
from sitepose.core.structures import Frame, ImageArray
from sitepose.plugins.sources.live.encoder import TICKS, FrameEncoder
from sitepose.plugins.sources.live.intake import Arrival
from sitepose.plugins.sources.live.packets import StreamFormat

FRAME_RATE = Fraction(15)
"""Frames a second that networks are expected to look at; it decides how many lie between keyframes."""


class BlurredVideo:
    """Hands on frames with their heads made unrecognizable, and their poses. Remembers those on their way.

    A frame that nobody has looked at is not among them: nobody knows where its faces are.

    Args:
        sink: Takes video and poses, in a thread of the encoder.
    """

    def __init__(self, sink: PosedSink) -> None:
        self._sink = sink
        self._encoder: FrameEncoder | None = None
        self._size_wh = (0, 0)
        self._epoch = 0
        self._newest = -1.0
        self._closed = False
        self._lock = Lock()
        self._waiting: OrderedDict[int, PosedFrame] = OrderedDict()

    def put(self, posed: PosedFrame) -> None:
        """Take a frame and its poses; never waits. One that is not newer than the last is left out."""
        frame = posed.frame
        if frame.timestamp <= self._newest or self._closed:
            return
        self._newest = frame.timestamp
        encoder = self._encoder_for(frame)
        stamp = round(frame.timestamp / TICKS)
        with self._lock:
            self._waiting[stamp] = posed
        encoder.put(partial(_without_faces, posed), Arrival(stamp, TICKS, frame.captured_at))

    def packet(
        self, arrival: Arrival, data: bytes, encoding: StreamFormat, *, keyframe: bool, ours: bool = True
    ) -> None:
        """Take an encoded frame, in the encoder's thread."""
        del ours
        with self._lock:
            for early in [stamp for stamp in self._waiting if stamp < arrival.pts]:
                del self._waiting[early]  # the encoder was too slow for it: a gap in the rows
            posed = self._waiting.pop(arrival.pts)
        self._sink.put(
            posed.packet(data, encoding, keyframe=keyframe, epoch=self._epoch, pts=arrival.pts, time_base=TICKS)
        )

    def close(self) -> None:
        """Encode what waits, and end; calling it twice is fine."""
        self._closed = True
        if self._encoder is not None:
            self._encoder.close()

    def _encoder_for(self, frame: Frame) -> FrameEncoder:
        if self._encoder is None or self._size_wh != frame.size_wh:
            if self._encoder is not None:
                self._encoder.close()
            self._size_wh = frame.size_wh
            self._epoch += 1
            self._encoder = FrameEncoder(self, _even(frame.size_wh), FRAME_RATE, pixels="rgb24")
        return self._encoder


def posed_frames(settings: RecordingSettings, sink: PosedSink) -> PosedFrames:
    """Return what makes of frames and their people what the settings allow to be recorded."""
    return BlurredVideo(sink) if settings.blur_faces else PosesAlone(sink)


def _without_faces(posed: PosedFrame) -> ImageArray:
    frame = posed.frame
    blurred = blur(frame.image, head_regions(posed.poses, posed.skeleton, frame.size_wh))
    width, height = _even(frame.size_wh)
    return blurred[:height, :width]


def _even(size_wh: tuple[int, int]) -> tuple[int, int]:
    """Return a size that H.264 can have: colours are stored for squares of four pixels."""
    return size_wh[0] // 2 * 2, size_wh[1] // 2 * 2
