from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sitepose.plugins.api import FrameSource, PluginContext
from sitepose.plugins.registry import load_plugin
from sitepose.plugins.sources.choose import natural_key, source_kind


class TestSourceKind:
    @pytest.mark.parametrize(
        ("location", "kind"),
        [
            ("clip.mp4", "video"),
            ("CLIP.MOV", "video"),
            ("moving.gif", "video"),
            ("no-suffix", "video"),
            ("photo.JPG", "images"),
            ("shots/*.png", "images"),
            ("scan.tiff", "images"),
            ("synthetic", "synthetic"),
        ],
    )
    def test_goes_by_the_name(self, location, kind):
        assert source_kind(location) == kind

    def test_of_a_folder_is_images(self, tmp_path):
        (tmp_path / "clip.mp4").mkdir()

        assert source_kind(str(tmp_path)) == "images"
        assert source_kind(str(tmp_path / "clip.mp4")) == "images"

    def test_of_a_file_that_is_called_synthetic_is_video(self, tmp_path, monkeypatch):
        (tmp_path / "synthetic").write_bytes(b"")
        monkeypatch.chdir(tmp_path)

        assert source_kind("synthetic") == "video"

    def test_is_told_without_loading_a_library(self):
        code = "import sys, sitepose.plugins.sources.choose; print({'cv2', 'av'} & set(sys.modules))"

        answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

        assert answer.stdout.strip() == "set()"


class TestNaturalOrder:
    def test_counts_as_people_do(self):
        names = ["b.png", "a10.png", "a9.png", "A1.png", "a2b3.png", "a2b12.png", "10.png", "9.png"]

        ordered = [path.name for path in sorted(map(Path, names), key=natural_key)]

        assert ordered == ["9.png", "10.png", "A1.png", "a2b3.png", "a2b12.png", "a9.png", "a10.png", "b.png"]


class TestContract:
    """What every source that reads files promises."""

    @pytest.fixture(params=["video", "images", "synthetic"])
    def source(self, request, encode, tmp_path, workers):
        path = encode("clip.mp4", 6)
        if request.param == "images":
            import cv2
            import numpy as np

            path = tmp_path / "images"
            path.mkdir()
            for number in range(6):
                cv2.imwrite(str(path / f"{number}.png"), np.full((20, 30, 3), number, np.uint8))
        location = "synthetic" if request.param == "synthetic" else str(path)
        plugin = load_plugin("source", source_kind(location))
        with plugin(plugin.Settings(location=location), PluginContext(workers=workers)) as opened:
            yield opened

    @pytest.fixture
    def workers(self):
        from sitepose.models.runtimes.workers import Workers

        with Workers(1) as workers:
            yield workers

    def test_is_a_source(self, source):
        assert isinstance(source, FrameSource)
        assert source.damaged == 0
        assert not source.info.live
        assert iter(source) is source

    def test_gives_frames_in_order_from_zero(self, source):
        frames = [next(source) for _ in range(5)]

        assert [frame.index for frame in frames] == [0, 1, 2, 3, 4]
        assert frames[0].timestamp == 0
        assert frames[0].size_wh == source.info.size_wh
        assert all(frame.captured_at > 0 for frame in frames)

    def test_is_over_once_it_is_closed(self, source):
        next(source)
        source.close()
        source.close()

        assert list(source) == []

    def test_refuses_an_end_before_the_start(self, source):
        with pytest.raises(ValueError, match="greater than start_s"):
            type(source).Settings(location="anything", start_s=2, end_s=1)
