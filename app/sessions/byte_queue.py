"""The recorder's own queue: bounded in bytes, never waiting, and never dropping without a word."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class ByteQueue(Generic[T]):
    """Hands items from threads that must not wait to one that writes. Remembers how many bytes wait.

    Args:
        max_bytes: Items that would exceed this are refused.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._changed = threading.Condition()
        self._items: deque[tuple[T, int]] = deque()
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

    def put(self, item: T, size: int) -> bool:
        """Add an item; return False, and do not, where there is no room or the queue is closed."""
        with self._changed:
            if self._closed or (size and self._bytes + size > self._max_bytes):
                return False
            self._items.append((item, size))
            self._bytes += size
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
