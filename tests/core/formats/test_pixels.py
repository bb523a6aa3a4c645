"""The pixel convention at every border: a square of known place, written and read in each format.

It fills the pixels 10..19 across and 20..39 down. Its first keypoint is the centre of its first pixel.
"""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest

from sitepose.core.formats.aic import read_aic
from sitepose.core.formats.alphapose import alphapose_results, read_alphapose
from sitepose.core.formats.candidates import CandidatesWriter, read_candidates
from sitepose.core.formats.coco import coco_content, coco_results, read_coco, read_coco_results
from sitepose.core.formats.crowdpose import read_crowdpose
from sitepose.core.formats.csv import csv_header, csv_rows, read_csv
from sitepose.core.formats.mot import mot_lines, read_mot, read_mot_truth
from sitepose.core.formats.openpose import openpose_content, openpose_places, read_openpose
from sitepose.core.formats.poses_jsonl import PoseRecord, PosesHeader, PosesWriter, read_poses
from sitepose.core.formats.posetrack import (
    posetrack_category,
    posetrack_image,
    posetrack_people,
    posetrack_places,
    read_posetrack,
)
from sitepose.core.skeleton import load_skeleton
from sitepose.core.structures import PoseCandidates, Poses

BOX = [9.5, 19.5, 19.5, 39.5]
CORNERED = [10, 20, 10, 20]
POINT = [10, 20]
NAMES = load_skeleton("coco17").keypoint_names
HEADER = PosesHeader(source="square.mp4", width=64, height=48, skeleton="coco17", keypoint_names=NAMES)


@pytest.fixture
def record():
    poses = Poses(np.tile(np.float32(POINT), (1, 17, 1)), np.ones((1, 17)), [BOX], [1], [1], track_ids=[7])
    return PoseRecord(0, 0.0, 0, poses)


@pytest.fixture
def file(tmp_path):
    """A function that writes JSON, or a text, to a file and returns its path."""

    def write(content):
        path = tmp_path / "file"
        path.write_text(content if isinstance(content, str) else json.dumps(content), newline="")
        return path

    return write


def annotated(num_keypoints, names=None, **more):
    names = names or [f"keypoint_{k}" for k in range(num_keypoints)]
    return {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 64, "height": 48}],
        "annotations": [
            {
                "id": 1,
                "image_id": 1,
                "bbox": CORNERED,
                "keypoints": [*POINT, 2] * num_keypoints,
                "area": 200,
                **more,
            }
        ],
        "categories": [{"id": 1, "name": "person", "keypoints": list(names)}],
    }


class TestWriters:
    def test_poses_jsonl(self, record):
        stream = io.BytesIO()
        PosesWriter(stream, HEADER).write(record)
        person = json.loads(stream.getvalue().splitlines()[1])["people"][0]
        assert person["box"] == BOX
        assert person["keypoints"][0] == [*POINT, 1]

    @pytest.mark.parametrize(
        ("entries", "box"), [(coco_results, "bbox"), (alphapose_results, "box")], ids=["coco", "alphapose"]
    )
    def test_lists_of_results(self, record, entries, box):
        (entry,) = entries(record)
        assert entry[box] == CORNERED
        assert entry["keypoints"][:2] == POINT

    def test_coco_annotations(self, file):
        (entry,) = coco_content(read_coco(file(annotated(17))))["annotations"]
        assert entry["bbox"] == CORNERED
        assert entry["keypoints"][:2] == POINT

    def test_posetrack(self, record):
        (entry,) = posetrack_people(record, posetrack_places(HEADER), 0)
        assert entry["bbox"] == CORNERED
        assert entry["keypoints"][:2] == POINT

    def test_mot(self, record):
        assert mot_lines(record) == "1,7,11.00,21.00,10.00,20.00,1.0000,-1,-1,-1\n"

    def test_openpose(self, record):
        (person,) = openpose_content(record, openpose_places(HEADER))["people"]
        assert person["pose_keypoints_2d"][:2] == POINT

    def test_csv(self, record):
        (row,) = csv.DictReader(io.StringIO(csv_header(NAMES) + csv_rows(record), newline=""))
        assert [float(row[name]) for name in ("x1", "y1", "x2", "y2", "nose_x", "nose_y")] == [*BOX, *POINT]


