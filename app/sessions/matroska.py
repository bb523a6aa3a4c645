"""Matroska segments, written a frame at a time: what has been written can be played, whenever we are killed.

Each frame is one write to the file, with nothing kept back. Sizes that are not known yet are left open, which
players accept, and filled in at the end, together with an index. Stamps are whole milliseconds.
"""

from __future__ import annotations

import os

from sitepose.app.sessions.matroska_parts import (
    CLUSTER,
    CUES,
    DURATION,
    INFO,
    SIMPLE_BLOCK,
    TIMESTAMP,
    TRACKS,
    Cluster,
    Layout,
    VideoTrack,
    cues,
    head,
    seek_head,
)
from sitepose.core.formats import ebml

CLUSTER_MS = 1000
"""A keyframe this long after the begin of a cluster begins the next one."""

LONGEST_CLUSTER_MS = 30_000
"""A block's stamp is 16 bits relative to its cluster's."""


class MatroskaWriter:
    """Writes one segment. Remembers where its clusters are.

    Args:
        descriptor: An empty file, open for writing; it stays open.
        track: What the frames are.
        wall: ``time.time()`` of the first frame.
    """

    def __init__(self, descriptor: int, track: VideoTrack, *, wall: float) -> None:
        self._descriptor = descriptor
        self._track = track
        self._size = 0
        begin, self.layout = head(track, wall)
        self._append(begin)

    @property
    def size(self) -> int:
        """Bytes written, with the index once that is there."""
        return max(self.layout.end, self._size)

    def write(self, data: bytes, *, pts_ms: int, keyframe: bool) -> None:
        """Append a frame.

        Args:
            data: As the codec wants it in Matroska.
            pts_ms: When it is shown, 0 or more.
            keyframe: Whether decoding can begin here.

        Raises:
            OSError: The disk is full or gone; all earlier frames are in the file.
        """
        begin = b""
        clusters = self.layout.clusters
        past = pts_ms - clusters[-1].timestamp_ms if clusters else 0
        if (
            not clusters
            or (keyframe and past >= CLUSTER_MS)
            or not -LONGEST_CLUSTER_MS < past < LONGEST_CLUSTER_MS
        ):
            begin = self._begin_cluster(pts_ms)
        relative = (pts_ms - clusters[-1].timestamp_ms).to_bytes(2, "big", signed=True)
        body = b"\x81" + relative + (b"\x80" if keyframe else b"\x00") + data
        try:
            self._append(begin + ebml.element(SIMPLE_BLOCK, body))
        except OSError:
            if begin:
                clusters.pop()
            raise
        clusters[-1].content_size = self.layout.end - clusters[-1].begin - 12
        self.layout.last_ms = max(self.layout.last_ms, pts_ms)

    def finish(self) -> None:
        """Cut off what is not whole, and fill in sizes, duration and index.

        Raises:
            OSError: The disk is full or gone; the file can be played as it is.
        """
        interval = float(1000 / self._track.frame_rate) if self._track.frame_rate else 0.0
        self._size = finish(self._descriptor, self.layout, interval_ms=interval)

    def _begin_cluster(self, pts_ms: int) -> bytes:
        """Close the last cluster, and return the begin of a new one."""
        clusters = self.layout.clusters
        if clusters:
            _fill_in_size(self._descriptor, clusters[-1])
        clusters.append(Cluster(self.layout.end, pts_ms))
        return ebml.id_bytes(CLUSTER) + ebml.UNKNOWN_SIZE + ebml.unsigned(TIMESTAMP, pts_ms)

    def _append(self, data: bytes) -> None:
        """Write at the end; a part of a frame that a full disk still took is overwritten or cut off later."""
        left = memoryview(data)
        offset = self.layout.end
        while left:
            written = os.pwrite(self._descriptor, left, offset)
            left, offset = left[written:], offset + written
        self.layout.end = offset


def finish(descriptor: int, layout: Layout, *, interval_ms: float) -> int:
    """Turn a file that ends anywhere into one with sizes, duration and index; return its size.

    Args:
        descriptor: Open for reading and writing.
        layout: Where its parts are.
        interval_ms: How long the last frame is shown.

    Raises:
        OSError: The disk is full or gone.
    """
    os.ftruncate(descriptor, layout.end)
    for cluster in layout.clusters:
        if not cluster.sized:
            _fill_in_size(descriptor, cluster)
    places = {INFO: layout.info, TRACKS: layout.tracks}
    end = layout.end
    if layout.clusters:
        index = cues(layout)
        _write_all(descriptor, index, layout.end)
        places[CUES] = layout.end
        end += len(index)
    if layout.seek_head:
        _write_all(descriptor, seek_head(places, layout.segment), layout.seek_head)
    if layout.duration:
        _write_all(descriptor, ebml.double(DURATION, layout.last_ms + interval_ms), layout.duration)
    _write_all(descriptor, ebml.size_bytes(end - layout.segment, 8), layout.segment - 8)
    return end


def _fill_in_size(descriptor: int, cluster: Cluster) -> None:
    _write_all(descriptor, ebml.size_bytes(cluster.content_size, 8), cluster.begin + 4)
    cluster.sized = True


def _write_all(descriptor: int, data: bytes, offset: int) -> None:
    left = memoryview(data)
    while left:
        written = os.pwrite(descriptor, left, offset)
        left, offset = left[written:], offset + written
