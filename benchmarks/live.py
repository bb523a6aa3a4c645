"""Live cameras: latency from the pixels of the camera to numpy, and what recording costs.

Everything runs on this machine, against a simulated 720p30 RTSP camera with a time barcode in its pixels. The
bare GStreamer pipeline is measured in the same run, in turns with the sources, so that the machine is the same
for all. ``python -m benchmarks.live [--seconds 8] [--rounds 3]``
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import psutil

from benchmarks.camera import barcode
from benchmarks.camera.process import ROOT, CameraProcess
from sitepose.app.sessions.verify import verify

WARM_UP_S = 2.0
PERCENTILES = (50, 95, 99)

CAMERA = {"width": 1280, "height": 720, "rate": 30, "gop": 30, "bitrate": 4000, "noise": 1}


def bare(url: str, seconds: float) -> list[float]:
    """Return the ages, in ms, of the frames that the shortest GStreamer pipeline gives."""
    from sitepose.plugins.sources.live.gst_library import load_gstreamer

    gst = load_gstreamer().Gst
    text = (
        f"rtspsrc location={url} protocols=tcp ! rtph264depay ! h264parse ! avdec_h264 ! videoconvert !"
        " video/x-raw,format=RGB ! appsink name=frames sync=false max-buffers=1 drop=true"
    )
    pipeline = gst.parse_launch(text)
    frames = pipeline.get_by_name("frames")
    pipeline.set_state(gst.State.PLAYING)
    ages, begin = [], time.monotonic()
    while time.monotonic() - begin < seconds + WARM_UP_S:
        sample = frames.try_pull_sample(gst.SECOND // 10)
        if sample is None:
            continue
        buffer = sample.get_buffer()
        image = np.frombuffer(buffer.extract_dup(0, buffer.get_size()), np.uint8)
        _measure(image.reshape(CAMERA["height"], CAMERA["width"], 3), begin, ages)
    pipeline.set_state(gst.State.NULL)
    return ages


def ours(backend: str, *, busy_ms: float = 0.0) -> Callable[[str, float], list[float]]:
    """Return what measures one of our sources; ``busy_ms`` is spent on each frame, as by a slow network."""
    from sitepose.plugins.sources.live.choose import live_settings, open_live

    def run(url: str, seconds: float) -> list[float]:
        ages: list[float] = []
        with open_live(live_settings(url, give_up_s=20), backend=backend) as source:
            next(source)
            begin = time.monotonic()
            while time.monotonic() - begin < seconds + WARM_UP_S:
                _measure(next(source).image, begin, ages)
                time.sleep(busy_ms / 1000)
        return ages

    return run


def _measure(image: np.ndarray, begin: float, ages: list[float]) -> None:
    now = time.monotonic_ns() // 1000
    stamp = barcode.read(image)
    if stamp is not None and time.monotonic() - begin > WARM_UP_S:
        ages.append((now - stamp.time_us) / 1000)


def latency(seconds: float, rounds: int) -> None:
    """Print the table of latencies."""
    ways: dict[str, Callable[[str, float], list[float]]] = {
        "bare GStreamer": bare,
        "gstreamer": ours("gstreamer"),
        "gstreamer, 100 ms a frame": ours("gstreamer", busy_ms=100),
        "pyav": ours("pyav"),
        "opencv": ours("opencv"),
    }
    found: dict[str, list[list[float]]] = {name: [] for name in ways}
    with CameraProcess("rtsp", **CAMERA) as camera:
        for _ in range(rounds):
            for name, run in ways.items():
                found[name].append(run(camera.url, seconds))
    print("Camera to numpy, 720p30 H.264 over RTSP/TCP; ms; median over the rounds\n")
    print("| way | p50 | p95 | p99 | p50 beyond bare | frames |")
    print("|---|---|---|---|---|---|")
    base = median(float(np.percentile(ages, 50)) for ages in found["bare GStreamer"])
    for name, runs in found.items():
        columns = [median(float(np.percentile(ages, p)) for ages in runs) for p in PERCENTILES]
        cells = " | ".join(f"{value:.1f}" for value in columns)
        print(f"| {name} | {cells} | {columns[0] - base:+.1f} | {sum(map(len, runs))} |")


def recording(seconds: float, rounds: int) -> None:
    """Print what a recording process takes of one processor, while nothing is decoded."""
    shares, frames, rates = [], [], []
    with CameraProcess("rtsp", **CAMERA) as camera, tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            share, count, rate = _record(camera.url, Path(folder) / str(number), seconds)
            shares.append(share)
            frames.append(count)
            rates.append(rate)
    print("\nPassthrough recording, 720p30\n")
    print("| seconds | frames | Mbit/s | processor, % of one core (each round) |")
    print("|---|---|---|---|")
    each = ", ".join(f"{share:.1f}" for share in shares)
    print(f"| {seconds:.0f} | {sum(frames)} | {median(rates):.1f} | {median(shares):.1f} ({each}) |")


def _record(url: str, folder: Path, seconds: float) -> tuple[float, int, float]:
    """Return percent of a core, frames, and Mbit/s of one recording."""
    words = ["record", url, "--output", str(folder), "--reserve", "0", "--segment", "10"]
    process = subprocess.Popen(
        [sys.executable, "main.py", *words],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 30
        while not list(folder.glob("*/video/*.mkv")) and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(WARM_UP_S)  # start-up is not what recording costs
        watched = psutil.Process(process.pid)
        before, begin = watched.cpu_times(), time.monotonic()
        time.sleep(seconds)
        after, took = watched.cpu_times(), time.monotonic() - begin
    finally:
        process.terminate()
        process.wait()
    result = verify(next(folder.iterdir()), decode=False)
    size = sum(path.stat().st_size for path in folder.glob("*/video/*.mkv"))
    share = 100 * (after.user + after.system - before.user - before.system) / took
    return share, result.frames, size * 8 / result.seconds / 1e6


def main() -> None:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    latency(options.seconds, options.rounds)
    recording(options.seconds, options.rounds)


if __name__ == "__main__":
    main()
