"""The widgets: what they show, and what they tell."""

from __future__ import annotations

import gc
import sys
import threading
import weakref

import numpy as np
import pytest

pytest.importorskip("qtpy", reason="needs a Qt binding: pip install 'sitepose[gui]'")

from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QImage, QPainter, QRegion
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QWidget

from sitepose.app.gui.forms import FormField
from sitepose.app.gui.hotkeys import HOTKEYS
from sitepose.app.gui.menu import Option
from sitepose.app.gui.model import Banner, Layers, SourceEntry
from sitepose.app.gui.recorded import KEPT_CHOICES
from sitepose.app.gui.screen import Screen
from sitepose.app.gui.view import PartChoice, RecordingState
from sitepose.app.gui.views.application import Failures
from sitepose.app.gui.views.form import SettingsForm
from sitepose.app.gui.views.main_window import MainWindow
from sitepose.app.gui.views.people import person_at
from sitepose.app.gui.views.theme import COLORS
from sitepose.app.gui.views.video import VideoPane
from sitepose.app.gui.views.wakeup import Wakeup
from sitepose.app.live.replay import Position

pytestmark = pytest.mark.gui


@pytest.fixture
def window(qtbot):
    """Return a main window on the screen."""
    window = MainWindow()
    qtbot.addWidget(window)
    window.show_theme("dark")
    window.show()
    yield window
    window.close()


def pane_of(qtbot, view, *, size=(640, 480)):
    screen = Screen(view.source, "A")
    pane = VideoPane(screen, "cam")
    qtbot.addWidget(pane)
    pane.resize(*size)
    pane.show()
    pane.show_picture(screen.show(view))
    return pane


def painted(widget):
    image = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    bits = image.constBits()
    bits.setsize(image.sizeInBytes()) if hasattr(bits, "setsize") else None
    return np.array(bits, np.uint8).reshape(image.height(), image.width(), 4)[..., 2::-1].copy()


