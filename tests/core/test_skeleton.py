"""Skeletons: the published orders, deviations and maps, and what is said of a faulty one."""

from __future__ import annotations

import numpy as np
import pytest

from sitepose.core.errors import ConfigError
from sitepose.core.skeleton import Skeleton, load_skeleton, skeleton_from_table, skeleton_names

SIDES = ("left_", "right_")

ARMS = "lShoulder rShoulder lElbow rElbow lWrist rWrist"
LEGS = "lHip rHip lKnee rKnee lAnkle rAnkle"
FACE = "nose lEye rEye lEar rEar"

ORDERS = {
    "coco17": f"{FACE} {ARMS} {LEGS}",
    "common12": f"{ARMS} {LEGS}",
    "crowdpose14": f"{ARMS} {LEGS} head_top neck",
    "aic14": "rShoulder rElbow rWrist lShoulder lElbow lWrist "
    "rHip rKnee rAnkle lHip lKnee lAnkle head_top neck",
    "hie14": "nose chest rShoulder rElbow rWrist lShoulder lElbow lWrist rHip rKnee rAnkle lHip lKnee lAnkle",
    "mpii16": "rAnkle rKnee rHip lHip lKnee lAnkle pelvis thorax neck head_top "
    "rWrist rElbow rShoulder lShoulder lElbow lWrist",
    "posetrack15": f"nose neck head_top lEar rEar {ARMS} {LEGS}",
    "halpe26": f"{FACE} {ARMS} {LEGS} head neck hip lBig_toe rBig_toe lSmall_toe rSmall_toe lHeel rHeel",
}
"""As published, l and r for left and right."""


def full(name):
    if name[0] in "lr" and name[1].isupper():
        return ("left_" if name[0] == "l" else "right_") + name[1:].lower()
    return name


class TestShipped:
    def test_are_those_with_a_published_order(self):
        assert skeleton_names() == sorted(ORDERS)

    @pytest.mark.parametrize("name", ORDERS)
    def test_have_the_published_order(self, name):
        assert load_skeleton(name).keypoint_names == tuple(map(full, ORDERS[name].split()))

    @pytest.mark.parametrize("name", ORDERS)
    def test_mirror_left_and_right_and_nothing_else(self, name):
        skeleton = load_skeleton(name)
        for i, keypoint in enumerate(skeleton.keypoint_names):
            mirrored = skeleton.keypoint_names[skeleton.flip_indices[i]]
            if keypoint.startswith(SIDES):
                side, other = SIDES if keypoint.startswith("left_") else SIDES[::-1]
                assert mirrored == other + keypoint.removeprefix(side)
            else:
                assert mirrored == keypoint

    @pytest.mark.parametrize("name", ORDERS)
    def test_have_edges_that_look_the_same_in_the_mirror_and_no_edge_twice(self, name):
        skeleton = load_skeleton(name)
        edges = {frozenset(edge) for edge in skeleton.edges.tolist()}
        assert len(edges) == len(skeleton.edges)
        assert all(len(edge) == 2 for edge in edges)
        assert {frozenset(skeleton.flip_indices[list(edge)].tolist()) for edge in edges} == edges

    @pytest.mark.parametrize("name", ORDERS)
    def test_have_the_same_deviation_on_both_sides(self, name):
        skeleton = load_skeleton(name)
        if name != "aic14":  # its evaluation measured each side on its own
            assert (skeleton.oks_sigmas[skeleton.flip_indices] == skeleton.oks_sigmas).all()

    @pytest.mark.parametrize("name", ORDERS)
    def test_have_maps_that_fit_the_other_skeleton(self, name):
        skeleton = load_skeleton(name)
        for other, places in skeleton.maps.items():
            assert len(places) == load_skeleton(other).num_keypoints
            assert max(places) < skeleton.num_keypoints

    @pytest.mark.parametrize(
        ("name", "sigmas"),
        [
            (
                "coco17",
                ".026 .025 .025 .035 .035 .079 .079 .072 .072 .062 .062 .107 .107 .087 .087 .089 .089",
            ),
            ("common12", ".079 .079 .072 .072 .062 .062 .107 .107 .087 .087 .089 .089"),
            ("crowdpose14", ".079 .079 .072 .072 .062 .062 .107 .107 .087 .087 .089 .089 .079 .079"),
            ("hie14", ".079 .079 .079 .072 .062 .079 .072 .062 .107 .087 .089 .107 .087 .089"),
            (
                "aic14",
                ".01388152 .01515228 .01057665 .01417709 .01497891 .01402144 .03909642 .03686941 .01981803 "
                ".03843971 .03412318 .02415081 .01291456 .01236173",
            ),
        ],
    )
    def test_have_the_deviations_of_their_evaluation(self, name, sigmas):
        assert load_skeleton(name).oks_sigmas == pytest.approx([float(sigma) for sigma in sigmas.split()])

    @pytest.mark.parametrize(
        ("name", "pairs"),
        [
            ("crowdpose14", [(0, 1), (2, 3), (4, 5), (6, 7), (8, 9), (10, 11)]),
            ("aic14", [(0, 3), (1, 4), (2, 5), (6, 9), (7, 10), (8, 11)]),
        ],
    )
    def test_have_the_published_flip_pairs(self, name, pairs):
        flip = load_skeleton(name).flip_indices
        assert sorted((i, int(j)) for i, j in enumerate(flip) if i < j) == pairs

    def test_coco_agrees_with_its_own_file(self, data):
        import json

        content = json.loads((data / "coco" / "person_keypoints.json").read_text())
        assert tuple(content["categories"][0]["keypoints"]) == load_skeleton("coco17").keypoint_names

    @pytest.mark.parametrize(
        ("path", "name"),
        [
            ("crowdpose/crowdpose_val.json", "crowdpose14"),
            ("aic/test_aic.json", "aic14"),
            ("posetrack18/annotations/003418_mpii_test.json", "posetrack15"),
        ],
    )
    def test_others_agree_with_their_own_files(self, path, name, data):
        import json

        theirs = json.loads((data / path).read_text())["categories"][0]["keypoints"]
        ours = {"head": "head_top", "head_bottom": "neck"}
        named = [ours.get(n, n) for n in (keypoint.lower().replace(" ", "_") for keypoint in theirs)]
        assert tuple(named) == load_skeleton(name).keypoint_names


