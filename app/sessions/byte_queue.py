"""The recorder's own queue: bounded in bytes, never waiting, and never dropping without a word.

A thread that wakes for a single frame finds the processor's caches cold, which costs several times what the
work does. So frames may linger: they wake nobody until the oldest has waited, and are then taken together.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")

LINGER_S = 0.1
"""How long an item that may linger waits for others."""


class ByteQueue(Generic[T]):
    """Hands items from threads that must not wait to one that writes. Remembers how many bytes wait.

    Args:
        max_bytes: Items that would exceed this are refused.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._changed = threading.Condition()
        self._items: deque[tuple[T, int]] = deque()
        self._oldest_since = 0.0
        self._bytes = 0
        self._closed = False

    @property
    def waiting_bytes(self) -> int:
        """Bytes that wait to be written."""
        return self._bytes

    @property
    def closed(self) -> bool:
        """Whether nothing more is taken."""
        return self._closed

    def put(self, item: T, size: int, *, lingers: bool = False) -> bool:
        """Add an item; return False, and do not, where there is no room or the queue is closed.

        Args:
            item: What is handed on.
            size: Its bytes; 0 always finds room.
            lingers: Whether it may wait for others: for ``LINGER_S``, or, where none come, as long as the other
                side waits at a time.
        """
        with self._changed:
            if self._closed or (size and self._bytes + size > self._max_bytes):
                return False
            now = time.monotonic()
            if not self._items:
                self._oldest_since = now
            self._items.append((item, size))
            self._bytes += size
            if not lingers or now - self._oldest_since >= LINGER_S:
                self._changed.notify()
            return True

    def get(self, timeout_s: float) -> T | None:
        """Return the next item; None where none has come in time, or the queue is closed and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._closed, timeout_s)
            if not self._items:
                return None
            item, size = self._items.popleft()
            self._bytes -= size
            return item

    def close(self) -> None:
        """Take nothing more; what is in there can still be got."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def finished(self) -> bool:
        """Whether it is closed and empty."""
        with self._changed:
            return self._closed and not self._items
