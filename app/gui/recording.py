"""The record button: site sessions of the current source."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from sitepose.app.gui.figures import disk_line
from sitepose.app.gui.model import Banner, SessionModel
from sitepose.app.gui.remedies import remedy
from sitepose.app.gui.tasks import Tasks
from sitepose.app.gui.view import RecordingState, View
from sitepose.app.pipeline.live import LiveEngine
from sitepose.app.pipeline.live_recording import LiveRecording


class RecordingDesk:
    """Starts and stops recordings beside the window. Remembers one for each source.

    Args:
        view: The window.
        model: Where recordings go.
        engine: What is recorded.
        tasks: Who does what takes long.
        show_banner: Shows a message.
    """

    def __init__(
        self,
        view: View,
        model: SessionModel,
        engine: LiveEngine,
        tasks: Tasks,
        show_banner: Callable[[Banner | None], None],
    ) -> None:
        self._view = view
        self._model = model
        self._engine = engine
        self._tasks = tasks
        self._show_banner = show_banner
        self._recordings: dict[str, LiveRecording] = {}
        self._starting: set[str] = set()

    def toggle(self) -> None:
        """Begin to record the current source, or stop."""
        key = self._model.current
        if not key or key in self._starting:
            return
        if key in self._recordings:
            self.finish(key)
            return
        self._starting.add(key)

        def start() -> LiveRecording:
            return LiveRecording(self._engine, key, self._model.sessions)

        self._tasks.run(start, partial(self._started, key), partial(self._failed, key))

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
        for name in [key] if key else list(self._recordings):
            recording = self._recordings.pop(name, None)
            if recording is not None:
                folder = recording.folder
                self._tasks.run(
                    recording.close,
                    partial(self._finished, str(folder)),
                    partial(self._failed, name),
                )
        self.show()

    def show(self) -> None:
        """Show where the recording of the current source is."""
        recording = self._recordings.get(self._model.current)
        if recording is None:
            self._view.show_recording(RecordingState(None))
            return
        if recording.stopped:
            self.finish(self._model.current)
            return
        stats = recording.stats
        lost = f", {stats.overflowed} lost to a slow disk" if stats.overflowed else ""
        disk = disk_line(stats.disk.free_bytes, stats.disk.seconds_left)
        line = f"{recording.folder.name}: {stats.frames} frames{lost}; {disk}"
        self._view.show_recording(RecordingState(stats.seconds, line))

    def _finished(self, folder: str, _: object) -> None:
        self._view.show_status(f"recorded: {folder}")

    def _started(self, key: str, recording: LiveRecording) -> None:
        self._starting.discard(key)
        self._recordings[key] = recording
        self._view.show_status(f"recording to {recording.folder}")
        self.show()

    def _failed(self, key: str, error: Exception) -> None:
        self._starting.discard(key)
        self._show_banner(Banner(f"{key}: {error}", remedy("output-failed", str(error)), "output-failed"))
        self.show()
