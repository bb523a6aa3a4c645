"""``sitepose doctor``: true of this machine, and clear where something is missing."""

from __future__ import annotations

import json
import os

import pytest

from sitepose.app import doctor
from sitepose.app.cli.main import main
from sitepose.app.doctor import examine
from sitepose.core.errors import PluginError
from sitepose.plugins.sources.live import cameras
from sitepose.plugins.sources.live.cameras import CAPABILITIES, Camera, list_cameras


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(doctor, "DISK_TEST_BYTES", 1 << 20)


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

        monkeypatch.setattr(doctor, "load_gstreamer", missing)
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
                return not name.startswith("avdec")

        pytest.importorskip("gi")
        monkeypatch.setattr(doctor, "load_gstreamer", lambda: Library)
        by_name = {finding.name: finding for finding in findings(tmp_path, "Live sources")}

        assert by_name["H.265"].remedy == "apt-get install gstreamer1.0-libav"
        assert by_name["RTSP cameras"].verdict == "good"

    def test_a_camera_that_may_not_be_opened_says_how(self, tmp_path, monkeypatch):
        camera = Camera("/dev/video7", "/dev/v4l/by-id/usb-x", "HD Webcam")
        monkeypatch.setattr(doctor, "list_cameras", lambda: [camera])
        (finding,) = findings(tmp_path, "Cameras")

        assert finding.name == "HD Webcam"
        assert "/dev/v4l/by-id/usb-x" in finding.detail
        assert "usermod -aG video" in finding.remedy

    def test_a_check_that_breaks_ends_nothing(self, tmp_path, monkeypatch, capsys):
        def broken():
            raise RuntimeError("driver crashed")

        monkeypatch.setattr(doctor, "list_cameras", broken)

        assert main(["doctor", "--disk", str(tmp_path)]) == 1
        output = capsys.readouterr().out
        assert "RuntimeError: driver crashed" in output
        assert "Disk\n" in output


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
