"""H.264 and H.265 with start codes, as some libraries give them, in the form that Matroska stores."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

import av

from sitepose.core.formats import ebml

_START_CODE = re.compile(rb"\x00\x00\x01")

_SEGMENT, _TRACKS, _TRACK, _CODEC_PRIVATE = 0x18538067, 0x1654AE6B, 0xAE, 0x63A2

_DELIMITER = {"h264": (0x1F, 9, 0), "h265": (0x7E, 35, 1)}
"""Mask, type and shift of the access unit delimiter, which Matroska leaves out."""

_PARAMETERS = {"h264": (7, 8), "h265": (32, 33, 34)}
"""Types of the units that hold parameter sets."""


def with_lengths(data: bytes, codec: str) -> bytes:
    """Return a frame with the length of each unit before it in place of start codes.

    >>> with_lengths(bytes.fromhex("00000001 6742 000001 68ce"), "h264").hex()
    '0000000267420000000268ce'
    """
    mask, delimiter, shift = _DELIMITER[codec]
    wanted = (unit for unit in _units(data) if (unit[0] & mask) >> shift != delimiter)
    return b"".join(len(unit).to_bytes(4, "big") + unit for unit in wanted)


def parameter_sets(data: bytes, codec: str) -> tuple[bytes, ...]:
    """Return the units of a frame or of ``extradata`` that say what follows, each once.

    >>> [unit.hex() for unit in parameter_sets(bytes.fromhex("000001 6742 000001 68ce 000001 65"), "h264")]
    ['6742', '68ce']
    """
    mask, _, shift = _DELIMITER[codec]
    found = (unit for unit in _units(data) if (unit[0] & mask) >> shift in _PARAMETERS[codec])
    return tuple(dict.fromkeys(found))


def has_start_codes(extradata: bytes) -> bool:
    """Return whether a stream comes with start codes, by what its decoder wants first."""
    return extradata[:3] == b"\x00\x00\x01" or extradata[:4] == b"\x00\x00\x00\x01"


def private_of(stream: av.VideoStream, sets: tuple[bytes, ...] = ()) -> bytes:
    """Return ``avcC`` or ``hvcC`` of a stream: what FFmpeg's own Matroska writer would put into a file.

    Args:
        stream: The stream.
        sets: Parameter sets in the place of those with which it began.

    Raises:
        ValueError: The stream has not said yet what its decoder wants.
    """
    memory = io.BytesIO()
    with av.open(memory, "w", format="matroska") as container:
        copy = container.add_stream_from_template(stream)
        if sets:
            copy.codec_context.extradata = b"".join(b"\x00\x00\x00\x01" + unit for unit in sets)
        container.start_encoding()
        header = io.BytesIO(memory.getvalue())
    private = _find(header, (_SEGMENT, _TRACKS, _TRACK, _CODEC_PRIVATE))
    if not private:
        raise ValueError("the stream has no parameter sets yet")
    return private


def _units(data: bytes) -> Iterator[bytes]:
    """Yield what stands between start codes."""
    begins = [match.end() for match in _START_CODE.finditer(data)]
    ends = [begin - 3 for begin in begins[1:]] + [len(data)]
    units = (data[begin:end].rstrip(b"\x00") for begin, end in zip(begins, ends, strict=True))
    return filter(None, units)


def _find(stream: io.BytesIO, path: tuple[int, ...]) -> bytes:
    """Return the content of an element by the IDs of those that hold it; empty where there is none."""
    size = 0
    for identity in path:
        while (header := ebml.read_header(stream)) is not None and header.identity != identity:
            stream.seek(header.content + (header.size or 0))
        if header is None:
            return b""
        size = header.size or 0
    return stream.read(size)
