"""A site session of a live source: its video as the camera sent it or without faces, and its poses as they came."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sitepose.app.pipeline.live import LiveEngine
from sitepose.app.pipeline.live_parts import LiveParts
from sitepose.app.pipeline.live_results import LiveResult
from sitepose.app.pipeline.live_writer import header_of
from sitepose.app.sessions.blurred import BlurredVideo
from sitepose.app.sessions.recorder import Recorder, RecorderListener, RecorderStats, RecordingSettings
from sitepose.core.errors import RecordingError


class LiveRecording:
    """Records one source of an engine until it is closed. Remembers whose poses come.

    Args:
        engine: Where the poses come from.
        key: The source.
        root: Folder of all sessions.
        settings: What the recording is like.
        listener: Told of what happens to the recording, in its thread.

    Raises:
        RecordingError: The source cannot be recorded, or the disk has no room.
    """

    def __init__(
        self,
        engine: LiveEngine,
        key: str,
        root: Path,
        settings: RecordingSettings | None = None,
        *,
        listener: RecorderListener | None = None,
    ) -> None:
        source: Any = engine.source(key)
        if not hasattr(source, "attach"):
            raise RecordingError(f"{key} cannot be recorded; only cameras that play can")
        self.key = key
        self._engine = engine
        self._source = source
        self._parts: LiveParts | None = None
        described = source.settings.described()
        self._recorder = Recorder(root, described["address"], settings, described=described, listener=listener)
        self._blurred = BlurredVideo(self._recorder) if self._recorder.settings.blur_faces else None
        if not (self._recorder.settings.blur_faces or self._recorder.settings.poses_only):
            source.attach(self._recorder)
        source.listen(self._recorder.source_event)
        engine.add_sink(self)

    @property
    def folder(self) -> Path:
        """Folder of the session."""
        return self._recorder.folder

    @property
    def stats(self) -> RecorderStats:
        """How much there is, and how long the disk lasts."""
        return self._recorder.stats

    @property
    def stopped(self) -> str:
        """Why the recording has ended by itself; empty while it goes on."""
        return self._recorder.stopped

    def put(self, result: LiveResult) -> None:
        """Record the poses of a frame; never waits."""
        if result.source != self.key:
            return
        if self._parts is None:
            self._parts = self._engine.parts()
            if self._parts is not None:
                self._recorder.begin_poses(header_of(self._parts, result))
        frame, poses = result.tracked.frame, result.tracked.poses
        if self._blurred is None:
            self._recorder.poses(frame, poses)
        else:
            self._blurred.put(frame, poses, result.skeleton)

    def switched(self, source: str, index: int, parts: LiveParts) -> None:
        """Let the next poses begin with whose they are."""
        del index
        if source == self.key:
            self._parts = None

    def mark(self, text: str = "") -> None:
        """Mark this moment."""
        self._recorder.mark(text)

    def note(self, text: str) -> None:
        """Write a note to this moment."""
        self._recorder.note(text)

    def close(self) -> None:
        """End the recording; what waits is written first. Calling it twice is fine.

        Raises:
            RecordingError: It had ended by itself before, or could not be closed.
        """
        self._engine.remove_sink(self)
        self._source.unlisten(self._recorder.source_event)
        self._source.detach(self._recorder)
        if self._blurred is not None:
            self._blurred.close()
        self._recorder.close()
