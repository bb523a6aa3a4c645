"""Networks that a library has compiled before, kept for the next time: the larger part of a start.

The library names its files after network, settings and version, and compiles anew what it cannot read. What is
left to us is that the folder does not grow without end.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

KEPT_BYTES = 1 << 30
"""Of all compiled networks together: some hundred small ones."""

PATTERN = "*.blob"


def make_room(folder: Path | None, *, keep_bytes: int = KEPT_BYTES) -> Path | None:
    """Return a folder for compiled networks, without those that have not been used for longest.

    Args:
        folder: Made if need be.
        keep_bytes: How much may be in it.

    Returns:
        None where there is to be no such folder, or none can be made: networks are then compiled each time.
    """
    if folder is None:
        return None
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    if not folder.is_dir():
        return None
    states: list[tuple[Path, os.stat_result]] = []
    for path in folder.glob(PATTERN):
        with contextlib.suppress(OSError):  # another process may have removed it
            states.append((path, path.stat()))
    room = keep_bytes
    for path, state in sorted(states, key=lambda entry: -max(entry[1].st_atime, entry[1].st_mtime)):
        room -= state.st_size
        if room < 0:
            with contextlib.suppress(OSError):
                path.unlink()
    return folder
