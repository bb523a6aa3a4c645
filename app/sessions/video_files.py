"""The video of a session while it is recorded: one segment after the other, and which of them stay."""

from __future__ import annotations

from collections.abc import Callable

from sitepose.app.sessions.folder import SafeFolder
from sitepose.app.sessions.manifest import VIDEO, Segment, segment_file
from sitepose.app.sessions.manifest_file import ManifestFile
from sitepose.app.sessions.segment import OpenSegment, RotationRule
from sitepose.app.sessions.syncing import Syncer
from sitepose.plugins.sources.live.packets import EncodedPacket

MARK_S = 10.0
"""A mark keeps the segments that hold something of so many seconds before it and after it."""


class VideoFiles:
    """Begins, ends, marks and deletes segments. Remembers the open one, and how much there is.

    Args:
        folder: The session's folder.
        manifest: Is told of every segment.
        rule: When segments are full.
        syncer: Keeps what is written.
        save: Writes ``session.json``.

    Raises:
        OSError: The folder for the video cannot be made.
    """

    def __init__(
        self,
        folder: SafeFolder,
        manifest: ManifestFile,
        rule: RotationRule,
        syncer: Syncer,
        save: Callable[[], None],
    ) -> None:
        self._folder = folder.make_folder(VIDEO)
        self._manifest = manifest
        self._rule = rule
        self._syncer = syncer
        self._save = save
        self._segment: OpenSegment | None = None
        self._closed_bytes = 0
        self._closed_seconds = 0.0
        self._keep_until = float("-inf")

    @property
    def bytes(self) -> int:
        """Bytes of video, without what the ring buffer has deleted."""
        return self._closed_bytes + (self._segment.size if self._segment else 0)

    @property
    def seconds(self) -> float:
        """Seconds of video, without what the ring buffer has deleted."""
        return self._closed_seconds + (self._segment.seconds if self._segment else 0.0)

    def segment_for(self, packet: EncodedPacket, *, skipped: bool) -> OpenSegment | None:
        """Return the segment that a frame goes to, a new one if need be; None if it can begin none.

        Args:
            packet: The frame.
            skipped: Whether frames before it were left out on purpose.

        Raises:
            OSError: The disk is full or gone.
        """
        current = self._segment
        if current is not None and (skipped or not current.fits(packet) or current.full(packet, self._rule)):
            self.end()
        if self._segment is None and packet.keyframe:
            self._begin(packet)
        return self._segment

    def end(self) -> None:
        """End the open segment; with none there is nothing to do.

        Raises:
            OSError: The disk is full or gone; the segment can be played all the same.
        """
        segment, self._segment = self._segment, None
        if segment is None:
            return
        number = segment.number
        try:
            segment.finish()
        finally:
            if segment.frames:
                self._manifest.replace(segment.described(state="closed"))
                self._closed_bytes += segment.size
                self._closed_seconds += segment.seconds
                self._syncer.retire(
                    segment.descriptor, lambda sha256: self._manifest.update(number, sha256=sha256)
                )
            else:  # the disk was full before its first frame
                self._syncer.retire(segment.descriptor, lambda _sha256: None)
                self._folder.remove(segment_file(number))
                self._manifest.forget(number)
            segment.close()

    def mark(self, timestamp: float) -> None:
        """Keep what is around a moment from the ring buffer."""
        self._keep_until = timestamp + MARK_S
        if self._segment is not None:
            self._segment.marked = True
        for part in reversed(self._manifest.now.segments):
            if part.state != "closed":
                continue
            if part.timestamp + part.seconds < timestamp - MARK_S:
                break
            self._manifest.update(part.number, marked=True)

    def give_up(self, keep_bytes: int) -> list[Segment]:
        """Say of the oldest closed segments without a mark that they are deleted, down to so much video."""
        given_up = []
        for part in self._manifest.now.segments:
            if self.bytes <= keep_bytes:
                break
            if part.state == "closed" and part.sha256 and not part.marked:
                self._manifest.update(part.number, state="deleted", sha256="")
                self._closed_bytes -= part.bytes
                self._closed_seconds -= part.seconds
                given_up.append(part)
        return given_up

    def remove(self, part: Segment) -> None:
        """Delete the file of a segment that was given up."""
        self._folder.remove(part.file)

    def close(self) -> None:
        """Close the folder."""
        self._folder.close()

    def _begin(self, packet: EncodedPacket) -> None:
        parts = self._manifest.now.segments
        segment = OpenSegment(self._folder, parts[-1].number + 1 if parts else 1, packet)
        segment.marked = packet.timestamp < self._keep_until
        self._manifest.add(segment.described())
        self._segment = segment
        self._syncer.watch(segment.descriptor)
        self._save()
        self._folder.sync()
