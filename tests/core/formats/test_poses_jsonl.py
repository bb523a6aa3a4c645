"""poses.jsonl: what is written is what the schema says, and what is read back."""

from __future__ import annotations

import io
import json
import tracemalloc
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitepose.core.errors import FormatError, RecordingError
from sitepose.core.formats.poses_jsonl import (
    PoseRecord,
    PosesChange,
    PosesEnd,
    PosesHeader,
    PosesWriter,
    poses_schema,
    read_poses,
    record_line,
)
from sitepose.core.skeleton import load_skeleton
from sitepose.core.structures import UNTRACKED, Poses

HEADER = PosesHeader(
    source="vtest.avi",
    width=768,
    height=576,
    skeleton="coco17",
    keypoint_names=load_skeleton("coco17").keypoint_names,
    config={"detector": {"name": "centernet", "settings": {"min_score": 0.3}}},
    models=[{"name": "centernet", "sha256": "0" * 64}],
    version="0.1.0",
)


def one_person(**changes):
    fields = {
        "keypoints": np.full((1, 17, 2), 5.0),
        "keypoint_scores": np.full((1, 17), 0.5),
        "boxes": [[1, 2, 3, 4]],
        "box_scores": [0.25],
        "scores": [0.125],
    }
    return Poses(**{**fields, **changes})


def written(*records, header=HEADER, end=True):
    stream = io.BytesIO()
    writer = PosesWriter(stream, header)
    for record in records:
        writer.write(record)
    if end:
        writer.end(frames=len(records), dropped=0)
    return stream.getvalue()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "poses.jsonl"


class TestWriting:
    def test_lines_have_the_fields_and_the_order_of_the_format(self):
        poses = one_person(track_ids=[3], observed=[False], from_tracks=[True])
        header, frame, end = written(PoseRecord(7, 0.28, 3584, poses)).decode().splitlines()
        points = ",".join(["[5.00,5.00,0.5000]"] * 17)
        assert list(json.loads(header)) == [
            "schema", "source", "width", "height", "skeleton", "keypoint_names", "config", "models", "version",
        ]  # fmt: skip
        assert header.startswith('{"schema":"sitepose.poses/1","source":"vtest.avi","width":768,')
        assert frame == (
            '{"index":7,"timestamp":0.28,"pts":3584,"people":[{"track_id":3,"score":0.1250,"box_score":0.2500,'
            f'"box_origin":"track","observed":false,"box":[1.00,2.00,3.00,4.00],"keypoints":[{points}]}}]}}'
        )
        assert end == '{"end":true,"frames":1,"dropped":0}'

    def test_a_frame_with_nobody_in_it_has_its_line(self):
        assert record_line(PoseRecord(0, 0.0, None, Poses.empty(17))) == (
            '{"index":0,"timestamp":0.0,"pts":null,"people":[]}'
        )

    def test_a_still_image_has_its_name(self):
        line = record_line(PoseRecord(0, 0.0, None, Poses.empty(17), name="000000493652.jpg"))
        assert line == '{"index":0,"timestamp":0.0,"pts":null,"name":"000000493652.jpg","people":[]}'

    def test_a_missing_keypoint_is_three_zeros_even_where_only_one_number_is_missing(self):
        keypoints = np.full((1, 17, 2), 5.0)
        keypoints[0, 3] = np.nan, 7
        keypoints[0, 4] = np.inf, 7
        scores = np.full((1, 17), 0.5)
        scores[0, 5] = np.nan
        person = json.loads(
            record_line(PoseRecord(0, 0, None, one_person(keypoints=keypoints, keypoint_scores=scores)))
        )
        assert person["people"][0]["keypoints"][2:7] == [[5, 5, 0.5], [0] * 3, [0] * 3, [0] * 3, [5, 5, 0.5]]

    @pytest.mark.parametrize("value", [-0.0, -0.001, -0.0049])
    def test_nothing_is_minus_zero(self, value):
        poses = one_person(keypoints=np.full((1, 17, 2), value), boxes=[[value, value, 1, 1]])
        assert "-0.00" not in record_line(PoseRecord(0, -0.0, 0, poses))

    @pytest.mark.parametrize(
        "change",
        [{"boxes": [[np.nan, 0, 1, 1]]}, {"scores": [np.inf]}, {"box_scores": [np.nan]}],
        ids=["box", "score", "box score"],
    )
    def test_a_box_or_score_that_is_no_number_is_refused_with_its_frame(self, change):
        with pytest.raises(ValueError, match="frame 12: a box or score is not finite"):
            record_line(PoseRecord(12, 0, None, one_person(**change)))

    def test_poses_of_another_skeleton_are_refused(self):
        with pytest.raises(ValueError, match="frame 3 has 14 keypoints a person, the header names 17"):
            written(PoseRecord(3, 0, None, Poses.empty(14)))

    def test_every_line_is_on_the_disk_before_the_next_frame(self, path):
        with PosesWriter(path, HEADER) as writer:
            assert path.read_bytes().count(b"\n") == 1
            writer.write(PoseRecord(0, 0.0, 0, one_person()))
            assert path.read_bytes().count(b"\n") == 2
            writer.change(1, detector="yolox")
            assert path.read_bytes().endswith(b'{"change":{"index":1,"detector":"yolox"}}\n')

    def test_a_stream_stays_open_and_a_file_is_closed(self, path):
        stream = io.BytesIO()
        PosesWriter(stream, HEADER).close()
        assert not stream.closed
        writer = PosesWriter(path, HEADER)
        writer.close()
        writer.close()
        with pytest.raises(ValueError, match="closed"):
            writer.end(frames=0, dropped=0)

    def test_a_place_that_cannot_be_written_is_one_clear_line(self, tmp_path):
        with pytest.raises(RecordingError, match=r"missing/poses\.jsonl: cannot be written: No such file"):
            PosesWriter(tmp_path / "missing" / "poses.jsonl", HEADER)

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
    def test_a_full_disk_is_one_clear_line(self):
        with pytest.raises(RecordingError, match="/dev/full: cannot be written: No space left on device"):
            PosesWriter("/dev/full", HEADER)

    def test_a_source_name_that_is_not_utf8_is_still_json(self, path):
        name = b"caf\xe9.mp4".decode(errors="surrogateescape")
        PosesWriter(path, PosesHeader(source=name, width=1, height=1, skeleton="x", keypoint_names=[])).close()
        assert read_poses(path).header.source == name


