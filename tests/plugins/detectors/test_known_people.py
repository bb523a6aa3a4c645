"""Detectors that read a file: which people of it belong to a frame, and which are left out."""

import json

import numpy as np
import pytest

from sitepose.core.errors import FormatError, PluginError, SiteposeError
from sitepose.core.structures import Frame
from sitepose.plugins.api import PluginContext
from sitepose.plugins.detectors.detections import DetectionsFile
from sitepose.plugins.detectors.groundtruth import GroundTruth


def frame(name=None, index=0):
    return Frame(image=np.zeros((4, 4, 3), np.uint8), index=index, timestamp=0.0, name=name)


@pytest.fixture
def open_file(tmp_path, workers):
    def open_file(plugin, content, *, name="people.json", **settings):
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return plugin(plugin.Settings(**settings), PluginContext(weights=path, workers=workers))

    return open_file


def person(image_id, left, **others):
    return {
        "id": 1,
        "image_id": image_id,
        "category_id": 1,
        "bbox": [left, 0, 10, 20],
        "area": 200,
        "iscrowd": 0,
    } | others


def labelled(*people, names=("nose",)):
    images = [
        {"id": 17, "file_name": "train/a.jpg", "width": 64, "height": 64},
        {"id": 18, "file_name": "b.jpg", "width": 64, "height": 64},
    ]
    category = {"id": 1, "name": "person", "keypoints": list(names), "skeleton": []}
    return {"images": images, "annotations": list(people), "categories": [category]}


def lefts(detector, *frames):
    return [people.boxes[:, 0].tolist() for people in detector.detect(frames)]


class TestGroundTruth:
    @pytest.mark.parametrize(
        ("asked", "found"),
        [
            pytest.param(frame("a.jpg"), [0.5], id="by file name, whatever the folder"),
            pytest.param(frame("elsewhere/b.jpg"), [1.5, 2.5], id="several people"),
            pytest.param(frame("18"), [1.5, 2.5], id="by image id"),
            pytest.param(frame(index=17), [0.5], id="by index, in a video"),
            pytest.param(frame(index=3), [], id="a frame that nobody is labelled in"),
        ],
    )
    def test_a_frame_finds_its_people(self, open_file, asked, found):
        seen = {"keypoints": [3, 3, 2], "num_keypoints": 1}
        content = labelled(person(17, 1, **seen), person(18, 2, **seen), person(18, 3, **seen))
        assert lefts(open_file(GroundTruth, content), asked) == [found]

    def test_an_image_that_the_file_does_not_know_is_an_error(self, open_file):
        detector = open_file(GroundTruth, labelled())
        with pytest.raises(PluginError, match=r"people\.json has no image 'c\.jpg'"):
            detector.detect([frame("c.jpg")])

    @pytest.mark.parametrize(
        ("settings", "found"),
        [
            pytest.param({}, [0.5], id="neither crowds nor people without keypoints"),
            pytest.param({"only_labelled": False}, [0.5, 1.5], id="never crowds"),
        ],
    )
    def test_people_whom_nobody_scores_are_left_out(self, open_file, settings, found):
        content = labelled(
            person(17, 1, keypoints=[3, 3, 1], num_keypoints=1),
            person(17, 2, keypoints=[0, 0, 0], num_keypoints=0),
            person(17, 3, keypoints=[3, 3, 2], num_keypoints=1, iscrowd=1),
        )
        assert lefts(open_file(GroundTruth, content, **settings), frame("a.jpg")) == [found]

    def test_files_of_boxes_give_every_box(self, open_file):
        content = labelled(person(17, 1), person(17, 2), names=())
        assert lefts(open_file(GroundTruth, content), frame("a.jpg")) == [[0.5, 1.5]]

    def test_a_mot_file_brings_its_identities(self, open_file):
        rows = "1,5,1,1,10,20,1,-1,-1,-1\n2,5,3,1,10,20,1,-1,-1,-1\n2,9,30,1,10,20,1,-1,-1,-1\n"
        detector = open_file(GroundTruth, rows, name="gt.txt")
        first, second, third = detector.detect([frame(index=0), frame(index=1), frame(index=2)])
        assert detector.capabilities.provides_track_ids
        assert first.boxes.tolist() == [[-0.5, -0.5, 9.5, 19.5]]
        assert second.track_ids.tolist() == [5, 9]
        assert third.track_ids.tolist() == []

    def test_real_mot_labels_are_all_there(self, data, workers):
        path = data / "mot" / "TUD-Stadtmitte" / "gt.txt"
        detector = GroundTruth(GroundTruth.Settings(), PluginContext(weights=path, workers=workers))
        people = detector.detect([frame(index=i) for i in range(179)])
        assert sum(map(len, people)) == 1156
        assert len(set(np.concatenate([p.track_ids for p in people]))) == 10


