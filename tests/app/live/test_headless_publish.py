"""Several cameras to one port, without a window."""

from __future__ import annotations

import json
import socket
import threading
from functools import partial

import pytest
from websockets.sync.client import connect

from sitepose.app.live import headless
from sitepose.app.live.engine import LiveEngine
from sitepose.app.live.headless import HeadlessRun
from sitepose.core.errors import RecordingError


@pytest.fixture
def started(fakes, monkeypatch, gstreamer):
    """Makes a run of two patterns that publishes to a port."""
    shop = fakes.Shop(one=fakes.Detector(delay_s=0.02))
    monkeypatch.setattr(headless, "LiveEngine", partial(LiveEngine, load=shop.load))

    def make(port):
        config = fakes.config()
        output = config.output.model_copy(update={"publish": (f"ws://127.0.0.1:{port}",)})
        locations = [("test:", {"size_wh": (128, 96)}), ("test:", {"size_wh": (128, 96)})]
        return HeadlessRun(locations, config.model_copy(update={"output": output}), None)

    yield make
    shop.workers.close()


@pytest.fixture
def gstreamer():
    from sitepose.plugins.sources.live.gst_library import has_gstreamer

    if not has_gstreamer():
        pytest.skip("needs GStreamer and PyGObject: scripts/setup-live.sh")


class TestPublish:
    def test_two_cameras_of_one_name_share_a_port_and_are_told_apart(self, started, wait_until):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        run = started(port)
        thread = threading.Thread(target=run.run)
        thread.start()
        seen = []
        wait_until(lambda: _open(port))
        with connect(f"ws://127.0.0.1:{port}") as listener:
            while len({line["source"] for line in seen if "index" in line}) < 2:
                seen.append(json.loads(listener.recv(timeout=10)))
        run.stop()
        thread.join(20)

        assert run.failure == ""
        assert {line["source"] for line in seen} == {"test:ball", "test:ball (2)"}
        for name in ("test:ball", "test:ball (2)"):  # the header first
            assert "schema" in next(line for line in seen if line["source"] == name)

    def test_a_port_that_is_taken_is_told_before_anything_is_loaded(self, started):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            run = started(taken.getsockname()[1])
            with pytest.raises(RecordingError, match="in use"):
                run.run()


def _open(port):
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0
