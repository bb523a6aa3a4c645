"""The window over real cameras: what is recorded and published from the start, and what nobody may read."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote

import pytest

pytest.importorskip("qtpy", reason="needs a Qt binding: pip install 'sitepose[gui]'")

from qtpy.QtCore import QSettings
from qtpy.QtWidgets import QLabel, QListWidget, QWidget

from sitepose.app.cli.main import main
from sitepose.app.gui.model import SessionModel
from sitepose.app.gui.views import application
from sitepose.app.gui.views.application import Window, WindowWishes
from sitepose.app.live import headless
from sitepose.app.logs import configure_logs
from sitepose.app.sessions.manifest import read_manifest
from sitepose.app.sessions.verify import verify
from sitepose.plugins.sources.live.gst_library import has_gstreamer
from sitepose.plugins.sources.live.secrets import spellings

ROOT = Path(__file__).resolve().parents[3]

sys.path.insert(0, str(ROOT))  # for the simulated cameras in `benchmarks`

pytestmark = pytest.mark.gui

needs_gstreamer = pytest.mark.skipif(not has_gstreamer(), reason="needs GStreamer: scripts/setup-live.sh")

USER, PASSWORD = "us er~7", "Pa@ss:w/rd%9"


@pytest.fixture
def model(config, tmp_path):
    model = SessionModel()
    model.sessions = tmp_path / "sessions"
    for lane in model.configs:
        model.configs[lane] = config
    return model


class TestRecord:
    @needs_gstreamer
    def test_what_the_command_line_names_is_recorded_from_the_start(self, qtbot, model, data):
        film = data / "videos" / "one-by-one-person-detection.mp4"
        window = Window(model, WindowWishes([(f"loop:{film}", {})], record=True, threads=1))
        window.start()
        bar = window.view._recording
        qtbot.waitUntil(lambda: " frames" in bar.text() and ": 0 frames" not in bar.text(), timeout=30_000)
        shown = window.view.tools.by_name["record"].isChecked()
        window.close()
        session = next(model.sessions.iterdir())

        assert shown
        assert read_manifest(session).source == film.name
        assert verify(session).good
        assert verify(session).frames > 0

    @needs_gstreamer
    def test_faces_are_blurred_from_the_start_where_that_is_kept(self, qtbot, model, data):
        model.kept = "blurred"
        film = data / "videos" / "one-by-one-person-detection.mp4"
        window = Window(model, WindowWishes([(f"loop:{film}", {})], record=True, threads=1))
        window.start()
        bar = window.view._recording
        qtbot.waitUntil(lambda: " frames; faces blurred" in bar.text(), timeout=30_000)
        window.close()
        session = next(model.sessions.iterdir())

        assert read_manifest(session).blurred
        assert verify(session).good

    def test_what_is_left_of_the_disk_is_shown_also_when_nothing_is_recorded(self, qtbot, model):
        window = Window(model, WindowWishes(threads=1))
        window.start()
        qtbot.waitUntil(lambda: "GB free" in window.view._recording.text(), timeout=10_000)
        window.close()

    @needs_gstreamer
    @pytest.mark.slow
    @pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_a_recording_is_closed_when_the_program_is_told_to_end(self, clip, networks, tmp_path, sent):
        sessions = tmp_path / "sessions"
        words = ["--camera", f"loop:{clip}", *networks, "--record", str(sessions)]
        place = {
            "QT_QPA_PLATFORM": "offscreen",
            "XDG_CONFIG_HOME": str(tmp_path),
            "XDG_RUNTIME_DIR": str(tmp_path),
        }
        run = [sys.executable, "main.py", *words]
        with subprocess.Popen(run, cwd=ROOT, env={**os.environ, **place}, stderr=subprocess.DEVNULL) as process:
            deadline = time.monotonic() + 60
            while not any(path.stat().st_size > 2000 for path in sessions.glob("*/video/*.mkv")):
                assert time.monotonic() < deadline, "nothing was recorded"
                time.sleep(0.1)
            process.send_signal(sent)
            process.wait(30)
        (folder,) = sessions.iterdir()

        assert process.returncode == 0
        assert read_manifest(folder).state == "closed"
        assert verify(folder).good
        assert (tmp_path / "sitepose" / "window.conf").is_file()


class TestPublish:
    def test_only_the_person_who_is_selected_is_sent_and_followed(self, qtbot, model, clip):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
            receiver.bind(("127.0.0.1", 0))
            receiver.settimeout(30)
            to = f"udp://127.0.0.1:{receiver.getsockname()[1]}"
            window = Window(
                model, WindowWishes([(str(clip), {})], select=2, publish=(to,), threads=1), memory=None
            )
            window.start()
            pane = window.view.panes[0]
            qtbot.waitUntil(lambda: pane._picture is not None and 2 in people_of(pane._picture), timeout=30_000)
            window.close()
            receiver.settimeout(0.5)
            lines = [json.loads(line) for line in received(receiver)]

        sent = [person["track_id"] for line in lines for person in line.get("people", [])]
        assert set(sent) == {2}
        assert pane._followed == 2


class TestSecrets:
    @pytest.mark.parametrize("way", ["fields", "address"])
    @pytest.mark.parametrize("server", ["rtsp", "nobody"])
    def test_no_login_reaches_log_screen_title_or_settings(self, qtbot, model, tmp_path, capfd, way, server):
        login = {"user": USER, "password": PASSWORD} if way == "fields" else {}
        prefix = f"{quote(USER, safe='')}:{quote(PASSWORD, safe='')}@" if way == "address" else ""
        configure_logs(2)
        memory = QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat)
        window = Window(model, WindowWishes(threads=1), memory=memory)
        seen: list[str] = []
        window.view.windowTitleChanged.connect(seen.append)
        window.view.statusBar().messageChanged.connect(seen.append)
        with camera(server) as port:
            window.start([(f"rtsp://{prefix}127.0.0.1:{port}/live", login)])
            qtbot.waitUntil(lambda: any("attempt" in text for text in seen), timeout=30_000)
            window.controller.report(ValueError(f"a library says rtsp://{USER}:{PASSWORD}@127.0.0.1/live"))
            logging.getLogger("sitepose.test").error("and logs %s", quote(PASSWORD, safe=""))
            seen += texts(window.view)
            window.close()
        memory.sync()
        seen += [(tmp_path / "window.ini").read_text(encoding="utf-8"), *capfd.readouterr()]

        assert "a library says" in " ".join(seen)
        assert "and logs ***" in " ".join(seen)
        for secret in spellings(USER) | spellings(PASSWORD):
            assert secret not in " ".join(seen)


class TestCommandLine:
    @pytest.fixture
    def asked(self, monkeypatch, tmp_path):
        """What the command line asks of the window, which is not opened."""
        asked = {}

        def run_window(wishes, change):
            model = SessionModel()
            change(model)
            asked.update(wishes=wishes, model=model)
            return 0

        monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
        monkeypatch.setattr(application, "run_window", run_window)
        return asked

    def test_everything_that_is_asked_for_reaches_the_window(self, asked, tmp_path):
        to = "udp://127.0.0.1:9"
        words = ["--camera", "0", "--record", str(tmp_path), "--select", "3", "--publish", to]

        assert main(words) == 0
        assert asked["wishes"] == WindowWishes(
            [("0", {})], record=True, select=3, publish=(to,), threads=asked["wishes"].threads
        )
        assert asked["model"].sessions == tmp_path

    @pytest.mark.parametrize(("option", "kept"), [("--blur-faces", "blurred"), ("--poses-only", "poses")])
    def test_nobody_is_recognized_in_what_is_recorded_where_that_is_asked_for(self, asked, option, kept):
        assert main(["--camera", "0", "--record", option]) == 0
        assert asked["wishes"].record
        assert asked["model"].kept == kept

    def test_without_a_window_it_is_recorded_too(self, monkeypatch, tmp_path):
        asked = {}

        class Run:
            failure = ""

            def __init__(self, locations, config, output, **options):
                asked.update(options, select=config.select)

            def run(self):
                return []

            def stop(self):
                """Nothing runs."""

        monkeypatch.setattr(headless, "HeadlessRun", Run)

        assert main(["--headless", "--camera", "0", "--select", "4", "--record", str(tmp_path)]) == 0
        assert (asked["record"].root, asked["select"]) == (tmp_path, 4)

    def test_nothing_is_recorded_that_nobody_asked_for(self, asked):
        assert main(["--camera", "0"]) == 0
        assert not asked["wishes"].record

    def test_a_bad_address_is_one_line_without_what_it_holds(self, asked, capsys):
        assert main(["--url", "rtsp://root:s3cret@ 10.0.0.2/live"]) == 1
        told = capsys.readouterr().err

        assert "address" in told
        assert "s3cret" not in told


def people_of(picture):
    return [] if picture.result is None else picture.result.tracked.poses.track_ids.tolist()


def received(receiver):
    """Return every datagram that has come."""
    while True:
        try:
            yield receiver.recv(1 << 16)
        except TimeoutError:
            return


def camera(server):
    """Return a camera that wants another password, or a port at which nobody listens."""
    from contextlib import nullcontext

    if server == "nobody":
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            return nullcontext(free.getsockname()[1])
    if not has_gstreamer():
        pytest.skip("needs GStreamer: scripts/setup-live.sh")
    from contextlib import contextmanager
    from urllib.parse import urlsplit

    from benchmarks.camera.process import CameraProcess

    @contextmanager
    def started():
        with CameraProcess("rtsp", width=320, height=180, user="else", password="wrong") as process:
            yield urlsplit(process.url).port

    return started()


def texts(view):
    """Return everything that somebody can read in a window."""
    widgets = [view, *view.findChildren(QWidget)]
    found = [f"{w.windowTitle()} {w.toolTip()} {w.accessibleName()} {w.objectName()}" for w in widgets]
    found += [label.text() for label in view.findChildren(QLabel)]
    for sources in view.findChildren(QListWidget):
        items = [sources.item(row) for row in range(sources.count())]
        found += [f"{item.text()} {item.toolTip()}" for item in items]
    found += [f"{pane._title} {pane._message}" for pane in view.panes]
    return found
