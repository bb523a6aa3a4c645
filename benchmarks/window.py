"""What the window costs: ``python -m benchmarks.window``, best on a quiet machine. Prints a Markdown table.

* painting 1080p with 10 skeletons, in the window's thread and beside it,
* the longest time for which the window's thread answers nothing while parts are switched, also to a network
  with a file of 150 MB,
* camera to paint and to poses, by the time that a simulated RTSP camera writes into its pixels, in turns with
  the shortest GStreamer pipeline; pictures a second while networks are slow; this needs GStreamer.

The window is on a virtual screen where ``DISPLAY`` is set (``xvfb-run -a python -m benchmarks.window``), else
offscreen.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.large_network import write_large_network
from benchmarks.window_camera import Row, camera_rows
from sitepose.app.config import read_config
from sitepose.app.gui.model import SessionModel
from sitepose.app.live.results import LiveResult
from sitepose.app.live.views import FIRST, LiveView
from sitepose.core.skeleton import load_skeleton
from sitepose.core.structures import Frame, Poses, TrackedFrame
from sitepose.plugins.sources.live.gst_library import has_gstreamer

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"
PANE = (1280, 720)
PAINTS = 200
SWITCHES = 20
LARGE_LAYERS, LARGE_SWITCHES = 9, 6
LIBRARIES = ("openvino", "onnxruntime")
PAINT_TARGET_MS, STALL_TARGET_MS = 6.0, 50.0

BODY = np.array(
    [
        (0.50, 0.08), (0.54, 0.06), (0.46, 0.06), (0.58, 0.08), (0.42, 0.08),
        (0.70, 0.22), (0.30, 0.22), (0.80, 0.38), (0.20, 0.38), (0.84, 0.52), (0.16, 0.52),
        (0.62, 0.52), (0.38, 0.52), (0.62, 0.74), (0.38, 0.74), (0.62, 0.96), (0.38, 0.96),
    ]
)  # fmt: skip
"""Where the keypoints of COCO are in the box of somebody who stands, as shares of its sides."""


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of networks and videos")
    options = parser.parse_args()
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp())
    if not os.environ.get("DISPLAY"):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from sitepose.app.gui.views.application import make_application

    application = make_application()
    rows = (
        paint_rows(application)
        + switch_rows(application, options.data)
        + large_rows(application, options.data)
        + live_rows(application, options.data)
    )
    print(f"Screen: {application.platformName()}; {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}\n")
    print("| what | measured | target |\n|---|---|---|")
    for row in rows:
        print("| " + " | ".join(row) + " |")


def paint_rows(application: Any) -> list[Row]:
    """Paint 1080p with 10 people into a pane of 720p."""
    from sitepose.app.gui.screen import Screen
    from sitepose.app.gui.views.video import VideoPane

    screen = Screen("cam", FIRST)
    pane = VideoPane(screen, "cam")
    pane.resize(*PANE)
    pane.show()
    application.processEvents()
    prepared, painted, worked = [], [], []
    for index in range(PAINTS):
        view = crowd_view(index)
        started = time.perf_counter()
        picture = screen.show(view)
        prepared.append(time.perf_counter() - started)
        pane.show_picture(picture)
        started, work = time.perf_counter(), time.thread_time()
        pane.repaint()
        painted.append(time.perf_counter() - started)
        worked.append(time.thread_time() - work)
        application.processEvents()
    pane.close()
    return [
        ("paint 1080p with 10 people, window's thread", spread(painted), f"median <= {PAINT_TARGET_MS:g} ms"),
        ("the same in processor time, whatever else the machine does", spread(worked), ""),
        ("scale to the pane, source's thread", spread(prepared), ""),
    ]


def switch_rows(application: Any, data: Path) -> list[Row]:
    """Switch networks and rules in turn, and see how long the window's thread answers nothing."""
    video = data / "videos" / "one-by-one-person-detection.mp4"
    if not video.is_file():
        return [("longest stall while parts are switched", f"not measured: no {video}", "")]
    with opened(application, data, str(video), seconds=90) as window:
        engine = window.controller._engine
        quiet = stalls(application, lambda: False, 5.0)
        worst = []
        for number in range(SWITCHES):
            score = 0.3 + 0.01 * (number % 2 + 1)
            window.controller.parts.change_setting(
                FIRST, ("detector", "nms")[number % 2], *setting(number, score)
            )
            wanted = window.controller.model.configs[FIRST]
            worst.append(max(stalls(application, partial(runs, engine, wanted), 60.0)))
    return [
        ("longest stall of the window's thread in 5 s without a switch", f"{max(quiet) * 1e3:.1f} ms", ""),
        (
            f"the same during {SWITCHES} switches of detector and pose-NMS",
            f"median {statistics.median(worst) * 1e3:.1f} ms, longest {max(worst) * 1e3:.1f} ms",
            f"<= {STALL_TARGET_MS:g} ms",
        ),
    ]


