"""One at a time: a lock that holds between threads and processes, and is freed when its owner dies."""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

POLL_S = 0.1
"""How often to look whether the lock is free, where waiting is not possible."""


@contextmanager
def exclusive(cache: Path, what: object) -> Iterator[None]:
    """Hold the lock on something, after waiting until nobody else does.

    Args:
        cache: The cache folder; the locks are in it.
        what: What is locked; its text names the lock.
    """
    folder = cache / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256(str(what).encode()).hexdigest()[:16]
    with (folder / name).open("ab") as file:
        _lock(file)
        yield


def _lock(file: IO[bytes]) -> None:
    """Lock an open file; closing it, or the end of the process, frees it."""
    if sys.platform == "win32":
        import msvcrt

        while True:
            try:
                file.seek(0)
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
                return
            except OSError:
                time.sleep(POLL_S)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX)
