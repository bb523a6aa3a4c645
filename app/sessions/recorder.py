"""Records a source while everything else goes on: nothing waits for it, and nothing is lost without a word."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, Self

from sitepose.app.sessions.alignment import Offset
from sitepose.app.sessions.byte_queue import ByteQueue
from sitepose.app.sessions.disk import DiskPolicy, DiskWatch, show_duration, show_size
from sitepose.app.sessions.opening import described_session, new_session
from sitepose.app.sessions.recording import RecorderEvent, RecorderListener, RecorderStats, RecordingSettings
from sitepose.app.sessions.rows import FrameStamps
from sitepose.app.sessions.segment import RotationRule
from sitepose.app.sessions.syncing import Syncer
from sitepose.app.sessions.writer import SessionWriter
from sitepose.core.errors import RecordingError, SiteposeError
from sitepose.core.formats.poses_jsonl import PosesHeader
from sitepose.core.structures import Frame, Poses
from sitepose.plugins.sources.live.events import SourceEvent
from sitepose.plugins.sources.live.packets import EncodedPacket

TAKE_S = 1.0
"""How long nothing may come before the disk is looked at all the same."""

__all__ = ["Recorder", "RecorderEvent", "RecorderListener", "RecorderStats", "RecordingSettings"]

SMALL_ITEM = 256
"""Bytes that an item without video counts for in the queue."""

_log = logging.getLogger(__name__)


_Task = Callable[[SessionWriter], None]


class Recorder:
    """Writes one session, in a thread of its own. A :class:`PacketSink` for a live source.

    ::

        recorder = Recorder(Path("sessions"), source=source.address.label)
        source.attach(recorder)          # the pre-roll comes first
        ...
        source.detach(recorder)
        recorder.close()

    Args:
        root: Folder of all sessions; made if need be.
        source: Name of the source, without credentials.
        settings: What the recording is like.
        name: Of the session; by default after source and time.
        described: Settings of the source for ``session.json``, without login.
        continues: Name of the session that was cut off, where this one goes on.
        listener: Is told of events.

    Raises:
        RecordingError: The folder cannot be made, or the disk has no room.
        ConfigError: The name is none.
    """

    def __init__(  # noqa: PLR0913  all but two have defaults, and are what a session is described by
        self,
        root: Path,
        source: str,
        settings: RecordingSettings | None = None,
        *,
        name: str | None = None,
        described: Mapping[str, Any] | None = None,
        continues: str = "",
        listener: RecorderListener | None = None,
    ) -> None:
        self.settings = settings or RecordingSettings()
        self._policy = DiskPolicy(
            reserve_bytes=self.settings.reserve_bytes, ring_bytes=self.settings.ring_bytes
        )
        self._listener = listener
        self._queue: ByteQueue[_Task] = ByteQueue(self.settings.queue_bytes)
        self._overflowed = 0
        self._skipping = False
        self._stopped = ""
        self._warned = False
        manifest = described_session(
            source, self.settings, name=name, described=described or {}, continues=continues
        )
        self._session = new_session(root, manifest, self._policy)
        self._writer = self._opened()
        self._disk = DiskWatch(self.folder, self._policy)
        self._thread = threading.Thread(target=self._run, name=f"record {self.name}", daemon=True)
        self._thread.start()

    @property
    def name(self) -> str:
        """Name of the session."""
        return self._writer.manifest.name

    @property
    def folder(self) -> Path:
        """Folder of the session."""
        return self._session.folder.path

    @property
    def stopped(self) -> str:
        """Why the recording ended by itself; empty while it goes on, and after an end that was asked for."""
        return self._stopped

    @property
    def stats(self) -> RecorderStats:
        """Where the recording is."""
        counters = self._writer.counters
        return RecorderStats(
            frames=counters["frames"],
            dropped=counters["dropped"],
            overflowed=self._overflowed,
            deleted=counters["deleted"],
            seconds=self._writer.seconds,
            bytes=self._writer.video_bytes,
            waiting_bytes=self._queue.waiting_bytes,
            disk=self._disk.state,
        )

    def put(self, packet: EncodedPacket) -> None:
        """Record a frame; never waits. What a full queue cannot take is counted, and said."""
        if self._skipping and not (packet.keyframe and self._room()):
            self._overflowed += 1
            return
        if self._skipping:
            self._skipping = False
            self.note(f"the disk was too slow: {self._overflowed} frames were not recorded so far")
        size = len(packet.data) + SMALL_ITEM
        if not self._queue.put(lambda writer: writer.packet(packet), size, lingers=True):
            if self._queue.closed:
                return
            self._overflowed += 1
            self._skipping = True
            self._tell("warning", "the disk is too slow: frames are not recorded until it has caught up")

    def pause(self) -> None:
        """Say that frames are left out on purpose until the source is attached again."""
        self._queue.put(SessionWriter.pause, 0)

    def begin_poses(self, header: PosesHeader) -> None:
        """Say whose poses follow; once more when a part of the pipeline was switched."""
        self._queue.put(lambda writer: writer.begin_poses(header), 0)

    def poses(self, frame: Frame, poses: Poses) -> None:
        """Record the poses of a frame; never waits."""
        self.poses_at(FrameStamps.of(frame), poses)

    def poses_at(self, stamps: FrameStamps, poses: Poses) -> None:
        """Record poses of the frame with these stamps, wherever they were found; never waits."""
        size = SMALL_ITEM + poses.keypoints.nbytes
        self._queue.put(lambda writer: writer.poses(stamps, poses), size)

    def aligned(self, offset: Offset, size_wh: tuple[int, int], looked_at_wh: tuple[int, int]) -> None:
        """Write what lies between the recorded stream and the one that poses come from.

        Args:
            offset: As measured; it replaces the one before.
            size_wh: Of the recorded stream, in whose pixels poses are.
            looked_at_wh: Of the stream in which they were found.
        """
        self._queue.put(lambda writer: writer.aligned(offset, size_wh, looked_at_wh), 0)
        self.note(
            f"the second stream is {offset.seconds:+.3f} s off, to within {offset.uncertainty_s * 1000:.0f} ms"
        )

    def mark(self, text: str = "") -> None:
        """Mark this moment; the ring buffer keeps what is around it."""
        self._event("marker", text)

    def note(self, text: str) -> None:
        """Write a note to this moment."""
        self._event("note", text)

    def warn(self, text: str) -> None:
        """Write a note, and tell the listener."""
        self.note(text)
        self._queue.put(lambda _: self._tell("warning", text), 0)

    def source_event(self, event: SourceEvent) -> None:
        """Write what happens to the source; can be its listener."""
        self._event(event.topic, event.message, wall=event.wall)

    def close(self) -> None:
        """Write what waits, and close the session; calling it twice is fine.

        Raises:
            RecordingError: The recording ended by itself before, or could not be closed.
        """
        self._queue.close()
        self._thread.join()
        self._session.folder.close()
        if self._stopped:
            raise RecordingError(f"{self.folder}: {self._stopped}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _opened(self) -> SessionWriter:
        rule = RotationRule(seconds=self.settings.segment_s, bytes=self.settings.segment_bytes)
        syncer = Syncer(self._on_sync_error)
        try:
            return SessionWriter(self._session.folder, self._session.manifest, rule, syncer)
        except OSError as error:
            syncer.close()
            self._session.release()
            raise RecordingError(f"{self.folder}: cannot be written: {error.strerror or error}") from error

    def _run(self) -> None:
        while not self._queue.finished:
            task = self._queue.get(TAKE_S)
            try:
                if task is not None:
                    task(self._writer)
                if self._disk.due(self._writer.video_bytes):
                    self._look_at_disk()
            except OSError as error:  # also RecordingError, from the writer of poses
                self._stop(f"the recording stopped: {getattr(error, 'strerror', None) or error}")
            except (SiteposeError, ValueError) as error:
                _log.warning("%s: not recorded: %s", self.name, error)
            except Exception as error:  # noqa: BLE001  the edge of a thread
                # A fault of ours ends the recording loudly, not with frames missing in it.
                _log.exception("%s: recording failed", self.name)
                self._stop(f"the recording stopped: {type(error).__name__}: {error}")
            if self._stopped:
                break
        self._finish()

    def _finish(self) -> None:
        self._queue.close()
        reason = self._stopped
        try:
            self._writer.finish(reason)
        except Exception as error:  # noqa: BLE001  the edge of a thread: it goes to the one who closes
            text = getattr(error, "strerror", None) or error
            self._stopped = reason or f"the session could not be closed: {text}; `sessions repair` mends it"
        finally:
            self._session.release()
        if self._stopped:
            self._tell("stopped", f"{self.folder}: {self._stopped}")

    def _look_at_disk(self) -> None:
        written, ring = self._writer.video_bytes, self._policy.ring_bytes
        if ring is not None and written > ring:
            self._writer.delete_oldest(ring)
        disk = self._disk.look(written)
        if disk.verdict == "stop":
            self._stop(
                f"the disk has {show_size(disk.free_bytes)} left, "
                f"and {show_size(self._policy.reserve_bytes)} are kept free"
            )
        elif disk.verdict == "low" and not self._warned:
            self._warned = True
            left = show_duration(disk.seconds_left or 0.0)
            self._tell("warning", f"the disk has room for another {left} of recording")

    def _room(self) -> bool:
        return self._queue.waiting_bytes < self.settings.queue_bytes // 2

    def _event(self, kind: str, text: str, *, wall: float | None = None) -> None:
        at = time.time() if wall is None else wall
        self._queue.put(lambda writer: writer.event(kind, text, wall=at), 0)

    def _stop(self, reason: str) -> None:
        self._stopped = self._stopped or reason

    def _on_sync_error(self, error: OSError) -> None:
        self._stop(f"the recording stopped: {error.strerror or error}")

    def _tell(self, kind: Literal["warning", "stopped"], message: str) -> None:
        if self._listener is None:
            _log.warning("%s", message)
        else:
            self._listener(RecorderEvent(kind, message))
