"""Makes sure, off the thread that writes, that what was written survives a power cut."""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass

SYNC_S = 1.0
"""A power cut costs what was written in this time."""

CHUNK = 4 << 20

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Retirement:
    descriptor: int
    done: Callable[[str], None]


class Syncer:
    """Syncs open files once a second, and finished ones for good. It owns duplicates of their descriptors.

    Args:
        failed: Is told when the disk refuses.
    """

    def __init__(self, failed: Callable[[OSError], None]) -> None:
        self._failed = failed
        self._lock = threading.Lock()
        self._open: dict[int, int] = {}  # the caller's descriptor -> ours
        self._dirty: set[int] = set()
        self._retired: list[_Retirement] = []
        self._wake = threading.Event()
        self._stopping = False
        self._idle = threading.Condition(self._lock)
        self._thread = threading.Thread(target=self._run, name="sync", daemon=True)
        self._thread.start()

    def watch(self, descriptor: int) -> None:
        """Sync a file once a second from now on."""
        with self._lock:
            self._open[descriptor] = os.dup(descriptor)

    def touched(self, descriptor: int) -> None:
        """Say that something was written: a file that was not is left alone."""
        self._dirty.add(descriptor)

    def retire(self, descriptor: int, done: Callable[[str], None]) -> None:
        """Sync a file that is finished, then give its SHA-256 to ``done``, in the syncing thread."""
        with self._lock:
            self._retired.append(_Retirement(self._open.pop(descriptor), done))
        self._wake.set()

    def close(self) -> None:
        """Finish what was retired, sync the rest, and end."""
        self._stopping = True
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping:
            self._wake.wait(SYNC_S)
            self._wake.clear()
            self._sync_open()
            self._finish_retired()
        self._sync_open()
        self._finish_retired()
        for descriptor in self._open.values():
            os.close(descriptor)

    def _sync_open(self) -> None:
        with self._lock:
            dirty, self._dirty = self._dirty, set()
            descriptors = [ours for theirs, ours in self._open.items() if theirs in dirty]
        for descriptor in descriptors:
            self._sync(descriptor)

    def _finish_retired(self) -> None:
        while True:
            with self._lock:
                if not self._retired:
                    return
                retired = self._retired.pop(0)
            self._sync(retired.descriptor)
            try:
                retired.done(self._hash(retired.descriptor))
            except OSError as error:
                self._report(error)
            finally:
                os.close(retired.descriptor)

    def _hash(self, descriptor: int) -> str:
        """Return the SHA-256 of a file; open files are still synced in the meantime."""
        digest = hashlib.sha256()
        offset = 0
        while data := os.pread(descriptor, CHUNK, offset):
            digest.update(data)
            offset += len(data)
            if offset % (64 * CHUNK) == 0:
                self._sync_open()
        return digest.hexdigest()

    def _sync(self, descriptor: int) -> None:
        try:
            os.fsync(descriptor)
        except OSError as error:
            self._report(error)

    def _report(self, error: OSError) -> None:
        _log.error("the disk refuses to keep the recording: %s", error.strerror or error)
        self._failed(error)
