"""How long the disk lasts, and when recording must stop or old video may go."""

from __future__ import annotations

import os
import re
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sitepose.core.errors import ConfigError

RESERVE_BYTES = 1 << 30
"""Free space that recording leaves to the rest of the machine."""

WARN_S = 600.0
"""Seconds of recording left at which it is time to warn."""

LOOK_S = 1.0
"""How often the disk is looked at."""

LOOK_BYTES = 64 << 10
"""The disk is looked at after so much at the most often."""

RATE_S = 30.0
"""Time over which the rate of writing is measured."""

UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)b?", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskPolicy:
    """What recording may do with the disk.

    Attributes:
        reserve_bytes: Free space that is left; recording stops cleanly before it is touched.
        ring_bytes: Video of this session that may be kept; the oldest segments without a mark go when it is
            more. None keeps everything.
    """

    reserve_bytes: int = RESERVE_BYTES
    ring_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class DiskState:
    """What is left.

    Attributes:
        free_bytes: Free space for us.
        seconds_left: How long recording can go on; None while its rate is not known.
        verdict: ``stop``: the reserve is reached.
    """

    free_bytes: int
    seconds_left: float | None
    verdict: Literal["good", "low", "stop"]


def look_at_disk(folder: Path, policy: DiskPolicy, *, bytes_per_second: float | None) -> DiskState:
    """Return what is left on the disk of a folder.

    Args:
        folder: An existing folder.
        policy: What recording may do.
        bytes_per_second: What it writes; None while that is not known.
    """
    state = os.statvfs(folder)
    free = state.f_bavail * state.f_frsize
    usable = free - policy.reserve_bytes
    left = max(0.0, usable / bytes_per_second) if bytes_per_second else None
    if usable <= 0:
        return DiskState(free, left, "stop")
    low = left is not None and left < WARN_S and policy.ring_bytes is None
    return DiskState(free, left, "low" if low else "good")


class DiskWatch:
    """Looks at the disk of a folder now and then. Remembers how fast it fills.

    Args:
        folder: An existing folder.
        policy: What recording may do.

    Attributes:
        state: What was left when it was looked at last.
    """

    def __init__(self, folder: Path, policy: DiskPolicy) -> None:
        self.state = look_at_disk(folder, policy, bytes_per_second=None)
        self._folder = folder
        self._policy = policy
        self._often_bytes = max(LOOK_BYTES, policy.reserve_bytes // 16)
        self._looked_at, self._looked_bytes = float("-inf"), 0
        self._written: deque[tuple[float, int]] = deque()

    def due(self, written: int) -> bool:
        """Return whether it is time to look, so many bytes of video being written."""
        soon = time.monotonic() - self._looked_at >= LOOK_S
        return soon or written - self._looked_bytes > self._often_bytes

    def look(self, written: int) -> DiskState:
        """Return what is left, so many bytes of video being written."""
        now = self._looked_at = time.monotonic()
        self._looked_bytes = written
        self._written.append((now, written))
        while now - self._written[0][0] > RATE_S:
            self._written.popleft()
        since, before = self._written[0]
        rate = (written - before) / (now - since) if now - since > LOOK_S * 3 else None
        self.state = look_at_disk(self._folder, self._policy, bytes_per_second=rate)
        return self.state


def parse_size(text: str) -> int:
    """Return a size in bytes.

    Raises:
        ConfigError: It is none.

    >>> parse_size("1.5GB"), parse_size("64k")
    (1500000000, 64000)
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ConfigError(f"size {text!r}: expected such as 500MB or 1.5GB")
    return int(float(match[1]) * UNITS[match[2].lower()])


def show_size(size: int) -> str:
    """Return a size for people.

    >>> show_size(1_500_000_000), show_size(900)
    ('1.5 GB', '900 B')
    """
    for unit in ("TB", "GB", "MB", "kB"):
        step = UNITS[unit[0].lower()]
        if size >= step:
            return f"{size / step:.1f} {unit}"
    return f"{size} B"


def show_duration(seconds: float) -> str:
    """Return a time for people.

    >>> show_duration(42), show_duration(5400), show_duration(200_000)
    ('42 s', '1 h 30 min', '2 d 7 h')
    """
    minutes = int(seconds // 60)
    if minutes >= 2880:
        return f"{minutes // 1440} d {minutes % 1440 // 60} h"
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes} min" if minutes else f"{seconds:.0f} s"
