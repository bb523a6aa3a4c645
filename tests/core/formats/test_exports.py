"""Exports: every format read back by our reader and by somebody else's, and the same bytes whenever written."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sitepose.core.errors import ConfigError, RecordingError
from sitepose.core.formats.alphapose import read_alphapose
from sitepose.core.formats.coco import read_coco_results
from sitepose.core.formats.csv import read_csv
from sitepose.core.formats.exports import EXPORTS, export_all, open_export
from sitepose.core.formats.mot import read_mot
from sitepose.core.formats.openpose import KEYPOINTS, read_openpose
from sitepose.core.formats.poses_jsonl import PoseRecord, PosesHeader, PosesWriter, read_poses
from sitepose.core.formats.posetrack import read_posetrack
from sitepose.core.skeleton import load_skeleton
from sitepose.core.structures import UNTRACKED, Poses

NAMES = load_skeleton("coco17").keypoint_names
HEADER = PosesHeader(source="walk.mp4", width=640, height=480, skeleton="coco17", keypoint_names=NAMES)
PIXEL, SCORE = 0.0101, 6e-5
"""How far a number may be from the one before writing: rounding, twice where a width is a difference."""


@pytest.fixture
def records(make_poses):
    """Four frames: two people, nobody, three, one; a frame is missing between them."""
    return [PoseRecord(index, index / 25, index * 512, make_poses(people, seed=index)) for index, people in
            ((0, 2), (1, 0), (3, 3), (4, 1))]  # fmt: skip


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def close(one, other, tolerance):
    return np.abs(np.asarray(one, np.float64) - np.asarray(other, np.float64)).max(initial=0) < tolerance


class TestTable:
    def test_has_every_promised_format(self):
        assert list(EXPORTS) == ["coco", "alphapose", "openpose", "posetrack", "mot", "csv"]

    def test_an_unknown_format_is_one_clear_line(self, tmp_path):
        with pytest.raises(ConfigError, match="unknown export format 'cocoa'; did you mean 'coco'"):
            open_export("cocoa", tmp_path, HEADER)

    @pytest.mark.parametrize("name", EXPORTS)
    def test_a_place_that_cannot_be_written_is_one_clear_line(self, name, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(RecordingError, match="cannot be written: "):
            open_export(name, tmp_path / "file", HEADER)

    @pytest.mark.parametrize("name", EXPORTS)
    def test_no_frames_at_all_is_a_file_too(self, name, tmp_path):
        path, export = open_export(name, tmp_path, HEADER)
        export.close()
        export.close()
        assert path.exists()
        if path.suffix == ".json":
            json.loads(path.read_text())


class TestBytes:
    @given(people=st.lists(st.integers(0, 3), max_size=4), seed=st.integers(0, 50))
    @settings(max_examples=20)
    def test_are_the_same_during_a_run_and_from_saved_poses(self, people, seed, make_poses, tmp_path_factory):
        folder = tmp_path_factory.mktemp("exports")
        frames = [
            PoseRecord(i, i / 30, i, make_poses(count, seed=seed + i), name=f"{i}.jpg" if seed % 2 else None)
            for i, count in enumerate(people)
        ]
        with PosesWriter(folder / "poses.jsonl", HEADER) as writer:
            for record in frames:
                writer.write(record)
        saved = read_poses(folder / "poses.jsonl")
        export_all(EXPORTS, folder / "live", HEADER, frames)
        export_all(EXPORTS, folder / "later", saved.header, saved)
        assert contents(folder / "live") == contents(folder / "later")

    def test_replace_those_of_an_earlier_export(self, records, tmp_path):
        export_all(EXPORTS, tmp_path / "once", HEADER, records[:1])
        export_all(EXPORTS, tmp_path / "twice", HEADER, records)
        export_all(EXPORTS, tmp_path / "twice", HEADER, records[:1])
        assert contents(tmp_path / "once") == contents(tmp_path / "twice")

    @pytest.mark.parametrize("name", [name for name, row in EXPORTS.items() if row.whole])
    def test_can_be_read_while_the_run_goes_on(self, name, records, tmp_path):
        path, export = open_export(name, tmp_path, HEADER)
        for record in records:
            export.write(record)
            if path.suffix == ".json":
                json.loads(path.read_text())
        before = contents(tmp_path)
        export.close()
        assert contents(tmp_path) == before

    def test_of_posetrack_beyond_the_spool_are_whole(self, make_poses, tmp_path, monkeypatch):
        monkeypatch.setattr("sitepose.core.formats.streams.SPOOL_BYTES", 1000)
        frames = [PoseRecord(i, i, i, make_poses(3, seed=i)) for i in range(20)]
        export_all(["posetrack"], tmp_path, HEADER, frames)
        assert len(read_posetrack(tmp_path / "posetrack.json")) == 60

    def test_have_no_nan_where_keypoints_are_missing(self, make_poses, tmp_path):
        poses = make_poses(1)
        keypoints = poses.keypoints.copy()
        keypoints[0, 5] = np.nan
        export_all(EXPORTS, tmp_path, HEADER, [PoseRecord(0, 0, 0, poses.replace(keypoints=keypoints))])
        assert not any(b"nan" in content.lower() for content in contents(tmp_path).values())


class TestWhoIsWritten:
    @pytest.fixture
    def record(self, make_poses):
        """A tracked person, one carried through the frame, one whom no tracker has named."""
        poses = make_poses(3)
        return PoseRecord(
            0,
            0,
            0,
            poses.replace(track_ids=np.array([4, 5, UNTRACKED]), observed=np.array([True, False, True])),
        )

    @pytest.mark.parametrize(
        ("options", "ids"),
        [
            ({}, [4]),
            ({"carried": True}, [4, 5]),
            ({"nameless": True}, [4, UNTRACKED]),
            ({"carried": True, "nameless": True}, [4, 5, UNTRACKED]),
        ],
        ids=["habit", "carried", "nameless", "both"],
    )
    def test_mot_has_observed_people_with_an_identity_unless_asked(self, options, ids, record, tmp_path):
        export_all(["mot"], tmp_path, HEADER, [record], **options)
        assert read_mot(tmp_path / "mot.txt").track_ids.tolist() == ids

    def test_coco_has_everybody_unless_asked(self, record, tmp_path):
        export_all(["coco"], tmp_path / "all", HEADER, [record])
        export_all(["coco"], tmp_path / "some", HEADER, [record], carried=False, nameless=False)
        assert read_coco_results(tmp_path / "all" / "coco.json").track_ids.tolist() == [4, 5, UNTRACKED]
        assert read_coco_results(tmp_path / "some" / "coco.json").track_ids.tolist() == [4]


class TestReadBackByOurs:
    """Whatever people are written, reading gives them back to within rounding."""

    @pytest.fixture(scope="class")
    @classmethod
    def exported(cls, make_poses, tmp_path_factory):
        folder = tmp_path_factory.mktemp("ours")
        frames = [PoseRecord(i, i / 25, i * 512, make_poses(i % 4, seed=i)) for i in range(12)]
        paths = export_all(EXPORTS, folder, HEADER, frames, carried=True)
        return frames, paths

    @pytest.mark.parametrize(
        ("name", "read", "of"),
        [
            ("coco", read_coco_results, lambda record: record.index),
            ("alphapose", read_alphapose, lambda record: f"{record.index}.jpg"),
        ],
        ids=["coco", "alphapose"],
    )
    def test_lists_of_results(self, name, read, of, exported):
        frames, paths = exported
        results = read(paths[name])
        rows = results.rows_by_image()
        assert len(results) == sum(len(record.poses) for record in frames)
        for record in frames:
            mine = rows.get(of(record), np.zeros(0, np.int64))
            assert close(results.boxes[mine], record.poses.boxes, PIXEL)
            assert close(results.keypoints[mine], record.poses.keypoints, PIXEL)
            assert close(results.keypoint_scores[mine], record.poses.keypoint_scores, SCORE)
            assert close(results.scores[mine], record.poses.scores, SCORE)
            assert results.track_ids[mine].tolist() == record.poses.track_ids.tolist()

    def test_mot(self, exported):
        frames, paths = exported
        rows = read_mot(paths["mot"])
        for record in frames:
            mine = rows[rows.frames == record.index]
            assert close(mine.boxes, record.poses.boxes, PIXEL)
            assert close(mine.scores, record.poses.scores, SCORE)
            assert mine.track_ids.tolist() == record.poses.track_ids.tolist()

    def test_csv(self, exported):
        frames, paths = exported
        names, read = read_csv(paths["csv"])
        assert names == NAMES
        assert [record.index for record in read] == [record.index for record in frames if len(record.poses)]
        for record in read:
            given_record = frames[record.index]
            assert (record.timestamp, record.pts) == (given_record.timestamp, given_record.pts)
            for field in ("boxes", "keypoints"):
                assert close(getattr(record.poses, field), getattr(given_record.poses, field), PIXEL)
            for field in ("scores", "box_scores", "keypoint_scores"):
                assert close(getattr(record.poses, field), getattr(given_record.poses, field), SCORE)
            for field in ("track_ids", "observed", "from_tracks"):
                assert (getattr(record.poses, field) == getattr(given_record.poses, field)).all()

    def test_posetrack(self, exported):
        frames, paths = exported
        people = read_posetrack(paths["posetrack"])
        assert [image.image_id for image in people.images] == [record.index for record in frames]
        common = [(NAMES.index(name), k) for k, name in enumerate(people.keypoint_names) if name in NAMES]
        ours, theirs = (list(places) for places in zip(*common, strict=True))
        for record, rows in zip(frames, people.rows_by_image(), strict=True):
            assert close(people.boxes[rows], record.poses.boxes, PIXEL)
            assert close(people.keypoints[rows][:, theirs], record.poses.keypoints[:, ours], PIXEL)
            assert people.track_ids[rows].tolist() == record.poses.track_ids.tolist()

    def test_openpose(self, exported):
        frames, paths = exported
        assert len(list(paths["openpose"].iterdir())) == len(frames)
        ours = [NAMES.index(name) for name in KEYPOINTS if name in NAMES]
        theirs = [k for k, name in enumerate(KEYPOINTS) if name in NAMES]
        for record in frames:
            people = read_openpose(paths["openpose"] / f"walk_{record.index:012d}_keypoints.json")
            assert close(people.keypoints[:, theirs], record.poses.keypoints[:, ours], PIXEL)
            assert close(people.keypoint_scores[:, theirs], record.poses.keypoint_scores[:, ours], SCORE)
            assert people.track_ids.tolist() == record.poses.track_ids.tolist()


class TestReadByOthers:
    def test_coco_by_pycocotools(self, records, tmp_path):
        from pycocotools.coco import COCO

        paths = export_all(["coco"], tmp_path, HEADER, records)
        truth = {
            "images": [{"id": record.index} for record in records],
            "annotations": [],
            "categories": [{"id": 1, "name": "person"}],
        }
        (tmp_path / "truth.json").write_text(json.dumps(truth))
        with contextlib.redirect_stdout(io.StringIO()):
            results = COCO(tmp_path / "truth.json").loadRes(str(paths["coco"]))
        assert len(results.anns) == 6
        first = results.anns[1]
        assert first["image_id"] == 0
        assert close(np.array(first["keypoints"]).reshape(17, 3)[:, :2], records[0].poses.keypoints[0], PIXEL)
        assert set(first) >= {"bbox", "score", "track_id", "category_id"}

    def test_mot_by_motmetrics(self, records, tmp_path, monkeypatch):
        monkeypatch.setattr(np, "asfarray", lambda array: np.asarray(array, float), raising=False)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            motmetrics = pytest.importorskip("motmetrics")
            paths = export_all(["mot"], tmp_path, HEADER, records, carried=True)
            table = motmetrics.io.loadtxt(str(paths["mot"]), fmt="mot15-2D")
        assert len(table) == 6
        frame, person = records[2], 1
        row = table.loc[frame.index + 1, int(frame.poses.track_ids[person])]
        left, top, right, bottom = frame.poses.boxes[person].tolist()
        # That reader counts pixels from 0: corner-based, half a pixel from ours.
        assert close(row[["X", "Y"]], [left + 0.5, top + 0.5], PIXEL)
        assert close(row[["Width", "Height"]], [right - left, bottom - top], 2 * PIXEL)

    def test_openpose_has_the_keys_of_its_documentation(self, records, tmp_path):
        paths = export_all(["openpose"], tmp_path, HEADER, records)
        content = json.loads((paths["openpose"] / "walk_000000000000_keypoints.json").read_text())
        assert content["version"] == 1.3
        assert len(content["people"]) == 2
        for person in content["people"]:
            assert list(person)[:2] == ["person_id", "pose_keypoints_2d"]
            assert set(person) >= {"face_keypoints_2d", "hand_left_keypoints_2d", "hand_right_keypoints_2d"}
            assert len(person["pose_keypoints_2d"]) == 3 * 18
        empty = json.loads((paths["openpose"] / "walk_000000000001_keypoints.json").read_text())
        assert empty == {"version": 1.3, "people": []}

    def test_csv_by_the_standard_library(self, records, tmp_path):
        paths = export_all(["csv"], tmp_path, HEADER, records)
        content = paths["csv"].read_bytes()
        assert content.count(b"\r\n") == content.count(b"\n") == 7
        rows = list(csv.DictReader(io.StringIO(content.decode(), newline="")))
        assert [int(row["frame"]) for row in rows] == [0, 0, 3, 3, 3, 4]
        assert float(rows[0]["left_wrist_x"]) == pytest.approx(records[0].poses.keypoints[0, 9, 0], abs=PIXEL)

    def test_alphapose_and_posetrack_have_the_keys_of_their_documentation(self, records, tmp_path):
        paths = export_all(["alphapose", "posetrack"], tmp_path, HEADER, records)
        first = json.loads(paths["alphapose"].read_text())[0]
        assert list(first) == ["image_id", "category_id", "keypoints", "score", "box", "idx"]
        assert first["image_id"] == "0.jpg"
        content = json.loads(paths["posetrack"].read_text())
        assert set(content) == {"images", "annotations", "categories"}
        assert content["categories"][0]["keypoints"][:3] == ["nose", "head_bottom", "head_top"]
        assert set(content["annotations"][0]) >= {"bbox", "track_id", "image_id", "keypoints", "scores"}


class TestImages:
    def test_a_numbered_image_keeps_its_number_and_another_gets_its_place(self, make_poses, tmp_path):
        frames = [
            PoseRecord(0, 0, None, make_poses(1), name="000000493652.jpg"),
            PoseRecord(1, 0, None, make_poses(1), name="room.png"),
        ]
        paths = export_all(["coco", "alphapose", "openpose"], tmp_path, HEADER, frames)
        assert read_coco_results(paths["coco"]).image_ids == (493652, 1)
        assert read_alphapose(paths["alphapose"]).image_ids == ("000000493652.jpg", "room.png")
        names = sorted(path.name for path in paths["openpose"].iterdir())
        assert names == ["000000493652_keypoints.json", "room_keypoints.json"]


class TestNeck:
    """OpenPose's COCO order has a neck; COCO's keypoints have none."""

    @staticmethod
    def neck(tmp_path, keypoints, scores, names=NAMES):
        header = PosesHeader(source="a", width=1, height=1, skeleton="s", keypoint_names=names)
        poses = Poses(keypoints[None], scores[None], [[0, 0, 1, 1]], [1], [1])
        paths = export_all(["openpose"], tmp_path, header, [PoseRecord(0, 0, 0, poses)])
        people = read_openpose(next(paths["openpose"].iterdir()))
        return [*people.keypoints[0, 1].tolist(), pytest.approx(people.keypoint_scores[0, 1])]

    def test_is_the_middle_of_the_shoulders(self, tmp_path):
        keypoints, scores = np.ones((17, 2)), np.ones(17)
        keypoints[5], keypoints[6], scores[5] = [10, 20], [30, 22], 0.25
        assert self.neck(tmp_path, keypoints, scores) == [20, 21, 0.25]

    def test_is_missing_where_a_shoulder_is(self, tmp_path):
        keypoints, scores = np.ones((17, 2)), np.ones(17)
        keypoints[5] = np.nan
        assert self.neck(tmp_path, keypoints, scores) == [0, 0, 0]

    def test_is_the_skeletons_own_where_it_has_one(self, tmp_path):
        names = load_skeleton("crowdpose14").keypoint_names
        keypoints, scores = np.ones((14, 2)), np.ones(14)
        keypoints[names.index("neck")] = 5, 6
        assert self.neck(tmp_path, keypoints, scores, names) == [5, 6, 1]
