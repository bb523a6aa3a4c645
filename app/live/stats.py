"""The figures of a live pipeline: what became of every frame, how long each step takes, how often."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from sitepose.app.pipeline.timings import StageTiming, Timings

RECENT_FRAMES = 300
"""Frames that the figures on the screen look back: ten seconds of video."""

RATE_WINDOW_S = 2.0
"""Seconds that a frame rate looks back."""


@dataclass(frozen=True, slots=True)
class Percentiles:
    """How long something took lately, in milliseconds."""

    p50_ms: float
    p95_ms: float
    p99_ms: float
    count: int


class Recent:
    """The newest durations by step, in constant memory. May be fed from several threads."""

    def __init__(self) -> None:
        self._steps: dict[str, deque[float]] = {}
        self._lock = threading.Lock()

    def add(self, timings: Mapping[str, float]) -> None:
        """Take in what one frame cost, seconds by step."""
        with self._lock:
            for step, seconds in timings.items():
                self._steps.setdefault(step, deque(maxlen=RECENT_FRAMES)).append(seconds)

    def summary(self) -> dict[str, Percentiles]:
        """Return the percentiles of every step, in the order in which the steps were first seen."""
        with self._lock:
            samples = {step: np.array(seconds) for step, seconds in self._steps.items()}
        return {step: _percentiles(seconds) for step, seconds in samples.items()}


class Rate:
    """How many times a second something happens. One thread feeds it, any may read it."""

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=4000)

    def add(self) -> None:
        """Count one now."""
        self._times.append(time.monotonic())

    def per_second(self) -> float:
        """Return the rate of the last seconds; 0 when nothing has happened in them."""
        now = time.monotonic()
        times = self._times.copy()
        recent = sum(at > now - RATE_WINDOW_S for at in times)
        if len(times) > recent or len(times) == times.maxlen:
            return recent / RATE_WINDOW_S
        # Not yet at work for so long: the first one opens the first interval.
        passed = times[-1] - times[0] if times else 0.0
        return (recent - 1) / passed if passed > 0 else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveFigures:
    """The figures of one source in one lane; ``captured`` is ``inferred``, ``waiting`` and all of ``dropped``.

    Attributes:
        captured: Frames that the source has had, as far as can be told.
        inferred: Frames whose poses are finished.
        waiting: Frames that wait or are being looked at.
        dropped: Frames that were not, by reason: ``network``, ``busy`` and ``decoder`` before they reached the
            pipeline; ``inference`` (a newer one came first), ``loading`` (no networks yet), ``failed`` (a
            stage failed) and ``stopped``.
        capture_rate: Frames per second that reach the pipeline.
        inference_rate: Frames per second whose poses are finished.
        recent: Percentiles of the last frames by step.
        stages: Figures of the whole run by step.
    """

    captured: int
    inferred: int
    waiting: int
    dropped: Mapping[str, int]
    capture_rate: float
    inference_rate: float
    recent: Mapping[str, Percentiles]
    stages: Mapping[str, StageTiming]


@dataclass(slots=True)
class Ledger:
    """What has become of the frames of one source in one lane so far."""

    offered: int = 0
    inferred: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    rate: Rate = field(default_factory=Rate)
    recent: Recent = field(default_factory=Recent)
    timings: Timings = field(default_factory=Timings)

    def time(self, timings: Mapping[str, float]) -> None:
        """Take in what one frame cost, seconds by step."""
        self.recent.add(timings)
        self.timings.add(timings)


def _percentiles(seconds: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Percentiles:
    p50, p95, p99 = (np.percentile(seconds, (50, 95, 99)) * 1e3).round(2).tolist()
    return Percentiles(p50, p95, p99, len(seconds))
