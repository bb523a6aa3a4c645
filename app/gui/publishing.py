"""Poses from the window to other programs: ``--publish``, one writer for each source."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

from sitepose.app.gui.tasks import Tasks
from sitepose.app.live.engine import LiveEngine
from sitepose.app.live.events import EventListener, LiveEvent
from sitepose.app.live.parts import LiveParts
from sitepose.app.live.results import LiveResult
from sitepose.app.live.writer import LiveWriter
from sitepose.app.outputs.publish import Broadcast


class Publishing:
    """Publishes the poses of one source from the first on. A sink of the engine.

    Args:
        key: The source.
        engine: Where the poses come from.
        make_writer: Given the parts at work, returns what sends poses.
    """

    def __init__(self, key: str, engine: LiveEngine, make_writer: Callable[[LiveParts], LiveWriter]) -> None:
        self._key = key
        self._engine = engine
        self._make_writer = make_writer
        self._writer: LiveWriter | None = None
        self._closed = False
        self._lock = threading.Lock()
        engine.add_sink(self)

    def put(self, result: LiveResult) -> None:
        """Send the poses of a frame; never waits."""
        if result.source != self._key:
            return
        parts = self._engine.parts()
        with self._lock:
            if self._writer is None and parts is not None and not self._closed:
                self._writer = self._make_writer(parts)
        if self._writer is not None:
            self._writer.put(result)

    def switched(self, source: str, index: int, parts: LiveParts) -> None:
        """Take note that other parts serve a source."""
        if self._writer is not None:
            self._writer.switched(source, index, parts)

    def close(self) -> None:
        """Send what waits, and end."""
        self._engine.remove_sink(self)
        with self._lock:
            self._closed = True
        if self._writer is not None:
            self._writer.close()


class PublishingDesk:
    """Publishes every source that is opened. Remembers what does it.

    Args:
        engine: Where the poses come from.
        tasks: Who does what takes long.
        tell: Takes what goes wrong, from any thread.
        to: Addresses to publish to; none publishes nothing.
        select: Track id of the only person to publish; None publishes everybody.
    """

    def __init__(
        self, engine: LiveEngine, tasks: Tasks, tell: EventListener, to: tuple[str, ...], select: int | None
    ) -> None:
        self._engine = engine
        self._tasks = tasks
        self._tell = tell
        self._broadcast = Broadcast(to) if to else None
        self._select = select
        self._open: dict[str, Publishing] = {}

    def begin(self, key: str) -> None:
        """Publish a source."""
        if self._broadcast is not None:
            self._open[key] = Publishing(key, self._engine, partial(self._writer, key))

    def end(self, key: str = "") -> None:
        """Publish a source no more; by default none."""
        for name in [key] if key else list(self._open):
            publishing = self._open.pop(name, None)
            if publishing is not None:
                self._tasks.run(publishing.close)
        if not key and self._broadcast is not None:
            self._tasks.run(self._broadcast.close)

    def _writer(self, key: str, parts: LiveParts) -> LiveWriter:
        def failed(reason: str) -> None:
            self._tell(LiveEvent(kind="output-failed", message=reason, source=key))

        return LiveWriter(key, parts, folder=None, publish=self._broadcast, select=self._select, failed=failed)
