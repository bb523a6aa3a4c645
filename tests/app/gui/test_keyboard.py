"""The window without a mouse."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("qtpy", reason="needs a Qt binding: pip install 'sitepose[gui]'")

from qtpy.QtCore import Qt
from qtpy.QtGui import QImage
from qtpy.QtWidgets import QApplication, QLabel, QScrollArea, QWidget

from sitepose.app.gui.following import next_person
from sitepose.app.gui.forms import FormField
from sitepose.app.gui.hotkeys import HOTKEYS
from sitepose.app.gui.menu import PARTS, Option
from sitepose.app.gui.model import Banner, SourceEntry
from sitepose.app.gui.view import PartChoice, RecordingState
from sitepose.app.gui.views.keys_dialog import KeysDialog
from sitepose.app.gui.views.main_window import MainWindow
from sitepose.app.live.replay import Position

pytestmark = pytest.mark.gui

FIELDS = (
    FormField("min_score", "min score", "number", 0.3, low=0, high=1),
    FormField("peaks", "peaks", "whole", 1, low=1, high=4),
    FormField("rule", "rule", "choice", "box", choices=("box", "mean")),
    FormField("flip", "flip", "switch", False),
    FormField("limit", "limit", "text", "", optional=True),
)


@pytest.fixture(params=["dark", "light"])
def window(qtbot, request):
    """Return a window with everything on the screen that it can have."""
    window = MainWindow()
    qtbot.addWidget(window)
    window.show_theme(request.param)
    window.show_sources([SourceEntry("cam", "0"), SourceEntry("yard", "1")], "cam")
    for lane in ("A", "B"):
        window.show_preset(lane, "")
        for part in PARTS:
            window.show_part(lane, PartChoice(part, (Option("one"), Option("two")), "one", FIELDS))
    window.panel.lanes["A"].parts["detector"].open_settings()
    window.show_recording(RecordingState(1.0))
    window.show_banner(Banner("no picture", "Check the cable."))
    window.show_replay(Position(3, 100, 1.0, 4.0, False, 1.0))
    window.show_compare(True)
    window.resize(1440, 1400)
    window.show()
    qtbot.waitExposed(window)
    window.activateWindow()
    yield window
    window.close()


def tab_round(qtbot, window):
    """Press Tab until the first one is back; return who had the focus."""
    seen = []
    for _ in range(200):
        qtbot.keyClick(QApplication.focusWidget() or window, Qt.Key.Key_Tab)
        widget = QApplication.focusWidget()
        if widget in seen:
            return seen
        seen.append(widget)
    raise AssertionError("Tab never comes back to where it began")


def reachable(window):
    """Return everything that is to be reached by Tab."""
    return {
        widget
        for widget in window.findChildren(QWidget)
        if widget.isVisibleTo(window)
        and widget.isEnabled()
        and widget.focusPolicy() & Qt.FocusPolicy.TabFocus
        and widget.focusProxy() is None
        and not isinstance(widget, QLabel | QScrollArea)
        and not widget.objectName().startswith("qt_")  # parts of Qt's own widgets
    }


def pixels(widget):
    image = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    bits = image.constBits()
    bits.setsize(image.sizeInBytes()) if hasattr(bits, "setsize") else None
    return np.array(bits, np.uint8)


class TestTab:
    def test_it_reaches_every_control_and_comes_back(self, qtbot, window):
        seen = tab_round(qtbot, window)
        missed = reachable(window) - set(seen)

        assert [f"{type(w).__name__} {w.accessibleName()}" for w in missed] == []

    def test_it_goes_from_the_top_down_in_the_panel(self, qtbot, window):
        seen = [widget for widget in tab_round(qtbot, window) if window.panel.isAncestorOf(widget)]
        heights = [widget.mapTo(window, widget.rect().center()).y() for widget in seen]
        first = heights.index(min(heights))
        heights = heights[first:] + heights[:first]

        assert heights == sorted(heights)

    def test_the_focus_can_be_seen_wherever_it_is(self, qtbot, window):
        hidden = []
        for widget in tab_round(qtbot, window):
            widget.setFocus(Qt.FocusReason.TabFocusReason)
            with_it = pixels(widget)
            window.setFocus()
            if (with_it == pixels(widget)).all():
                hidden.append(f"{type(widget).__name__} {widget.accessibleName()}")

        assert hidden == []

    def test_everything_has_a_name_for_those_who_do_not_see(self, window):
        silent = [
            f"{type(widget).__name__} in {type(widget.parent()).__name__}"
            for widget in reachable(window)
            if not (widget.accessibleName() or getattr(widget, "text", str)())
        ]

        assert silent == []


class TestKeys:
    def test_every_key_does_what_the_list_says(self, qtbot, window):
        """Each key is pressed; its action, and no other, is told of."""
        told = []
        window.tools.wished.disconnect()
        window.tools.wished.connect(told.append)
        window.panel.setFocus()
        for key in HOTKEYS:
            combination = window.tools.by_name[key.action].shortcut()[0]
            code = combination.toCombined() if hasattr(combination, "toCombined") else combination
            modifiers = code & 0xFE000000
            if key.keys == "?":
                # On most keyboards it needs Shift, which a made-up key press does not know.
                window.tools.by_name[key.action].trigger()
                continue
            qtbot.keyClick(window, Qt.Key(code & 0x01FFFFFF), modifier_of(modifiers))

        assert told == [key.action for key in HOTKEYS]

    def test_the_list_of_keys_is_complete_and_fits_the_screen(self, qtbot):
        dialog = KeysDialog()
        qtbot.addWidget(dialog)
        text = " ".join(label.text() for label in dialog.findChildren(QLabel))

        assert all(key.does in text for key in HOTKEYS)
        assert dialog.sizeHint().height() < 600


class TestFollowing:
    def test_from_left_to_right_then_nobody_then_the_first(self, make_view):
        poses = make_view(3).results["A"].tracked.poses.replace(track_ids=np.array([8, -1, 5]))
        order = [next_person(poses, None)]
        for _ in range(3):
            order.append(next_person(poses, order[-1]))

        assert order == [8, 5, None, 8]

    def test_where_nobody_is_nobody_is_followed(self, make_view):
        assert next_person(make_view(0).results["A"].tracked.poses, 4) is None


def modifier_of(bits):
    found = Qt.KeyboardModifier.NoModifier
    for modifier in (
        Qt.KeyboardModifier.ShiftModifier,
        Qt.KeyboardModifier.ControlModifier,
        Qt.KeyboardModifier.AltModifier,
    ):
        value = modifier.value if hasattr(modifier, "value") else int(modifier)
        if bits & value:
            found |= modifier
    return found
