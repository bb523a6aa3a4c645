"""Poses found in one stream of a camera, joined with the frames of the other, which is recorded."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import deque
from dataclasses import dataclass
from queue import Full, Queue

import av
import numpy as np

from sitepose.app.sessions.alignment import (
    SMALL_WH,
    Floats,
    Offset,
    Pictures,
    measure_offset,
    same_picture,
    small_picture,
)
from sitepose.app.sessions.recorder import Recorder
from sitepose.app.sessions.rows import FrameStamps
from sitepose.core.structures import Frame, Poses
from sitepose.plugins.sources.live.events import SourceEvent
from sitepose.plugins.sources.live.keyframes import decoder_of
from sitepose.plugins.sources.live.packets import EncodedPacket

WINDOW_S = 20.0
"""Seconds of pictures that an offset is measured from, at most."""

TRY_S = 1.0
"""Seconds of pictures between two attempts."""

REMEMBERED = 3600
"""Frames of the main stream whose stamps are known: two minutes."""

WAITING_POSES = 2400
"""Frames with poses that wait for the offset or for their main frame: two minutes; older ones are given up."""

WAITING_PACKETS = 90
"""Packets that may wait to be decoded; a decoder that is too slow begins anew at a keyframe."""

PATIENCE_S = 30.0
"""Seconds without an offset after which somebody has to hear of it."""

NEAR = 0.75
"""Of the distance between two main frames: a main frame further away than this is another one."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    timestamp: float
    size_wh: tuple[int, int]
    poses: Poses


