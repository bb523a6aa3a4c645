"""The whole window: real networks on a real video, switches."""

from __future__ import annotations

import sys
import threading

import psutil
import pytest

pytest.importorskip("qtpy", reason="needs a Qt binding: pip install 'sitepose[gui]'")

from qtpy.QtWidgets import QWidget

from sitepose.app.cli import main
from sitepose.app.config import PartConfig
from sitepose.app.gui.model import SessionModel
from sitepose.app.gui.views.application import Window, WindowWishes
from sitepose.app.pipeline.live import FIRST

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

    @pytest.mark.slow
    def test_fifty_switches_leave_nothing_behind(self, qtbot, model, clip):
        window = Window(model, ONE_THREAD)
        window.start([(str(clip), {})])
        lane = window.controller._engine.lane()
        qtbot.waitUntil(lambda: lane.parts is not None, timeout=30_000)
        self.switch(qtbot, window, 10)
        threads, widgets = threading.active_count(), len(window.view.findChildren(QWidget))
        memory = psutil.Process().memory_info().rss
        self.switch(qtbot, window, 50)
        grown = psutil.Process().memory_info().rss - memory
        counts = threading.active_count(), len(window.view.findChildren(QWidget))
        window.close()

        assert counts == (threads, widgets)
        assert grown < 32 << 20

    def switch(self, qtbot, window, times):
        """Exchange pose-NMS and tracker in turn; networks stay loaded."""
        engine = window.controller._engine
        for number in range(times):
            part, names = (("nms", ("oks", "parametric")), ("tracker", ("none", "oks-sort")))[number % 2]
            name = names[number // 2 % 2]
            window.controller.choose_part(FIRST, part, name)
            qtbot.waitUntil(lambda part=part, name=name: getattr(engine.parts().config, part).name == name)

    def test_a_part_that_fails_leaves_the_old_one_and_says_so(self, qtbot, model, clip, tmp_path):
        window = Window(model, ONE_THREAD)
        window.start([(str(clip), {})])
        engine = window.controller._engine
        qtbot.waitUntil(lambda: engine.parts() is not None, timeout=30_000)
        broken = tmp_path / "broken.onnx"
        broken.write_bytes(b"no network")
        config = model.configs[FIRST].model_copy(update={"detector": PartConfig(name="yolox", file=broken)})
        window.controller._switch(FIRST, config)
        qtbot.waitUntil(lambda: window.view.banner.isVisible(), timeout=30_000)
        text = window.view.banner.text
        running = engine.parts().config.detector.file.name
        window.close()

        assert "what was running goes on" in text
        assert running == "yolox_nano.onnx"


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