class TestDetectionsFile:
    def test_the_best_box_comes_first(self, open_file):
        content = [person(3, 1, score=0.4), person(3, 2, score=0.8), person(4, 3, score=0.6)]
        assert lefts(open_file(DetectionsFile, content), frame(index=3), frame(index=4)) == [[1.5, 0.5], [2.5]]

    @pytest.mark.parametrize(
        ("image_id", "asked"),
        [
            pytest.param(535506, frame("000000535506.jpg", index=1), id="the number of the file name"),
            pytest.param(2, frame("market.jpg", index=2), id="the index where the name is no number"),
            pytest.param("market.jpg", frame("day1/market.jpg", index=9), id="the file name"),
        ],
    )
    def test_an_image_is_known_by(self, open_file, image_id, asked):
        assert lefts(open_file(DetectionsFile, [person(image_id, 1, score=0.5)]), asked) == [[0.5]]

    @pytest.mark.parametrize(
        ("settings", "found"),
        [
            pytest.param({}, [0.5, 1.5, 40.5], id="everybody"),
            pytest.param({"min_score": 0.5}, [0.5, 1.5], id="above a score"),
            pytest.param({"nms_iou": 0.5}, [0.5, 40.5], id="without doubles"),
        ],
    )
    def test_settings_choose_people(self, open_file, settings, found):
        content = [person(0, 1, score=0.9), person(0, 2, score=0.8), person(0, 41, score=0.3)]
        assert lefts(open_file(DetectionsFile, content, **settings), frame()) == [found]

    def test_a_person_without_a_box_gets_the_one_around_the_keypoints(self, open_file):
        content = [{"image_id": 0, "category_id": 1, "score": 0.5, "keypoints": [1, 2, 0.9, 5, 8, 0.7]}]
        assert open_file(DetectionsFile, content).detect([frame()])[0].boxes.tolist() == [[1, 2, 5, 8]]

    def test_scores_of_another_scale_are_an_error(self, open_file):
        with pytest.raises(FormatError, match=r"scores must be within 0\.\.1, not 73"):
            open_file(DetectionsFile, [person(0, 1, score=73.0)])

    def test_a_mot_file_of_detections_is_read_too(self, open_file):
        detector = open_file(DetectionsFile, "2,-1,1,1,10,20,0.7\n", name="det.txt")
        assert lefts(detector, frame(index=0), frame(index=1)) == [[], [-0.5]]


@pytest.mark.parametrize("plugin", [GroundTruth, DetectionsFile])
class TestFaults:
    @pytest.mark.parametrize(
        ("name", "content"),
        [
            pytest.param("people.json", "no json", id="text"),
            pytest.param("people.json", '"text"', id="JSON of something else"),
            pytest.param("people.txt", "1,2,three", id="letters in a MOT file"),
        ],
    )
    def test_a_damaged_file_is_one_line_with_its_name(self, open_file, plugin, name, content):
        with pytest.raises(SiteposeError, match=rf"^\S*{name}.*") as caught:
            open_file(plugin, content, name=name)
        assert "\n" not in str(caught.value)

    def test_a_file_must_be_named(self, plugin, workers):
        with pytest.raises(PluginError, match="--detector NAME:FILE"):
            plugin(plugin.Settings(), PluginContext(workers=workers))
