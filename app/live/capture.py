"""One live source in a thread of its own: every frame is shown, the newest one is offered for inference."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, get_args

from sitepose.app.live.events import EventKind, EventListener, LiveEvent
from sitepose.app.live.stats import Rate
from sitepose.core.errors import SiteposeError
from sitepose.core.structures import Frame
from sitepose.plugins.api import FrameSource
from sitepose.plugins.sources.live.events import SceneKind

_log = logging.getLogger(__name__)

SCENE_TOPICS = frozenset(get_args(SceneKind))
"""What a camera tells of that has happened to the camera itself."""

Deliver = Callable[[str, Frame], None]
"""``(key of the source, frame)``; called in the source's thread."""

OpenSource = Callable[[Callable[[Any], None]], FrameSource]
"""Given a listener to the source's own events, returns the source, whose ``close`` any thread may call."""


class Capture:
    """Takes every frame of a source. Remembers how often they come.

    Args:
        key: Name of the source within the pipeline.
        open_source: Opens it, in the capture thread.
        deliver: Takes each frame.
        tell: Told of events.
    """

    def __init__(self, key: str, open_source: OpenSource, deliver: Deliver, tell: EventListener) -> None:
        self.key = key
        self.rate = Rate()
        self.ended = threading.Event()
        self._open = open_source
        self._deliver = deliver
        self._tell_listener = tell
        self._source: FrameSource | None = None
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        # A camera's library that hangs must not keep the program from ending.
        self._thread = threading.Thread(target=self._run, name=f"capture {key}", daemon=True)

    @property
    def source(self) -> FrameSource | None:
        """The source; None until it is open."""
        return self._source

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Close the source, which ends the thread."""
        with self._lock:
            self._stopping.set()
            source = self._source
        if source is not None:
            source.close()

    def join(self, timeout_s: float) -> bool:
        """Wait for the end of the thread; return whether it has come."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def lost_before(self) -> dict[str, int]:
        """Return the frames that were lost before they reached us, by reason, where the source can tell."""
        stats = getattr(self._source, "stats", None)
        return dict(stats.dropped) if stats is not None else {}

    def _run(self) -> None:
        try:
            source = self._open(self._hear)
            with self._lock:
                self._source = source
                stopping = self._stopping.is_set()
            if stopping:
                source.close()
                return
            for reason in getattr(source, "left_out", ()):
                self._tell("damaged", f"{reason}; it is left out")
            self._take_all(source)
        except SiteposeError as error:
            self._tell("source-failed", str(error), state="failed")
        except Exception as error:  # noqa: BLE001  the edge of a plug-in and thread: other sources go on
            _log.exception("source %s failed", self.key)
            self._tell("source-failed", f"{type(error).__name__}: {error}", state="failed")
        finally:
            self.ended.set()

    def _take_all(self, source: FrameSource) -> None:
        tells = hasattr(source, "listen")  # cameras say themselves when they play
        for frame in source:
            if self._stopping.is_set():
                return
            if not tells:
                self._tell("source", "playing", state="playing")
                tells = True
            self.rate.add()
            self._deliver(self.key, frame)
        if not self._stopping.is_set():
            self._tell("source-ended", "the source has come to its end", state="ended")

    def _hear(self, event: Any) -> None:
        """Pass on what a camera tells of itself."""
        kind: EventKind = "scene" if event.topic in SCENE_TOPICS else "source"
        self._tell(kind, event.message, state=event.state or "", at=event.at)

    def _tell(self, kind: EventKind, message: str, *, state: str = "", at: float | None = None) -> None:
        event = LiveEvent(
            kind=kind, message=message, source=self.key, state=state, at=time.monotonic() if at is None else at
        )
        self._tell_listener(event)
