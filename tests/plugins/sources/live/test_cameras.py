"""Local cameras, by names that stay the same."""

from __future__ import annotations

import os

import pytest

from sitepose.plugins.sources.live import cameras
from sitepose.plugins.sources.live.cameras import CAPABILITIES, list_cameras


class TestList:
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
