"""Real videos through real networks: what the tests of the program share."""

from __future__ import annotations

import pytest

from sitepose.app.config import read_config
from sitepose.app.factory import build_parts


@pytest.fixture(scope="session")
def clip(data):
    """Return a real video of a street: 179 frames, 640x480, 25 fps."""
    return data / "mot" / "TUD-Stadtmitte" / "TUD-Stadtmitte.mp4"


@pytest.fixture(scope="session")
def networks(data):
    """Return the command line's options for two small real networks at full precision."""
    return [
        "--detector", f"yolox:{data}/models/yolox_nano.onnx",
        "--pose", f"tinypose-128x96:{data}/models/tinypose_128x96.onnx",
        "--precision", "fp32",
    ]  # fmt: skip


@pytest.fixture(scope="session")
def config(data):
    """Return a configuration with the same two networks, which writes poses alone."""
    return read_config(
        overrides={
            "detector": {"name": "yolox", "file": str(data / "models" / "yolox_nano.onnx")},
            "pose": {"name": "tinypose-128x96", "file": str(data / "models" / "tinypose_128x96.onnx")},
            "runtime": {"precision": "fp32"},
            "input": {"max_frames": 25},
            "output": {"overlay": False},
        }
    )


@pytest.fixture
def parts(config):
    """Return those networks, loaded."""
    with build_parts(config) as loaded:
        yield loaded
