"""Whether a video file ends in the middle, told from its own structure.

A demuxer reports the end of the file where the bytes end, cut or not. But most containers announce how long
their parts are, so a cut file announces bytes that it does not have. Only such a broken promise counts, never a
duration or a number of frames, which are wrong in many healthy files:

* ISO media (mp4, mov), Matroska, AVI: a part that is larger than what is left of the file. Parts of announced
  length 0 or "unknown", as in live recordings, promise nothing.
* MPEG-TS: the file is not a whole number of packets.
* GIF: a block that is not complete.

In other containers a cut shows only when it tears the last packet.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

_ISO_BOXES = frozenset(
    (b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"free", b"skip", b"wide", b"pnot", b"uuid", b"sidx")
)
"""Top-level boxes of ISO media files; anything else after them is not part of the structure."""

_EBML_HEADER = 0x1A45DFA3
_SEGMENT = 0x18538067
_CLUSTER = 0x1F43B675
_SEGMENT_PARTS = frozenset(
    (_CLUSTER, 0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1C53BB6B, 0x1941A469, 0x1043A770, 0x1254C367, 0xEC, 0xBF)
)
"""What a Matroska segment is made of: clusters, seek head, info, tracks, cues, ..., void, checksum."""

_TS_PACKET_SIZES = (188, 192, 204)
"""Plain, with a time stamp in front (m2ts), with error correction behind."""

_TS_SYNC = 0x47
_TS_PROBED_PACKETS = 5

_RIFF_UNKNOWN = (0, 0xFFFFFFFF)
"""Lengths that stand in an AVI file whose writer has not finished."""


def missing_bytes(path: Path) -> int:
    """Return how many bytes the file announces beyond its end; 0 where it is whole or nothing can be told."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        head = file.read(_TS_PROBED_PACKETS * max(_TS_PACKET_SIZES))
        file.seek(0)
        if head[4:8] in _ISO_BOXES:
            return _missing_in_iso(file, size)
        if head[:4] == _EBML_HEADER.to_bytes(4, "big"):
            return _missing_in_matroska(file, size)
        if head[:4] == b"RIFF":
            return _missing_in_riff(file, size)
        if head[:3] == b"GIF":
            return _missing_in_gif(file, size)
        return _missing_in_ts(head, size)


def is_iso_media(path: Path) -> bool:
    """Return whether the file begins like an mp4 or mov file."""
    with path.open("rb") as file:
        return file.read(8)[4:8] in _ISO_BOXES


def _missing_in_iso(file: BinaryIO, size: int) -> int:
    position = 0
    while position + 8 <= size:
        file.seek(position)
        header = file.read(16)
        length = int.from_bytes(header[:4], "big")
        if header[4:8] not in _ISO_BOXES or length == 0:  # 0: up to the end of the file
            return 0
        if length == 1:
            length = int.from_bytes(header[8:16], "big")
        if length < 8:
            return 0
        position += length
    return max(0, position - size)


def _missing_in_matroska(file: BinaryIO, size: int) -> int:
    position = 0
    while position < size:
        file.seek(position)
        identity, length, header = _ebml_element(file)
        position += header
        if identity == _SEGMENT and length is None:
            position = _end_of_open_segment(file, position, size)
        elif identity in (_EBML_HEADER, _SEGMENT) and length is not None:
            position += length
        else:
            return 0
    return position - size


def _end_of_open_segment(file: BinaryIO, position: int, size: int) -> int:
    """Return where the parts of a segment of unknown length end; beyond ``size`` when the last one is torn."""
    in_open_cluster = False
    while position < size:
        file.seek(position)
        identity, length, header = _ebml_element(file)
        if not identity or (identity not in _SEGMENT_PARTS and not in_open_cluster):
            return size
        if identity == _CLUSTER and length is None:
            in_open_cluster = True
            position += header
        elif length is None:
            return size
        else:
            position += header + length
    return position


def _ebml_element(file: BinaryIO) -> tuple[int, int | None, int]:
    """Read the head of an element: identity, length (None where unknown), and size of the head itself."""
    start = file.tell()
    identity = _ebml_number(file, keep_marker=True)
    length = _ebml_number(file, keep_marker=False)
    return identity, length if length >= 0 else None, file.tell() - start


def _ebml_number(file: BinaryIO, *, keep_marker: bool) -> int:
    """Read a number of 1 to 8 bytes, -1 where all its bits are set, which means unknown."""
    first = file.read(1)
    if not first or not first[0]:
        return 0
    octets = 9 - first[0].bit_length()
    number = int.from_bytes(first + file.read(octets - 1), "big")
    if keep_marker:
        return number
    all_set = (1 << 7 * octets) - 1
    return -1 if number & all_set == all_set else number & all_set


def _missing_in_riff(file: BinaryIO, size: int) -> int:
    """AVI files beyond 1 GB are a row of such chunks."""
    position = 0
    while position + 8 <= size:
        file.seek(position)
        header = file.read(8)
        length = int.from_bytes(header[4:], "little")
        if header[:4] != b"RIFF" or length in _RIFF_UNKNOWN:
            return 0
        position += 8 + length
    return max(0, position - size)


def _missing_in_ts(head: bytes, size: int) -> int:
    for packet in _TS_PACKET_SIZES:
        offset = 4 if packet == 192 else 0
        marks = head[offset : packet * _TS_PROBED_PACKETS : packet]
        if len(marks) == _TS_PROBED_PACKETS and set(marks) == {_TS_SYNC}:
            return -size % packet
    return 0


def _missing_in_gif(file: BinaryIO, size: int) -> int:
    file.seek(10)
    flags = file.read(3)
    position = 13 + _gif_table_bytes(flags[:1])
    while position < size:
        file.seek(position)
        kind = file.read(1)
        if kind == b"!":  # an extension: its label, then blocks
            position = _end_of_gif_blocks(file, position + 2)
        elif kind == b",":  # a picture: place, table of colours, code size, then blocks
            place = file.read(9)
            position = _end_of_gif_blocks(file, position + 11 + _gif_table_bytes(place[8:]))
        else:  # the trailer, or bytes that are not part of the structure
            return 0
    return position - size


def _gif_table_bytes(flags: bytes) -> int:
    return 3 << ((flags[0] & 7) + 1) if flags and flags[0] & 0x80 else 0


def _end_of_gif_blocks(file: BinaryIO, position: int) -> int:
    """Return where a row of blocks ends; one byte beyond the file when its end is missing."""
    while True:
        file.seek(position)
        length = file.read(1)
        if not length:
            return position + 1
        position += 1 + length[0]
        if not length[0]:
            return position
