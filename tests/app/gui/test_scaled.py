"""Screens of several densities: nothing is cut off, and people are painted in the screen's own pixels."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytest.importorskip("qtpy", reason="needs a Qt binding: pip install 'sitepose[gui]'")

pytestmark = pytest.mark.gui

LOOK = """
import sys, time
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractButton, QComboBox, QLabel
from sitepose.app.gui.controller import Controller
from sitepose.app.gui.model import SessionModel
from sitepose.app.gui.views.application import make_application
application = make_application()
sys.path.insert(0, sys.argv[1])
from conftest import view_of
from sitepose.app.gui.figures import figures_table
from sitepose.app.gui.menu import PARTS, options
from sitepose.app.gui.model import SourceEntry
from sitepose.app.gui.screen import Screen
from sitepose.app.gui.view import PartChoice, RecordingState
from sitepose.app.gui.views.main_window import MainWindow
from sitepose.app.gui.views.source_dialog import SourceDialog
from sitepose.app.gui.views.keys_dialog import KeysDialog
from sitepose.app.live.replay import Position
from sitepose.app.live.stats import LiveFigures, Percentiles

steps = ("queue", "detect", "pose", "nms", "track", "camera to pose", "camera to paint")
figures = LiveFigures(
    captured=123456, inferred=100000, waiting=1, dropped={"inference": 23455, "loading": 12},
    capture_rate=119.9, inference_rate=119.9, stages={},
    recent={step: Percentiles(123.4, 1234.5, 1234.5, 300) for step in steps},
)

def cut_off(window):
    found = []
    for kind in (QLabel, QAbstractButton):
        for widget in window.findChildren(kind):
            wraps = isinstance(widget, QLabel) and widget.wordWrap()
            needs = widget.sizeHint()
            if widget.isVisibleTo(window) and not wraps and widget.text():
                if widget.width() < needs.width() - 1 or widget.height() < needs.height() - 1:
                    found.append(f"{type(widget).__name__} {widget.text()!r} {widget.size()} < {needs}")
    for box in window.findChildren(QComboBox):
        room = box.width() - 38  # padding, and the arrow
        if box.isVisibleTo(window) and box.fontMetrics().horizontalAdvance(box.currentText()) > room:
            found.append(f"{box.currentText()!r} in {box.width()}")
    return found

window = MainWindow()
window.show_theme("dark")
screen = Screen("cam", "A")
window.show_screens([screen], ["cam"])
window.show_sources([SourceEntry("rtsp://192.168.100.200/stream1", "")], "cam")
for part in PARTS:
    longest = max(options(part), key=lambda option: len(option.name))
    window.show_part("A", PartChoice(part, options(part), longest.name, ()))
window.show_figures("A", figures_table(figures, 1.234))
window.show_recording(RecordingState(3725.0, "gate-20250301-073000: 123456 frames; 12.3 GB free, 2 h 01 min"))
window.show_replay(Position(40, 100, 65.5, 130.0, True, 2.0))
for width in (900, 1440):
    window.resize(width, 1300)
    window.show()
    for _ in range(5):
        application.processEvents()
    print("CUT", width, cut_off(window)) if cut_off(window) else None
    pane = window.panes[0]
    pane.show_picture(screen.show(view_of(3)))
    ratio = pane.devicePixelRatioF()
    height, wide = pane._picture.pixels.shape[:2]
    full = round(pane.width() * ratio) == wide or round(pane.height() * ratio) == height
    print("PIXELS", ratio, full, pane.grab().width() == round(pane.width() * ratio))
for dialog in (SourceDialog(window, list), KeysDialog(window)):
    dialog.open()
    for _ in range(5):
        application.processEvents()
    print("CUT", type(dialog).__name__, cut_off(dialog)) if cut_off(dialog) else None
    dialog.reject()
window.close()
"""


@pytest.mark.slow
@pytest.mark.parametrize("factor", ["1", "1.5", "2"])
def test_nothing_is_cut_off_and_pictures_have_the_screens_pixels(factor):
    done = subprocess.run(
        [sys.executable, "-c", LOOK, os.path.dirname(__file__)],
        env={**os.environ, "QT_SCALE_FACTOR": factor, "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    said = [line.split() for line in done.stdout.splitlines()]
    assert [words[0] for words in said] == ["PIXELS", "PIXELS"], done.stdout
    for _, ratio, full, same in said:
        assert float(ratio) == pytest.approx(float(factor), rel=0.05)  # Qt 5 takes 96 dpi for 100 there
        assert (full, same) == ("True", "True")
