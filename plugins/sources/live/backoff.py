"""How long to wait before trying again: longer each time, never the same for two cameras."""

from __future__ import annotations

from random import Random

FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 30.0
JITTER = 0.25
"""Share by which a delay varies, so that twenty cameras do not all come back in the same second."""


class Backoff:
    """Remembers how often it was asked since the last success.

    Args:
        random: Where the jitter comes from.
        first_s: The first delay.
        longest_s: The delays double up to here.

    >>> backoff = Backoff(Random(1))
    >>> [round(backoff.next(), 1) for _ in range(8)]
    [0.4, 1.2, 2.3, 3.5, 8.0, 15.6, 30.0, 30.0]
    """

    def __init__(
        self, random: Random, *, first_s: float = FIRST_DELAY_S, longest_s: float = LONGEST_DELAY_S
    ) -> None:
        self._random = random
        self._first_s = first_s
        self._longest_s = longest_s
        self._failures = 0

    def next(self) -> float:
        """Return the seconds to wait now."""
        # Two to the hundredth would overflow nothing, but a year of failures would.
        delay = self._first_s * 2.0 ** min(self._failures, 16)
        self._failures += 1
        jitter: float = self._random.uniform(1 - JITTER, 1 + JITTER)
        return min(self._longest_s, delay * jitter)

    def succeed(self) -> None:
        """Begin anew: the next delay is the first one."""
        self._failures = 0
