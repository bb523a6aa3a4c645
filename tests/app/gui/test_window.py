"""The whole window: real networks on a real video, switches."""

from __future__ import annotations

import gc
import sys
import threading

import numpy as np
import psutil
import pytest

pytest.importorskip("qtpy", reason="needs a Qt binding: pip install 'sitepose[gui]'")

from qtpy.QtWidgets import QWidget

from sitepose.app.cli import main
from sitepose.app.config import PartConfig
from sitepose.app.gui.model import SessionModel
from sitepose.app.gui.views.application import Window, WindowWishes
from sitepose.app.live.views import FIRST

pytestmark = pytest.mark.gui

ONE_THREAD = WindowWishes(threads=1)


@pytest.fixture
def model(config):
    model = SessionModel()
    for lane in model.configs:
        model.configs[lane] = config
    return model


class TestWindow:
    def test_people_are_found_and_painted(self, qtbot, model, clip):
        window = Window(model, ONE_THREAD)
        window.start([(str(clip), {})])
        pane = window.view.panes[0]
        qtbot.waitUntil(lambda: pane._picture is not None and pane._picture.result is not None, timeout=30_000)
        window.controller.tick()
        people = pane._picture.result.tracked.poses
        figures = window.controller._engine.figures("TUD-Stadtmitte.mp4")
        window.close()

        assert len(people) > 0
        assert "camera to paint" in figures.recent

    @pytest.mark.parametrize(
        # A round is four switches: with two more, the last parts are those of the ten that are done before.
        "times",
        [pytest.param(50, marks=pytest.mark.slow), pytest.param(502, marks=pytest.mark.soak)],
    )
    def test_switches_in_a_row_leave_nothing_behind(self, qtbot, model, clip, times):
        window = Window(model, ONE_THREAD)
        window.start([(str(clip), {})])
        lane = window.controller._engine.lane()
        qtbot.waitUntil(lambda: lane.parts is not None, timeout=60_000)
        self.switch(qtbot, window, 10)
        before, memory = counts(window), psutil.Process().memory_info().rss
        self.switch(qtbot, window, times)
        grown = psutil.Process().memory_info().rss - memory
        after = counts(window)
        window.close()

        assert after == before
        assert grown < 32 << 20

    @pytest.mark.soak
    def test_networks_switched_in_a_row_give_their_memory_back(self, qtbot, model, clip, data):
        window = Window(model, ONE_THREAD)
        window.start([(str(clip), {})])
        engine = window.controller._engine
        qtbot.waitUntil(lambda: engine.parts() is not None, timeout=60_000)
        readings = []
        for number in range(50):
            size = ("256x192", "128x96")[number % 2]
            file = data / "models" / f"tinypose_{size}.onnx"
            pose = PartConfig(name=f"tinypose-{size}", file=file)
            window.controller.parts._switch(FIRST, model.configs[FIRST].model_copy(update={"pose": pose}))
            qtbot.waitUntil(lambda pose=pose: engine.parts().config.pose == pose, timeout=60_000)
            readings.append((psutil.Process().memory_info().rss, *counts(window)))
        window.close()
        middle, last = np.median(readings[10:20], axis=0), np.median(readings[40:], axis=0)

        assert last[1:].tolist() == middle[1:].tolist()
        assert last[0] - middle[0] < 32 << 20

    def test_what_was_there_before_is_no_business_of_the_collectors(self, qtbot, model):
        window = Window(model, ONE_THREAD)
        window.start()
        frozen, seen = gc.get_freeze_count(), len(gc.get_objects())
        window.close()

        assert frozen > 10 * seen
        assert gc.get_freeze_count() == 0

    def switch(self, qtbot, window, times):
        """Exchange pose-NMS and tracker in turn; networks stay loaded."""
        engine = window.controller._engine
        for number in range(times):
            part, names = (("nms", ("oks", "parametric")), ("tracker", ("none", "oks-sort")))[number % 2]
            name = names[number // 2 % 2]
            window.controller.parts.choose(FIRST, part, name)
            qtbot.waitUntil(lambda part=part, name=name: getattr(engine.parts().config, part).name == name)

    def test_a_part_that_fails_leaves_the_old_one_and_says_so(self, qtbot, model, clip, tmp_path):
        window = Window(model, ONE_THREAD)
        window.start([(str(clip), {})])
        engine = window.controller._engine
        qtbot.waitUntil(lambda: engine.parts() is not None, timeout=30_000)
        broken = tmp_path / "broken.onnx"
        broken.write_bytes(b"no network")
        config = model.configs[FIRST].model_copy(update={"detector": PartConfig(name="yolox", file=broken)})
        window.controller.parts._switch(FIRST, config)
        qtbot.waitUntil(lambda: window.view.banner.isVisible(), timeout=30_000)
        text = window.view.banner.text
        running = engine.parts().config.detector.file.name
        window.close()

        assert "what was running goes on" in text
        assert running == "yolox_nano.onnx"


def counts(window):
    """Return how many threads, widgets and file handles there are.

    A row of figures comes with the first frame that is dropped for its reason, whatever is switched.
    """
    figures = [lane.figures for lane in window.view.panel.lanes.values()]
    widgets = window.view.findChildren(QWidget)
    lasting = [one for one in widgets if not any(box.isAncestorOf(one) for box in figures)]
    return threading.active_count(), len(lasting), psutil.Process().num_fds()


class TestProgram:
    def test_without_a_screen_it_is_one_line(self, monkeypatch, capsys):
        for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
            monkeypatch.delenv(name, raising=False)

        assert main([]) == 2
        assert "no screen for the window" in capsys.readouterr().err

    def test_without_qt_it_is_one_line(self, monkeypatch, capsys):
        monkeypatch.setitem(sys.modules, "qtpy", None)

        assert main(["--camera", "0"]) == 1
        assert capsys.readouterr().err.strip() == (
            "sitepose: the window needs Qt: pip install 'sitepose[gui]' (or choose --headless, or --video FILE)"
        )

    def test_headless_without_a_source_is_a_usage_error(self, capsys):
        assert main(["--headless"]) == 2
        assert "name a source" in capsys.readouterr().err
