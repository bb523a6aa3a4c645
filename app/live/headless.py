"""Live without a window: the same engine, whose poses go to files and to other programs."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sitepose.app.config import RunConfig
from sitepose.app.live.capture import OpenSource
from sitepose.app.live.engine import LiveEngine
from sitepose.app.live.events import EventListener, LiveEvent
from sitepose.app.live.inputs import numbered, source_label, source_opener
from sitepose.app.live.recording import LiveRecording
from sitepose.app.live.writer import LiveWriter
from sitepose.app.outputs.publish import Broadcast
from sitepose.app.outputs.report import RunReport
from sitepose.app.outputs.writers import POSES, REPORT
from sitepose.app.sessions.recorder import RecorderEvent, RecordingSettings
from sitepose.app.sessions.resuming import repair_cut_off
from sitepose.core.errors import SiteposeError
from sitepose.plugins.api import FrameSource

POLL_S = 0.1

CATCH_UP_S = 2.0
"""How long the end of a source waits for inference of its last frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recordings:
    """That every source of a run is recorded as a site session.

    Attributes:
        root: Folder of all sessions; made if need be.
        settings: What each recording is like.
    """

    root: Path = Path("sessions")
    settings: RecordingSettings = field(default_factory=RecordingSettings)


class HeadlessRun:
    """Runs live sources until they end or :meth:`stop` is called. Remembers what went wrong.

    Args:
        locations: What to open, and its settings.
        config: What to run.
        output: A folder for each source is made in here; None writes none.
        record: Where site sessions of the sources go; None records nothing.
        on_event: Told of what happens.

    Attributes:
        failure: One line; empty when all went well.
    """

    def __init__(
        self,
        locations: Sequence[tuple[str, Mapping[str, Any]]],
        config: RunConfig,
        output: Path | None,
        *,
        record: Recordings | None = None,
        on_event: EventListener = lambda _: None,
    ) -> None:
        self.failure = ""
        self._config = config
        self._output = output
        self._record = record
        self._recordings: dict[str, LiveRecording] = {}
        self._listener = on_event
        self._stopping = False
        self._broadcast = Broadcast(config.output.publish)
        self._openers: dict[str, OpenSource] = {}
        for location, settings in locations:
            label = source_label(location, pipeline=settings.get("pipeline"))
            self._openers[numbered(label, self._openers)] = source_opener(location, **settings)

    def stop(self) -> None:
        """End the run; safe in a signal handler: it takes no lock, which the interrupted thread might hold."""
        self._stopping = True

    def run(self) -> list[RunReport]:
        """Run, and return a report for each source."""
        started = datetime.now(UTC).isoformat(timespec="seconds")
        engine = LiveEngine(threads=self._config.runtime.threads, on_event=self._on_event)
        try:
            self._broadcast.open()  # before networks are loaded: a port that is taken is soon seen
            engine.start_lane(self._config)
            if not self._wait_loaded(engine):
                return []
            began = time.perf_counter()
            writers = self._open(engine)
            while not (self._stopping or self.failure or engine.wait_ended(0)):
                time.sleep(POLL_S)
            if not self._stopping:
                engine.finish(CATCH_UP_S)
            self._end_recordings()
            return [self._finish(engine, key, writers[key], started, began) for key in writers]
        finally:
            self._end_recordings()
            engine.stop()
            self._end_recordings()  # also one that began while everything ended
            self._broadcast.close()

    def _recorded(self, engine: LiveEngine, key: str, record: Recordings) -> OpenSource:
        """Return what opens a source and records it from its very first frame on."""

        def tell(event: RecorderEvent) -> None:
            if event.kind == "stopped":
                self._on_write_failed(event.message)
            else:
                self._listener(LiveEvent(kind="recording", message=event.message, source=key))

        def open_recorded(listener: Callable[[Any], None]) -> FrameSource:
            source = self._openers[key](listener)
            try:
                recording = LiveRecording(
                    engine, key, record.root, record.settings, source=source, listener=tell
                )
            except SiteposeError:
                source.close()
                raise
            self._recordings[key] = recording
            message = f"recording to {recording.folder}"
            self._listener(LiveEvent(kind="recording", message=message, source=key))
            return source

        return open_recorded

    def _end_recordings(self) -> None:
        """Close every session; calling it twice is fine."""
        for recording in list(self._recordings.values()):
            try:
                recording.close()
            except SiteposeError as error:
                self.failure = self.failure or str(error)

    def _wait_loaded(self, engine: LiveEngine) -> bool:
        lane = engine.lane()
        assert lane is not None  # it was started
        while not (lane.wait_loaded(POLL_S) or self.failure or self._stopping):
            pass
        return lane.parts is not None

    def _open(self, engine: LiveEngine) -> dict[str, LiveWriter]:
        parts = engine.parts()
        assert parts is not None  # they are loaded
        if self._record is not None:
            repair_cut_off(
                self._record.root, lambda text: self._listener(LiveEvent(kind="recording", message=text))
            )
        writers = {}
        for key, opener in self._openers.items():
            writers[key] = LiveWriter(
                key,
                parts,
                folder=self._folder(key),
                publish=self._broadcast,
                select=self._config.select,
                failed=self._on_write_failed,
            )
            engine.add_sink(writers[key])
            record = self._record
            engine.add_source(key, opener if record is None else self._recorded(engine, key, record))
        return writers

    def _finish(
        self, engine: LiveEngine, key: str, writer: LiveWriter, started: str, began: float
    ) -> RunReport:
        figures, view, parts = engine.figures(key), engine.view(key), engine.parts()
        dropped = dict(figures.dropped) if figures is not None else {}
        engine.remove_sink(writer)
        writer.close(dropped=sum(dropped.values()))
        width, height = view.frame.size_wh if view is not None else (0, 0)
        folder = self._folder(key)
        written = {} if folder is None else {"poses": str(folder / POSES), "report": str(folder / REPORT)}
        report = RunReport(
            source=key,
            status="failed" if self.failure else "interrupted" if self._stopping else "done",
            error=self.failure or None,
            version=version("sitepose"),
            config=self._config.model_dump(mode="json"),
            models=list(parts.models) if parts is not None else [],
            width=width,
            height=height,
            frames=writer.frames,
            seconds=time.perf_counter() - began,
            stages=dict(figures.stages) if figures is not None else {},
            dropped=dropped,
            started=started,
            paths={**written, **self._session(key)},
        )
        if folder is not None:
            report.write(folder / REPORT)
        return report

    def _folder(self, key: str) -> Path | None:
        return None if self._output is None else self._output / folder_name(key)

    def _session(self, key: str) -> dict[str, str]:
        recording = self._recordings.get(key)
        return {} if recording is None else {"session": str(recording.folder)}

    def _on_event(self, event: LiveEvent) -> None:
        self._listener(event)
        if event.kind in ("switch-failed", "source-failed"):
            where = f"{event.source}: " if event.source else ""
            self.failure = self.failure or f"{where}{event.message}"

    def _on_write_failed(self, reason: str) -> None:
        self._listener(LiveEvent(kind="output-failed", message=reason))
        self.failure = self.failure or reason


def folder_name(key: str) -> str:
    """Return a source's name as that of a folder.

    >>> folder_name("rtsp://10.0.0.2:554/live/1"), folder_name("../hall.mp4")
    ('10.0.0.2-554-live-1', 'hall')
    """
    path = re.sub(r"^[a-z]+://", "", key, flags=re.IGNORECASE)
    path = path.removesuffix(Path(path).suffix) if re.search(r"\.(mp4|mkv|avi|mov|gif|webm)$", path) else path
    return re.sub(r"[^A-Za-z0-9._]+", "-", path).strip("-.") or "source"
