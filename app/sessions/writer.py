"""The files of a session while it is recorded. Used by one thread."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections import Counter, OrderedDict
from dataclasses import asdict, dataclass

from sitepose.app.sessions.alignment import Offset
from sitepose.app.sessions.folder import LineFile, SafeFolder
from sitepose.app.sessions.manifest import EVENTS, FRAMES, SessionManifest
from sitepose.app.sessions.manifest_file import ManifestFile
from sitepose.app.sessions.pose_file import PoseFile
from sitepose.app.sessions.rows import NO_VIDEO, FrameRow, FrameStamps
from sitepose.app.sessions.segment import RotationRule
from sitepose.app.sessions.sums import write_sums
from sitepose.app.sessions.syncing import Syncer
from sitepose.app.sessions.video_files import VideoFiles
from sitepose.core.formats.poses_jsonl import PosesHeader
from sitepose.core.structures import Poses
from sitepose.plugins.sources.live.packets import EncodedPacket

REMEMBERED_PLACES = 4096
"""Frames whose place in the video is known to poses that come later: two minutes."""

ROOM = ".room"
ROOM_BYTES = 256 << 10
"""Taken at the begin and given back at the end, so that a full disk cannot keep a session from being closed."""


@dataclass(frozen=True, slots=True)
class _Place:
    segment: int
    pts: int


class SessionWriter:
    """Writes video, rows, poses and events. Remembers where the last frames went.

    Args:
        folder: The session's new, empty folder.
        manifest: What goes into ``session.json``.
        rule: When segments are full.
        syncer: Keeps what is written.

    Raises:
        OSError: A file cannot be made.
    """

    def __init__(
        self, folder: SafeFolder, manifest: SessionManifest, rule: RotationRule, syncer: Syncer
    ) -> None:
        self._folder = folder
        self._syncer = syncer
        self._manifest = ManifestFile(folder, manifest)
        self.counters: Counter[str] = Counter({"frames": 0, "dropped": 0})
        self._last_index: int | None = None
        self._last_timestamp = 0.0
        self._gap = True
        self._places: OrderedDict[float, _Place] = OrderedDict()
        self._begin_timestamp = 0.0
        self._poses = PoseFile(folder, syncer)
        self._write_manifest()
        self._video = VideoFiles(folder, self._manifest, rule, syncer, self._write_manifest)
        self._rows = LineFile(folder.create(FRAMES))
        self._events = LineFile(folder.create(EVENTS))
        self._make_room()
        for lines in (self._rows, self._events):
            syncer.watch(lines.descriptor)
        folder.sync()

    @property
    def manifest(self) -> SessionManifest:
        """What ``session.json`` says, or will when it is written next."""
        return self._manifest.now

    @property
    def video_bytes(self) -> int:
        """Bytes of video, without what the ring buffer has deleted."""
        return self._video.bytes

    @property
    def seconds(self) -> float:
        """Seconds of video, or of poses where there is no video."""
        if self.manifest.poses_only:
            return self._last_timestamp - self._begin_timestamp
        return self._video.seconds

    def pause(self) -> None:
        """Say that frames left out from here on are left out on purpose."""
        self._gap = True

    def packet(self, packet: EncodedPacket) -> None:
        """Write a frame; one that is there already, or cannot be decoded, is left out.

        Raises:
            OSError: The disk is full or gone; everything before is whole.
        """
        if packet.timestamp in self._places:
            self._gap = False  # a pre-roll that overlaps with what is here: nothing lies between
            return
        skipped = self._gap and self._last_index is not None and packet.index != self._last_index + 1
        segment = self._video.segment_for(packet, skipped=skipped)
        stamp = segment.stamp(packet) if segment else None
        if segment is None or stamp is None:
            self.counters["undecodable"] += 1
            return
        row = FrameRow(
            index=packet.index,
            timestamp=packet.timestamp,
            pts=stamp,
            wall=packet.wall,
            segment=segment.number,
            dropped=self._dropped(packet.index),
            keyframe=packet.keyframe,
            source_pts=packet.pts,
            source_time_base=str(packet.time_base),
        )
        with self._rows.undone_on_error():
            # The row first: a row without its frame is easily removed, the other way round something is lost.
            self._rows.append(row.line())
            segment.write(packet, stamp)
        self._remember(packet.index, row)
        self._syncer.touched(segment.descriptor)
        self._syncer.touched(self._rows.descriptor)

    def begin_poses(self, header: PosesHeader) -> None:
        """Begin ``poses.jsonl``; a second call says what has changed.

        Raises:
            OSError: The disk is full or gone.
            ValueError: The skeleton is another one than before.
        """
        self._poses.begin(header, 0 if self._last_index is None else self._last_index + 1)
        self._manifest.add_models(tuple(header.models))

    def aligned(self, offset: Offset, size_wh: tuple[int, int], looked_at_wh: tuple[int, int]) -> None:
        """Write, also into ``poses.jsonl``, how poses of another stream were placed from here on.

        Raises:
            OSError: The disk is full or gone.
        """
        looked_at = {"looked_at_width": looked_at_wh[0], "looked_at_height": looked_at_wh[1]}
        values = {"from": self._last_timestamp, **asdict(offset), **looked_at}
        self._manifest.change(offsets=[*self.manifest.offsets, values])
        self._write_manifest()
        index = 0 if self._last_index is None else self._last_index + 1
        self._poses.change(index, offset=values, width=size_wh[0], height=size_wh[1])

    def poses(self, stamps: FrameStamps, poses: Poses) -> None:
        """Write the poses of a recorded frame; those of a frame that is not in the video are counted only.

        Raises:
            OSError: The disk is full or gone.
            ValueError: Nothing has been begun, or the poses do not fit.
        """
        place = self._places.get(stamps.timestamp)
        if self.manifest.poses_only:
            if place is None:  # else it is there already
                self._pose_without_video(stamps, poses)
        elif place is None:
            self.counters["poses_without_video"] += 1
        else:
            self._poses.write(stamps, poses, segment=place.segment, pts=place.pts)
            self.counters["poses"] += 1

    def _pose_without_video(self, stamps: FrameStamps, poses: Poses) -> None:
        if self._last_index is None:
            self._begin_timestamp = stamps.timestamp
        row = FrameRow(
            index=stamps.index,
            timestamp=stamps.timestamp,
            pts=round((stamps.timestamp - self._begin_timestamp) * 1000),
            wall=stamps.wall,
            segment=NO_VIDEO,
            dropped=self._dropped(stamps.index),
            source_pts=stamps.pts,
            source_time_base=None if stamps.time_base is None else str(stamps.time_base),
        )
        with self._rows.undone_on_error():
            self._rows.append(row.line())
            self._poses.write(stamps, poses, segment=NO_VIDEO, pts=row.pts)
        self._remember(stamps.index, row)
        self.counters["poses"] += 1
        self._syncer.touched(self._rows.descriptor)

    def event(self, kind: str, text: str, *, wall: float) -> None:
        """Write something that happened; a ``marker`` also keeps what is around it from the ring buffer."""
        values = {"wall": round(wall, 6), "timestamp": self._last_timestamp, "kind": kind, "text": text}
        self._events.append(json.dumps(values, separators=(",", ":"), ensure_ascii=False))
        self._syncer.touched(self._events.descriptor)
        if kind == "marker":
            self._video.mark(self._last_timestamp)

    def delete_oldest(self, keep_bytes: int) -> None:
        """Delete closed segments without a mark, oldest first, until there is no more video than this."""
        given_up = self._video.give_up(keep_bytes)
        if not given_up:
            return
        self.counters["deleted"] += sum(part.frames for part in given_up)
        self._write_manifest()  # first: a segment that is gone but not said to be is damage
        numbers = ", ".join(str(part.number) for part in given_up)
        self.event("ring", f"deleted segment {numbers}: the ring buffer is full", wall=time.time())
        for part in given_up:
            self._video.remove(part)

    def finish(self, stopped: str = "") -> None:
        """Close the session: index, hashes, ``session.json``; as much of it as the disk allows.

        Raises:
            OSError: Something could not be written; what is there can be repaired.
        """
        self._folder.remove(ROOM)
        with contextlib.ExitStack() as steps:
            # The last is called first; each is tried, whatever the ones before came to.
            steps.callback(self._close_files)
            steps.callback(self._write_sums, stopped)
            steps.callback(self._syncer.close)
            counters = self.counters
            steps.callback(self._poses.end, frames=counters["frames"], dropped=counters["dropped"])
            steps.callback(self._video.end)

    def _dropped(self, index: int) -> int:
        """Return how many frames were lost right before this one."""
        if self._gap or self._last_index is None:
            return 0
        return max(0, index - self._last_index - 1)

    def _remember(self, index: int, row: FrameRow) -> None:
        self._gap = False
        # Packets of B-frames come before earlier ones: what is missing shows behind the highest.
        self._last_index = index if self._last_index is None else max(self._last_index, index)
        self._last_timestamp = max(self._last_timestamp, row.timestamp)
        self.counters["frames"] += 1
        self.counters["dropped"] += row.dropped
        self._places[row.timestamp] = _Place(row.segment, row.pts)
        if len(self._places) > REMEMBERED_PLACES:
            self._places.popitem(last=False)

    def _write_manifest(self) -> None:
        self._manifest.write(self.counters)

    def _write_sums(self, stopped: str) -> None:
        write_sums(self._folder, self.manifest)
        self._manifest.change(state="closed", stopped=stopped)
        self._write_manifest()

    def _make_room(self) -> None:
        descriptor = self._folder.create(ROOM)
        try:
            os.posix_fallocate(descriptor, 0, ROOM_BYTES)
        finally:
            os.close(descriptor)

    def _close_files(self) -> None:
        for part in (self._rows, self._events, self._poses, self._video):
            part.close()
