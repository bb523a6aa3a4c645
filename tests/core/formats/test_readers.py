"""Readers of foreign files: real files of every kind, and what they say of damaged ones."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sitepose.core.errors import FormatError
from sitepose.core.formats.aic import aic_results, read_aic
from sitepose.core.formats.alphapose import read_alphapose
from sitepose.core.formats.annotations import Annotations
from sitepose.core.formats.coco import coco_annotations, coco_content, read_coco, read_coco_results
from sitepose.core.formats.crowdpose import read_crowdpose, stored_crowd_indices
from sitepose.core.formats.csv import read_csv
from sitepose.core.formats.mot import read_mot, read_mot_truth
from sitepose.core.formats.openpose import read_openpose
from sitepose.core.formats.poses_jsonl import PoseRecord
from sitepose.core.formats.posetrack import read_posetrack
from sitepose.core.skeleton import load_skeleton

JSON_READERS = [
    read_coco, read_coco_results, read_crowdpose, read_aic, read_posetrack, read_alphapose, read_openpose,
]  # fmt: skip
READERS = [*JSON_READERS, read_mot, read_mot_truth, read_csv]


class TestRealFiles:
    def test_coco_keypoints(self, data):
        people = read_coco(data / "coco" / "person_keypoints.json")
        assert len(people.images) == 130
        assert len(people) == 271
        assert people.keypoint_names == load_skeleton("coco17").keypoint_names
        assert np.isfinite(people.areas).all()
        labelled = (people.num_keypoints > 0) & ~people.crowds
        assert labelled.sum() == 143
        assert len(np.unique(people.image_rows[labelled])) == 53
        assert ((people.visibilities > 0).sum(axis=1) == people.num_keypoints).all()
        image = people.images[people.row_of(493652)]
        assert (image.file_name, image.size_wh) == ("000000493652.jpg", (640, 399))

    @pytest.mark.parametrize(
        ("name", "rows", "keypoints"),
        [
            ("bbox_yolox_nano416.json", 504, 0),
            ("keypoints_gtbox_tinypose256.json", 143, 17),
        ],
    )
    def test_coco_results(self, name, rows, keypoints, data):
        results = read_coco_results(data / "coco" / name)
        assert len(results) == rows
        assert results.keypoints.shape == (rows, keypoints, 2)
        assert np.isfinite(results.boxes).all() == (keypoints == 0)

    def test_crowdpose(self, data):
        people = read_crowdpose(data / "crowdpose" / "crowdpose_val.json")
        assert (len(people.images), len(people)) == (2000, 8527)
        assert people.keypoint_names == load_skeleton("crowdpose14").keypoint_names
        # The stored number of keypoints is not the count of labelled ones, and must not be mended.
        assert ((people.visibilities > 0).sum(axis=1) != people.num_keypoints).sum() == 7543
        crowded = stored_crowd_indices(people)
        assert [(crowded < 0.2).sum(), ((crowded >= 0.2) & (crowded < 0.8)).sum(), (crowded >= 0.8).sum()] == [
            411, 1240, 349,
        ]  # fmt: skip

    def test_aic_in_cocos_form(self, data):
        people = read_aic(data / "aic" / "test_aic.json")
        assert (len(people.images), len(people)) == (3, 9)
        assert people.keypoint_names == load_skeleton("aic14").keypoint_names
        assert people.areas[0] == 213 * 544 + 1

    def test_posetrack(self, data):
        sequences = sorted((data / "posetrack18" / "annotations").rglob("*.json"))
        people = [read_posetrack(path) for path in sequences]
        assert sum(len(sequence) for sequence in people) == 14
        assert all((sequence.track_ids >= 0).all() for sequence in people)
        assert all(np.isfinite(sequence.head_boxes).all() for sequence in people)
        ears = [load_skeleton("posetrack15").index(name) for name in ("left_ear", "right_ear")]
        assert all((sequence.visibilities[:, ears] == 0).all() for sequence in people)

    def test_mot(self, data):
        truth = read_mot_truth(data / "mot" / "TUD-Stadtmitte" / "gt.txt")
        assert len(truth) == 1156
        assert len(np.unique(truth.track_ids)) == 10
        assert (truth.frames.min(), truth.frames.max()) == (0, 178)
        assert truth.boxes[0] == pytest.approx([86.5, 97.5, 147.58, 316.06])


class TestContent:
    def test_coco_annotations_written_and_read_are_the_same(self, data):
        people = read_coco(data / "coco" / "person_keypoints.json")
        again = coco_annotations(json.loads(json.dumps(coco_content(people))), where="again")
        assert [image.image_id for image in again.images] == [image.image_id for image in people.images]
        for name in Annotations.__slots__[2:]:
            one, other = getattr(people, name), getattr(again, name)
            assert np.allclose(one, other, atol=1e-3, equal_nan=True), name

    def test_selecting_people_keeps_the_images(self, data):
        people = read_coco(data / "coco" / "person_keypoints.json")
        some = people.select(people.areas > 5000)
        assert len(some.images) == 130
        assert 0 < len(some) < len(people)
        assert sum(len(rows) for rows in some.rows_by_image()) == len(some)
        assert len(people.select([])) == 0

    def test_people_of_another_category_are_left_out(self):
        content = {
            "images": [{"id": 1}],
            "annotations": [
                {"id": 5, "image_id": 1, "category_id": 18, "bbox": [0, 0, 1, 1]},
                {"id": 6, "image_id": 1, "category_id": 1, "bbox": [0, 0, 1, 1]},
            ],
            "categories": [{"id": 18, "name": "dog"}, {"id": 1, "name": "person"}],
        }
        assert coco_annotations(content, where="x").ids.tolist() == [6]

    def test_mot_truth_leaves_out_what_does_not_count(self, tmp_path):
        path = tmp_path / "gt.txt"
        path.write_text("1,1,1,1,5,5,1,1,1.0\n1,2,1,1,5,5,0,1,1.0\n1,3,1,1,5,5,1,3,1.0\n")
        assert read_mot_truth(path).track_ids.tolist() == [1]
        assert read_mot(path).track_ids.tolist() == [1, 2, 3]

    def test_mot_takes_blanks_for_commas_and_short_rows(self, tmp_path):
        path = tmp_path / "det.txt"
        path.write_text("1 -1 1 1 5 5\r\n\r\n2,-1,1,1,5,5,0.5")
        rows = read_mot(path)
        assert rows.frames.tolist() == [0, 1]
        assert rows.scores.tolist() == [1, 0.5]

    def test_aics_own_form_says_hidden_and_absent_in_its_own_way(self, tmp_path, make_poses):
        points = [5, 6, 1, 5, 6, 2, 5, 6, 3] + [7, 8, 1] * 11
        path = tmp_path / "aic.json"
        path.write_text(
            json.dumps(
                [
                    {
                        "image_id": "a",
                        "human_annotations": {"human1": [1, 2, 30, 40]},
                        "keypoint_annotations": {"human1": points},
                    }
                ]
            )
        )
        people = read_aic(path)
        assert people.visibilities[0, :4].tolist() == [2, 1, 0, 2]
        assert people.keypoints[0, 2].tolist() == [0, 0]
        assert people.areas.tolist() == [29 * 38 + 1]
        result = aic_results(PoseRecord(0, 0, 0, make_poses(2, 14), name="a.jpg"))
        assert result["image_id"] == "a"
        assert list(result["keypoint_annotations"]) == ["human1", "human2"]


def annotations(**changes):
    person = {"id": 1, "image_id": 1, "bbox": [1, 2, 3, 4], "keypoints": [1, 2, 2], "area": 5, **changes}
    return {
        "images": [{"id": 1, "file_name": "a.jpg"}],
        "annotations": [{"id": 0, "image_id": 1, "bbox": [1, 2, 3, 4], "keypoints": [1, 2, 2]}, person],
        "categories": [{"id": 1, "name": "person", "keypoints": ["nose"]}],
    }


class TestMessages:
    @pytest.mark.parametrize(
        ("content", "message"),
        [
            pytest.param([], "expected an object", id="a list"),
            pytest.param({"images": []}, "'annotations' is missing", id="no annotations"),
            pytest.param(
                annotations(image_id=9), r"annotations\[1\]: image_id 9 is not among the images", id="image"
            ),
            pytest.param(annotations(bbox=[1, 2, 3]), r"annotations\[1\]: bbox: expected 4 numbers", id="box"),
            pytest.param(
                annotations(keypoints=[1]), r"annotations\[1\]: keypoints: expected 3 numbers", id="keypoints"
            ),
            pytest.param(
                annotations(area="5"), r"annotations\[1\]: area: expected a number, not '5'", id="area"
            ),
            pytest.param(
                annotations(bbox=["a"] * 4), r"annotations\[1\]: bbox: expected numbers, not", id="text"
            ),
            pytest.param(
                {**annotations(), "categories": [{"name": "cat"}, {"name": "dog"}]},
                "called 'person'",
                id="category",
            ),
        ],
    )
    def test_of_coco_name_the_entry(self, content, message, tmp_path):
        path = tmp_path / "a.json"
        path.write_text(json.dumps(content))
        with pytest.raises(FormatError, match=message):
            read_coco(path)

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            pytest.param({"images": []}, "expected a list", id="annotations"),
            pytest.param([{"score": 1}], r"\[0\]: 'image_id' is missing", id="no image"),
            pytest.param([{"image_id": 1}], r"\[0\]: 'score' is missing", id="no score"),
            pytest.param(
                [{"image_id": 1, "score": 1, "keypoints": [1]}], r"\[0\]: keypoints has 1 numbers", id="one"
            ),
        ],
    )
    def test_of_results_name_the_entry(self, content, message, tmp_path):
        path = tmp_path / "a.json"
        path.write_text(json.dumps(content))
        with pytest.raises(FormatError, match=message):
            read_coco_results(path)

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ("1,2,3", "line 2: 3 columns, expected frame,id"),
            ("1,2,3,4,5,x", "line 2: expected numbers, not '1,2,3,4,5,x'"),
            ("0,2,3,4,5,6", "line 2: frame and id must be whole numbers and frames count from 1"),
            ("1,2,3,4,5,nan", "line 2: a number is not finite"),
        ],
    )
    def test_of_mot_name_the_line(self, line, message, tmp_path):
        path = tmp_path / "gt.txt"
        path.write_text(f"1,1,1,1,1,1\n{line}\n")
        with pytest.raises(FormatError, match=message):
            read_mot(path)

    def test_of_mot_truth_name_who_is_twice_in_a_frame(self, tmp_path):
        path = tmp_path / "gt.txt"
        path.write_text("3,1,1,1,1,1\n3,1,1,1,1,1\n")
        with pytest.raises(FormatError, match="person 1 is twice in frame 3"):
            read_mot_truth(path)

    @pytest.mark.parametrize(
        ("read", "keypoints"),
        [(read_crowdpose, 14), (read_aic, 14), (read_posetrack, 17)],
        ids=["cp", "aic", "pt"],
    )
    def test_of_another_skeleton_say_what_was_expected(self, read, keypoints, tmp_path):
        path = tmp_path / "a.json"
        path.write_text(json.dumps(annotations()))
        with pytest.raises(FormatError, match=rf"a\.json: 1 keypoints, expected .* {keypoints}"):
            read(path)

    @pytest.mark.parametrize("read", READERS)
    def test_no_such_file_is_one_clear_line(self, read, tmp_path):
        with pytest.raises(FormatError, match="missing: cannot be read: No such file or directory"):
            read(tmp_path / "missing")


def assert_only_format_errors(read, path):
    try:
        read(path)
    except FormatError as error:
        assert "\n" not in str(error)  # noqa: PT017
        assert path.name in str(error)  # noqa: PT017


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)

PEOPLE = {
    "images": [{"id": 1, "file_name": "a.jpg", "width": 4, "height": 3, "crowdIndex": 0.5}],
    "annotations": [
        {
            "id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "keypoints": [1, 2, 2] * 14,
            "area": 5, "iscrowd": 0, "num_keypoints": 14, "track_id": 1, "bbox_head": [1, 2, 3, 4],
        }
    ],
    "categories": [{"id": 1, "name": "person", "keypoints": ["k"] * 14}],
}  # fmt: skip
RESULT = {
    "image_id": 1, "category_id": 1, "keypoints": [1, 2, 0.5] * 3, "score": 0.5, "bbox": [1, 2, 3, 4],
    "idx": [1.0], "box": [1, 2, 3, 4], "track_id": 4,
}  # fmt: skip
PERSON = {"person_id": [1], "pose_keypoints_2d": [1, 2, 0.5] * 18}
HUMAN = {
    "image_id": "a", "human_annotations": {"human1": [1, 2, 3, 4]},
    "keypoint_annotations": {"human1": [1, 2, 1] * 14},
}  # fmt: skip


class TestFuzz:
    """Whatever is in a file, nothing but a FormatError of one line comes out."""

    @pytest.mark.parametrize("read", READERS)
    @given(
        content=st.binary(max_size=100) | st.text(max_size=60).map(lambda text: text.encode(errors="replace"))
    )
    @settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_any_bytes(self, read, content, tmp_path):
        path = tmp_path / "file"
        path.write_bytes(content)
        assert_only_format_errors(read, path)

    @pytest.mark.parametrize("read", JSON_READERS)
    @given(content=VALUES)
    @settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_any_json(self, read, content, tmp_path):
        path = tmp_path / "file"
        path.write_text(json.dumps(content))
        assert_only_format_errors(read, path)

    @pytest.mark.parametrize("read", [read_coco, read_crowdpose, read_aic])
    @given(
        part=st.sampled_from([("images", None), ("annotations", None), ("categories", None)])
        | st.tuples(st.just("images"), st.sampled_from(sorted(PEOPLE["images"][0])))
        | st.tuples(st.just("annotations"), st.sampled_from(sorted(PEOPLE["annotations"][0])))
        | st.tuples(st.just("categories"), st.sampled_from(sorted(PEOPLE["categories"][0]))),
        value=VALUES,
    )
    @settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_any_value_in_any_field_of_annotations(self, read, part, value, tmp_path):
        key, field = part
        content = {**PEOPLE, key: value if field is None else [{**PEOPLE[key][0], field: value}]}
        path = tmp_path / "file"
        path.write_text(json.dumps(content))
        assert_only_format_errors(read, path)
        if read is read_crowdpose:
            try:
                stored_crowd_indices(read_crowdpose(path))
            except FormatError:
                return

    @pytest.mark.parametrize(
        ("read", "entry", "wrap"),
        [
            (read_coco_results, RESULT, lambda entry: [RESULT, entry]),
            (read_alphapose, RESULT, lambda entry: [RESULT, entry]),
            (read_openpose, PERSON, lambda entry: {"people": [PERSON, entry]}),
            (read_aic, HUMAN, lambda entry: [HUMAN, entry]),
        ],
        ids=["coco", "alphapose", "openpose", "aic"],
    )
    @given(choice=st.integers(0, 20), value=VALUES)
    @settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_any_value_in_any_field_of_results(self, read, entry, wrap, choice, value, tmp_path):
        key = sorted(entry)[choice % len(entry)]
        path = tmp_path / "file"
        path.write_text(json.dumps(wrap({**entry, key: value})))
        assert_only_format_errors(read, path)

    @pytest.mark.parametrize("read", [read_mot, read_mot_truth])
    @given(rows=st.lists(st.lists(st.floats() | st.integers() | st.text(max_size=3), max_size=11), max_size=4))
    @settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_any_rows_of_mot(self, read, rows, tmp_path):
        path = tmp_path / "file"
        path.write_text("\n".join(",".join(map(str, row)) for row in rows), encoding="utf-8", errors="replace")
        assert_only_format_errors(read, path)

    @given(place=st.integers(0, 15), value=st.text(max_size=5))
    @settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_any_cell_of_csv(self, place, value, tmp_path):
        header = (
            "frame,timestamp,pts,name,track_id,score,box_score,box_origin,observed,x1,y1,x2,y2,a_x,a_y,a_score"
        )
        cells = ["0", "0.0", "1", "", "3", "0.5", "0.5", "detector", "true", *"123456", "0.5"]
        cells[place] = value
        path = tmp_path / "file"
        path.write_text(f"{header}\r\n{','.join(cells)}\r\n", encoding="utf-8", errors="replace")
        assert_only_format_errors(read_csv, path)