class TestReaders:
    def test_poses_jsonl(self, record, tmp_path):
        with PosesWriter(tmp_path / "poses.jsonl", HEADER) as writer:
            writer.write(record)
        (read,) = read_poses(tmp_path / "poses.jsonl")
        assert read.poses.boxes.tolist() == [BOX]
        assert read.poses.keypoints[0, 0].tolist() == POINT

    def test_candidates(self, tmp_path):
        points = np.tile(np.float32(POINT), (1, 17, 2, 1))
        ones = np.ones((1, 17, 2))
        with CandidatesWriter(tmp_path) as writer:
            writer.write(0, PoseCandidates(points, ones, ones, [BOX], [1]))
        ((_, read),) = read_candidates(tmp_path)
        assert read.boxes.tolist() == [BOX]
        assert (read.keypoints == points).all()

    @pytest.mark.parametrize(
        ("read", "content"),
        [
            pytest.param(read_coco, annotated(17), id="coco"),
            pytest.param(read_crowdpose, annotated(14), id="crowdpose"),
            pytest.param(read_aic, annotated(14), id="aic in coco's form"),
            pytest.param(
                read_aic,
                [
                    {
                        "image_id": "a",
                        "human_annotations": {"human1": [10, 20, 20, 40]},
                        "keypoint_annotations": {"human1": [*POINT, 1] * 14},
                    }
                ],
                id="aic",
            ),
            pytest.param(read_posetrack, annotated(17, track_id=3), id="posetrack"),
        ],
    )
    def test_annotations(self, read, content, file):
        people = read(file(content))
        assert people.boxes.tolist() == [BOX]
        assert people.keypoints[0, 0].tolist() == POINT
        assert people.visibilities[0, 0] == 2

    def test_heads_of_posetrack(self, file):
        assert read_posetrack(file(annotated(17, bbox_head=CORNERED))).head_boxes.tolist() == [BOX]

    @pytest.mark.parametrize(
        ("read", "box"), [(read_coco_results, "bbox"), (read_alphapose, "box")], ids=["coco", "alphapose"]
    )
    def test_lists_of_results(self, read, box, file):
        entry = {"image_id": 3, "category_id": 1, "keypoints": [*POINT, 0.5] * 17, "score": 1, box: CORNERED}
        results = read(file([entry]))
        assert results.boxes.tolist() == [BOX]
        assert results.keypoints[0, 0].tolist() == POINT

    @pytest.mark.parametrize("read", [read_mot, read_mot_truth])
    def test_mot(self, read, file):
        rows = read(file("1,7,11,21,10,20,1,-1,-1,-1\n"))
        assert rows.boxes.tolist() == [BOX]
        assert rows.frames.tolist() == [0]

    def test_openpose(self, file):
        read = read_openpose(file({"version": 1.3, "people": [{"pose_keypoints_2d": [*POINT, 1] * 25}]}))
        assert read.keypoints[0, 0].tolist() == POINT

    def test_csv(self, record, file):
        _, (read,) = read_csv(file(csv_header(NAMES) + csv_rows(record)))
        assert read.poses.boxes.tolist() == [BOX]
        assert read.poses.keypoints[0, 0].tolist() == POINT


class TestRoundTrips:
    def test_posetrack(self, record, file):
        content = {
            "categories": [posetrack_category()],
            "images": [posetrack_image(record, HEADER)],
            "annotations": posetrack_people(record, posetrack_places(HEADER), 0),
        }
        people = read_posetrack(file(content))
        assert people.boxes.tolist() == [BOX]
        assert people.track_ids.tolist() == [7]
        named = dict(zip(people.keypoint_names, people.visibilities[0].tolist(), strict=True))
        assert (named["neck"], named["head_top"], named["nose"]) == (0, 0, 1)
