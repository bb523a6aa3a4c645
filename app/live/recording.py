"""A site session of a live source: video as the camera sent it or without faces, and poses as they came."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from sitepose.app.live.engine import LiveEngine
from sitepose.app.live.parts import LiveParts
from sitepose.app.live.results import LiveResult
from sitepose.app.live.writer import header_of
from sitepose.app.sessions.blurred import posed_frames
from sitepose.app.sessions.paired_poses import PairedPoses
from sitepose.app.sessions.posed import PosedFeed, PosedFrame, PosedFrames
from sitepose.app.sessions.recorder import Recorder, RecorderListener, RecorderStats, RecordingSettings
from sitepose.core.errors import RecordingError
from sitepose.core.formats.poses_jsonl import PosesHeader
from sitepose.plugins.sources.live.paired import PairedSource


class LiveRecording:
    """Records one source of an engine until it is closed. Remembers whose poses come.

    Args:
        engine: Where the poses come from.
        key: The source.
        root: Folder of all sessions.
        settings: What the recording is like.
        source: The source where the engine does not know it yet; None asks the engine.
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
        source: Any = None,
        listener: RecorderListener | None = None,
    ) -> None:
        source = source or engine.source(key)
        if not hasattr(source, "attach"):
            raise RecordingError(f"{key} cannot be recorded; only cameras that play can")
        self.key = key
        self._engine = engine
        self._source = source
        self._header: PosesHeader | None = None
        described = source.described() if isinstance(source, PairedSource) else source.settings.described()
        self._recorder = Recorder(root, described["address"], settings, described=described, listener=listener)
        self._posed: PosedFrames | None = None
        self._paired: PairedPoses | None = None
        source.listen(self._recorder.source_event)
        if self._recorder.settings.posed:
            self._posed = posed_frames(self._recorder.settings, PosedFeed(self._recorder))
        else:
            source.attach(self._recorder)
            if isinstance(source, PairedSource):
                self._paired = PairedPoses(self._recorder)
                source.attach(self._paired)  # behind the recorder: a frame is recorded before its poses
                source.listen(self._paired.source_event)
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
        if self._header is None:
            self._begin(result)
        frame, poses = result.tracked.frame, result.tracked.poses
        if self._paired is not None:
            self._paired.poses(frame, poses)
        elif self._posed is None:
            self._recorder.poses(frame, poses)
        elif self._header is not None:
            self._posed.put(PosedFrame(frame, poses, result.skeleton, self._header))

    def _begin(self, result: LiveResult) -> None:
        """Say whose poses follow, and in the pixels of which picture."""
        parts = self._engine.parts()
        recorded = self._source.main.stream() if self._paired is not None else None
        if parts is None or (self._paired is not None and recorded is None):
            return
        header = header_of(parts, result)
        if recorded is not None:
            header = replace(header, width=recorded.size_wh[0], height=recorded.size_wh[1])
        self._header = header
        if self._posed is None:  # else each frame says it
            self._recorder.begin_poses(header)

    def switched(self, source: str, index: int, parts: LiveParts) -> None:
        """Let the next poses begin with whose they are."""
        del index
        if source == self.key:
            self._header = None

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
        if self._paired is not None:
            self._source.unlisten(self._paired.source_event)
            self._source.detach(self._paired)
            self._paired.close()
        if self._posed is not None:
            self._posed.close()
        self._recorder.close()
