"""Saved poses and candidates tracked anew."""

from __future__ import annotations

import shutil

import pytest

from sitepose.app.cli.main import main
from sitepose.app.run import VideoRun
from sitepose.core.formats.poses_jsonl import read_poses


@pytest.fixture(scope="module")
def finished(clip, config, tmp_path_factory):
    """Return the folder of a run that kept its candidates."""
    from sitepose.app.factory import build_parts

    folder = tmp_path_factory.mktemp("finished")
    output = config.output.model_copy(update={"save_candidates": True})
    kept = config.model_copy(update={"output": output})
    with build_parts(kept) as parts:
        assert VideoRun(str(clip), folder, kept, parts).run().status == "done"
    return folder


def people(folder):
    return [
        (r.index, r.poses.track_ids.tolist(), r.poses.boxes.tolist())
        for r in read_poses(folder / "poses.jsonl")
    ]


def observed_boxes(folder):
    return [record.poses.boxes[record.poses.observed].tolist() for record in read_poses(folder / "poses.jsonl")]


@pytest.fixture
def without_candidates(finished, tmp_path):
    """Return the folder of a run as it is unless candidates were asked for."""
    return shutil.copytree(finished, tmp_path / "plain", ignore=shutil.ignore_patterns("candidates"))


class TestRetrack:
    def test_the_same_parts_give_the_same_people(self, finished, tmp_path):
        assert main(["retrack", str(finished), "--nms", "parametric", "--output", str(tmp_path)]) == 0

        assert people(tmp_path) == people(finished)

    def test_another_nms_keeps_other_people(self, finished, tmp_path, capsys):
        words = ["retrack", str(finished / "candidates"), "--nms", "none", "--tracker", "none"]
        assert main([*words, "--output", str(tmp_path)]) == 0

        assert "25 frames" in capsys.readouterr().out
        assert sum(map(len, observed_boxes(tmp_path))) >= sum(map(len, observed_boxes(finished)))

    def test_a_configuration_file_names_the_parts(self, finished, tmp_path):
        file = tmp_path / "site.toml"
        file.write_text('[nms]\nname = "none"\n[tracker]\nname = "none"\n')
        words = ["--nms", "none", "--tracker", "none"]
        assert main(["retrack", str(finished), *words, "--output", str(tmp_path / "named")]) == 0
        assert main(["retrack", str(finished), "--config", str(file), "--output", str(tmp_path / "file")]) == 0

        assert people(tmp_path / "file") == people(tmp_path / "named")
        assert people(tmp_path / "file") != people(finished)

    def test_a_tracker_that_looks_at_pixels_opens_the_video_of_the_run(self, finished, tmp_path):
        assert main(["retrack", str(finished), "--tracker", "poseflow", "--output", str(tmp_path)]) == 0

        assert len(people(tmp_path)) == 25

    def test_without_the_video_it_is_one_line(self, finished, tmp_path, capsys):
        moved = shutil.copytree(finished, tmp_path / "moved")
        (moved / "run.json").unlink()

        code = main(["retrack", str(moved), "--tracker", "poseflow", "--output", str(tmp_path / "new")])

        assert code == 2
        assert "give it with --video" in capsys.readouterr().err

    def test_another_tracker_alone_needs_no_candidates(self, without_candidates, tmp_path):
        words = ["--tracker", "none", "--output", str(tmp_path / "new")]
        assert main(["retrack", str(without_candidates), *words]) == 0

        assert observed_boxes(tmp_path / "new") == observed_boxes(without_candidates)

    @pytest.mark.parametrize(
        "words",
        [
            pytest.param(["--nms", "km"], id="its name"),
            pytest.param(["--nms", "parametric"], id="the name of the default"),
            pytest.param(["--set", "nms.settings.form=published"], id="one of its settings"),
            pytest.param(["--config", "site.toml"], id="a configuration file"),
        ],
    )
    def test_nms_without_candidates_is_one_line(self, without_candidates, tmp_path, monkeypatch, capsys, words):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "site.toml").write_text('[nms]\nname = "parametric"\n')

        assert main(["retrack", str(without_candidates), *words, "--output", "new"]) == 2

        assert "run again with --save-candidates" in capsys.readouterr().err
        assert not (tmp_path / "new").exists()

    def test_the_saved_poses_are_never_overwritten(self, finished, capsys):
        before = (finished / "poses.jsonl").read_bytes()

        assert main(["retrack", str(finished), "--output", str(finished)]) == 2
        assert "choose another folder" in capsys.readouterr().err
        assert (finished / "poses.jsonl").read_bytes() == before
