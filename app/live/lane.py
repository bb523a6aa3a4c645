"""One pipeline over live frames: always the newest one, sources in turn, parts exchanged between two frames."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping

from sitepose.app.config import RunConfig
from sitepose.app.live.events import EventKind, EventListener, LiveEvent
from sitepose.app.live.loader import BackgroundLoader, Load
from sitepose.app.live.mail import Mail, TurnBox
from sitepose.app.live.parts import LiveParts
from sitepose.app.live.results import LiveResult, ResultSink
from sitepose.app.live.scenes import Scenes, StageFailure
from sitepose.app.live.stats import Ledger, LiveFigures
from sitepose.app.pipeline.runner import Work
from sitepose.core.structures import Frame, TrackedFrame

TAKE_S = 0.05
"""How often a lane without frames looks whether parts were exchanged."""

FETCH_TELL_S = 0.3
"""Seconds between two reports on a download."""

_log = logging.getLogger(__name__)


class Lane:
    """A detector, a pose network, a pose-NMS and a tracker for each source, in one thread.

    It remembers the newest frame of each source that it has yet to look at, and what became of all others. A
    stage that fails costs its frame; a part that cannot be loaded leaves the old one at work.

    Args:
        name: For threads and events.
        load: Loads parts: see :class:`BackgroundLoader`.
        tell: Told of events.
        refuse: Returns why parts may not take over just now; empty where they may.
    """

    def __init__(
        self, name: str, load: Load, tell: EventListener, refuse: Callable[[LiveParts], str] = lambda _: ""
    ) -> None:
        self.name = name
        self._tell_listener = tell
        self._refuse = refuse
        self._box = TurnBox()
        self._parts: LiveParts | None = None
        self._pending: LiveParts | None = None
        self._taken_over = threading.Event()
        self._scenes = Scenes()
        self._announce: dict[str, LiveParts] = {}
        self._ledgers: dict[str, Ledger] = {}
        self._sinks: list[ResultSink] = []
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._failure = ""
        self._fetched_at = 0.0
        self._loader = BackgroundLoader(
            f"load {name}",
            load,
            accept=self._accept,
            failed=self._not_loaded,
            progress=self._fetching,
        )
        # Not a daemon: a program that ends inside a library's C++ code is aborted.
        self._thread = threading.Thread(target=self._run, name=f"inference {name}")

    @property
    def parts(self) -> LiveParts | None:
        """What is at work; None until the first parts are loaded."""
        return self._parts

    @property
    def loading(self) -> bool:
        """Whether parts are being loaded."""
        return self._loader.busy

    def start(self, config: RunConfig) -> None:
        """Begin, and load the parts of a configuration; frames that come before they are there are dropped."""
        self._loader.start()
        self._thread.start()
        self._loader.ask(config)

    def switch(self, config: RunConfig) -> None:
        """Load other parts in the background, and exchange them between two frames."""
        self._loader.ask(config)

    def wait_loaded(self, timeout_s: float) -> bool:
        """Wait until nothing is being loaded; return whether there are parts."""
        return self._loader.wait(timeout_s) and self._parts is not None

    def add_sink(self, sink: ResultSink) -> None:
        """Give a sink every result from now on."""
        with self._lock:
            self._sinks = [*self._sinks, sink]

    def remove_sink(self, sink: ResultSink) -> None:
        """Give a sink nothing more."""
        with self._lock:
            self._sinks = [other for other in self._sinks if other is not sink]

    def offer(self, source: str, frame: Frame) -> None:
        """Leave the newest frame of a source; never waits."""
        with self._lock:
            ledger = self._ledger(source)
            ledger.offered += 1
            if self._parts is None:
                ledger.dropped["loading"] += 1
                return
        self._box.put(source, frame)

    def begin(self, source: str) -> None:
        """Count a source's frames from 0."""
        with self._lock:
            self._box.begin(source)
            self._ledgers[source] = Ledger()

    def forget(self, source: str) -> None:
        """Forget a source that is gone: its frame that waits, its tracker."""
        with self._lock:
            self._ledger(source).dropped["stopped"] += self._box.forget(source)
        self._scenes.forget(source)

    def add_timing(self, source: str, timings: Mapping[str, float]) -> None:
        """Take in what somebody else has measured for a frame of a source, seconds by step."""
        with self._lock:
            ledger = self._ledger(source)
        ledger.time(timings)

    def figures(self, source: str, *, capture_rate: float, lost_before: Mapping[str, int]) -> LiveFigures:
        """Return the figures of a source.

        Args:
            source: Its key.
            capture_rate: Its frames per second.
            lost_before: Frames that were lost before they were offered, by reason.
        """
        with self._lock:
            ledger = self._ledger(source)
            dropped = {**lost_before, "inference": self._box.replaced(source), **ledger.dropped}
            inferred, offered = ledger.inferred, ledger.offered
            waiting = self._box.waiting(source)
        return LiveFigures(
            captured=offered + sum(lost_before.values()),
            inferred=inferred,
            waiting=waiting,
            dropped=dropped,
            capture_rate=capture_rate,
            inference_rate=ledger.rate.per_second(),
            recent=ledger.recent.summary(),
            stages=ledger.timings.summary(),
        )

    def stop(self, timeout_s: float) -> bool:
        """End the thread and close every part; return whether they ended in time."""
        self._stopping.set()
        self._taken_over.set()
        self._box.close()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
            self._loader.close()
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._take_over()
            mail = self._box.take(TAKE_S)
            if mail is None:
                continue
            with self._lock:
                ledger = self._ledger(mail.source)
            outcome = self._look_at(mail, ledger)
            with self._lock:
                self._box.done()
                if outcome:
                    ledger.dropped[outcome] += 1
                else:
                    ledger.inferred += 1

    def _look_at(self, mail: Mail, ledger: Ledger) -> str:
        """Put a frame through the stages and hand it on; return why it came to nothing, if it did."""
        parts = self._parts
        assert parts is not None  # frames are not offered before
        work = Work(mail.frame, {"queue": time.monotonic() - mail.put_at})
        try:
            self._scenes.process(mail.source, work, parts)
        except StageFailure as failure:
            self._tell_of_failure(mail, failure)
            return "failed"
        self._failure = ""
        assert work.poses is not None  # the stages have filled it in
        now = time.monotonic()
        if mail.frame.captured_at > 0:
            work.timings["camera to pose"] = now - mail.frame.captured_at
        ledger.rate.add()
        ledger.time(work.timings)
        tracked = TrackedFrame(mail.frame, work.poses, work.timings, mail.dropped, work.candidates)
        self._hand_on(LiveResult(mail.source, self.name, tracked, parts.skeleton, now))
        return ""

    def _hand_on(self, result: LiveResult) -> None:
        with self._lock:
            sinks = self._sinks
            switched = self._announce.pop(result.source, None)
        for sink in sinks:
            try:
                if switched is not None:
                    sink.switched(result.source, result.tracked.frame.index, switched)
                sink.put(result)
            except Exception:  # noqa: BLE001  the edge of somebody else's part: the lane goes on
                _log.exception("a sink of results failed")

    def _tell_of_failure(self, mail: Mail, failure: StageFailure) -> None:
        """Tell of a failure once, until a frame has succeeded again."""
        if failure.reason != self._failure:
            _log.debug("frame %d of %s failed", mail.frame.index, mail.source, exc_info=failure)
            message = (
                f"{failure.stage} failed at frame {mail.frame.index}: {failure.reason}; other frames go on"
            )
            self._tell("stage-failed", message, source=mail.source)
        self._failure = failure.reason

    def _accept(self, parts: LiveParts) -> str:
        """Leave new parts for the inference thread, and wait until the old ones are out of its hands."""
        refusal = self._refuse(parts) if self._parts is not None else ""
        if refusal:
            return refusal
        self._taken_over.clear()
        with self._lock:
            self._pending = parts
        while not self._taken_over.wait(TAKE_S) and not self._stopping.is_set():
            pass
        if self._stopping.is_set():
            self._thread.join()
        return ""

    def _take_over(self) -> None:
        with self._lock:
            parts, self._pending = self._pending, None
        if parts is None:
            return
        old, self._parts = self._parts, parts
        self._scenes.switch(old, parts)
        if old is not None:
            with self._lock:
                self._announce = dict.fromkeys(self._ledgers, parts)
        self._failure = ""
        self._tell("switched", described_switch(old, parts))
        self._taken_over.set()

    def _not_loaded(self, config: RunConfig, reason: str) -> None:
        stays = "; what was running goes on" if self._parts is not None else ""
        message = f"{reason}{stays}"
        self._tell_listener(LiveEvent(kind="switch-failed", message=message, lane=self.name, config=config))

    def _fetching(self, name: str, done: int, total: int | None) -> None:
        """Tell how far a download has come, at most a few times a second."""
        now = time.monotonic()
        if done != total and now - self._fetched_at < FETCH_TELL_S:
            return
        self._fetched_at = now
        share = f" {done / total:.0%}" if total else ""
        self._tell("loading", f"fetching {name}{share}, {done / 1e6:.1f} MB")

    def _ledger(self, source: str) -> Ledger:
        return self._ledgers.setdefault(source, Ledger())

    def _tell(self, kind: EventKind, message: str, source: str = "") -> None:
        self._tell_listener(LiveEvent(kind=kind, message=message, source=source, lane=self.name))


def described_switch(old: LiveParts | None, new: LiveParts) -> str:
    """Return what a switch has changed, in words."""
    if old is None:
        return f"{new.config.detector.name} and {new.config.pose.name} are at work"
    changes = []
    for part in ("detector", "pose", "nms", "tracker"):
        before, after = getattr(old.config, part), getattr(new.config, part)
        if before.name != after.name:
            changes.append(f"{part} {before.name} -> {after.name}")
        elif before != after:
            changes.append(f"{part} {after.name} with other settings")
    return ", ".join(changes) or "other settings are at work"
