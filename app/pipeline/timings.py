"""How long each stage takes: percentiles in constant memory, however long the run."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TypedDict

import numpy as np

_FASTEST_S = 1e-6
_BINS_PER_DECADE = 48
_DECADES = 9


class StageTiming(TypedDict):
    """Milliseconds that one stage took per frame."""

    p50_ms: float
    p95_ms: float
    mean_ms: float
    count: int


class Histogram:
    """Durations in logarithmic bins of 5 %, from a microsecond to a quarter of an hour.

    >>> histogram = Histogram()
    >>> for milliseconds in range(1, 101):
    ...     histogram.add(milliseconds / 1000)
    >>> 48 < histogram.summary()["p50_ms"] < 52.5
    True
    """

    def __init__(self) -> None:
        self._counts = np.zeros(_BINS_PER_DECADE * _DECADES + 1, np.int64)
        self._total_s = 0.0

    def add(self, seconds: float) -> None:
        """Count one duration."""
        place = np.log10(max(seconds, _FASTEST_S) / _FASTEST_S) * _BINS_PER_DECADE
        self._counts[min(int(place), len(self._counts) - 1)] += 1
        self._total_s += seconds

    def quantile(self, share: float) -> float:
        """Return the duration in seconds that ``share`` of all do not exceed; 0 when empty."""
        count = int(self._counts.sum())
        if count == 0:
            return 0.0
        place = int(np.searchsorted(np.cumsum(self._counts), share * count))
        return float(_FASTEST_S * 10 ** ((place + 0.5) / _BINS_PER_DECADE))

    def summary(self) -> StageTiming:
        """Return median, 95th percentile and mean in milliseconds, and the count."""
        count = int(self._counts.sum())
        return {
            "p50_ms": round(self.quantile(0.5) * 1e3, 3),
            "p95_ms": round(self.quantile(0.95) * 1e3, 3),
            "mean_ms": round(self._total_s / count * 1e3, 3) if count else 0.0,
            "count": count,
        }


class Timings:
    """One histogram for each stage; may be fed from several threads."""

    def __init__(self) -> None:
        self._stages: dict[str, Histogram] = {}
        self._lock = threading.Lock()

    def add(self, timings: Mapping[str, float]) -> None:
        """Count what one frame cost, seconds by stage."""
        with self._lock:
            for stage, seconds in timings.items():
                self._stages.setdefault(stage, Histogram()).add(seconds)

    def summary(self) -> dict[str, StageTiming]:
        """Return the figures of every stage, in the order in which the stages were first seen."""
        with self._lock:
            return {stage: histogram.summary() for stage, histogram in self._stages.items()}