def large_rows(application: Any, data: Path) -> list[Row]:
    """Switch to a large pose network and back, and see how long the window's thread answers nothing."""
    video = data / "videos" / "one-by-one-person-detection.mp4"
    if not video.is_file():
        return [("longest stall while a large network is opened", f"not measured: no {video}", "")]
    rows = []
    with tempfile.TemporaryDirectory() as folder, opened(application, data, str(video), seconds=90) as window:
        file = Path(folder) / "large.onnx"
        megabytes = write_large_network(file, layers=LARGE_LAYERS)
        engine = window.controller._engine
        small = window.controller.model.configs[FIRST]
        for library in LIBRARIES:
            runtime = small.runtime.model_copy(update={"library": library})
            large = small.model_copy(
                update={"pose": small.pose.model_copy(update={"file": file}), "runtime": runtime}
            )
            worst = []
            for number in range(LARGE_SWITCHES):
                wanted = (large, small)[number % 2]
                engine.switch(wanted)
                worst.append(max(stalls(application, partial(runs, engine, wanted), 60.0)))
                if not runs(engine, wanted):
                    raise SystemExit(f"{library}: no poses of {file.name} after a minute")
            rows.append(
                (
                    f"the same during {LARGE_SWITCHES} switches to and from {megabytes} MB, {library}",
                    f"median {statistics.median(worst) * 1e3:.1f} ms, longest {max(worst) * 1e3:.1f} ms",
                    f"<= {STALL_TARGET_MS:g} ms",
                )
            )
    return rows


def live_rows(application: Any, data: Path) -> list[Row]:
    """Watch a simulated camera, whose pixels tell when they were made."""
    video = data / "videos" / "one-by-one-person-detection.mp4"
    if not has_gstreamer() or not video.is_file():
        return [("camera to paint", f"not measured: needs GStreamer and {video}", "")]
    return camera_rows(
        lambda location: opened(application, data, location, seconds=60),
        lambda seconds: stalls(application, lambda: False, seconds),
        video,
    )


@contextmanager
def opened(application: Any, data: Path, location: str, *, seconds: float) -> Iterator[Any]:
    """Give a window on a source whose first people are known, or whose first picture is there."""
    from sitepose.app.gui.views.application import Window

    model = SessionModel()
    config = read_config(
        overrides={
            "detector": {"name": "yolox-nano", "file": str(data / "models" / "yolox_nano.onnx")},
            "pose": {"name": "tinypose-128x96", "file": str(data / "models" / "tinypose_128x96.onnx")},
        }
    )
    model.configs = dict.fromkeys(model.configs, config)
    window = Window(model)
    window.view.resize(*PANE)
    window.start([(location, {})])

    def ready() -> bool:
        picture = window.view.panes[0]._picture
        return picture is not None and picture.result is not None

    try:
        stalls(application, ready, seconds)
        if not ready():
            raise SystemExit(f"{location}: no poses after {seconds:g} s")
        yield window
    finally:
        window.close()


def stalls(application: Any, until: Callable[[], bool], seconds: float) -> list[float]:
    """Serve the window's events; return how long each turn took, in seconds."""
    turns = [0.0]
    deadline = time.monotonic() + seconds
    while not until() and time.monotonic() < deadline:
        started = time.perf_counter()
        application.processEvents()
        turns.append(time.perf_counter() - started)
        time.sleep(0.001)
    return turns


def runs(engine: Any, wanted: Any) -> bool:
    """Return whether the wished parts are at work."""
    return bool(engine.parts().config == wanted)


def setting(number: int, score: float) -> tuple[str, Any]:
    """Return a setting of the detector or of the pose-NMS, other than the last one."""
    return ("min_score", score) if number % 2 == 0 else ("person_score", ("box", "mean")[number // 2 % 2])


def crowd_view(index: int) -> LiveView:
    """Return a frame of 1080p with ten people."""
    random = np.random.default_rng(index)
    image = np.full((1080, 1920, 3), index % 256, np.uint8)
    left = np.arange(10) * 190.0 + random.uniform(0, 20, 10)
    boxes = np.stack([left, np.full(10, 200.0), left + 170, np.full(10, 900.0)], axis=1)
    keypoints = boxes[:, None, :2] + (BODY + random.uniform(-0.03, 0.03, (10, 17, 2))) * [170, 700]
    ones = np.ones(10)
    poses = Poses(keypoints, np.ones((10, 17)), boxes, ones, ones, np.arange(10))
    frame = Frame(image, index, index / 30, captured_at=time.monotonic())
    result = LiveResult("cam", FIRST, TrackedFrame(frame, poses), load_skeleton("coco17"), time.monotonic())
    return LiveView("cam", frame, {FIRST: result})


def spread(seconds: list[float]) -> str:
    """Return median, 95th percentile and maximum in milliseconds."""
    if not seconds:
        return "no readings"
    p50, p95 = np.percentile(seconds, (50, 95)) * 1e3
    return f"p50 {p50:.1f}, p95 {p95:.1f}, max {max(seconds) * 1e3:.1f} ms (n = {len(seconds)})"


if __name__ == "__main__":
    main()
