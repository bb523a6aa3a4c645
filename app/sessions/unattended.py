"""A camera that is recorded without anybody watching, for a box in a cupboard."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from sitepose.app.sessions.disk import show_duration, show_size
from sitepose.app.sessions.recorder import Recorder, RecorderEvent, RecorderStats, RecordingSettings
from sitepose.app.sessions.resuming import repair_cut_off
from sitepose.app.sessions.schedule import Schedule
from sitepose.app.sessions.triggers import Gate, Trigger
from sitepose.core.errors import SiteposeError
from sitepose.core.structures import Frame
from sitepose.plugins.sources.live.address import CameraAddress
from sitepose.plugins.sources.live.events import SourceEvent

LOOK_S = 0.2
"""How often a frame is looked at for something worth recording, and the clock for the schedule."""

TAIL_S = 10.0
"""How long a recording goes on after the last thing worth it."""

SESSION_S = 24 * 3600.0
"""Length of a session: a day is easy to find, and to delete when it may no longer be kept."""

_log = logging.getLogger(__name__)

Say = Callable[[str, str], None]
"""Is told what happens: name of the source, one line."""


class Camera(Protocol):
    """What can be recorded unattended: a live source, or one whose frames are looked at before."""

    @property
    def address(self) -> CameraAddress:
        """Where it is."""

    def newest(self, timeout_s: float) -> Frame | None:
        """Return the newest frame that was not taken yet; None where none has come in time."""

    def attach(self, recorder: Recorder, *, preroll_s: float | None = None) -> None:
        """Give a recorder the last seconds, then all that comes; None is all that is kept, 0 none of it."""

    def detach(self, recorder: Recorder) -> None:
        """Give a recorder nothing more."""

    def listen(self, listener: Callable[[SourceEvent], None]) -> None:
        """Tell a listener of every event."""

    def unlisten(self, listener: Callable[[SourceEvent], None]) -> None:
        """Tell a listener nothing more."""

    def close(self) -> None:
        """Close it; calling it twice is fine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """When to record, and how.

    Attributes:
        root: Folder of the sessions.
        settings: Of each recording.
        schedule: Times of day.
        trigger: What is worth recording; None is everything.
        session_s: Length of a session.
        tail_s: How long a recording goes on after the last thing worth it.
        described: Settings of the source for ``session.json``, without login.
    """

    root: Path
    settings: RecordingSettings = field(default_factory=RecordingSettings)
    schedule: Schedule = field(default_factory=Schedule)
    trigger: Trigger | None = None
    session_s: float = SESSION_S
    tail_s: float = TAIL_S
    described: Mapping[str, Any] = field(default_factory=dict)


