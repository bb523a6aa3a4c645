"""What a Matroska segment of ours is made of: its elements as bytes, and where in the file they are."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from fractions import Fraction

from sitepose.core.formats import ebml

EBML, SEGMENT, SEEK_HEAD, SEEK, SEEK_ID, SEEK_POSITION = (
    0x1A45DFA3,
    0x18538067,
    0x114D9B74,
    0x4DBB,
    0x53AB,
    0x53AC,
)
INFO, SEGMENT_UID, TIMESTAMP_SCALE, DURATION, DATE_UTC = 0x1549A966, 0x73A4, 0x2AD7B1, 0x4489, 0x4461
MUXING_APP, WRITING_APP = 0x4D80, 0x5741
TRACKS, TRACK, TRACK_NUMBER, TRACK_UID, TRACK_TYPE, LACING = 0x1654AE6B, 0xAE, 0xD7, 0x73C5, 0x83, 0x9C
DEFAULT_DURATION, CODEC_ID, CODEC_PRIVATE, VIDEO, WIDTH, HEIGHT = 0x23E383, 0x86, 0x63A2, 0xE0, 0xB0, 0xBA
CLUSTER, TIMESTAMP, SIMPLE_BLOCK, BLOCK_GROUP = 0x1F43B675, 0xE7, 0xA3, 0xA0
CUES, CUE_POINT, CUE_TIME, CUE_POSITIONS, CUE_TRACK, CUE_CLUSTER = 0x1C53BB6B, 0xBB, 0xB3, 0xB7, 0xF7, 0xF1
"""Elements, by the names of RFC 9559."""

CODEC_NAMES = {"h264": "V_MPEG4/ISO/AVC", "h265": "V_MPEGH/ISO/HEVC", "mjpeg": "V_MJPEG"}

NANOSECONDS_PER_TICK = 1_000_000
"""Stamps are in milliseconds."""

SEEK_HEAD_BYTES = 96
"""Room that is left for the table of contents."""

MATROSKA_EPOCH = 978_307_200
"""Unix time of 2001-01-01, from which Matroska counts its nanoseconds."""

APP = "sitepose"


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoTrack:
    """What the one track of a segment holds.

    Attributes:
        codec: ``h264``, ``h265`` or ``mjpeg``.
        size_wh: Width and height.
        private: ``avcC`` or ``hvcC``; empty for MJPEG.
        frame_rate: As announced; None where unknown.
    """

    codec: str
    size_wh: tuple[int, int]
    private: bytes = b""
    frame_rate: Fraction | None = None


@dataclass(slots=True)
class Cluster:
    """A run of frames.

    Attributes:
        begin: Offset of its ID in the file.
        timestamp_ms: Of its first frame.
        content_size: Bytes behind its size.
        sized: Whether its size has been filled in.
    """

    begin: int
    timestamp_ms: int
    content_size: int = 0
    sized: bool = False


@dataclass(slots=True)
class Layout:
    """Where the parts of a file are that are filled in at the end.

    Attributes:
        segment: Offset of the segment's content.
        seek_head: Offset of the room for the table of contents.
        info: Offset of the general information.
        duration: Offset of the room for the duration.
        tracks: Offset of the tracks.
        clusters: All of them, in order.
        end: Offset behind the last whole frame.
        last_ms: Stamp of the latest frame.
    """

    segment: int
    seek_head: int
    info: int
    duration: int
    tracks: int
    clusters: list[Cluster] = field(default_factory=list)
    end: int = 0
    last_ms: int = 0


def head(track: VideoTrack, wall: float) -> tuple[bytes, Layout]:
    """Return everything before the first cluster, and where its parts are."""
    header = ebml.element(
        EBML,
        [
            ebml.unsigned(0x4286, 1),  # EBMLVersion
            ebml.unsigned(0x42F7, 1),  # EBMLReadVersion
            ebml.unsigned(0x42F2, 4),  # EBMLMaxIDLength
            ebml.unsigned(0x42F3, 8),  # EBMLMaxSizeLength
            ebml.text(0x4282, "matroska"),  # DocType
            ebml.unsigned(0x4287, 4),  # DocTypeVersion
            ebml.unsigned(0x4285, 2),  # DocTypeReadVersion
        ],
    )
    begin = header + ebml.id_bytes(SEGMENT) + ebml.UNKNOWN_SIZE
    room = ebml.void(len(ebml.double(DURATION, 0.0)))
    info = ebml.element(
        INFO,
        [
            room,
            ebml.element(SEGMENT_UID, secrets.token_bytes(16)),
            ebml.unsigned(TIMESTAMP_SCALE, NANOSECONDS_PER_TICK),
            ebml.element(DATE_UTC, round((wall - MATROSKA_EPOCH) * 1e9).to_bytes(8, "big", signed=True)),
            ebml.text(MUXING_APP, APP),
            ebml.text(WRITING_APP, APP),
        ],
    )
    info_at = len(begin) + SEEK_HEAD_BYTES
    layout = Layout(
        segment=len(begin),
        seek_head=len(begin),
        info=info_at,
        duration=info_at + info.index(room),
        tracks=info_at + len(info),
    )
    return begin + ebml.void(SEEK_HEAD_BYTES) + info + _tracks(track), layout


def _tracks(track: VideoTrack) -> bytes:
    width, height = track.size_wh
    parts = [
        ebml.unsigned(TRACK_NUMBER, 1),
        ebml.unsigned(TRACK_UID, 1),
        ebml.unsigned(TRACK_TYPE, 1),
        ebml.unsigned(LACING, 0),
        ebml.text(CODEC_ID, CODEC_NAMES[track.codec]),
        ebml.element(VIDEO, [ebml.unsigned(WIDTH, width), ebml.unsigned(HEIGHT, height)]),
    ]
    if track.private:
        parts.append(ebml.element(CODEC_PRIVATE, track.private))
    if track.frame_rate:
        parts.append(ebml.unsigned(DEFAULT_DURATION, round(1_000_000_000 / track.frame_rate)))
    return ebml.element(TRACKS, [ebml.element(TRACK, parts)])


def cues(layout: Layout) -> bytes:
    """Return the index: where each cluster is; each begins with a keyframe."""
    points = []
    for cluster in layout.clusters:
        place = [ebml.unsigned(CUE_TRACK, 1), ebml.unsigned(CUE_CLUSTER, cluster.begin - layout.segment)]
        time = ebml.unsigned(CUE_TIME, cluster.timestamp_ms)
        points.append(ebml.element(CUE_POINT, [time, ebml.element(CUE_POSITIONS, place)]))
    return ebml.element(CUES, points)


def seek_head(places: dict[int, int], segment: int) -> bytes:
    """Return the table of contents, filled up to its room."""
    seeks = [
        ebml.element(
            SEEK, [ebml.element(SEEK_ID, ebml.id_bytes(identity)), ebml.unsigned(SEEK_POSITION, at - segment)]
        )
        for identity, at in places.items()
    ]
    table = ebml.element(SEEK_HEAD, seeks)
    return table + ebml.void(SEEK_HEAD_BYTES - len(table))