class TestVideoPane:
    @pytest.mark.parametrize("count", [None, 0, 1, 10])
    def test_any_number_of_people(self, qtbot, make_view, count):
        pixels = painted(pane_of(qtbot, make_view(count)))

        strange = (np.abs(pixels[120:].astype(int) - 90) > 8).any(axis=2).mean()
        assert (strange > 0.01) == bool(count)

    def test_the_picture_is_shown_without_a_copy_and_let_go_with_the_next(self, qtbot, make_view):
        pane = pane_of(qtbot, make_view(0))
        pixels = pane._picture.pixels
        address = pixels.__array_interface__["data"][0]
        held = weakref.ref(pixels)

        assert int(pane._image.constBits()) == address
        pane.show_picture(pane.screen.show(make_view(0)))
        pane.screen._picture = pane._picture
        del pixels
        gc.collect()
        assert held() is None

    def test_colours_are_the_frames_own(self, qtbot, make_view):
        view = make_view(None)
        view.frame.image.flags.writeable = False
        image = np.zeros((480, 640, 3), np.uint8)
        image[:] = (200, 30, 90)
        import dataclasses

        view = dataclasses.replace(view, frame=dataclasses.replace(view.frame, image=image))
        pixels = painted(pane_of(qtbot, view))

        assert pixels[300, 300].tolist() == [200, 30, 90]

    @pytest.mark.parametrize("size", [(640, 480), (300, 400), (1000, 500)])
    def test_a_box_is_where_the_person_is_in_a_pane_of_any_size(self, qtbot, make_view, size):
        pane = pane_of(qtbot, make_view(1), size=size)
        pane.show_layers(Layers(skeletons=False, labels=False, trails=False))
        pixels = painted(pane)
        scale = min(size[0] / 640, size[1] / 480)
        origin = np.array([(size[0] - 640 * scale) / 2, (size[1] - 480 * scale) / 2])
        x, y = (origin + np.array([0.5, 240]) * scale).round().astype(int)

        around = pixels[y, max(x - 2, 0) : x + 4].astype(int)
        assert (np.abs(around - 90) > 30).any()

    @pytest.mark.parametrize("size", [(640, 480), (301, 400), (1000, 501), (643, 483), (641, 479)])
    def test_every_pixel_is_of_the_picture_or_of_the_ground(self, qtbot, make_view, size):
        pane = pane_of(qtbot, make_view(None), size=size)
        image = QImage(*size, QImage.Format.Format_RGB32)
        image.fill(0xFF00FF)  # what was there before; the pane says that it paints all of it
        painter = QPainter(image)
        pane.render(painter, QPoint(0, 0), QRegion(), QWidget.RenderFlag.DrawChildren)
        painter.end()
        bits = image.constBits()
        bits.setsize(image.sizeInBytes()) if hasattr(bits, "setsize") else None
        pixels = np.array(bits, np.uint8).reshape(size[1], size[0], 4)[..., 2::-1].astype(int)
        ground = (np.abs(pixels - (14, 16, 20)) <= 1).all(axis=2)
        picture = (np.abs(pixels - 90) <= 1).all(axis=2)

        assert (ground | picture)[60:].all()

    def test_clicking_a_person_tells_who_it_is_and_beside_nobody(self, qtbot, make_view):
        pane = pane_of(qtbot, make_view(2))
        told = []
        pane.personClicked.connect(lambda source, lane, track_id: told.append((source, lane, track_id)))
        for place in (QPoint(100, 240), QPoint(400, 240), QPoint(300, 240)):
            qtbot.mouseClick(pane, Qt.MouseButton.LeftButton, pos=place)

        assert told == [("cam", "A", 1), ("cam", "A", 2), ("cam", "A", None)]

    def test_people_who_are_not_followed_are_faded(self, qtbot, make_view):
        pane = pane_of(qtbot, make_view(2))
        before = painted(pane)
        pane.show_following(2)
        after = painted(pane)

        assert (before[60:, :256] != after[60:, :256]).any()
        assert (before[60:, 340:] == after[60:, 340:]).all()

    @pytest.mark.parametrize("layer", ["boxes", "skeletons", "labels"])
    def test_each_layer_can_be_hidden(self, qtbot, make_view, layer):
        pane = pane_of(qtbot, make_view(3))
        before = painted(pane)
        pane.show_layers(Layers(**{layer: False}))

        assert (before != painted(pane)).any()

    def test_a_keypoint_that_is_not_a_number_is_left_out(self, qtbot, make_view):
        view = make_view(1)
        result = view.results["A"]
        keypoints = result.tracked.poses.keypoints.copy()
        keypoints[:, ::2] = np.nan
        import dataclasses

        poses = result.tracked.poses.replace(keypoints=keypoints)
        tracked = dataclasses.replace(result.tracked, poses=poses)
        view = dataclasses.replace(view, results={"A": dataclasses.replace(result, tracked=tracked)})

        painted(pane_of(qtbot, view))

    def test_the_smallest_box_around_a_point_is_meant(self, make_view):
        picture = Screen("cam", "A").show(make_view(0))

        assert person_at(picture, 5, 5) is None


class TestForm:
    def test_a_change_is_told_when_it_is_finished(self, qtbot):
        form = SettingsForm()
        qtbot.addWidget(form)
        told = []
        form.changed.connect(lambda name, value: told.append((name, value)))
        form.show_fields(
            [
                FormField("min_score", "min score", "number", 0.3, "Help.", low=0, high=1),
                FormField("way", "way", "choice", "b", choices=("a", "b")),
                FormField("flip", "flip", "switch", False),
                FormField("limit", "limit", "number", None, optional=True),
            ]
        )
        form.findChild(QDoubleSpinBox).setValue(0.5)
        box = form.findChild(QComboBox)
        box.setCurrentIndex(0)
        box.activated.emit(0)

        assert told == [("min_score", 0.5), ("way", "a")]
        assert form.findChild(QDoubleSpinBox).toolTip() == "Help."

    def test_showing_the_same_again_keeps_the_editors(self, qtbot):
        form = SettingsForm()
        qtbot.addWidget(form)
        fields = [FormField("on", "on", "switch", True)]
        form.show_fields(fields)
        editor = form._layout.itemAt(1).widget()
        form.show_fields(list(fields))

        assert form._layout.itemAt(1).widget() is editor