class UnattendedRecording:
    """Records one camera by a plan, in a thread of its own, until it is closed or the disk is full.

    Args:
        source: The camera; closed with this.
        plan: When to record, and how.
        say: Is told what happens.

    Raises:
        RecordingError: The first session cannot be made.
    """

    def __init__(self, source: Camera, plan: Plan, say: Say) -> None:
        self._source = source
        self._plan = plan
        self._say = say
        self._gate = Gate(plan.tail_s, time.monotonic)
        self._stopping = threading.Event()
        self._attached: bool | None = None  # until it is known
        self._open_since: float | None = None
        self._estimated = False
        self._began_at = time.monotonic()
        self.failure = ""
        self._before: list[tuple[Path, RecorderStats]] = []
        self._recorder = self._begin(repair_cut_off(plan.root, lambda text: say(self.name, text), of=self.name))
        source.listen(self._on_source_event)
        self._thread = threading.Thread(target=self._run, name=f"unattended {source.address.label}")
        self._thread.start()

    @property
    def name(self) -> str:
        """Name of the camera."""
        return self._source.address.label

    @property
    def posed(self) -> bool:
        """Whether only frames are recorded that networks have looked at."""
        return self._plan.settings.posed

    @property
    def running(self) -> bool:
        """Whether it goes on."""
        return self._thread.is_alive()

    @property
    def recorder(self) -> Recorder:
        """What records now: for its counters and marks."""
        return self._recorder

    @property
    def sessions(self) -> list[tuple[Path, RecorderStats]]:
        """Folder of every session so far, and where its recording is."""
        return [*self._before, (self._recorder.folder, self._recorder.stats)]

    @property
    def folders(self) -> list[Path]:
        """Folder of every session so far."""
        return [folder for folder, _ in self.sessions]

    @property
    def recording(self) -> bool:
        """Whether frames are recorded right now."""
        return bool(self._attached)

    def close(self) -> None:
        """Close the camera and the session; calling it twice is fine."""
        self._stopping.set()
        self._source.close()
        self._thread.join()

    def _begin(self, continues: str) -> Recorder:
        recorder = Recorder(
            self._plan.root,
            self.name,
            self._plan.settings,
            described=self._plan.described,
            continues=continues,
            listener=self._on_recorder_event,
        )
        self._began_at = time.monotonic()
        gated = self._plan.trigger is not None or self._plan.schedule.windows
        room = show_size(recorder.stats.disk.free_bytes - self._plan.settings.reserve_bytes)
        begin = "session" if gated else "recording to"
        self._say(self.name, f"{begin} {recorder.folder}; there is room for {room}")
        self._estimated = False
        return recorder

    def _estimate(self) -> None:
        """Say once how long the disk lasts, as soon as it can be told."""
        left = self._recorder.stats.disk.seconds_left
        if left is None or self._estimated:
            return
        self._estimated = True
        if self._plan.settings.ring_bytes is None:
            self._say(self.name, f"at this rate the disk lasts {show_duration(left)}")

    def _run(self) -> None:
        try:
            while not self._stopping.is_set() and not self._recorder.stopped:
                self._turn(self._wanted())
                self._estimate()
                if time.monotonic() - self._began_at > self._plan.session_s:
                    self._next_session()
        except SiteposeError as error:
            self.failure = str(error)
        finally:
            self._source.detach(self._recorder)
            self._source.close()
            self._source.unlisten(self._on_source_event)
            self._end(self._recorder)

    def _wanted(self) -> bool:
        """Return whether to record now; takes its time, so that it is asked a few times a second."""
        trigger = self._plan.trigger
        if trigger is None:
            self._stopping.wait(LOOK_S)
            return self._open()
        began = time.monotonic()
        seen = self._look(trigger)
        self._stopping.wait(max(0.0, LOOK_S - (time.monotonic() - began)))
        wanted = self._gate(seen)
        return self._open() and wanted

    def _open(self) -> bool:
        """Return whether the schedule lets anything be recorded now; remember since when."""
        if not self._plan.schedule.active(datetime.now()):
            self._open_since = None
        elif self._open_since is None:
            self._open_since = time.monotonic()
        return self._open_since is not None

    def _look(self, trigger: Trigger) -> bool:
        frame = self._source.newest(LOOK_S)
        return frame is not None and trigger(frame)

    def _turn(self, wanted: bool) -> None:
        if wanted == self._attached:
            return
        self._attached = wanted
        if wanted:
            self._recorder.pause()  # what was left out before this was left out on purpose
            self._source.attach(self._recorder, preroll_s=self._preroll_s())
        else:
            self._source.detach(self._recorder)
        if self._plan.trigger is not None or self._plan.schedule.windows:
            self._say(self.name, "recording" if wanted else "waiting: nothing is recorded just now")

    def _preroll_s(self) -> float | None:
        """Return how far a recording may reach back: not to where the schedule lets nothing be recorded."""
        if not self._plan.schedule.windows or self._open_since is None:
            return None
        return time.monotonic() - self._open_since if self._plan.trigger is not None else 0.0

    def _next_session(self) -> None:
        """Go over to a new session without losing a frame: the old one ends when the new one has begun."""
        old, self._recorder = self._recorder, self._begin(self._recorder.name)
        if self._attached:
            self._source.attach(self._recorder, preroll_s=0)
            deadline = time.monotonic() + self._plan.settings.segment_s
            while not self._recorder.stats.frames and time.monotonic() < deadline:
                if self._stopping.wait(LOOK_S) or self._recorder.stopped:
                    break
        self._source.detach(old)
        self._end(old)
        self._before.append((old.folder, old.stats))

    def _end(self, recorder: Recorder) -> None:
        try:
            recorder.close()
        except SiteposeError as error:
            self.failure = str(error)

    def _on_source_event(self, event: SourceEvent) -> None:
        self._recorder.source_event(event)
        self._say(self.name, event.message)

    def _on_recorder_event(self, event: RecorderEvent) -> None:
        if event.kind != "stopped":  # that is the failure, which is told once
            self._say(self.name, event.message)
