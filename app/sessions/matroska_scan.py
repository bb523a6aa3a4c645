"""Reading back what :mod:`sitepose.app.sessions.matroska` writes, also when it ends in the middle."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import BinaryIO

from sitepose.app.sessions.matroska_parts import (
    CLUSTER,
    CODEC_NAMES,
    CUES,
    DURATION,
    EBML,
    INFO,
    SEEK_HEAD,
    SEEK_HEAD_BYTES,
    SEGMENT,
    SIMPLE_BLOCK,
    TIMESTAMP,
    TRACKS,
    Cluster,
    Layout,
)
from sitepose.core.errors import FormatError
from sitepose.core.formats import ebml

VOID = 0xEC

JPEG_BEGIN = b"\xff\xd8"

UNSYNCED_MS = 2000
"""Video that a power cut may find on its way to the disk: files are synced once a second."""

CLUSTER_HEADER = 12
"""Bytes of the ID and the size of a cluster."""

BLOCK_HEADER = 4
"""Track, stamp and flags before the frame."""


@dataclass(frozen=True, slots=True)
class Block:
    """One frame in a file.

    Attributes:
        pts_ms: When it is shown.
        keyframe: Whether decoding can begin here.
        begin: Offset of the encoded frame.
        end: Offset behind it.
    """

    pts_ms: int
    keyframe: bool
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Scan:
    """What a file holds.

    Attributes:
        layout: Where its parts are; its ``end`` is behind the last whole frame.
        blocks: Every whole frame, in the order of decoding.
        finished: Whether the file has its sizes and index, and nothing behind them.
    """

    layout: Layout
    blocks: list[Block]
    finished: bool


def scan(path: Path) -> Scan:
    """Return what a segment of ours holds, up to where it breaks off.

    Raises:
        FormatError: It does not even have a whole header, so that nothing in it can be played.
    """
    try:
        with path.open("rb") as stream:
            return _scanned(stream, path)
    except OSError as error:
        raise FormatError(f"{path}: cannot be read: {error.strerror or error}") from error


def _scanned(stream: BinaryIO, path: Path) -> Scan:
    size = os.fstat(stream.fileno()).st_size
    layout, segment_end = _read_head(stream, path)
    blocks: list[Block] = []
    sound = _soundness(stream, layout)
    head_end = layout.end
    header = ebml.read_header(stream)
    while header is not None and header.identity == CLUSTER:
        blocks += _cluster(stream, header, size, layout)
        layout.end = blocks[-1].end if blocks else head_end
        if header.end is not None and layout.end != header.end:
            break  # it breaks off inside
        header = ebml.read_header(stream)
    finished = header is not None and header.identity == CUES and header.end == size == segment_end
    if not finished:
        blocks = _without_unwritten(blocks, sound)
    layout.end = blocks[-1].end if blocks else head_end
    layout.last_ms = max((block.pts_ms for block in blocks), default=0)
    _size_clusters(layout)
    return Scan(layout, blocks, finished)


def _without_unwritten(blocks: list[Block], sound: Callable[[Block], bool]) -> list[Block]:
    """Return the frames up to the first that had not reached the disk.

    Only the last ones can be such: all before were synced. Frames that the network has damaged stay.
    """
    if not blocks:
        return blocks
    synced = max(block.pts_ms for block in blocks) - UNSYNCED_MS
    return list(takewhile(lambda block: block.pts_ms < synced or sound(block), blocks))


def _read_head(stream: BinaryIO, path: Path) -> tuple[Layout, int | None]:
    """Return where the parts before the first cluster are, and leave the stream behind them."""
    broken = FormatError(f"{path}: no whole Matroska header; nothing in it can be played")
    header = ebml.read_header(stream)
    if header is None or header.identity != EBML or header.end is None:
        raise broken
    stream.seek(header.end)
    segment = ebml.read_header(stream)
    if segment is None or segment.identity != SEGMENT:
        raise broken
    layout = Layout(segment=segment.content, seek_head=0, info=0, duration=0, tracks=0)
    while not layout.tracks:
        part = ebml.read_header(stream)
        if part is None or part.end is None:
            raise broken
        if part.identity in (VOID, SEEK_HEAD) and part.begin == segment.content:
            layout.seek_head = part.begin
        elif part.identity == INFO:
            layout.info = part.begin
            layout.duration = _duration_room(stream, part)
        elif part.identity == TRACKS:
            layout.tracks = part.begin
        stream.seek(part.end)
    layout.end = stream.tell()
    if layout.end > os.fstat(stream.fileno()).st_size or layout.seek_head + SEEK_HEAD_BYTES != layout.info:
        raise broken
    return layout, segment.end


def _duration_room(stream: BinaryIO, info: ebml.Header) -> int:
    """Return the offset of the duration, or of the room for it; it is the first thing in there."""
    first = ebml.read_header(stream)
    return first.begin if first is not None and first.identity in (VOID, DURATION) else info.content


def _cluster(stream: BinaryIO, cluster: ebml.Header, size: int, layout: Layout) -> Iterator[Block]:
    """Yield the whole frames of a cluster, and leave the stream behind the last one."""
    begin = ebml.read_header(stream)
    if begin is None or begin.identity != TIMESTAMP or begin.size is None or begin.size > 8:
        return
    timestamp = int.from_bytes(stream.read(begin.size), "big")
    layout.clusters.append(Cluster(cluster.begin, timestamp))
    end = min(size, cluster.end or size)
    while stream.tell() < end:
        place = stream.tell()
        block = ebml.read_header(stream)
        whole = block is not None and block.end is not None and block.end <= end
        if block is None or block.identity != SIMPLE_BLOCK or not whole or (block.size or 0) <= BLOCK_HEADER:
            stream.seek(place)
            return
        head = stream.read(BLOCK_HEADER)
        relative = int.from_bytes(head[1:3], "big", signed=True)
        stop = block.content + (block.size or 0)
        stream.seek(stop)
        yield Block(timestamp + relative, bool(head[3] & 0x80), block.content + BLOCK_HEADER, stop)


def _soundness(stream: BinaryIO, layout: Layout) -> Callable[[Block], bool]:
    """Return what tells a frame from the zeros that a power cut leaves where data had not reached the disk.

    Inside a unit of H.264 and H.265 there are never three zero bytes in a row; none is empty or ends with one.
    """
    place = stream.tell()
    stream.seek(layout.tracks)
    head = stream.read(layout.end - layout.tracks)
    stream.seek(place)
    lengths = any(CODEC_NAMES[codec].encode() in head for codec in ("h264", "h265"))

    def sound(block: Block) -> bool:
        place = stream.tell()
        stream.seek(block.begin)
        data = stream.read(block.end - block.begin)
        stream.seek(place)
        return _units_are_sound(data) if lengths else data[:2] == JPEG_BEGIN and any(data[-16:])

    return sound


def _units_are_sound(data: bytes) -> bool:
    offset = 0
    while offset < len(data):
        end = offset + 4 + int.from_bytes(data[offset : offset + 4], "big")
        empty = end == offset + 4
        if empty or end > len(data) or data[end - 1] == 0 or data.find(bytes(3), offset + 4, end) >= 0:
            return False
        offset = end
    return True


def _size_clusters(layout: Layout) -> None:
    """Give every cluster its size; the last one ends with the last whole frame, empty ones are none."""
    layout.clusters = [cluster for cluster in layout.clusters if cluster.begin < layout.end]
    end = layout.end
    for cluster in reversed(layout.clusters):
        cluster.content_size = end - cluster.begin - CLUSTER_HEADER
        end = cluster.begin
