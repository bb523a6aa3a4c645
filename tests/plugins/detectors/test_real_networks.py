"""The real networks: they find people, and their boxes move and grow with the picture."""

import json
from contextlib import closing

import cv2
import numpy as np
import pytest

from sitepose.core.errors import WeightsError
from sitepose.core.geometry import resize_points
from sitepose.core.similarity import box_iou
from sitepose.core.structures import Frame
from sitepose.models.runtimes.api import RuntimeOptions
from sitepose.models.zoo.card import load_card
from sitepose.plugins.api import PluginContext
from sitepose.plugins.detectors.network_input import NetworkInput
from sitepose.plugins.detectors.picodet import PicoDetDetector
from sitepose.plugins.registry import load_plugin


@pytest.fixture(scope="module", params=["picodet", "yolox", "centernet", "movenet_multipose"])
def detector(request, weights, workers):
    plugin = load_plugin("detector", request.param)
    file = weights(plugin.default_card)
    context = PluginContext(weights=file, workers=workers, runtime=RuntimeOptions(precision="fp32"))
    detector = plugin(plugin.Settings(), context)
    # Bilinear, so that halving a picture of doubled pixels gives exactly the picture back.
    linear = detector.input.spec.model_copy(update={"interpolation": "linear"})
    detector.input = NetworkInput(linear, size_wh=detector.input.size_wh)
    yield detector
    detector.close()


def frame_of(image):
    return Frame(image=np.ascontiguousarray(image), index=0, timestamp=0.0)


@pytest.fixture(scope="module")
def image(data):
    """One person, all of her in sight."""
    return cv2.imread(str(data / "coco" / "images" / "000000535506.jpg"))[..., ::-1]


LABELLED = np.float32([[120.46, 133.32, 332.77, 631.90]]) - 0.5


