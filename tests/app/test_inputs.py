"""Which videos, and where their results go."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sitepose.app.inputs import plan_jobs
from sitepose.core.errors import SourceError


def folders(words):
    return [job.folder.as_posix() for job in plan_jobs(words, Path("out"))]


class TestPlanJobs:
    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            pytest.param(["a/cam.mp4"], ["out/cam"], id="stem"),
            pytest.param(["a/cam.mp4", "b/cam.mp4"], ["out/a-cam", "out/b-cam"], id="equal stems"),
            pytest.param(["a/cam.mp4", "a/cam.mkv"], ["out/a-cam.mp4", "out/a-cam.mkv"], id="other suffix"),
            pytest.param(
                ["x/a/cam.mp4", "y/a/cam.mp4"], ["out/a-cam.mp4", "out/a-cam.mp4-2"], id="equal parents too"
            ),
            pytest.param(["a/Cam.mp4", "b/cAM.mp4"], ["out/a-Cam", "out/b-cAM"], id="case-blind file systems"),
            pytest.param(["a/cam.mp4", "a/cam.mp4"], ["out/cam"], id="named twice"),
            pytest.param(["a/my walk?.mp4"], ["out/my_walk_"], id="odd characters"),
            pytest.param([], [], id="nothing"),
        ],
    )
    def test_each_video_gets_a_folder_of_its_own(self, words, expected, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        for word in words:
            Path(word).parent.mkdir(parents=True, exist_ok=True)
            Path(word).touch()

        assert folders(words) == expected

    def test_a_pattern_stands_for_its_files_in_order(self, tmp_path):
        for name in ("b.mp4", "a.mp4", "c.txt"):
            (tmp_path / name).touch()

        assert folders([f"{tmp_path}/*.mp4"]) == ["out/a", "out/b"]

    def test_a_file_whose_name_looks_like_a_pattern_is_itself(self, tmp_path):
        (tmp_path / "cam[1].mp4").touch()

        assert folders([f"{tmp_path}/cam[1].mp4"]) == ["out/cam_1_"]

    def test_a_pattern_without_files_is_one_line(self):
        with pytest.raises(SourceError, match="no file matches 'nowhere/"):
            plan_jobs(["nowhere/*.mp4"], Path("out"))


class TestJob:
    @pytest.mark.parametrize(
        ("report", "finished"),
        [
            pytest.param(json.dumps({"status": "done"}), True, id="done"),
            pytest.param(json.dumps({"status": "interrupted"}), False, id="interrupted"),
            pytest.param('{"status": "do', False, id="cut"),
            pytest.param("[]", False, id="something else"),
            pytest.param(None, False, id="nothing"),
        ],
    )
    def test_only_a_whole_report_of_a_done_run_counts(self, tmp_path, report, finished):
        if report is not None:
            (tmp_path / "a").mkdir()
            (tmp_path / "a" / "run.json").write_text(report)

        assert plan_jobs(["a.mp4"], tmp_path)[0].finished is finished