class PairedPoses:
    """Takes packets of the main stream and poses of the sub stream, and records poses of main frames.

    It remembers the newest stamps of both, and measures what lies between their clocks by what moves in the
    pictures, anew after each new connection.

    Args:
        recorder: Gets the poses; it records the main stream already.
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._lock = threading.Lock()
        self._offset: Offset | None = None
        self._epoch: int | None = None
        self._last = -1.0  # the newest main frame with poses
        self._stamps: list[float] = []  # of main frames, ascending
        self._frames: dict[float, FrameStamps] = {}
        self._size_wh = (0, 0)
        self._looked_at_wh = (0, 0)
        self._poses: deque[_Waiting] = deque(maxlen=WAITING_POSES)
        self._main, self._sub = Pictures(WINDOW_S), Pictures(WINDOW_S)
        self._packets: Queue[EncodedPacket | None] = Queue(WAITING_PACKETS)
        self._skipping = True
        self._patient = True
        self._since: float | None = None  # timestamp of the first main frame of a measurement
        self._thread = threading.Thread(target=self._run, name="align", daemon=True)
        self._thread.start()

    @property
    def offset(self) -> Offset | None:
        """What lies between the streams; None until it is known."""
        return self._offset

    def put(self, packet: EncodedPacket) -> None:
        """Take a packet of the main stream; never waits."""
        with self._lock:
            if self._epoch not in (None, packet.epoch):
                self._begin_anew()
            self._epoch = packet.epoch
            self._remember(packet)
            self._join()
            measuring = self._offset is None
        if measuring:
            self._leave(packet)

    def poses(self, frame: Frame, poses: Poses) -> None:
        """Take the poses of a frame of the sub stream."""
        small = small_picture(frame.image) if self._offset is None else None
        with self._lock:
            if small is not None:
                self._sub.add(frame.timestamp, small)
            self._looked_at_wh = frame.size_wh
            self._poses.append(_Waiting(frame.timestamp, frame.size_wh, poses))
            self._join()

    def source_event(self, event: SourceEvent) -> None:
        """Measure anew after a new connection of the sub stream; can be its listener."""
        if event.state == "playing" or event.topic == "source":  # also when a camera has set its clock
            with self._lock:
                self._begin_anew()

    def close(self) -> None:
        """Join what can be joined, and end."""
        self._packets.put(None)
        self._thread.join()
        with self._lock:
            self._join(last=True)
            if self._poses:
                self._recorder.note(
                    f"frames with poses that could not be found in the video: {len(self._poses)}"
                )

    def _begin_anew(self) -> None:
        self._join(last=True)
        self._offset = None
        self._poses.clear()
        self._since = None
        self._main, self._sub = Pictures(WINDOW_S), Pictures(WINDOW_S)
        self._patient = True

    def _remember(self, packet: EncodedPacket) -> None:
        self._size_wh = packet.format.size_wh
        self._since = packet.timestamp if self._since is None else self._since
        if self._patient and self._offset is None and packet.timestamp - self._since > PATIENCE_S:
            self._patient = False
            self._recorder.warn(
                "no poses are recorded yet: nothing moves in both streams, or they show different things"
            )
        stamps = FrameStamps(
            index=packet.index,
            timestamp=packet.timestamp,
            pts=packet.pts,
            time_base=packet.time_base,
            wall=packet.wall,
        )
        self._stamps.insert(bisect_left(self._stamps, packet.timestamp), packet.timestamp)
        self._frames[packet.timestamp] = stamps
        if len(self._stamps) > REMEMBERED:
            self._frames.pop(self._stamps.pop(0), None)

    def _join(self, *, last: bool = False) -> None:
        """Record the poses whose main frame is known now."""
        while self._offset is not None and self._poses and self._stamps:
            wanted = self._poses[0].timestamp + self._offset.seconds
            if wanted > self._stamps[-1] and not last:
                return
            self._record(wanted, self._poses.popleft())

    def _record(self, wanted: float, found: _Waiting) -> None:
        place = bisect_left(self._stamps, wanted)
        nearest = min(self._stamps[max(0, place - 1) : place + 1], key=lambda stamp: abs(stamp - wanted))
        if abs(nearest - wanted) > NEAR * self._interval() or nearest <= self._last:
            return
        self._last = nearest
        self._recorder.poses_at(self._frames[nearest], scaled(found.poses, found.size_wh, self._size_wh))

    def _interval(self) -> float:
        newest = self._stamps[-32:]
        return float(np.median(np.diff(newest))) if len(newest) > 1 else 0.1

    def _leave(self, packet: EncodedPacket) -> None:
        """Leave a packet for the decoder; where it falls behind, all up to the next keyframe are left out."""
        if self._skipping and not packet.keyframe:
            return
        try:
            self._packets.put_nowait(packet)
            self._skipping = False
        except Full:
            self._skipping = True

    def _run(self) -> None:
        decoder: av.VideoCodecContext | None = None
        before: EncodedPacket | None = None
        tried_at = 0.0
        while (packet := self._packets.get()) is not None:
            if decoder is None or before is None or (packet.keyframe and packet.format is not before.format):
                decoder = decoder_of(packet.format)
            before = packet
            self._look_at(packet, decoder)
            if packet.timestamp - tried_at >= TRY_S or packet.timestamp < tried_at:
                tried_at = packet.timestamp
                self._measure()

    def _look_at(self, packet: EncodedPacket, decoder: av.VideoCodecContext) -> None:
        data = av.Packet(packet.data)
        data.pts = round(packet.timestamp * 1e6)
        try:
            pictures = decoder.decode(data)
        except (av.FFmpegError, ValueError):
            return  # the one before was left out
        small = [(picture.pts, _small(picture)) for picture in pictures]
        with self._lock:
            for stamp, grey in small if packet.epoch == self._epoch else ():
                if stamp is not None:
                    self._main.add(stamp / 1e6, grey)

    def _measure(self) -> None:
        with self._lock:
            main, sub, epoch = self._main, self._sub, self._epoch
            films = main.copy(), sub.copy()
        offset = measure_offset(*films)
        if offset is None or not same_picture(*films):
            return
        with self._lock:
            if self._main is not main or self._epoch != epoch:
                return  # a new connection has come meanwhile
            self._offset = offset
            self._recorder.aligned(offset, self._size_wh, self._looked_at_wh)
            self._join()


def _small(picture: av.VideoFrame) -> Floats:
    grey = picture.reformat(*SMALL_WH, format="gray", interpolation="AREA").to_ndarray()
    return np.asarray(grey, np.float32)


def scaled(poses: Poses, from_wh: tuple[int, int], to_wh: tuple[int, int]) -> Poses:
    """Return poses in the pixels of a picture of another size; centres of pixels stay centres."""
    factor = np.array(to_wh, np.float32) / np.array(from_wh, np.float32)
    return poses.replace(
        keypoints=(poses.keypoints + 0.5) * factor - 0.5,
        boxes=(poses.boxes + 0.5) * np.tile(factor, 2) - 0.5,
    )