def on_grey(image, *, size_wh, at):
    """Return the image, made smaller, on a grey canvas of the network's own size: nothing else is resized."""
    scale = 0.6 * size_wh[1] / image.shape[0]
    small = cv2.resize(np.ascontiguousarray(image), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    canvas = np.full((size_wh[1], size_wh[0], 3), 114, np.uint8)
    canvas[at[1] : at[1] + small.shape[0], at[0] : at[0] + small.shape[1]] = small
    return canvas


class TestRealNetworks:
    def test_the_best_box_is_the_person(self, detector, image):
        people = detector.detect([frame_of(image)])[0]
        assert box_iou(people.boxes[:1], LABELLED)[0, 0] > 0.8

    def test_nobody_is_in_a_grey_frame(self, detector):
        if isinstance(detector, PicoDetDetector):
            pytest.skip("this network itself sees somebody in plain grey, with a score above .5")
        assert len(detector.detect([frame_of(np.full((480, 640, 3), 114, np.uint8))])[0]) == 0

    def test_a_picture_of_doubled_pixels_gives_boxes_of_doubled_pixels(self, detector, image):
        canvas = on_grey(image, size_wh=detector.input.size_wh, at=(32, 32))
        plain, doubled = detector.detect([frame_of(canvas), frame_of(canvas.repeat(2, 0).repeat(2, 1))])
        expected = resize_points(plain.boxes.reshape(-1, 2, 2), 2).reshape(-1, 4)
        assert len(plain) >= 1
        np.testing.assert_allclose(doubled.boxes, expected, atol=0.05)

    def test_boxes_move_with_the_picture(self, detector, image):
        # By whole cells of the coarsest map, so that the network sees the same pixels in each cell.
        places = [(0, 0), (64, 64)]
        frames = [frame_of(on_grey(image, size_wh=detector.input.size_wh, at=at)) for at in places]
        before, after = detector.detect(frames)
        np.testing.assert_allclose(after.boxes[0] - before.boxes[0], 64, atol=4)


def test_centernet_gives_the_boxes_that_its_own_graph_decodes(data, workers, portable):
    plugin = load_plugin("detector", "centernet")
    context = PluginContext(
        weights=portable("centernet"), workers=workers, runtime=RuntimeOptions(precision="fp32")
    )
    detector = plugin(plugin.Settings(min_score=0.1, nms_iou=1.0), context)
    detector.input = NetworkInput(detector.input.spec.model_copy(update={"fit": "stretch"}))
    compared = 0
    for case in json.loads((data / "portable" / "reference.json").read_text())["cases"]:
        rows = np.array(case["centernet"]["top10_xyxy_score_class"])
        expected = rows[(rows[:, 5] == 0) & (rows[:, 4] > 0.1)]
        image = cv2.imread(str(data / "coco" / "images" / case["image"]))[..., ::-1]
        people = detector.detect([frame_of(image)])[0][: len(expected)]
        corners = (people.boxes.reshape(-1, 2, 2) + 0.5) * 512 / np.array([image.shape[1], image.shape[0]])
        np.testing.assert_allclose(corners.reshape(-1, 4), expected[:, :4], atol=0.5)
        np.testing.assert_allclose(people.scores, expected[:, 4], atol=1e-3)
        compared += len(expected)
    assert compared >= 15


def test_movenet_multipose_gives_the_people_of_its_published_graph(data, workers, portable):
    plugin = load_plugin("detector", "movenet_multipose")
    context = PluginContext(
        weights=portable("movenet-multipose"), workers=workers, runtime=RuntimeOptions(precision="fp32")
    )
    detector = plugin(plugin.Settings(min_score=0.15, nms_iou=1.0), context)
    detector.input = NetworkInput(detector.input.spec.model_copy(update={"fit": "stretch"}))
    compared = 0
    for case in json.loads((data / "portable" / "reference.json").read_text())["cases"]:
        rows = np.array(case["multipose"]["rows"]).reshape(-1, 56)
        rows = rows[rows[:, 55] > 0.15]
        image = cv2.imread(str(data / "coco" / "images" / case["image"]))[..., ::-1]
        people = detector.detect([frame_of(image)])[0][: len(rows)]
        size_wh = np.array([image.shape[1], image.shape[0]])
        expected = rows[:, :51].reshape(-1, 17, 3)
        np.testing.assert_allclose((people.keypoints + 0.5) / size_wh, expected[..., 1::-1], atol=1e-3)
        np.testing.assert_allclose(people.keypoint_scores, expected[..., 2], atol=1e-3)
        corners = (people.boxes.reshape(-1, 2, 2) + 0.5) / size_wh
        np.testing.assert_allclose(corners.reshape(-1, 4), rows[:, [52, 51, 54, 53]], atol=1e-3)
        compared += len(rows)
    assert compared >= 5


class TestFilesThatDoNotFit:
    @pytest.mark.parametrize("name", ["centernet", "movenet_multipose", "picodet", "rtmdet", "rtmo", "yolox"])
    def test_a_network_with_another_head_is_one_line(self, data, workers, name):
        plugin = load_plugin("detector", name)
        weights = data / "models" / "tinypose_128x96.onnx"
        detector = plugin(plugin.Settings(), PluginContext(weights=weights, workers=workers))
        with pytest.raises(WeightsError, match=r"^not an? [\w ]+ head: .* expected \("):
            detector.detect([frame_of(np.zeros((96, 96, 3), np.uint8))])

    def test_a_grid_that_does_not_cover_the_input_is_one_line(self, workers, tmp_path, square_network):
        plugin = load_plugin("detector", "yolox")
        weights = square_network(
            tmp_path / "x.onnx", "yolox", plugin.default_input.model_copy(update={"size_wh": (64, 64)})
        )
        detector = plugin(plugin.Settings(), PluginContext(weights=weights, workers=workers))
        with pytest.raises(WeightsError, match="86 cells do not cover an input of 64x64"):
            detector.decode([np.zeros((86, 6), np.float32)])


@pytest.mark.parametrize("name", ["centernet", "movenet_multipose", "picodet", "rtmdet", "rtmo", "yolox"])
def test_the_default_card_is_for_the_plugin(name):
    card = load_card(load_plugin("detector", name).default_card)
    assert (card.kind, card.plugin) == ("detector", name)


@pytest.mark.parametrize("name", ["centernet", "movenet_multipose", "picodet", "rtmdet", "rtmo", "yolox"])
def test_a_file_without_a_card_is_prepared_as_the_default_card_says(name):
    plugin = load_plugin("detector", name)
    size = {"size_wh": (64, 64)}
    assert plugin.default_input.model_copy(update=size) == load_card(plugin.default_card).input.model_copy(
        update=size
    )


class TestAnotherInput:
    def test_sees_the_same_person_in_a_larger_picture(self, weights, workers, image):
        plugin = load_plugin("detector", "yolox")
        settings = plugin.Settings(input_wh=(640, 480))
        detector = plugin(settings, PluginContext(weights=weights("yolox-nano"), workers=workers))
        with closing(detector):
            assert detector.input.size_wh == (640, 480)
            assert box_iou(detector.detect([frame_of(image)])[0].boxes[:1], LABELLED)[0, 0] > 0.8

    def test_is_refused_by_a_network_made_for_one_size(self, weights, workers):
        plugin = load_plugin("detector", "picodet")
        context = PluginContext(weights=weights("picodet-s-320-pedestrian"), workers=workers)
        with pytest.raises(WeightsError, match="does not take pictures of 640x480"):
            plugin(plugin.Settings(input_wh=(640, 480)), context)

    def test_is_a_multiple_of_the_coarsest_grid(self):
        with pytest.raises(ValueError, match="multiple of 32"):
            load_plugin("detector", "yolox").Settings(input_wh=(600, 480))
