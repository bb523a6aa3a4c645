"""What is said of Qt, its libraries, and the screen."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from sitepose.app.doctor import window as module
from sitepose.app.doctor.findings import apt
from sitepose.app.doctor.window import PACKAGE_OF_LIBRARY, explained, has_fonts, window

ROOT = Path(__file__).resolve().parents[3]


class TestWindow:
    @pytest.mark.parametrize(
        ("said", "detail", "remedy"),
        [
            pytest.param(
                "Cannot load library /x/platforms/x.so: (libxcb-icccm.so.4: cannot open shared object file)\n"
                'Could not load the Qt platform plugin "xcb" in "" even though it was found.',
                "no libxcb-icccm.so.4",
                apt(["libxcb-icccm4"]),
                id="a library of the window system",
            ),
            pytest.param(
                "ImportError: libGL.so.1: cannot open shared object file: No such file or directory",
                "no libGL.so.1",
                apt(["libgl1"]),
                id="a library of the system",
            ),
            pytest.param(
                "qt.qpa.xcb: could not connect to display :77\nAvailable platform plugins are: xcb.",
                "no answer from display :77",
                "set DISPLAY to one that is there; --headless needs none",
                id="a display that is gone",
            ),
            pytest.param(
                'Could not find the Qt platform plugin "windos" in ""',
                "QT_QPA_PLATFORM=windos: there is no such platform",
                "unset QT_QPA_PLATFORM",
                id="a platform that there is not",
            ),
            pytest.param(
                "qtpy.QtBindingsNotFoundError: No Qt bindings could be found",
                "qtpy finds no Qt binding",
                "pip install 'sitepose[gui]'",
                id="no binding",
            ),
        ],
    )
    def test_qts_last_words_are_explained(self, said, detail, remedy):
        finding = explained(said, {})

        assert finding.detail == detail
        assert finding.remedy == remedy

    def test_a_binding_that_lacks_libraries_is_not_called_missing(self, monkeypatch, tmp_path):
        monkeypatch.setattr(module, "_files_of_binding", lambda: [tmp_path / "libqxcb.so"])
        listed = "libX.so.1 => /lib/libX.so.1\nlibxcb-icccm.so.4 => not found\nlibodd.so.2 => not found\n"
        answer = subprocess.CompletedProcess([], 0, stdout=listed)
        monkeypatch.setattr(module.shutil, "which", lambda _: "/usr/bin/some")
        monkeypatch.setattr(module.subprocess, "run", lambda *_, **__: answer)
        said = (
            "qtpy.QtBindingsNotFoundError: No Qt bindings could be found\nDuring handling ...\n"
            "ImportError: libGL.so.1: cannot open shared object file: No such file or directory"
        )
        finding = explained(said, {})

        assert finding.verdict == "bad"
        assert finding.detail == "no libGL.so.1, libodd.so.2, libxcb-icccm.so.4"
        assert finding.remedy == f"{apt(['libgl1', 'libxcb-icccm4'])}; install whatever has libodd.so.2"

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            pytest.param("dejavu/DejaVuSans.ttf", True, id="a font"),
            pytest.param("dejavu/README", False, id="none"),
        ],
    )
    def test_fonts_are_looked_for(self, tmp_path, name, expected):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()

        assert has_fonts([str(tmp_path), "/not/there"]) is expected

    def test_words_that_nobody_knows_are_quoted_with_all_that_could_help(self):
        finding = explained("first\nAbort.\n", {})

        assert finding.detail == "Abort."
        assert all(package in finding.remedy for package in PACKAGE_OF_LIBRARY.values())

    def test_every_package_is_one_that_the_set_up_installs_or_brings(self):
        listed = (ROOT / "packaging" / "debian" / "window.txt").read_text().split()
        brought = {  # by the others
            "libfreetype6", "libx11-6", "libx11-xcb1", "libxcb-render0", "libxcb-shm0", "libxcb-sync1",
            "libxcb-util1", "libxcb1", "libxext6",
        }  # fmt: skip

        assert set(PACKAGE_OF_LIBRARY.values()) - brought <= set(listed)
        assert "fonts-dejavu-core" in listed

    @pytest.mark.gui
    @pytest.mark.parametrize(
        ("variables", "expected"),
        [
            pytest.param({}, ("Qt", "display"), id="no display"),
            pytest.param({"QT_QPA_PLATFORM": "offscreen"}, ("Qt",), id="offscreen"),
            pytest.param({"QT_QPA_PLATFORM": "windos"}, ("Qt",), id="a platform that there is not"),
        ],
    )
    def test_qt_is_tried_for_real(self, monkeypatch, variables, expected):
        pytest.importorskip("PyQt5")
        for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        found = list(window())

        assert tuple(finding.name for finding in found if finding.name not in ("fonts", "screen")) == expected
        assert found[0].verdict == ("bad" if "windos" in variables.values() else "good")
