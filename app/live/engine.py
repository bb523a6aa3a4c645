"""The live pipeline: every frame is shown at once, with the newest poses that are finished.

::

    camera -> capture -+-> display          every frame, at the camera's pace
                       +-> lane A           the newest frame: detect, pose, nms, track
                       +-> lane B           the same with other parts, to compare

Nothing here knows a window. Painting never waits for inference, and inference never for painting.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from sitepose.app.choices import Progress
from sitepose.app.config import RunConfig
from sitepose.app.live.capture import Capture, OpenSource
from sitepose.app.live.events import EventListener, LiveEvent
from sitepose.app.live.lane import Lane
from sitepose.app.live.loader import Load
from sitepose.app.live.parts import LiveParts, load_parts
from sitepose.app.live.replay import Replay
from sitepose.app.live.results import LiveResult, ResultSink
from sitepose.app.live.stats import LiveFigures
from sitepose.app.live.views import FIRST, RECORDED, LiveView, ViewListener, Views
from sitepose.core.structures import Frame, TrackedFrame
from sitepose.models.runtimes.workers import Workers
from sitepose.plugins.api import FrameSource

STOP_S = 0.9
"""How long the threads may take to end; one that hangs in a library is left to itself."""

POLL_S = 0.01
"""How often it is looked whether inference has caught up."""


class LiveEngine:
    """Runs live sources through one or two lanes of parts. Its methods return at once, but for those that end.

    Args:
        threads: Threads that run networks; 0 takes every processor.
        on_event: Told of everything that happens.
        on_view: Told of every frame.
        load: Loads parts; None takes :func:`load_parts`.
    """

    def __init__(
        self,
        *,
        threads: int = 0,
        on_event: EventListener = lambda _: None,
        on_view: ViewListener = lambda _: None,
        load: Load | None = None,
    ) -> None:
        self._workers = Workers(threads)
        self._load = load or self._load_parts
        self._on_event = on_event
        self._on_view = on_view
        self._lanes: dict[str, Lane] = {}
        self._captures: dict[str, Capture] = {}
        self._views = Views()
        self._sinks: list[ResultSink] = []
        self._closing: list[threading.Thread] = []
        self._lock = threading.RLock()
        self._stopped = False

    def add_source(self, key: str, open_source: OpenSource) -> None:
        """Open a source in a thread of its own, and show it.

        Args:
            key: Name of the source in views, events and figures; that of a source that is gone is free again.
            open_source: Opens it.

        Raises:
            ValueError: There is a source of this name.
        """
        with self._lock:
            if key in self._captures:
                raise ValueError(f"there is a source {key!r} already")
            capture = Capture(key, open_source, self._deliver, self._tell)
            self._captures[key] = capture
            self._views.begin_source(key)
            for lane in self._lanes.values():
                lane.begin(key)
        capture.start()

    def remove_source(self, key: str) -> None:
        """Close a source in the background; one that is not there is fine."""
        with self._lock:
            capture = self._captures.pop(key, None)
            self._views.end_source(key)
            for lane in self._lanes.values():
                lane.forget(key)
            if capture is None:
                return
            thread = threading.Thread(target=capture.ask_to_stop, name=f"close {key}", daemon=True)
            self._closing = [other for other in self._closing if other.is_alive()] + [thread]
        thread.start()

    def start_lane(self, config: RunConfig, name: str = FIRST) -> None:
        """Begin to look for people; the parts are loaded in the background, video is shown meanwhile."""
        lane = Lane(name, self._load, self._tell, self._refusal if name == FIRST else lambda _: "")
        lane.add_sink(_Keeper(self._keep))
        with self._lock:
            if name in self._lanes:
                raise ValueError(f"there is a lane {name!r} already")
            self._lanes[name] = lane
            self._views.begin_lane(name)
            for sink in self._sinks if name == FIRST else ():
                lane.add_sink(sink)
        lane.start(config)

    def stop_lane(self, name: str) -> None:
        """End a lane, and close its parts; one that is not there is fine."""
        with self._lock:
            lane = self._lanes.pop(name, None)
            self._views.end_lane(name)
        if lane is not None:
            lane.stop(STOP_S)

    def switch(self, config: RunConfig, name: str = FIRST) -> None:
        """Exchange what ``config`` changes; the answer is the event ``switched`` or ``switch-failed``."""
        self._lanes[name].switch(config)

    def lane(self, name: str = FIRST) -> Lane | None:
        """Return a lane; None where there is none of this name."""
        return self._lanes.get(name)

    def parts(self, name: str = FIRST) -> LiveParts | None:
        """Return the parts at work; None until they are loaded."""
        lane = self._lanes.get(name)
        return None if lane is None else lane.parts

    def source(self, key: str) -> FrameSource | None:
        """Return an open source; None where there is none."""
        capture = self._captures.get(key)
        return None if capture is None else capture.source

    @property
    def sources(self) -> tuple[str, ...]:
        """The keys of the sources, in the order in which they were added."""
        return tuple(self._captures)

    def view(self, key: str) -> LiveView | None:
        """Return what there is to show of a source; None before its first frame."""
        return self._views.get(key)

    def add_sink(self, sink: ResultSink) -> None:
        """Give a sink every result of lane A from now on. People keep their kind of skeleton meanwhile."""
        with self._lock:
            self._sinks = [*self._sinks, sink]
            if FIRST in self._lanes:
                self._lanes[FIRST].add_sink(sink)

    def remove_sink(self, sink: ResultSink) -> None:
        """Give a sink nothing more."""
        with self._lock:
            self._sinks = [other for other in self._sinks if other is not sink]
            if FIRST in self._lanes:
                self._lanes[FIRST].remove_sink(sink)

    def painted(self, view: LiveView) -> None:
        """Take note that a view is on the screen now."""
        lane = self._lanes.get(FIRST)
        if lane is not None and view.frame.captured_at > 0:
            lane.add_timing(view.source, {"camera to paint": time.monotonic() - view.frame.captured_at})

    def figures(self, key: str, name: str = FIRST) -> LiveFigures | None:
        """Return the figures of a source; None where there is no such source or lane."""
        capture, lane = self._captures.get(key), self._lanes.get(name)
        if capture is None or lane is None:
            return None
        return lane.figures(key, capture_rate=capture.rate.per_second(), lost_before=capture.lost_before())

    def wait_ended(self, timeout_s: float) -> bool:
        """Wait until every source has come to its end; return whether they have."""
        deadline = time.monotonic() + timeout_s
        captures = tuple(self._captures.values())
        return all(capture.ended.wait(max(0.0, deadline - time.monotonic())) for capture in captures)

    def finish(self, timeout_s: float) -> bool:
        """Wait until no frame waits for inference; return whether that is so."""
        deadline = time.monotonic() + timeout_s
        while any(found is not None and found.waiting for found in map(self.figures, self.sources)):
            if time.monotonic() >= deadline:
                return False
            time.sleep(POLL_S)
        return True

    def stop(self) -> None:
        """End everything, within about a second; calling it twice is fine."""
        with self._lock:
            if self._stopped:
                return
            self._stopped = True
            captures, lanes = tuple(self._captures), tuple(self._lanes)
            waiting = list(self._captures.values())
        for key in captures:
            self.remove_source(key)
        deadline = time.monotonic() + STOP_S
        for capture in waiting:
            capture.join(max(0.0, deadline - time.monotonic()))
        for name in lanes:
            self.stop_lane(name)
        for thread in self._closing:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._workers.close()

    def _deliver(self, key: str, frame: Frame) -> None:
        """Offer a frame to every lane, then show it; in the thread of its source."""
        with self._lock:
            capture, lanes = self._captures.get(key), tuple(self._lanes.values())
        recorded = recorded_result(capture.source, key, frame) if capture is not None else None
        view = self._views.show(key, frame, recorded)
        if view is None:
            return
        for lane in lanes:
            lane.offer(key, frame)
        self._on_view(view)

    def _keep(self, result: LiveResult) -> None:
        """Keep the newest result; a frame that stands still is shown again with its people."""
        view = self._views.keep(result, stands=self._stands(result.source))
        if view is not None:
            self._on_view(view)

    def _tell(self, event: LiveEvent) -> None:
        """Pass on an event; new parts look at frames that stand still, as no others come."""
        self._on_event(event)
        lane = self._lanes.get(event.lane)
        if event.kind != "switched" or lane is None:
            return
        for view in self._views.anew([key for key in self.sources if self._stands(key)]):
            lane.offer(view.source, view.frame)

    def _stands(self, key: str) -> bool:
        capture = self._captures.get(key)
        source = capture.source if capture is not None else None
        return isinstance(source, Replay) and not source.position.playing

    def _load_parts(self, config: RunConfig, old: LiveParts | None, progress: Progress) -> LiveParts:
        return load_parts(config, old, self._workers, progress)

    def _refusal(self, new: LiveParts) -> str:
        """Return why parts may not take over: what is being written has one kind of skeleton."""
        old = self.parts()
        with self._lock:
            writing = bool(self._sinks)
        if not writing or old is None or old.skeleton.name == new.skeleton.name:
            return ""
        return (
            f"{new.config.pose.name} gives {new.skeleton.name} poses, and {old.skeleton.name} ones are being "
            "written; stop the recording first"
        )


def recorded_result(source: object, key: str, frame: Frame) -> LiveResult | None:
    """Return the people that were found in a frame when it was recorded; None where nobody has looked."""
    if not isinstance(source, Replay):
        return None
    poses = source.recorded_at(frame)
    if poses is None or source.recorded is None:
        return None
    return LiveResult(key, RECORDED, TrackedFrame(frame, poses), source.recorded.skeleton, time.monotonic())


@dataclass(frozen=True, slots=True)
class _Keeper:
    """Hands results to the display."""

    keep: Callable[[LiveResult], None]

    def put(self, result: LiveResult) -> None:
        self.keep(result)

    def switched(self, source: str, index: int, parts: LiveParts) -> None:
        """The display needs no note."""
