"""``sitepose doctor``: true of this machine, and clear where something is missing."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from sitepose.app.cli.main import main
from sitepose.app.doctor import live, machine
from sitepose.app.doctor.machine import examine
from sitepose.app.doctor.window import PACKAGE_OF_LIBRARY, explained, window
from sitepose.core.errors import PluginError
from sitepose.plugins.sources.live import cameras
from sitepose.plugins.sources.live.cameras import CAPABILITIES, Camera, list_cameras

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(machine, "DISK_TEST_BYTES", 1 << 20)


def findings(tmp_path, topic):
    return [finding for finding in examine(tmp_path) if finding.topic == topic]


class TestDoctor:
    def test_looks_at_everything(self, tmp_path, capsys):
        main(["doctor", "--disk", str(tmp_path / "not" / "there"), "--json"])
        found = json.loads(capsys.readouterr().out)["findings"]

        assert {f["topic"] for f in found} == {
            "Python",
            "Live sources",
            "Cameras",
            "Window",
            "Networks",
            "Disk",
        }
        assert {f["verdict"] for f in found} <= {"good", "missing", "bad", "none"}
        assert all(f["remedy"] for f in found if f["verdict"] == "missing")
        assert not list(tmp_path.iterdir())

    def test_people_get_a_table(self, tmp_path, capsys):
        main(["doctor", "--disk", str(tmp_path)])
        output = capsys.readouterr().out

        assert "Live sources\n" in output
        assert "MB/s written and synced" in output or "GB/s" in output

    def test_without_gstreamer_it_says_how_to_get_it(self, tmp_path, monkeypatch):
        def missing():
            raise PluginError("GStreamer is not installed for Python (No module named 'gi')")

        monkeypatch.setattr(live, "load_gstreamer", missing)
        first, second = findings(tmp_path, "Live sources")

        assert first.verdict == "missing"
        assert "setup-live.sh" in first.remedy
        assert second.name == "fall-back"

    def test_a_missing_element_names_its_package(self, tmp_path, monkeypatch):
        class Library:
            class Gst:
                @staticmethod
                def version_string():
                    return "GStreamer 1.22.0"

            @staticmethod
            def has(name):
                return name not in ("avdec_h264", "avdec_h265", "libde265dec")

        pytest.importorskip("gi")
        monkeypatch.setattr(live, "load_gstreamer", lambda: Library)
        by_name = {finding.name: finding for finding in findings(tmp_path, "Live sources")}

        assert by_name["H.265"].remedy == "apt-get install gstreamer1.0-libav"
        assert by_name["H.264"].verdict == "good"  # another decoder can
        assert by_name["RTSP cameras"].verdict == "good"

    def test_a_camera_that_may_not_be_opened_says_how(self, tmp_path, monkeypatch):
        camera = Camera("/dev/video7", "/dev/v4l/by-id/usb-x", "HD Webcam")
        monkeypatch.setattr(live, "list_cameras", lambda: [camera])
        (finding,) = findings(tmp_path, "Cameras")

        assert finding.name == "HD Webcam"
        assert "/dev/v4l/by-id/usb-x" in finding.detail
        assert "usermod -aG video" in finding.remedy

    def test_a_check_that_breaks_ends_nothing(self, tmp_path, monkeypatch, capsys):
        def broken():
            raise RuntimeError("driver crashed")

        monkeypatch.setattr(live, "list_cameras", broken)

        assert main(["doctor", "--disk", str(tmp_path)]) == 1
        output = capsys.readouterr().out
        assert "RuntimeError: driver crashed" in output
        assert "Disk\n" in output

    @pytest.mark.parametrize(
        ("hidden", "packages"),
        [
            pytest.param("gi", ("gir1.2-gst-plugins-base-1.0", "libgirepository1.0-dev", "sitepose[gstreamer]"),
                         id="with Python's side"),
            pytest.param("", ("gir1.2-gst-plugins-base-1.0", "gstreamer1.0-libav"), id="the library alone"),
        ],
    )  # fmt: skip
    def test_what_to_install_for_gstreamer_is_complete(self, tmp_path, monkeypatch, hidden, packages):
        def missing():
            raise PluginError("GStreamer is not installed for Python; run something")

        monkeypatch.setattr(live, "load_gstreamer", missing)
        monkeypatch.setattr(live, "find_spec", lambda name: None if name == hidden else object())
        remedy = findings(tmp_path, "Live sources")[0].remedy

        assert all(package in remedy for package in packages)
        assert ("pip install" in remedy) is (hidden == "gi")

    def test_a_folder_that_cannot_be_written_is_named(self, tmp_path, monkeypatch):
        def full(_folder):
            raise OSError(errno.EROFS, "Read-only file system")

        monkeypatch.setattr(machine, "_measured", full)
        *_, speed = findings(tmp_path, "Disk")

        assert speed.verdict == "bad"
        assert speed.detail == f"{tmp_path} cannot be written: Read-only file system"

    def test_codecs_that_are_not_there_are_named(self, tmp_path, monkeypatch):
        monkeypatch.setitem(machine.CODECS, "writes H.264", ("nonsense", "w"))
        codecs = next(f for f in findings(tmp_path, "Python") if f.name == "codecs of PyAV")

        assert codecs.verdict == "missing"
        assert codecs.detail == "none that writes H.264"


class TestWindow:
    @pytest.mark.parametrize(
        ("said", "detail", "remedy"),
        [
            pytest.param(
                "Cannot load library /x/platforms/x.so: (libxcb-icccm.so.4: cannot open shared object file)\n"
                'Could not load the Qt platform plugin "xcb" in "" even though it was found.',
                "no libxcb-icccm.so.4",
                "apt-get install libxcb-icccm4",
                id="a library of the window system",
            ),
            pytest.param(
                "ImportError: libGL.so.1: cannot open shared object file: No such file or directory",
                "no libGL.so.1",
                "apt-get install libgl1",
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

    def test_words_that_nobody_knows_are_quoted_with_all_that_could_help(self):
        finding = explained("first\nAbort.\n", {})

        assert finding.detail == "Abort."
        assert all(package in finding.remedy for package in PACKAGE_OF_LIBRARY.values())

    def test_every_package_is_one_that_the_set_up_installs_or_brings(self):
        listed = (ROOT / "packaging" / "debian" / "window.txt").read_text().split()
        brought = {"libx11-xcb1", "libfreetype6"}  # by the others

        assert set(PACKAGE_OF_LIBRARY.values()) - brought <= set(listed)

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

        assert tuple(finding.name for finding in found) == expected
        assert found[0].verdict == ("bad" if "windos" in variables.values() else "good")


class TestCameras:
    @pytest.fixture
    def system(self, tmp_path, monkeypatch):
        """A file system with a camera, its second device for settings, and a camera without a number."""
        for number, name in ((0, "HD Webcam"), (1, "HD Webcam"), (10, "Microscope")):
            folder = tmp_path / f"sys/class/video4linux/video{number}"
            folder.mkdir(parents=True)
            (folder / "name").write_text(f"{name}\n")
            (tmp_path / "dev").mkdir(exist_ok=True)
            (tmp_path / f"dev/video{number}").touch()
        for folder, link, number in (
            ("by-id", "usb-cam-index0", 0),
            ("by-path", "pci-0", 0),
            ("by-path", "pci-10", 10),
        ):
            (tmp_path / "dev/v4l" / folder).mkdir(parents=True, exist_ok=True)
            (tmp_path / "dev/v4l" / folder / link).symlink_to(tmp_path / f"dev/video{number}")

        def answer(descriptor, _request, _buffer):
            capture = not os.readlink(f"/proc/self/fd/{descriptor}").endswith("video1")
            return CAPABILITIES.pack(
                b"uvcvideo", b"", b"", 0, 0x84A00001, 0x04200001 if capture else 0x04A00000
            )

        monkeypatch.setattr(cameras.fcntl, "ioctl", answer)
        return tmp_path

    def test_are_listed_by_names_that_stay(self, system):
        webcam, microscope = list_cameras(system)

        assert (webcam.name, microscope.name) == ("HD Webcam", "Microscope")
        assert webcam.stable == str(system / "dev/v4l/by-id/usb-cam-index0")
        assert microscope.stable == str(system / "dev/v4l/by-path/pci-10")

    def test_a_system_without_any_has_none(self, tmp_path):
        assert list_cameras(tmp_path) == []