class TestSchema:
    def test_every_kind_of_line_is_valid(self, make_poses):
        stream = io.BytesIO()
        writer = PosesWriter(stream, HEADER)
        for index in range(4):
            writer.write(
                PoseRecord(
                    index,
                    index / 25,
                    index,
                    make_poses(index),
                    name="a.jpg" if index else None,
                    segment=index or None,
                )
            )
        writer.change(4, detector="yolox", models=[{"name": "yolox", "sha256": None}])
        writer.end(frames=4, dropped=1)
        validator = jsonschema.Draft202012Validator(poses_schema())
        validator.check_schema(poses_schema())
        for line in stream.getvalue().splitlines():
            validator.validate(json.loads(line))

    @pytest.mark.parametrize(
        "spoil",
        [
            pytest.param(lambda line: line.update(index=-1), id="negative index"),
            pytest.param(lambda line: line.pop("people"), id="no people"),
            pytest.param(lambda line: line["people"][0].update(box=[1, 2, 3]), id="box of three"),
            pytest.param(lambda line: line["people"][0].update(score=1.5), id="score above 1"),
            pytest.param(
                lambda line: line["people"][0]["keypoints"].append([1, 2]), id="keypoint without score"
            ),
            pytest.param(lambda line: line["people"][0].update(box_origin="guess"), id="unknown origin"),
        ],
    )
    def test_a_spoilt_line_is_not(self, spoil):
        line = json.loads(record_line(PoseRecord(0, 0.0, 0, one_person())))
        spoil(line)
        assert not jsonschema.Draft202012Validator(poses_schema()).is_valid(line)