class TestMainWindow:
    def test_every_key_is_told_or_done(self, qtbot, window, monkeypatch):
        told, done = [], []
        window.wished.connect(told.append)
        for name in ("_ask_source", "_ask_note", "_show_keys", "close"):
            monkeypatch.setattr(window, name, lambda name=name: done.append(name))
        monkeypatch.setattr(window.tools, "choose_kept", lambda: done.append("kept"))
        window.show_recording(RecordingState(1.0))
        for key in HOTKEYS:
            window.tools.by_name[key.action].trigger()
        window.showNormal()

        assert len(told) + len(done) + 2 == len(HOTKEYS)  # the panel and full screen are its own

    def test_a_key_works_while_video_is_in_front(self, qtbot, window):
        window.activateWindow()
        with qtbot.waitSignal(window.wished, timeout=2000) as told:
            qtbot.keyClick(window, Qt.Key.Key_B)

        assert told.args == ["boxes"]

    def test_panes_come_and_go(self, qtbot, window, make_view):
        screens = [Screen("a", "A"), Screen("b", "A"), Screen("c", "A")]
        window.show_screens(screens, ["a", "b", "c"])
        kept = window.panes[1]
        window.show_screens([screens[1]], ["b"])
        window.show_picture(screens[1], screens[1].show(make_view(2, source="b")))

        assert window.panes == [kept]
        assert kept._picture is not None

    def test_a_banner_says_what_to_do(self, window):
        window.show_banner(Banner("no picture", "Check the cable."))
        assert window.banner.isVisible()
        assert "Check the cable." in window.banner.text
        window.show_banner(None)
        assert not window.banner.isVisible()

    def test_a_name_that_is_too_long_hides_nothing(self, window):
        window.show_sources([SourceEntry("a-very-long-name-of-a-camera-" * 4, "0", "playing")], "")
        sources = window.panel._sources
        row = sources.visualItemRect(sources.item(0))

        assert (
            sources.viewport().rect().contains(row.adjusted(0, 0, sources.viewport().width() - row.width(), 0))
        )
        assert not sources.horizontalScrollBar().isVisible()

    def test_while_nothing_is_open_there_is_a_way_to_open_something(self, qtbot, window, monkeypatch):
        asked = []
        monkeypatch.setattr(window, "_ask_source", lambda: asked.append(1))
        qtbot.mouseClick(window.tiles.invitation, Qt.MouseButton.LeftButton)
        window.show_screens([Screen("a", "A")], ["a"])

        assert asked == [1]
        assert not window.tiles.invitation.isVisible()

    def test_a_small_window_says_how_long_it_has_recorded_and_what_happens(self, qtbot, window):
        window.resize(1024, 640)
        window.show()
        qtbot.waitExposed(window)
        line = f"{'a-very-long-name-of-a-camera-' * 3}20250301-073000: 63 frames; faces blurred; 12.3 GB free"
        window.show_recording(RecordingState(65.0, line))
        button = window.tools.widgetForAction(window.tools.by_name["record"])
        during = button.toolButtonStyle()
        room, text = window._recording.width(), window._recording.text()
        window.show_recording(RecordingState(None))
        window.close()

        assert (button.text(), during) == ("Record", Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        assert button.toolButtonStyle() == Qt.ToolButtonStyle.ToolButtonIconOnly
        assert room < window.width() * 0.6
        assert text.endswith("63 frames; faces blurred; 12.3 GB free")

    @pytest.mark.parametrize("kept", [choice.kept for choice in KEPT_CHOICES])
    def test_the_tool_bar_has_its_words_in_a_window_of_the_usual_size(self, qtbot, kept):
        window = MainWindow()
        qtbot.addWidget(window)
        window.show()
        qtbot.waitExposed(window)
        window.show_theme("dark")
        window.show_kept(kept)
        style = window.tools.widgetForAction(window.tools.by_name["boxes"]).toolButtonStyle()
        window.close()

        assert style == Qt.ToolButtonStyle.ToolButtonTextBesideIcon

    def test_a_pane_that_stays_is_called_by_its_pipeline_once_there_are_two(self, window):
        screen = Screen("cam", "A")
        window.show_screens([screen], ["cam"])
        (pane,) = window.panes
        window.show_screens([screen, Screen("cam", "B")], ["A  cam", "B  cam"])

        assert window.panes[0] is pane
        assert [pane.accessibleName() for pane in window.panes] == ["Video of A  cam", "Video of B  cam"]

    def test_what_recordings_keep_is_chosen_from_sentences(self, window):
        told = []
        window.keptChosen.connect(told.append)
        choices = window.tools._menu.actions()
        choices[1].trigger()
        window.show_kept("blurred")
        button = window.tools.widgetForAction(window.tools.by_name["kept"])

        assert [choice.text() for choice in choices] == [choice.says for choice in KEPT_CHOICES]
        assert told == ["blurred"]
        assert "Blurred" in button.text()
        assert "somebody who is not found" in button.toolTip()
        assert [choice.isChecked() for choice in choices] == [False, True, False]

    def test_sources_and_parts_are_shown(self, window):
        told = []
        window.panel.partChosen.connect(lambda *wish: told.append(wish))
        window.show_sources([SourceEntry("cam", "0", "playing"), SourceEntry("b", "1", "failed")], "b")
        choice = PartChoice("nms", (Option("parametric"), Option("oks")), "oks", ())
        window.show_part("A", choice)
        box = window.panel.lanes["A"].parts["nms"]._box
        box.activated.emit(0)

        assert window.windowTitle() == "b - Sitepose"
        assert told == [("A", "nms", "parametric")]

    def test_the_replay_bar_follows_the_recording(self, window):
        window.show_replay(Position(40, 100, 65.5, 130.0, True, 2.0))
        sought = []
        window.frameSought.connect(sought.append)

        assert window.replay.isVisible()
        assert "1:05.50 / 2:10.00" in window.replay._time.text()
        assert sought == []
        window.replay._slider.setValue(7)
        assert sought == [7]
        window.show_replay(None)
        assert not window.replay.isVisible()

    @pytest.mark.parametrize("theme", ["dark", "light"])
    def test_letters_stand_out_from_their_ground(self, theme):
        colors = COLORS[theme]
        for ink, ground in (
            ("ink", "panel"),
            ("soft", "panel"),
            ("accent_ink", "accent"),
            ("warn_ink", "warn"),
        ):
            assert contrast(colors[ink], colors[ground]) >= 4.5, (ink, ground)


def contrast(first, second):
    lights = sorted((luminance(first), luminance(second)))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def luminance(color):
    """Return the relative luminance of a colour (WCAG 2.1)."""
    channels = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(channels <= 0.03928, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


class TestWakeup:
    def test_a_thousand_requests_of_a_thread_are_one_event(self, qtbot):
        calls = []
        wakeup = Wakeup(lambda: calls.append(threading.current_thread()))
        thread = threading.Thread(target=lambda: [wakeup.ask() for _ in range(1000)])
        thread.start()
        thread.join()
        qtbot.waitUntil(lambda: len(calls) >= 1)

        assert calls == [threading.main_thread()]

    def test_one_more_after_it_was_served(self, qtbot):
        calls = []
        wakeup = Wakeup(lambda: calls.append(1))
        wakeup.ask()
        qtbot.waitUntil(lambda: calls == [1])
        wakeup.ask()
        qtbot.waitUntil(lambda: calls == [1, 1])


class TestFailures:
    def test_an_error_in_a_slot_is_shown_and_ends_nothing(self):
        before, told = sys.excepthook, []
        with Failures(told.append):
            error = ValueError("broken")
            sys.excepthook(ValueError, error, None)

        assert told == [error]
        assert sys.excepthook is before
