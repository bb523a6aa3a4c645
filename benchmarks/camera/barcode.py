"""A barcode of time and sequence number in the pixels, which survives lossy coding: latency without hardware.

Blocks of 16 x 16 pixels, white for 1, in the top left corner: 44 bits of microseconds of the monotonic clock,
20 bits of sequence number, 16 bits of checksum, 20 bits a row. Camera and reader must run on the same machine.
"""

from __future__ import annotations

import zlib
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

BLOCK = 16
"""Pixels; large enough that the coding noise of 1 Mb/s does not turn a bit."""

BITS_PER_ROW = 20
ROWS = 4
TIME_BITS = 44
SEQUENCE_BITS = 20
CHECK_BITS = 16
WIDTH = BLOCK * BITS_PER_ROW
HEIGHT = BLOCK * ROWS
BLACK, WHITE = 16, 235


class Stamp(NamedTuple):
    """What a barcode says."""

    time_us: int
    sequence: int


def draw(luma: NDArray[np.uint8], time_us: int, sequence: int) -> None:
    """Write the barcode into the top left corner of a luma plane, shape (H, W)."""
    payload = (time_us % (1 << TIME_BITS)) << SEQUENCE_BITS | (sequence % (1 << SEQUENCE_BITS))
    word = payload << CHECK_BITS | _checksum(payload)
    total = TIME_BITS + SEQUENCE_BITS + CHECK_BITS
    bits = np.array([(word >> (total - 1 - i)) & 1 for i in range(total)], np.uint8).reshape(ROWS, -1)
    luma[:HEIGHT, :WIDTH] = np.kron(np.where(bits, WHITE, BLACK), np.ones((BLOCK, BLOCK))).astype(np.uint8)


def read(image: NDArray[np.uint8]) -> Stamp | None:
    """Return what the barcode of an RGB or grey picture says; None where it is damaged."""
    if image.shape[0] < HEIGHT or image.shape[1] < WIDTH:
        return None
    grey = image[:HEIGHT, :WIDTH]
    grey = grey[..., 1] if grey.ndim == 3 else grey
    # The inner half of each block: its edges are blurred by the coding.
    inner = grey.reshape(ROWS, BLOCK, BITS_PER_ROW, BLOCK)[:, 4:12, :, 4:12]
    bits = (inner.mean(axis=(1, 3)) > (BLACK + WHITE) / 2).ravel()
    word = int("".join("1" if bit else "0" for bit in bits), 2)
    payload, check = word >> CHECK_BITS, word & ((1 << CHECK_BITS) - 1)
    if check != _checksum(payload):
        return None
    return Stamp(payload >> SEQUENCE_BITS, payload & ((1 << SEQUENCE_BITS) - 1))


def _checksum(payload: int) -> int:
    return zlib.crc32(payload.to_bytes(8, "big")) & ((1 << CHECK_BITS) - 1)
