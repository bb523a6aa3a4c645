"""The dialog that asks for a source, and the look at it before it is opened."""

from __future__ import annotations

import threading
import time
from urllib.parse import quote

import av
import numpy as np
import pytest

pytest.importorskip("qtpy", reason="needs a Qt binding: pip install 'sitepose[gui]'")

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialog, QDialogButtonBox

from sitepose.app.gui.preview import Preview
from sitepose.app.gui.views.source_dialog import SourceDialog
from sitepose.app.gui.views.source_pages import NO_CAMERA, FoundCamera
from sitepose.plugins.sources.live.choose import live_settings

pytestmark = pytest.mark.gui

PASSWORD = "Pa@ss:w/rd%9"


@pytest.fixture
def film(tmp_path):
    """Return a film that is red at the left and blue at the right."""
    path = tmp_path / "film.mp4"
    image = np.zeros((120, 160, 3), np.uint8)
    image[:, :80, 0] = image[:, 80:, 2] = 255
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for _ in range(50):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        output.mux(stream.encode())
    return path


@pytest.fixture
def preview():
    preview = Preview((320, 180), lambda: None)
    yield preview
    preview.stop()
    until(lambda: preview.idle)


@pytest.fixture
def open_dialog(qtbot):
    dialogs = []

    def make(look=list):
        dialog = SourceDialog(look=look)
        dialogs.append(dialog)
        qtbot.addWidget(dialog)
        dialog.open()
        return dialog

    yield make
    for dialog in dialogs:
        dialog.reject()
        qtbot.waitUntil(lambda dialog=dialog: dialog._preview.idle, timeout=5000)


def until(condition, timeout_s=20.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class TestPreview:
    def test_a_film_is_shown_in_its_form_and_colours(self, preview, film):
        preview.show(str(film))
        until(lambda: preview.picture is not None)
        blue, green, red, _ = preview.picture[90, 20].tolist()

        assert preview.picture.shape == (180, 240, 4)
        assert red > 200 > 60 > max(blue, green)

    @pytest.mark.parametrize(
        ("location", "said"),
        [
            ("/nowhere/film.mp4", "no such file, folder or camera: /nowhere/film.mp4"),
            ("rtsp://", "the camera's address has no valid host and port"),
            ("rtsp://127.0.0.1:1/live", "next attempt"),
        ],
    )
    def test_what_goes_wrong_is_one_line(self, preview, location, said):
        preview.show(location)
        until(lambda: said in preview.message)

        assert "\n" not in preview.message
        assert preview.picture is None

    @pytest.mark.parametrize("way", ["fields", "address"])
    def test_it_says_no_password(self, preview, way):
        login = {"user": "me", "password": PASSWORD} if way == "fields" else {}
        prefix = f"me:{quote(PASSWORD, safe='')}@" if way == "address" else ""
        preview.show(f"rtsp://{prefix}127.0.0.1:1/live", **login)
        until(lambda: "next attempt" in preview.message)

        assert PASSWORD not in preview.message
        assert quote(PASSWORD, safe="") not in preview.message

    def test_the_newest_choice_alone_is_shown(self, preview, film):
        for _ in range(5):
            preview.show(str(film))
        preview.show("/nowhere/film.mp4")
        until(lambda: "no such file" in preview.message)
        until(lambda: len(preview._closing) == 0)

        assert preview.picture is None

    def test_stopped_it_shows_nothing_and_lets_the_camera_go(self, preview, film):
        preview.show(str(film))
        until(lambda: preview.picture is not None)
        preview.stop()

        assert (preview.picture, preview.message) == (None, "")
        until(lambda: preview.idle)


class TestSourceDialog:
    def test_cameras_are_looked_for_beside_the_window(self, qtbot, open_dialog):
        found = threading.Event()

        def look():
            found.wait(20)
            return [FoundCamera("HD cam (/dev/video2)", "/dev/v4l/by-id/usb-HD_cam-index0")]

        dialog = open_dialog(look)
        assert "looking" in dialog.camera.camera.currentText()
        assert dialog.wish() is None
        found.set()
        qtbot.waitUntil(lambda: "HD cam" in dialog.camera.camera.currentText())

        assert dialog.wish().location == "/dev/v4l/by-id/usb-HD_cam-index0"
        qtbot.waitUntil(
            lambda: dialog._says.toolTip() not in ("", "connecting")
        )  # it was tried, and is not there

    def test_without_a_camera_there_is_the_test_pattern(self, qtbot, open_dialog):
        dialog = open_dialog()
        qtbot.waitUntil(lambda: dialog.camera.camera.currentText() == NO_CAMERA)
        dialog.camera.camera.setCurrentIndex(1)

        assert dialog.wish().location == "test:"

    def test_a_file_that_was_picked_is_shown(self, qtbot, open_dialog, film):
        dialog = open_dialog()
        dialog.tabs.setCurrentIndex(2)
        dialog.file._pick(str(film))
        qtbot.waitUntil(lambda: not dialog._screen.pixmap().isNull(), timeout=20_000)
        dialog.tabs.setCurrentIndex(1)

        assert dialog._screen.text() == "no preview"

    def test_user_and_password_have_fields_of_their_own(self, qtbot, open_dialog):
        dialog = open_dialog()
        dialog.tabs.setCurrentIndex(1)
        qtbot.keyClicks(dialog.network.url, "rtsp://10.0.0.2/live")
        qtbot.keyClicks(dialog.network.user, "me")
        qtbot.keyClicks(dialog.network.password, "s3cret")
        wish = dialog.wish()

        assert wish.location == "rtsp://10.0.0.2/live"
        assert wish.settings == {"transport": "tcp", "user": "me", "password": "s3cret"}
        assert "s3cret" not in repr(wish)
        assert dialog._preview.idle  # nothing is tried while somebody types

    def test_a_camera_may_have_a_sub_stream(self, qtbot, open_dialog):
        dialog = open_dialog()
        dialog.tabs.setCurrentIndex(1)
        qtbot.keyClicks(dialog.network.url, "rtsp://10.0.0.2/live")
        qtbot.keyClicks(dialog.network.sub, " rtsp://10.0.0.2/small ")

        assert dialog.wish().settings == {"transport": "tcp", "sub": "rtsp://10.0.0.2/small"}

    def test_a_camera_may_have_a_certificate_of_its_own(self, qtbot, open_dialog):
        dialog = open_dialog()
        dialog.tabs.setCurrentIndex(1)
        qtbot.keyClicks(dialog.network.url, "rtsps://10.0.0.2/live")
        dialog.network.any_certificate.click()
        wish = dialog.wish()

        assert wish.settings == {"transport": "tcp", "verify_tls": False}
        assert live_settings(wish.location, **wish.settings).verify_tls is False

    def test_a_file_may_play_over_and_over(self, open_dialog, film):
        dialog = open_dialog()
        dialog.tabs.setCurrentIndex(2)
        dialog.file.path.setText(str(film))
        dialog.file.loop.setChecked(True)

        assert dialog.wish().location == f"loop:{film}"

    def test_it_closes_with_the_camera_free(self, qtbot, open_dialog, film):
        dialog = open_dialog()
        dialog.tabs.setCurrentIndex(2)
        dialog.file._pick(str(film))
        qtbot.waitUntil(lambda: dialog._preview.picture is not None, timeout=20_000)
        qtbot.mouseClick(
            dialog._buttons.button(QDialogButtonBox.StandardButton.Open), Qt.MouseButton.LeftButton
        )
        qtbot.waitUntil(lambda: dialog.result() == QDialog.DialogCode.Accepted)

        assert dialog._preview.idle
        assert dialog.wish().location == str(film)