class TestMaps:
    @pytest.mark.parametrize(
        ("source", "target", "places"),
        [
            pytest.param("coco17", "common12", [*range(5, 17)], id="coco to the twelve"),
            pytest.param(
                "coco17", "crowdpose14", [*range(5, 17), -1, -1], id="coco to crowdpose: no head, no neck"
            ),
            pytest.param(
                "coco17", "aic14", [6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, -1, -1], id="coco to aic"
            ),
            pytest.param(
                "aic14", "crowdpose14", [3, 0, 4, 1, 5, 2, 9, 6, 10, 7, 11, 8, 12, 13], id="aic to crowdpose"
            ),
            pytest.param("crowdpose14", "common12", [*range(12)], id="crowdpose to the twelve"),
            pytest.param("halpe26", "coco17", [*range(17)], id="halpe to coco"),
            pytest.param("halpe26", "crowdpose14", [*range(5, 17), 17, 18], id="halpe's head is the top"),
        ],
    )
    def test_are_the_published_ones(self, source, target, places):
        assert load_skeleton(source).indices_in(load_skeleton(target)).tolist() == places

    def test_of_aic_and_crowdpose_undo_each_other(self):
        aic, crowdpose = load_skeleton("aic14"), load_skeleton("crowdpose14")
        there, back = aic.indices_in(crowdpose), crowdpose.indices_in(aic)
        assert there[back].tolist() == list(range(14))

    def test_do_not_take_a_chest_for_a_neck(self):
        hie, crowdpose = load_skeleton("hie14"), load_skeleton("crowdpose14")
        assert hie.indices_in(crowdpose)[crowdpose.index("neck")] == -1

    @pytest.mark.parametrize("name", sorted(set(ORDERS) - {"common12"}))
    def test_find_the_twelve_limbs_in_every_skeleton(self, name):
        assert (load_skeleton(name).indices_in(load_skeleton("common12")) >= 0).all()


TABLE = {
    "keypoints": ["nose", "left_eye", "right_eye"],
    "edges": [["nose", "left_eye"]],
    "flip_pairs": [["left_eye", "right_eye"]],
    "oks_sigmas": [0.1, 0.2, 0.2],
}


class TestOwn:
    def test_a_table_of_names_is_a_skeleton(self):
        skeleton = skeleton_from_table("face", {**TABLE, "maps": {"dots": ["right_eye", ""]}})
        assert skeleton.num_keypoints == len(skeleton) == 3
        assert skeleton.edges.tolist() == [[0, 1]]
        assert skeleton.flip_indices.tolist() == [0, 2, 1]
        dots = skeleton_from_table("dots", {**TABLE, "keypoints": ["a", "left_eye", "right_eye"], "edges": []})
        assert skeleton.indices_in(dots).tolist() == [2, -1]
        assert not skeleton.edges.flags.writeable

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            pytest.param({"keypoints": None}, "TypeError: expected a list, not None", id="no keypoints"),
            pytest.param({"edges": [["nose", "chin"]]}, "KeyError: 'chin'", id="unknown keypoint in an edge"),
            pytest.param(
                {"flip_pairs": [["nose", "chin"]]}, "KeyError: 'chin'", id="unknown keypoint in a pair"
            ),
            pytest.param(
                {"oks_sigmas": [0.1]}, "1 oks_sigmas, expected 3 positive ones", id="too few deviations"
            ),
            pytest.param({"oks_sigmas": [0.1, 0, 0.2]}, "expected 3 positive ones", id="zero deviation"),
            pytest.param({"maps": {"x": ["chin"]}}, "KeyError: 'chin'", id="unknown keypoint in a map"),
            pytest.param(
                {"flip_pairs": [["nose", "left_eye"], ["left_eye", "right_eye"]]},
                "mirroring twice does not give the 3 keypoints back",
                id="mirror of three",
            ),
        ],
    )
    def test_a_faulty_table_is_one_clear_line(self, change, message):
        with pytest.raises(ConfigError, match=message) as caught:
            skeleton_from_table("face", {**TABLE, **change})
        assert str(caught.value).startswith("skeleton 'face': ")
        assert "\n" not in str(caught.value)

    def test_an_edge_beyond_the_keypoints_is_refused(self):
        with pytest.raises(ValueError, match="an edge names a keypoint beyond 1"):
            Skeleton("two", ("a", "b"), np.array([[0, 2]]), np.array([0, 1]), np.ones(2, np.float32))

    def test_an_unknown_name_is_one_clear_line(self):
        with pytest.raises(ConfigError, match="unknown skeleton 'coco71'; did you mean 'coco17'"):
            load_skeleton("coco71")
