"""The record button: site sessions of the current source, and how long the disk lasts."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

from sitepose.app.gui.figures import disk_line
from sitepose.app.gui.model import SessionModel
from sitepose.app.gui.recorded import Kept, kept_choice, recording_settings
from sitepose.app.gui.tasks import Tasks
from sitepose.app.gui.view import RecordingState, View
from sitepose.app.live.engine import LiveEngine
from sitepose.app.live.events import EventListener, LiveEvent
from sitepose.app.live.recording import LiveRecording
from sitepose.app.sessions.disk import DiskPolicy, DiskState, look_at_disk
from sitepose.app.sessions.recorder import RecorderEvent

LOOK_S = 5.0
"""How often the disk is looked at while nothing is recorded."""


class RecordingDesk:
    """Starts and stops recordings beside the window. Remembers one for each source, and who waits for one.

    Args:
        view: The window.
        model: Where recordings go.
        engine: What is recorded.
        tasks: Who does what takes long.
        tell: Takes what happens to recordings, from any thread.
    """

    def __init__(
        self, view: View, model: SessionModel, engine: LiveEngine, tasks: Tasks, tell: EventListener
    ) -> None:
        self._view = view
        self._model = model
        self._engine = engine
        self._tasks = tasks
        self._tell = tell
        self._recordings: dict[str, LiveRecording] = {}
        self._kept: dict[str, Kept] = {}
        self._starting: set[str] = set()
        self._wanted: set[str] = set()
        self._disk: DiskState | None = None
        self._looked_at = -LOOK_S

    def toggle(self) -> None:
        """Begin to record the current source, or stop."""
        key = self._model.current
        if not key or key in self._starting:
            return
        if key in self._recordings:
            self.finish(key)
        else:
            self._start(key)

    def begin_with(self, key: str) -> None:
        """Record a source from the moment when it is open."""
        self._wanted.add(key)

    def keep(self, kept: Kept) -> None:
        """Choose what recordings keep, from the next one on."""
        self._model.kept = kept
        self.show_kept()
        later = "from the next recording on: " if self._recordings or self._starting else ""
        self._view.show_status(f"{later}{kept_choice(kept).says}")

    def show_kept(self) -> None:
        """Show what recordings keep."""
        self._view.show_kept(self._model.kept)

    def mark(self) -> None:
        """Mark this moment."""
        if recording := self._recordings.get(self._model.current):
            recording.mark()
            self._view.show_status("marked")

    def note(self, text: str) -> None:
        """Write a note to this moment."""
        recording = self._recordings.get(self._model.current)
        if recording is not None and text.strip():
            recording.note(text.strip())
            self._view.show_status(f"noted: {text.strip()}")

    def finish(self, key: str = "") -> None:
        """Stop recording a source; by default all of them."""
        self._wanted -= {key} if key else self._wanted
        for name in [key] if key else list(self._recordings):
            recording = self._recordings.pop(name, None)
            if recording is not None:
                done = partial(self._finished, str(recording.folder))
                self._tasks.run(recording.close, done, partial(self._failed, name))
        self._show_current()

    def show(self) -> None:
        """Show where the recording of the current source is, and what is left of the disk."""
        for key in [key for key in self._wanted if self._engine.source(key) is not None]:
            self._wanted.discard(key)
            self._start(key)
        for key in [key for key, recording in self._recordings.items() if recording.stopped]:
            self.finish(key)
        if time.monotonic() - self._looked_at >= LOOK_S:
            self._looked_at = time.monotonic()
            self._tasks.run(partial(disk_of, self._model.sessions), self._on_disk)
        self._show_current()

    def _show_current(self) -> None:
        recording = self._recordings.get(self._model.current)
        if recording is None:
            line = "" if self._disk is None else disk_line(self._disk.free_bytes, self._disk.seconds_left)
            self._view.show_recording(RecordingState(None, line))
            return
        stats = recording.stats
        lost = f", {stats.overflowed} lost to a slow disk" if stats.overflowed else ""
        disk = disk_line(stats.disk.free_bytes, stats.disk.seconds_left)
        kept = kept_choice(self._kept[self._model.current])
        frames = f"{stats.frames} frames{lost}" if stats.frames or not kept.state else "waiting for poses"
        line = "; ".join(filter(None, (f"{recording.folder.name}: {frames}", kept.state, disk)))
        self._view.show_recording(RecordingState(stats.seconds, line))

    def _start(self, key: str) -> None:
        def hear(event: RecorderEvent) -> None:
            if event.kind == "warning":  # why one has stopped is told when it is closed
                self._tell(LiveEvent(kind="recording", message=event.message, source=key))

        def start() -> LiveRecording:
            return LiveRecording(self._engine, key, self._model.sessions, settings, listener=hear)

        self._kept[key] = self._model.kept
        settings = recording_settings(self._model.kept)
        self._starting.add(key)
        self._tasks.run(start, partial(self._started, key), partial(self._failed, key))

    def _started(self, key: str, recording: LiveRecording) -> None:
        self._starting.discard(key)
        self._recordings[key] = recording
        if key in self._model.sources:
            self._view.show_status(f"recording {key}")
            self._show_current()
        else:  # it was closed meanwhile
            self.finish(key)

    def _finished(self, folder: str, _: object) -> None:
        self._view.show_status(f"recorded: {folder}")

    def _failed(self, key: str, error: Exception) -> None:
        self._starting.discard(key)
        self._tell(LiveEvent(kind="output-failed", message=str(error), source=key))
        self._show_current()

    def _on_disk(self, state: DiskState) -> None:
        self._disk = state
        self._show_current()


def disk_of(folder: Path) -> DiskState:
    """Return what is left on the disk that a folder is on, or will be on."""
    folder = folder.absolute()
    while not folder.exists():
        folder = folder.parent
    return look_at_disk(folder, DiskPolicy(), bytes_per_second=None)
