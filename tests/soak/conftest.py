"""Simulated cameras for the endurance tests."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from sitepose.plugins.sources.live.gst_library import has_gstreamer

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # for the simulated cameras in `benchmarks`


HARD = {"width": 1280, "height": 720, "gop": 30, "bitrate": 4000, "noise": 1}
SMALL = {"width": 320, "height": 180, "gop": 30, "bitrate": 600}


@pytest.fixture
def start_camera():
    """Starts 30 fps RTSP cameras on loopback, with a time barcode in their pixels; ``hard`` ones are 720p."""
    if not has_gstreamer():
        pytest.skip("needs GStreamer and PyGObject: scripts/setup-live.sh")
    from benchmarks.camera.process import CameraProcess

    with ExitStack() as cameras:
        yield lambda *, hard: cameras.enter_context(CameraProcess("rtsp", **(HARD if hard else SMALL)))
