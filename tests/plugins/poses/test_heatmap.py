from __future__ import annotations

import numpy as np
import pytest

from sitepose.core.errors import ConfigError, PluginError, WeightsError
from sitepose.core.settings import check
from sitepose.core.structures import Detections, Frame
from sitepose.models.runtimes.api import RuntimeOptions
from sitepose.models.zoo.card import load_card
from sitepose.plugins.api import PluginContext, PoseEstimator
from sitepose.plugins.poses.heatmap import HeatmapPose

CENTER = (271.3, 207.8)
BOXES = np.float32([(200, 100, 320, 300), (180, 140, 420, 260), (-40, -60, 330, 420)])
CARDS = ["tinypose-256x192", "tinypose-128x96", "movenet-thunder", "movenet-lightning", "rtmpose-m"]
FP32 = RuntimeOptions(precision="fp32")

TOLERANCE = {"argmax": 0.75, "quarter": 0.5, "dark": 0.05}
"""Cells by which a codec may be off on an ideal heatmap; MoveNet's ways and SimCC's bins do better."""


@pytest.fixture
def pose(tmp_path, workers, square_pose_network):
    """Return a function that makes a pose estimator of a card, with a network that finds squares."""
    made = []

    def pose(name, *, options=FP32, changes=None, **settings):
        card = load_card(name)
        card = card.model_copy(update={"pose": card.pose.model_copy(update=changes or {})})
        weights = square_pose_network(tmp_path / f"{name}.onnx", card)
        context = PluginContext(weights=weights, card=card, runtime=options, workers=workers)
        made.append(HeatmapPose(check(HeatmapPose.Settings, settings, where="[pose.settings]"), context))
        return made[-1]

    yield pose
    for plugin in made:
        plugin.close()


def found_by(pose, frame, boxes=BOXES):
    return pose.estimate([frame], [Detections(boxes=boxes, scores=np.ones(len(boxes)))])[0]


def errors_in_cells(candidates, name, center=CENTER):
    """Distance of the first candidates from the truth in cells of the network's grid, per axis."""
    width, height = load_card(name).input.size_wh
    padding = load_card(name).pose.padding
    sides = candidates.boxes[:, 2:] - candidates.boxes[:, :2]
    tall = np.maximum(sides[:, 1], sides[:, 0] * height / width) * padding
    cells = 4 * tall / height
    return np.abs(candidates.keypoints[:, :, 0] - center) / cells[:, None, None]


class TestSquareOfKnownPlace:
    @pytest.mark.parametrize("name", CARDS)
    def test_is_found_there_by_every_head(self, pose, soft_square, name):
        card = load_card(name)
        found = found_by(pose(name), soft_square(CENTER))
        tolerance = TOLERANCE[card.pose.codec] if card.pose.head == "heatmap" else 0.1
        assert errors_in_cells(found, name).max() <= tolerance
        assert (found.scores[:, :, 0] > 0.9).all()

    @pytest.mark.parametrize("flip", [False, True], ids=["plain", "flip test"])
    @pytest.mark.parametrize("codec", ["argmax", "quarter", "dark"])
    @pytest.mark.parametrize("geometry", ["classic", "udp"])
    def test_is_found_there_by_every_codec_and_geometry(self, pose, soft_square, codec, geometry, flip):
        name = "tinypose-256x192"
        changes = {"geometry": geometry, "flip_shift": geometry == "classic"}
        found = found_by(pose(name, changes=changes, codec=codec, flip=flip), soft_square(CENTER))
        # Mirrored cells of the classic geometry lie a quarter of a cell off; averaging halves that.
        slack = 0.125 if flip and geometry == "classic" else 0
        assert errors_in_cells(found, name).max() <= TOLERANCE[codec] + slack

    @pytest.mark.parametrize("name", ["movenet-thunder", "rtmpose-m"])
    def test_is_found_there_in_the_mirror_too(self, pose, soft_square, name):
        found = found_by(pose(name, flip=True), soft_square(CENTER))
        assert errors_in_cells(found, name).max() <= 0.1

    @pytest.mark.parametrize("library", ["openvino", "onnxruntime"])
    def test_is_found_there_by_every_library(self, pose, soft_square, library):
        options = RuntimeOptions(library=library, precision="fp32")
        plugin = pose("tinypose-256x192", options=options, codec="dark")
        assert plugin.runtime.library == library
        assert errors_in_cells(found_by(plugin, soft_square(CENTER)), "tinypose-256x192").max() <= 0.05


