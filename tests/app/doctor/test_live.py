"""What is said of GStreamer and of local cameras."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sitepose.app.doctor import findings as words
from sitepose.app.doctor import live
from sitepose.app.doctor.findings import apt
from sitepose.core.errors import PluginError
from sitepose.plugins.sources.live.cameras import Camera
from sitepose.plugins.sources.live.gst_codecs import DEPAYLOADERS
from sitepose.plugins.sources.live.gst_library import PACKAGE_OF_ELEMENT, has_gstreamer, load_gstreamer

DEBIAN = Path(__file__).resolve().parents[3] / "packaging" / "debian"


class TestGStreamer:
    def test_without_gstreamer_it_says_how_to_get_it(self, findings, monkeypatch):
        def missing():
            raise PluginError("GStreamer is not installed for Python (No module named 'gi')")

        monkeypatch.setattr(live, "load_gstreamer", missing)
        first, second = findings("Live sources")

        assert first.verdict == "missing"
        assert first.detail == "not installed for Python (No module named 'gi')"
        assert "gstreamer1.0-plugins-good" in first.remedy
        assert second.name == "fall-back"

    def test_a_missing_element_names_its_package(self, findings, monkeypatch):
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
        by_name = {finding.name: finding for finding in findings("Live sources")}

        assert by_name["H.265"].remedy.endswith("apt-get install --no-install-recommends gstreamer1.0-libav")
        assert by_name["H.264"].verdict == "good"  # another decoder can
        assert by_name["RTSP cameras"].verdict == "good"

    def test_a_camera_that_may_not_be_opened_says_how(self, findings, monkeypatch):
        camera = Camera("/dev/video7", "/dev/v4l/by-id/usb-x", "HD Webcam")
        monkeypatch.setattr(live, "list_cameras", lambda: [camera])
        (finding,) = findings("Cameras")

        assert finding.name == "HD Webcam"
        assert "/dev/v4l/by-id/usb-x" in finding.detail
        assert "usermod -aG video" in finding.remedy

    @pytest.mark.parametrize(
        ("hidden", "packages"),
        [
            pytest.param("gi", ("gir1.2-gst-plugins-base-1.0", "libgirepository1.0-dev", "sitepose[gstreamer]"),
                         id="with Python's side"),
            pytest.param("", ("gir1.2-gst-plugins-base-1.0", "gstreamer1.0-libav"), id="the library alone"),
        ],
    )  # fmt: skip
    def test_what_to_install_for_gstreamer_is_complete(self, findings, monkeypatch, hidden, packages):
        def missing():
            raise PluginError("GStreamer is not installed for Python; run something")

        monkeypatch.setattr(live, "load_gstreamer", missing)
        monkeypatch.setattr(live, "find_spec", lambda name: None if name == hidden else object())
        remedy = findings("Live sources")[0].remedy

        assert all(package in remedy for package in packages)
        assert ("pip install" in remedy) is (hidden == "gi")


class TestPackages:
    def test_are_those_that_the_set_up_installs(self):
        assert set(live.GST_PACKAGES) <= set((DEBIAN / "live.txt").read_text().split())
        assert set(live.BUILD_PACKAGES) == set((DEBIAN / "build.txt").read_text().split())

    def test_every_element_that_is_looked_for_has_one(self):
        looked_for = {name for groups in live.ELEMENTS.values() for group in groups for name in group}

        assert looked_for | set(DEPAYLOADERS.values()) <= set(PACKAGE_OF_ELEMENT)
        assert set(PACKAGE_OF_ELEMENT.values()) <= set(live.GST_PACKAGES)

    @pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="asks Debian's own list of files")
    def test_have_the_elements_that_they_are_named_for(self):
        if not has_gstreamer():
            pytest.skip("needs GStreamer and PyGObject: scripts/setup-live.sh")
        files = {}
        for name, package in PACKAGE_OF_ELEMENT.items():
            factory = load_gstreamer().Gst.ElementFactory.find(name)
            if factory is not None:
                files[Path(factory.get_plugin().get_filename()).name] = package
        for package in set(files.values()):
            listed = subprocess.run(["dpkg-query", "-L", package], capture_output=True, text=True, check=False)
            if listed.returncode:
                pytest.skip(f"GStreamer is not from Debian's package {package}")
            theirs = {file for file, owner in files.items() if owner == package}
            assert theirs <= {Path(line).name for line in listed.stdout.split()}

    @pytest.mark.parametrize(
        ("user", "tool", "line"),
        [
            pytest.param(0, "/usr/bin/apt-get", "apt-get install --no-install-recommends a b", id="root"),
            pytest.param(
                9, "/usr/bin/apt-get", "sudo apt-get install --no-install-recommends a b", id="others"
            ),
            pytest.param(0, None, "install what Debian calls a b", id="another system"),
        ],
    )
    def test_are_installed_by_one_line(self, monkeypatch, user, tool, line):
        monkeypatch.setattr(words.os, "geteuid", lambda: user)
        monkeypatch.setattr(words.shutil, "which", lambda _: tool)

        assert apt(["b", "a", "b"]) == line

    def test_compiling_needs_the_headers_of_this_python(self, monkeypatch):
        monkeypatch.setattr(live, "find_spec", lambda _: None)
        monkeypatch.setattr(live, "has_headers", lambda: False)

        assert f"python3.{sys.version_info.minor}-dev" in live.how_to_install()
