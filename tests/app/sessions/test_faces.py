"""Where faces are, and what is left of them."""

from __future__ import annotations

import json
from collections import defaultdict

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitepose.app.sessions.faces import CELLS, blur, head_regions
from sitepose.core.skeleton import load_skeleton, skeleton_names
from sitepose.core.structures import Poses

COCO17 = load_skeleton("coco17")
FACE = slice(0, 5)


def person(*, keypoints=None, scores=1.0, box=(100, 100, 200, 400), skeleton=COCO17):
    """Return somebody who stands upright in the box, seen from the front."""
    places = np.zeros((skeleton.num_keypoints, 2)) if keypoints is None else np.asarray(keypoints, float)
    return Poses(
        keypoints=places[None],
        keypoint_scores=np.broadcast_to(np.asarray(scores, np.float32), (1, skeleton.num_keypoints)),
        boxes=[box],
        box_scores=[1],
        scores=[1],
    )


def standing():
    keypoints = np.full((17, 2), [150.0, 300.0])
    keypoints[FACE] = [[150, 125], [155, 120], [145, 120], [162, 122], [138, 122]]
    keypoints[[5, 6]] = [[185, 160], [115, 160]]
    keypoints[[11, 12]] = [[170, 250], [130, 250]]
    return keypoints


class TestHeadRegions:
    def test_a_head_is_a_square_around_the_face(self):
        ((x1, y1, x2, y2),) = head_regions(person(keypoints=standing()), COCO17, (640, 480)).tolist()

        assert (x1, y1) <= (113, 85)
        assert (x2, y2) >= (187, 155)
        assert max(x2 - x1, y2 - y1) < 90

    def test_without_a_face_it_is_the_upper_part_of_the_box(self):
        scores = np.ones(17)
        scores[FACE] = 0.1
        ((x1, y1, x2, y2),) = head_regions(
            person(keypoints=standing(), scores=scores), COCO17, (640, 480)
        ).tolist()

        assert (x1, y1) == (100, 100)
        assert x2 == 201
        assert 190 <= y2 <= 210

    def test_one_keypoint_is_enough_with_the_size_of_the_body(self):
        scores = np.ones(17)
        scores[1:5] = 0
        ((x1, y1, x2, _),) = head_regions(
            person(keypoints=standing(), scores=scores), COCO17, (640, 480)
        ).tolist()

        assert x1 < 120
        assert x2 > 180
        assert y1 < 95

    def test_nobody_has_no_head(self):
        assert head_regions(Poses.empty(17), COCO17, (64, 48)).shape == (0, 4)

    @pytest.mark.parametrize("name", skeleton_names())
    def test_every_skeleton_has_heads(self, name):
        skeleton = load_skeleton(name)
        middle = np.full((skeleton.num_keypoints, 2), 150.0)
        (region,) = head_regions(person(keypoints=middle, skeleton=skeleton), skeleton, (640, 480))

        assert (region[2:] - region[:2] > 30).all()

    @given(st.lists(st.floats(-3000, 3000), min_size=38, max_size=38), st.floats(0, 1))
    def test_regions_lie_within_the_frame(self, numbers, score):
        keypoints = np.array(numbers[:34]).reshape(17, 2)
        box = np.concatenate([np.sort(numbers[34::2]), np.sort(numbers[35::2])])[[0, 2, 1, 3]]
        regions = head_regions(person(keypoints=keypoints, scores=score, box=box), COCO17, (64, 48))

        assert ((regions >= 0) & (regions <= [64, 48, 64, 48])).all()
        assert (regions[:, 2:] >= regions[:, :2]).all()

    @pytest.mark.parametrize(
        ("poses", "share"),
        [
            pytest.param("keypoints_gtbox_tinypose256.json", 0.97, id="in labelled boxes"),
            pytest.param("keypoints_picodet320_tinypose256.json", 0.90, id="in the boxes of a detector"),
        ],
    )
    def test_labelled_faces_are_covered_by_what_a_real_network_found(self, data, poses, share):
        covered = np.array(list(_covered(data / "coco", poses)))

        assert len(covered) > 400
        assert covered.mean() > share


def _covered(folder, poses_file):
    """Yield whether each labelled keypoint of a face lies in a region of TinyPose's poses in labelled boxes."""
    labels = json.loads((folder / "person_keypoints.json").read_text())
    sizes = {image["id"]: (image["width"], image["height"]) for image in labels["images"]}
    found, people = defaultdict(list), defaultdict(list)
    for entry in json.loads((folder / poses_file).read_text()):
        if entry["score"] < 0.2:  # nobody who is found in a live run
            continue
        found[entry["image_id"]].append(np.reshape(entry["keypoints"], (17, 3)))
    for entry in labels["annotations"]:
        people[entry["image_id"]].append(entry)
    for image, entries in people.items():
        regions = []
        for keypoints in found[image]:
            # The results name no box: it is the labelled one that holds the most of their keypoints.
            x, y, w, h = max((entry["bbox"] for entry in entries), key=lambda box: _inside(keypoints, box))
            poses = person(
                keypoints=keypoints[:, :2], scores=keypoints[:, 2].clip(0, 1), box=(x, y, x + w, y + h)
            )
            regions += head_regions(poses, COCO17, sizes[image]).tolist()
        for entry in entries:
            face = np.reshape(entry["keypoints"], (17, 3))[FACE]
            for x, y, visible in face.tolist():
                if visible:
                    yield any(x1 <= x < x2 and y1 <= y < y2 for x1, y1, x2, y2 in regions)


def _inside(keypoints, box):
    x, y, w, h = box
    inside = (keypoints[:, 0] - x) / w, (keypoints[:, 1] - y) / h
    return np.logical_and(*((part >= 0) & (part <= 1) for part in inside)).sum() - 1e-6 * w * h


class TestBlur:
    def test_a_few_colours_are_left_of_a_face_and_all_of_the_rest(self, clip):
        with av.open(str(clip)) as container:
            image = next(container.decode(video=0)).to_ndarray(format="rgb24")
        blurred = blur(image, np.array([[100, 120, 180, 200]]))
        outside = np.ones(image.shape[:2], bool)
        outside[120:200, 100:180] = False

        assert (blurred[outside] == image[outside]).all()
        assert (blurred[~outside] != image[~outside]).mean() > 0.9

    def test_what_differs_within_a_cell_cannot_be_told_any_more(self):
        fine = np.random.default_rng(0).integers(0, 256, (80, 80, 3), np.uint8)
        swapped = fine.reshape(CELLS, 20, CELLS, 20, 3)[:, ::-1, :, ::-1].reshape(80, 80, 3)
        region = np.array([[0, 0, 80, 80]])

        assert (fine != swapped).any()
        assert (blur(fine, region) == blur(swapped, region)).all()

    @pytest.mark.parametrize(
        "region", [[5, 5, 5, 9], [0, 0, 1, 1], [0, 0, 3, 2]], ids=["empty", "a pixel", "six"]
    )
    def test_small_regions(self, region):
        image = np.random.default_rng(0).integers(0, 256, (9, 9, 3), np.uint8)
        blurred = blur(image, np.array([region]))

        assert blurred.shape == image.shape
        assert blurred is not image
