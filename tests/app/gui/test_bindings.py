"""The window with each Qt binding and each OpenCV distribution, on a real X server."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import pytest

pytest.importorskip("qtpy", reason="needs a Qt binding: pip install 'sitepose[gui]'")

pytestmark = pytest.mark.gui

BINDINGS = {"pyqt5": "PyQt5", "pyqt6": "PyQt6"}

HERE = Path(__file__).parent

OPENED = """
import sys, threading, time
from sitepose.app.gui.model import SessionModel
from sitepose.app.gui.views.application import Failures, Window, make_application
application = make_application()
import cv2
from qtpy import API_NAME
from qtpy.QtCore import QTimer
window = Window(SessionModel())
with Failures(window.controller.report):
    window.start([(sys.argv[1], {})])
    def until(condition, seconds=30):
        end = time.monotonic() + seconds
        while time.monotonic() < end and not condition():
            application.processEvents()
            time.sleep(0.005)
        assert condition()
    until(lambda: window.view.panes and window.view.panes[0]._picture is not None)
    QTimer.singleShot(0, lambda: 1 / 0)
    until(lambda: window.view.banner.isVisible())
    assert "ZeroDivisionError" in window.view.banner.text
    assert not window.view.grab().toImage().isNull()
    window.close()
loading = ("load", "compile")
left = [thread.name for thread in threading.enumerate() if not any(word in thread.name for word in loading)]
print(API_NAME, application.platformName(), left, cv2.__file__)
"""
"""Opens the window, lets a slot fail, takes a picture, closes."""


def installed(api):
    return pytest.param(
        api,
        marks=pytest.mark.skipif(
            find_spec(BINDINGS[api]) is None, reason=f"needs {BINDINGS[api]}: make extras"
        ),
    )


@pytest.fixture(scope="session")
def other_opencv(tmp_path_factory):
    """Return a folder with opencv-python, which brings a Qt of its own, from the package index."""
    folder = tmp_path_factory.mktemp("opencv-python")
    words = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:"]
    release = version("opencv-python-headless")
    try:
        done = subprocess.run(
            [*words, "--retries", "0", "--target", str(folder), f"opencv-python=={release}"],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    except subprocess.TimeoutExpired:
        pytest.skip("opencv-python cannot be fetched in time from the package index")
    if done.returncode:
        pytest.skip(f"opencv-python {release} cannot be fetched from the package index")
    yield folder
    shutil.rmtree(folder)


def opened(api, clip, tmp_path, *path):
    """Open the window in a program of its own, on a real X server; return what it says."""
    if shutil.which("xvfb-run") is None:
        pytest.skip("needs xvfb-run: apt-get install xvfb xauth")
    environment = {key: value for key, value in os.environ.items() if key != "QT_QPA_PLATFORM"}
    environment |= {
        "QT_API": api,
        "PYTHONPATH": os.pathsep.join(map(str, path)),
        "XDG_CONFIG_HOME": str(tmp_path),
    }
    done = subprocess.run(
        ["xvfb-run", "-a", "-s", "-screen 0 1600x1000x24", sys.executable, "-c", OPENED, str(clip)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.slow
class TestProgram:
    @pytest.mark.parametrize("api", [installed(api) for api in BINDINGS])
    def test_under_a_real_x_server(self, api, clip, tmp_path):
        said = opened(api, clip, tmp_path)

        assert said.startswith(f"{BINDINGS[api]} xcb ['MainThread'] ")

    @pytest.mark.parametrize("api", [installed("pyqt5")])  # both are Qt 5, which is why they collide
    def test_with_the_opencv_that_brings_its_own_qt(self, api, clip, tmp_path, other_opencv):
        said = opened(api, clip, tmp_path, other_opencv)

        assert said.startswith(f"{BINDINGS[api]} xcb ['MainThread'] ")
        assert str(other_opencv) in said


@pytest.mark.slow
def test_the_widgets_work_with_the_other_binding_too():
    other = "pyqt6" if os.environ.get("QT_API", "pyqt5") == "pyqt5" else "pyqt5"
    if find_spec(BINDINGS[other]) is None:
        pytest.skip(f"needs {BINDINGS[other]}: make extras")
    tests = [str(HERE / name) for name in ("test_views.py", "test_keyboard.py", "test_preview.py")]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests],
        env={**os.environ, "QT_API": other, "PYTEST_QT_API": other, "QT_QPA_PLATFORM": "offscreen"},
        cwd=HERE.parents[2],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-4000:]
