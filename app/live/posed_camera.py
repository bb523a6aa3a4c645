"""A camera whose frames are looked at before they are recorded: without faces then, or without any picture."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sitepose.app.live.engine import LiveEngine
from sitepose.app.live.parts import LiveParts
from sitepose.app.live.results import LiveResult
from sitepose.app.live.writer import header_of
from sitepose.app.sessions.blurred import posed_frames
from sitepose.app.sessions.posed import PosedFeed, PosedFrame
from sitepose.app.sessions.recorder import Recorder, RecordingSettings
from sitepose.app.sessions.schedule import Schedule
from sitepose.app.sessions.triggers import PERSON_SCORE
from sitepose.core.formats.poses_jsonl import PosesHeader
from sitepose.core.structures import Frame
from sitepose.plugins.sources.live.address import CameraAddress
from sitepose.plugins.sources.live.events import SourceEvent
from sitepose.plugins.sources.live.mailbox import Mailbox
from sitepose.plugins.sources.live.packets import PacketHub
from sitepose.plugins.sources.live.source import LiveSource

GAP_S = 5.0
"""After this long without a frame that was looked at, what was before is no pre-roll any more."""


class PosedCamera:
    """Gives recorders the frames of a camera that an engine has looked at, and the last seconds of them first.

    It stands in for its camera where :class:`~sitepose.app.sessions.unattended.UnattendedRecording` records it.

    Args:
        engine: Looks at the frames; the camera is added to it.
        source: The camera, closed with this.
        key: Name of the camera in the engine.
        settings: Whether faces are blurred, or no picture is recorded.
        schedule: When anything is looked at; the networks rest outside.
        preroll_s: Seconds that a recorder gets from before it was attached.
    """

    def __init__(
        self,
        engine: LiveEngine,
        source: LiveSource,
        key: str,
        settings: RecordingSettings,
        *,
        schedule: Schedule | None = None,
        preroll_s: float = 0.0,
    ) -> None:
        self._engine = engine
        self._source = source
        self._key = key
        self._settings = settings
        self._preroll_s = preroll_s
        self._parts: LiveParts | None = None
        self._header: PosesHeader | None = None
        self._last: float | None = None
        self._somebody = False
        self._lock = threading.Lock()
        self._feeds: dict[Recorder, PosedFeed] = {}
        self._attached: list[PosedFeed] = []
        self._hub = PacketHub(preroll_s=preroll_s)
        self._frames = posed_frames(settings, self._hub)
        self._shown: Mailbox[Frame] = Mailbox()
        engine.add_sink(self)
        engine.add_source(key, lambda _: _Awake(source, schedule or Schedule(), self._shown.put))

    @property
    def address(self) -> CameraAddress:
        """Of the camera."""
        return self._source.address

    def listen(self, listener: Callable[[SourceEvent], None]) -> None:
        """Tell a listener of every event of the camera from now on."""
        self._source.listen(listener)

    def unlisten(self, listener: Callable[[SourceEvent], None]) -> None:
        """Tell a listener nothing more."""
        self._source.unlisten(listener)

    def newest(self, timeout_s: float) -> Frame | None:
        """Return the newest frame that was not taken yet; None where none has come in time."""
        return self._shown.take(timeout_s)

    def somebody(self, frame: Frame) -> bool:
        """Return whether somebody was seen since the last call: a trigger that asks no detector again."""
        del frame
        somebody, self._somebody = self._somebody, False
        return somebody

    def attach(self, recorder: Recorder, *, preroll_s: float | None = None) -> None:
        """Give a recorder every frame that is looked at from now on, after the pre-roll."""
        with self._lock:
            feed = self._feeds.get(recorder) or PosedFeed(recorder)
            going = {other: at for other, at in self._feeds.items() if at in self._attached}
            self._feeds = {**going, recorder: feed}  # sessions that have ended are forgotten
            feed.begin()
            self._attached.append(feed)
            self._hub.attach(feed, preroll_s=preroll_s)

    def detach(self, recorder: Recorder) -> None:
        """Give a recorder nothing more; one that is not attached is fine."""
        with self._lock:
            feed = self._feeds.get(recorder)
            self._attached = [other for other in self._attached if other is not feed]
            if feed is not None:
                self._hub.detach(feed)

    def put(self, result: LiveResult) -> None:
        """Take a frame that was looked at; never waits."""
        if result.source != self._key:
            return
        frame, poses = result.tracked.frame, result.tracked.poses
        if self._last is not None and frame.timestamp - self._last > GAP_S:
            self._begin_anew()
        self._last = frame.timestamp
        self._somebody = self._somebody or bool((poses.box_scores >= PERSON_SCORE).any())
        self._frames.put(PosedFrame(frame, poses, result.skeleton, self._header_for(result)))

    def switched(self, source: str, index: int, parts: LiveParts) -> None:
        """Let the next poses begin with whose they are."""
        del index, parts
        if source == self._key:
            self._header = None

    def close(self) -> None:
        """Close the camera; what waits goes to the recorders first. Calling it twice is fine."""
        self._source.close()
        self._engine.remove_source(self._key)
        self._engine.remove_sink(self)
        self._frames.close()
        self._shown.close()

    def _header_for(self, result: LiveResult) -> PosesHeader:
        if self._header is None:
            parts = self._engine.parts()
            assert parts is not None  # they have found these poses
            self._header = header_of(parts, result)
        return self._header

    def _begin_anew(self) -> None:
        """Forget the pre-roll, and let the video go on with a keyframe."""
        self._frames.close()
        with self._lock:
            self._hub = PacketHub(preroll_s=self._preroll_s)
            for feed in self._attached:
                feed.begin()
                self._hub.attach(feed)
            self._frames = posed_frames(self._settings, self._hub)


class _Awake:
    """The frames of a camera at the times of a schedule; the engine takes it for the camera."""

    def __init__(self, source: LiveSource, schedule: Schedule, show: Callable[[Frame], None]) -> None:
        self._source = source
        self._schedule = schedule
        self._show = show

    @property
    def info(self) -> Any:
        """What is known of the camera."""
        return self._source.info

    @property
    def stats(self) -> Any:
        """Counters of the camera."""
        return self._source.stats

    @property
    def damaged(self) -> int:
        """Pictures that arrived damaged."""
        return self._source.damaged

    def close(self) -> None:
        """Close the camera."""
        self._source.close()

    def __iter__(self) -> _Awake:
        return self

    def __next__(self) -> Frame:
        """Return the next frame that may be looked at."""
        while True:
            frame = next(self._source)
            if self._schedule.active(datetime.now()):
                self._show(frame)
                return frame
