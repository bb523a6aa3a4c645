"""Signals that are heard for a while, and then go again where they went before."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

ENDING = (signal.SIGINT, signal.SIGTERM)
"""What a user, or who manages the program, ends it with."""


@contextmanager
def heard(handler: Callable[[int, object], None], numbers: Sequence[int] = ENDING) -> Iterator[None]:
    """Call a handler when a signal comes; only in the main thread, as Python has it.

    Args:
        handler: Takes the number of the signal, and the frame that was interrupted.
        numbers: Of the signals.
    """
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)
