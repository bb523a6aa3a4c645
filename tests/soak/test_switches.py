"""Parts exchanged again and again while a live source plays: nothing grows, and no frame is waited for."""

from __future__ import annotations

import gc
import sys
import time

import numpy as np
import psutil
import pytest

from sitepose.app.config import read_config
from sitepose.app.live.engine import LiveEngine
from sitepose.plugins.sources.live.choose import live_settings, open_live

PATIENCE_S = 60.0
MEGABYTES = 40
"""Of noise: what a library keeps of a network that was closed, to be used for the next one."""


def configurations(models):
    """Return what is switched to in turn; each changes one part of the one before."""
    detector = {"name": "yolox-nano", "file": str(models / "yolox_nano.onnx")}
    picodet = {
        "name": "picodet-s-320-pedestrian",
        "file": str(models / "picodet_s_320_pedestrian.onnx"),
    }
    pose = {"name": "tinypose-128x96", "file": str(models / "tinypose_128x96.onnx")}
    larger = {"name": "tinypose-256x192", "file": str(models / "tinypose_256x192.onnx")}
    steps = (
        {"detector": detector, "pose": pose},
        {"detector": picodet, "pose": pose},
        {"detector": picodet, "pose": larger},
        {"detector": picodet, "pose": larger, "nms": {"name": "oks"}},
        {"detector": picodet, "pose": larger, "nms": {"name": "oks"}, "tracker": {"name": "none"}},
    )
    return [read_config(overrides=step) for step in steps]


@pytest.fixture
def engine(data):
    pytest.importorskip("onnxruntime")
    engine = LiveEngine(threads=1)
    settings = live_settings(f"loop:{data / 'videos' / 'one-by-one-person-detection.mp4'}")
    engine.add_source("cam", lambda listener: open_live(settings, backend="pyav", listener=listener))
    yield engine
    engine.stop()


class TestSwitches:
    @pytest.mark.parametrize(
        ("networks", "rounds"),
        [
            pytest.param(False, 3, id="9 switches"),
            pytest.param(True, 10, id="50 switches", marks=[pytest.mark.soak, pytest.mark.timeout(1200)]),
        ],
    )
    def test_nothing_is_left_of_what_was_replaced(self, data, engine, networks, rounds):
        process, counts = psutil.Process(), []
        configs = configurations(data / "models")[0 if networks else 2 :]
        engine.start_lane(configs[0])
        assert engine.lane().wait_loaded(PATIENCE_S)
        for _ in range(rounds):
            for config in (*configs[1:], configs[0]):
                self.switch(engine, config)
            gc.collect()
            counts.append((process.num_threads(), process.num_fds(), process.memory_info().rss / 1e6))
        threads, files, megabytes = np.array(counts).T
        sys.stdout.write(
            f"\n{rounds * len(configs)} switches: threads {threads}, files {files}, MB {megabytes.round()}\n"
        )

        # In the first round libraries make their own threads and caches.
        assert threads[-1] <= threads[0]
        assert files[-1] <= files[0]
        assert megabytes[-1] < megabytes[0] + MEGABYTES

    def switch(self, engine, config):
        """Wait until a configuration is at work, and has found the people of a frame."""
        engine.switch(config)
        self.wait(lambda: engine.parts().config == config)
        inferred = engine.figures("cam").inferred
        self.wait(lambda: engine.figures("cam").inferred > inferred)

    def wait(self, condition):
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, "the switch did not happen"
            time.sleep(0.01)