class TestContract:
    @pytest.mark.parametrize("name", CARDS)
    def test_is_a_pose_estimator_that_says_what_it_uses(self, pose, name):
        plugin = pose(name)
        assert isinstance(plugin, PoseEstimator)
        assert plugin.capabilities.skeleton.name == "coco17"
        assert plugin.runtime.precision == "fp32"

    @pytest.mark.parametrize("name", CARDS)
    def test_nobody_is_a_normal_case(self, pose, soft_square, name):
        found = found_by(pose(name), soft_square(CENTER), np.empty((0, 4), np.float32))
        assert len(found) == 0
        assert found.keypoints.shape[1] == 17

    @pytest.mark.parametrize("name", CARDS)
    @pytest.mark.parametrize(
        "box",
        [
            pytest.param((np.nan, 0, 10, 10), id="NaN"),
            pytest.param((50, 50, 50, 50), id="no area"),
            pytest.param((9000, 9000, 9100, 9200), id="outside"),
        ],
    )
    def test_an_odd_box_is_no_reason_to_fail(self, pose, soft_square, name, box):
        found = found_by(pose(name), soft_square(CENTER), np.float32([box, BOXES[0]]))
        assert len(found) == 2
        assert errors_in_cells(found[1:], name).max() <= 0.5

    def test_several_frames_have_their_own_people(self, pose, soft_square):
        plugin = pose("tinypose-256x192", codec="dark")
        frames = [soft_square(CENTER), soft_square((250.0, 180.0))]
        detections = [Detections(boxes=BOXES[:1], scores=[0.9]), Detections(boxes=BOXES[:2], scores=[0.9, 0.8])]
        first, second = plugin.estimate(frames, detections)
        assert (len(first), len(second)) == (1, 2)
        assert errors_in_cells(second, "tinypose-256x192", (250.0, 180.0)).max() < 0.1

    def test_can_be_closed_twice(self, pose):
        plugin = pose("tinypose-256x192")
        plugin.close()
        plugin.close()

    def test_the_same_input_gives_the_same_bytes_whatever_else_runs(self, pose, soft_square, workers):
        plugin = pose("tinypose-256x192")
        frame = soft_square(CENTER)
        quiet = found_by(plugin, frame)
        rng = np.random.default_rng(0)
        busy = [
            Frame(image=rng.integers(0, 255, (480, 640, 3), np.uint8), index=i, timestamp=0) for i in range(4)
        ]
        workers.map(lambda other: other.image.astype(float).sum(), busy)
        for other in busy:
            found_by(plugin, other)
        again = found_by(plugin, frame)
        assert quiet.keypoints.tobytes() == again.keypoints.tobytes()
        assert quiet.scores.tobytes() == again.scores.tobytes()


class TestSettings:
    def test_the_codec_can_be_overridden(self, pose, soft_square):
        coarse, fine = (
            errors_in_cells(
                found_by(pose("tinypose-256x192", codec=codec), soft_square(CENTER)), "tinypose-256x192"
            ).mean()
            for codec in ("argmax", "dark")
        )
        assert fine < coarse / 3

    def test_the_padding_can_be_overridden(self, pose, soft_square):
        wide = found_by(pose("tinypose-256x192", padding=2.5), soft_square(CENTER))
        usual = found_by(pose("tinypose-256x192"), soft_square(CENTER))
        np.testing.assert_allclose(wide.radii, 2 * usual.radii, rtol=1e-5)

    def test_the_number_of_candidates_can_be_chosen(self, pose, soft_square):
        found = found_by(pose("movenet-thunder", max_peaks=2), soft_square(CENTER))
        assert found.keypoints.shape == (3, 17, 2, 2)

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            pytest.param({"codec": "drak"}, "codec", id="unknown codec"),
            pytest.param({"max_peaks": 0}, "max_peaks", id="no candidates"),
            pytest.param({"padding": 0.5}, "padding", id="crop inside the box"),
            pytest.param({"flipp": True}, "did you mean 'flip'", id="misspelt"),
        ],
    )
    def test_that_are_wrong_are_named(self, settings, message):
        with pytest.raises(ConfigError, match=message):
            check(HeatmapPose.Settings, settings, where="[pose.settings]")


class TestFaultyFiles:
    def test_without_a_file_it_says_how_to_name_one(self, workers):
        with pytest.raises(PluginError, match=r"heatmap:FILE\.onnx"):
            HeatmapPose(HeatmapPose.Settings(), PluginContext(workers=workers))

    def test_a_damaged_file_is_named(self, workers, tmp_path):
        (tmp_path / "broken.onnx").write_bytes(b"not a network")
        with pytest.raises(WeightsError, match=r"broken\.onnx") as caught:
            HeatmapPose(
                HeatmapPose.Settings(), PluginContext(weights=tmp_path / "broken.onnx", workers=workers)
            )
        assert "\n" not in str(caught.value)

    def test_a_network_of_another_kind_is_refused_in_one_line(self, workers, tmp_path, square_pose_network):
        weights = square_pose_network(tmp_path / "heatmaps.onnx", load_card("tinypose-256x192"))
        context = PluginContext(weights=weights, card=load_card("movenet-thunder"), workers=workers)
        with pytest.raises(WeightsError, match="no output 'kpt_heatmap'; it has heatmaps"):
            HeatmapPose(HeatmapPose.Settings(), context)

    def test_a_file_without_a_card_runs_as_heatmap_networks_usually_do(
        self, workers, tmp_path, square_pose_network, soft_square
    ):
        weights = square_pose_network(tmp_path / "mine.onnx", load_card("tinypose-128x96"))
        plugin = HeatmapPose(HeatmapPose.Settings(), PluginContext(weights=weights, workers=workers))
        assert found_by(plugin, soft_square(CENTER)).keypoints.shape == (3, 17, 3, 2)
