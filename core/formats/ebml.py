"""EBML, the binary tree that Matroska files are made of: elements to bytes, and back."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import BinaryIO, NamedTuple

UNKNOWN_SIZE = b"\x01" + b"\xff" * 7
"""A size in eight bytes that says: until something comes that cannot be inside. It can be overwritten later."""

LONGEST_ID = 4


class Header(NamedTuple):
    """The begin of an element.

    Attributes:
        identity: Its ID, with the marker bits.
        begin: Offset of its ID.
        content: Offset of its content.
        size: Bytes of its content; None where unknown.
    """

    identity: int
    begin: int
    content: int
    size: int | None

    @property
    def end(self) -> int | None:
        """Offset behind it; None where unknown."""
        return None if self.size is None else self.content + self.size


def size_bytes(size: int, length: int | None = None) -> bytes:
    """Return a size as EBML writes it, in ``length`` bytes or in as few as it fits.

    >>> size_bytes(5).hex(), size_bytes(500).hex(), size_bytes(5, 8).hex()
    ('85', '41f4', '0100000000000005')
    """
    if length is None:
        length = next(n for n in range(1, 9) if size < (1 << 7 * n) - 1)
    return (size | 1 << 7 * length).to_bytes(length, "big")


def element(identity: int, content: bytes | Iterable[bytes]) -> bytes:
    """Return an element with its content, or with the elements inside it.

    >>> element(0xEC, bytes(2)).hex()
    'ec820000'
    """
    body = content if isinstance(content, bytes) else b"".join(content)
    return id_bytes(identity) + size_bytes(len(body)) + body


def unsigned(identity: int, value: int) -> bytes:
    """Return an element that holds a whole number from 0."""
    return element(identity, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))


def double(identity: int, value: float) -> bytes:
    """Return an element that holds a number in eight bytes."""
    return element(identity, struct.pack(">d", value))


def text(identity: int, value: str) -> bytes:
    """Return an element that holds text."""
    return element(identity, value.encode())


def void(length: int) -> bytes:
    """Return an element of ``length`` bytes in all that means nothing: a place to write to later."""
    if length < 9:
        return b"\xec" + size_bytes(length - 2, 1) + bytes(length - 2)
    return b"\xec" + size_bytes(length - 9, 8) + bytes(length - 9)


def id_bytes(identity: int) -> bytes:
    """Return an ID as bytes; it holds its own length."""
    return identity.to_bytes((identity.bit_length() + 7) // 8, "big")


def read_header(stream: BinaryIO) -> Header | None:
    """Return the begin of the element at the stream's place; None where there is no whole, valid one."""
    begin = stream.tell()
    first = stream.read(1)
    length = _marked_length(first)
    if length is None or length > LONGEST_ID:
        return None
    identity = first + stream.read(length - 1)
    first = stream.read(1)
    size_length = _marked_length(first)
    if len(identity) < length or size_length is None:
        return None
    raw = first + stream.read(size_length - 1)
    if len(raw) < size_length:
        return None
    size = int.from_bytes(raw, "big") & ((1 << 7 * size_length) - 1)
    known = size != (1 << 7 * size_length) - 1
    return Header(int.from_bytes(identity, "big"), begin, stream.tell(), size if known else None)


def _marked_length(first: bytes) -> int | None:
    """Return the length that the first byte of an ID or size announces: its leading zeros and one more."""
    return 9 - first[0].bit_length() if first and first[0] else None
