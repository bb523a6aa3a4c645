"""A camera in the window: how old pictures and poses are, by the time in the camera's pixels.

A simulated 720p30 RTSP camera with people in its picture is recorded and looked at by two networks. The
shortest GStreamer pipeline to numpy is measured in turns with it, on the same camera.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.camera import barcode
from benchmarks.camera.process import CameraProcess
from benchmarks.live import bare
from sitepose.app.live.parts import LiveParts
from sitepose.app.live.recording import LiveRecording
from sitepose.app.live.results import LiveResult
from sitepose.app.live.views import LiveView
from sitepose.app.sessions.recorder import RecordingSettings
from sitepose.app.sessions.verify import verify
from sitepose.core.structures import Frame

CAMERA = {"width": 1280, "height": 720, "rate": 30, "gop": 30, "bitrate": 4000}
ROUNDS = 3
BARE_S, WINDOW_S, SLOW_S, SETTLE_S = 5.0, 10.0, 6.0, 3.0
SLOW_NETWORKS_S = (0.1, 0.5)
PAINT_P95_TARGET_MS, BEYOND_TARGET_MS = 100.0, 10.0

Row = tuple[str, str, str]
Open = Callable[[str], AbstractContextManager[Any]]
"""Opens a window on an address, and waits for its first poses."""

Serve = Callable[[float], object]
"""Serves the window's events for so many seconds."""


@dataclass
class Ages:
    """Milliseconds since the camera drew a frame, until it came, was painted, and its poses were known."""

    arrived: list[float] = field(default_factory=list)
    painted: list[float] = field(default_factory=list)
    posed: list[float] = field(default_factory=list)
    overlay: list[float] = field(default_factory=list)
    frames: set[int] = field(default_factory=set)
    seconds: float = 0.0

    def put(self, result: LiveResult) -> None:
        """Take the poses of a frame."""
        note(self.posed, result.tracked.frame)

    def switched(self, source: str, index: int, parts: LiveParts) -> None:
        """Nothing is switched here."""

    def paint(self, view: LiveView) -> None:
        """Take a picture that is on the screen; what was painted before counts once."""
        if view.frame.index not in self.frames:
            self.frames.add(view.frame.index)
            note(self.painted, view.frame)
            self.overlay.append((view.age_s() or 0.0) * 1e3)

    @property
    def rate(self) -> float:
        """Different frames painted in a second."""
        return len(self.frames) / self.seconds


def note(ages: list[float], frame: Frame) -> None:
    """Add the age of a frame, if its barcode can be read."""
    stamp = barcode.read(frame.image)
    if stamp is not None:
        ages.append((time.monotonic_ns() / 1e3 - stamp.time_us) / 1e3)


def camera_rows(open_window: Open, serve: Serve, video: Path) -> list[Row]:
    """Return the rows of the table."""
    shortest: list[float] = []
    rounds: list[Ages] = []
    slow: dict[float, Ages] = {}
    frames = 0
    with CameraProcess("rtsp", video=video, **CAMERA) as camera, tempfile.TemporaryDirectory() as folder:
        for number in range(ROUNDS):
            shortest.append(statistics.median(bare(camera.url, BARE_S)))
            with open_window(camera.url) as window:
                engine, key = window.controller._engine, window.controller.model.current
                settings = RecordingSettings(reserve_bytes=0)
                recording = LiveRecording(engine, key, Path(folder) / str(number), settings)
                serve(SETTLE_S)
                rounds.append(watched(window, serve, WINDOW_S))
                if number == ROUNDS - 1:
                    slow = {delay: slowed(window, serve, delay) for delay in SLOW_NETWORKS_S}
                recording.close()
            frames += checked(recording.folder)
    return latency_rows(shortest, rounds) + rate_rows(rounds, slow, frames)


def watched(window: Any, serve: Serve, seconds: float) -> Ages:
    """Watch a window for some seconds."""
    ages, engine, pane = Ages(), window.controller._engine, window.view.panes[0]
    deliver = engine._on_view

    def on_view(view: LiveView) -> None:
        note(ages.arrived, view.frame)
        deliver(view)

    def on_paint() -> None:
        if pane._picture is not None:
            ages.paint(pane._picture.view)

    engine._on_view = on_view
    engine.add_sink(ages)
    pane.painted.connect(on_paint)
    began = time.monotonic()
    serve(seconds)
    ages.seconds = time.monotonic() - began
    pane.painted.disconnect(on_paint)
    engine.remove_sink(ages)
    engine._on_view = deliver
    return ages


def slowed(window: Any, serve: Serve, delay_s: float) -> Ages:
    """Watch a window whose detector takes so much longer."""
    plugin = window.controller._engine.parts().detector.plugin
    detect = plugin.detect

    def slow(frames: Sequence[Frame]) -> Any:
        time.sleep(delay_s)
        return detect(frames)

    plugin.detect = slow
    try:
        serve(SETTLE_S)
        return watched(window, serve, SLOW_S)
    finally:
        plugin.detect = detect


def checked(session: Path) -> int:
    """Return how many frames were recorded.

    Raises:
        SystemExit: One is lost, or the session is damaged.
    """
    result = verify(session, decode=False)
    if not result.good:
        raise SystemExit("\n".join(result.problems))
    return result.frames


def latency_rows(shortest: Sequence[float], rounds: Sequence[Ages]) -> list[Row]:
    """Return how old things are; medians over the rounds."""
    base = statistics.median(shortest)
    paint = percentiles([ages.painted for ages in rounds])
    targets = f"p95 <= {PAINT_P95_TARGET_MS:g} ms, p50 at most {BEYOND_TARGET_MS:g} ms beyond the bare pipeline"
    each = ", ".join(f"{value:.1f}" for value in shortest)
    return [
        ("camera to numpy, bare GStreamer", f"p50 {base:.1f} ms (rounds: {each})", ""),
        ("camera to numpy", percentiles([ages.arrived for ages in rounds])[0], ""),
        ("camera to paint", f"{paint[0]}; p50 {paint[1] - base:+.1f} ms beyond bare", targets),
        ("camera to pose", percentiles([ages.posed for ages in rounds])[0], ""),
    ]


def rate_rows(rounds: Sequence[Ages], slow: dict[float, Ages], frames: int) -> list[Row]:
    """Return how often the picture changes, whatever the networks cost, and what was recorded meanwhile."""
    rates = [(statistics.median(ages.rate for ages in rounds), rounds[-1], "with the networks as they are")]
    rates += [(ages.rate, ages, f"a detector of {delay * 1e3:.0f} ms more") for delay, ages in slow.items()]
    rows = [
        (
            f"pictures painted, {what}",
            f"{rate:.1f} a second; poses {len(ages.posed) / ages.seconds:.1f} a second,"
            f" {np.median(ages.overlay):.0f} ms older than their picture",
            "30 a second",
        )
        for rate, ages, what in rates
    ]
    return [*rows, ("frames recorded meanwhile", f"{frames}, every session verified", "none lost")]


def percentiles(rounds: Sequence[Sequence[float]]) -> tuple[str, float]:
    """Return p50, p95 and p99, each the median over the rounds, in words, and the p50."""
    values = np.median([np.percentile(ages, (50, 95, 99)) for ages in rounds], axis=0)
    count = sum(map(len, rounds))
    return "p50 {:.1f}, p95 {:.1f}, p99 {:.1f} ms".format(*values) + f" (n = {count})", float(values[0])
