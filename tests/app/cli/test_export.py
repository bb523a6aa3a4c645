"""``sitepose export``, as typed."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sitepose.app.cli.main import main
from sitepose.core.formats.coco import read_coco_results
from sitepose.core.formats.mot import read_mot
from sitepose.core.formats.poses_jsonl import PoseRecord, PosesHeader, PosesWriter
from sitepose.core.skeleton import load_skeleton
from sitepose.core.structures import UNTRACKED, Poses


def walkers(index, *, ids=(1, 2)):
    return Poses(
        keypoints=np.full((2, 17, 2), 10.0 + index),
        keypoint_scores=np.full((2, 17), 0.5),
        boxes=[[0, 0, 10, 20], [30, 0, 40, 20]],
        box_scores=[0.9, 0.8],
        scores=[0.5, 0.4],
        track_ids=list(ids),
        observed=[True, index != 1],
    )


@pytest.fixture
def saved(tmp_path):
    """A function that saves three frames of two people and returns the path."""

    def save(*, tracker="oks-sort", end=True, ids=(1, 2)):
        folder = tmp_path / "walk"
        folder.mkdir()
        names = load_skeleton("coco17").keypoint_names
        header = PosesHeader(
            source="walk.mp4",
            width=64,
            height=48,
            skeleton="coco17",
            keypoint_names=names,
            config={"tracker": {"name": tracker}},
        )
        with PosesWriter(folder / "poses.jsonl", header) as writer:
            for index in range(3):
                writer.write(PoseRecord(index, index / 25, index, walkers(index, ids=ids)))
            if end:
                writer.end(frames=3, dropped=0)
        return folder / "poses.jsonl"

    return save


class TestExport:
    def test_writes_beside_the_poses_and_says_where(self, saved, capsys):
        path = saved()
        assert main(["export", str(path), "--format", "coco,mot"]) == 0
        assert len(read_coco_results(path.parent / "coco.json")) == 6
        assert len(read_mot(path.parent / "mot.txt")) == 5
        out = capsys.readouterr().out
        assert "3 frames, 6 people\n" in out
        assert str(path.parent / "coco.json") in out

    def test_takes_the_folder_of_a_run_and_another_place(self, saved, tmp_path):
        path = saved()
        assert (
            main(["export", str(path.parent), "--format", "csv", "--output", str(tmp_path / "new" / "place")])
            == 0
        )
        assert (tmp_path / "new" / "place" / "poses.csv").exists()

    def test_speaks_json(self, saved, capsys):
        path = saved(end=False)
        assert main(["export", str(path), "--format", "posetrack", "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == {
            "frames": 3,
            "people": 6,
            "complete": False,
            "exports": {"posetrack": str(path.parent / "posetrack.json")},
        }

    def test_says_that_a_run_was_killed(self, saved, capsys):
        assert main(["export", str(saved(end=False)), "--format", "csv"]) == 0
        assert "the file has no end: its run was killed" in capsys.readouterr().out

    @pytest.mark.parametrize(("options", "rows"), [([], 5), (["--carried"], 6)], ids=["habit", "carried"])
    def test_mot_leaves_out_carried_people_unless_asked(self, options, rows, saved):
        path = saved()
        assert main(["export", str(path), "--format", "mot", *options]) == 0
        assert len(read_mot(path.parent / "mot.txt")) == rows

    @pytest.mark.parametrize(
        ("tracker", "options", "rows"), [("oks-sort", [], 0), ("none", [], 5), ("none", ["--no-nameless"], 0)]
    )
    def test_mot_of_a_run_without_a_tracker_is_a_list_of_detections(self, tracker, options, rows, saved):
        path = saved(tracker=tracker, ids=(UNTRACKED, UNTRACKED))
        assert main(["export", str(path), "--format", "mot", *options]) == 0
        assert len(read_mot(path.parent / "mot.txt")) == rows


class TestFaults:
    @pytest.mark.parametrize(
        ("words", "status", "message"),
        [
            (
                ["missing.jsonl", "--format", "coco"],
                1,
                "missing.jsonl: cannot be read: No such file or directory",
            ),
            (["POSES", "--format", "cocoa"], 2, "unknown export format 'cocoa'; did you mean 'coco'"),
        ],
        ids=["no such file", "unknown format"],
    )
    def test_are_one_clear_line(self, words, status, message, saved, capsys):
        path = str(saved())
        assert main(["export", *(path if word == "POSES" else word for word in words)]) == status
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1

    def test_of_the_command_line_are_usage(self, saved):
        with pytest.raises(SystemExit) as caught:
            main(["export", str(saved())])
        assert caught.value.code == 2

    def test_a_damaged_line_is_named(self, saved, capsys):
        path = saved()
        lines = path.read_text().splitlines()
        path.write_text("\n".join([*lines[:2], "{oops", *lines[2:]]))
        assert main(["export", str(path), "--format", "coco"]) == 1
        assert "poses.jsonl: line 3: not JSON" in capsys.readouterr().err