class TestReading:
    @given(
        people=st.lists(st.integers(0, 4), max_size=4),
        num_keypoints=st.sampled_from([1, 14, 17]),
        seed=st.integers(0, 99),
    )
    def test_reading_gives_back_what_was_written(
        self, people, num_keypoints, seed, make_poses, tmp_path_factory
    ):
        path = tmp_path_factory.mktemp("round") / "poses.jsonl"
        header = PosesHeader(
            source="a", width=4, height=3, skeleton="s", keypoint_names=[f"k{i}" for i in range(num_keypoints)]
        )
        records = [
            PoseRecord(i * 2, i / 30, i * 512, make_poses(count, num_keypoints, seed + i))
            for i, count in enumerate(people)
        ]
        path.write_bytes(written(*records, header=header))
        file = read_poses(path)
        for given_record, record in zip(records, file, strict=True):
            assert (record.index, record.pts, record.name) == (given_record.index, given_record.pts, None)
            assert record.timestamp == pytest.approx(given_record.timestamp, abs=1e-6)
            for name in ("keypoints", "boxes"):
                assert (
                    np.abs(getattr(record.poses, name) - getattr(given_record.poses, name)).max(initial=0)
                    < 0.0051
                )
            for name in ("keypoint_scores", "box_scores", "scores"):
                assert (
                    np.abs(getattr(record.poses, name) - getattr(given_record.poses, name)).max(initial=0)
                    < 6e-5
                )
            for name in ("track_ids", "observed", "from_tracks"):
                assert (getattr(record.poses, name) == getattr(given_record.poses, name)).all()
        assert file.end == PosesEnd(len(people), 0)

    def test_writing_what_was_read_gives_the_same_bytes(self, make_poses, path):
        first = written(*(PoseRecord(i, i / 30, i, make_poses(i, seed=i)) for i in range(5)))
        path.write_bytes(first)
        file = read_poses(path)
        assert written(*file, header=file.header) == first

    def test_memory_does_not_grow_with_the_length_of_the_file(self, make_poses, path):
        line = record_line(PoseRecord(0, 0.0, 0, make_poses(3))).encode() + b"\n"
        path.write_bytes(written(end=False) + line * 1500)
        peaks = []
        tracemalloc.start()
        try:
            for count, _ in enumerate(read_poses(path), start=1):
                if count in (100, 1500):
                    peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
        assert peaks[1] < peaks[0] + 100_000

    def test_the_file_can_be_read_twice(self, make_poses, path):
        path.write_bytes(written(*(PoseRecord(i, i, i, make_poses(2)) for i in range(3))))
        file = read_poses(path)
        assert [record.index for record in file] == [record.index for record in file] == [0, 1, 2]

    def test_changes_are_kept_apart_from_the_frames(self, path):
        with PosesWriter(path, HEADER) as writer:
            writer.write(PoseRecord(0, 0, 0, one_person()))
            writer.change(1, detector="yolox")
        file = read_poses(path)
        assert len(list(file)) == 1
        assert file.changes == [PosesChange(1, {"detector": "yolox"})]
        assert file.end is None

    @given(cut=st.integers(1, 10_000))
    def test_a_file_cut_anywhere_after_its_header_is_read_up_to_its_last_whole_line(
        self, cut, make_poses, tmp_path_factory
    ):
        content = written(*(PoseRecord(i, i, i, make_poses(2)) for i in range(4)))
        header_end = content.index(b"\n") + 1
        kept = content[: header_end + cut % (len(content) - header_end)]
        path = tmp_path_factory.mktemp("cut") / "poses.jsonl"
        path.write_bytes(kept)
        whole_lines = kept.count(b"\n") - 1
        found = len(list(read_poses(path)))
        assert found in (whole_lines, whole_lines + 1)  # a last line that lacks nothing but its break is whole
        assert found <= 4

    def test_zeros_after_a_power_cut_are_a_cut_line(self, path, make_poses):
        path.write_bytes(written(PoseRecord(0, 0, 0, make_poses(2)), end=False) + b"\0" * 4096)
        assert len(list(read_poses(path))) == 1

    def test_an_older_file_with_fewer_fields_and_a_newer_one_with_more_are_read(self, path):
        header = (
            '{"schema":"sitepose.poses/1.4","width":4,"height":3,"skeleton":"s","keypoint_names":["a"],"x":1}'
        )
        person = '{"score":0.5,"box":[0,1,2,3],"keypoints":[[1,2,0.5]],"mood":"good"}'
        frame = f'{{"index":0,"timestamp":0,"people":[{person}],"new":{{}}}}'
        path.write_text(f"{header}\n{frame}\n")
        (record,) = read_poses(path)
        assert record.pts is None
        assert record.poses.box_scores.tolist() == [0.5]
        assert record.poses.track_ids.tolist() == [UNTRACKED]
        assert record.poses.observed.tolist() == [True]
        assert record.poses.from_tracks.tolist() == [False]

    def test_a_newer_major_version_is_refused_with_a_way_out(self, path):
        path.write_text('{"schema":"sitepose.poses/2"}\n')
        with pytest.raises(
            FormatError, match=r"line 1: schema is 'sitepose.poses/2', this version reads up to "
        ):
            read_poses(path)

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            pytest.param("{", "line 2: not JSON", id="no JSON"),
            pytest.param("[]", "line 2: expected an object", id="no object"),
            pytest.param('{"index":0,"timestamp":0}', "line 2: 'people' is missing", id="no people"),
            pytest.param('{"index":-1,"timestamp":0,"people":[]}', "index: expected 0 or more", id="index"),
            pytest.param(
                '{"index":1.5,"timestamp":0,"people":[]}', "index: expected a whole number", id="half"
            ),
            pytest.param('{"index":0,"timestamp":NaN,"people":[]}', "NaN is not a JSON number", id="NaN"),
            pytest.param('{"index":0,"timestamp":1e999,"people":[]}', "timestamp: expected a number", id="inf"),
            pytest.param('{"index":0,"timestamp":0,"people":[3]}', "people: expected an object", id="person"),
            pytest.param(
                '{"index":0,"timestamp":0,"people":[{"score":1,"box":[1,2,3],"keypoints":[]}]}',
                "line 2: keypoints: expected 1 x 17 x 3 numbers",
                id="keypoints",
            ),
            pytest.param(
                '{"end":true,"frames":0}\n{"end":true,"frames":0}', "line 3: nothing may follow", id="end"
            ),
        ],
    )
    def test_a_damaged_line_is_named_by_its_number(self, line, message, path):
        path.write_bytes(written(end=False) + line.encode() + b"\n")
        with pytest.raises(FormatError, match=message):
            list(read_poses(path))

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            pytest.param(b"", r"poses\.jsonl: empty, expected a first line", id="empty"),
            pytest.param(b"\n\n", r"poses\.jsonl: empty, expected a first line", id="blank"),
            pytest.param(b'{"schema":"sitep', "line 1: not JSON", id="cut header"),
            pytest.param(b'{"images":[]}\n', "line 1: 'schema' is missing", id="another JSON"),
            pytest.param(b'{"schema":"coco"}\n', "schema is 'coco', expected 'sitepose.poses/1'", id="schema"),
            pytest.param(b"\x00\x01\xff\n", "line 1: not JSON", id="binary"),
        ],
    )
    def test_a_file_that_is_something_else_is_one_clear_line(self, content, message, path):
        path.write_bytes(content)
        with pytest.raises(FormatError, match=message) as caught:
            read_poses(path)
        assert "\n" not in str(caught.value)

    def test_no_such_file_is_one_clear_line(self, path):
        with pytest.raises(FormatError, match=r"poses\.jsonl: cannot be read: No such file or directory"):
            read_poses(path)

    @given(junk=st.binary(max_size=200) | st.text(max_size=100).map(str.encode), place=st.integers(0, 3))
    def test_whatever_is_in_the_file_only_a_format_error_escapes(
        self, junk, place, make_poses, tmp_path_factory
    ):
        path = tmp_path_factory.mktemp("junk") / "poses.jsonl"
        lines = written(PoseRecord(0, 0, 0, make_poses(1))).splitlines(keepends=True)
        path.write_bytes(b"".join(lines[:place]) + junk + b"".join(lines[place:]))
        try:
            list(read_poses(path))
        except FormatError as error:
            assert "\n" not in str(error)  # noqa: PT017

    @given(
        value=st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
            lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        ),
        key=st.sampled_from(
            ["index", "timestamp", "pts", "name", "people", "box", "keypoints", "score", "track_id"]
        ),
    )
    def test_whatever_a_field_holds_only_a_format_error_escapes(self, value, key, tmp_path_factory):
        line = json.loads(record_line(PoseRecord(0, 0.0, 0, one_person())))
        (line if key in line or key == "name" else line["people"][0])[key] = value
        path = tmp_path_factory.mktemp("field") / "poses.jsonl"
        path.write_bytes(written(end=False) + json.dumps(line).encode() + b"\n")
        try:
            list(read_poses(path))
        except FormatError as error:
            assert "line 2" in str(error)  # noqa: PT017
