"""The portable models as fetched and imported, against the outputs of an independent converter."""

from __future__ import annotations

import json

import cv2
import numpy as np
import onnx
import pytest

from sitepose.models.zoo.card import load_card
from sitepose.models.zoo.store import locate
from sitepose.models.zoo.tfjs.convert import InputForm, convert

pytestmark = pytest.mark.slow

RUNTIMES = ["onnxruntime", "openvino"]
BOX_PX, SCORE, POINT = 0.5, 1e-3, 1e-3
"""How far boxes (pixels), scores, and points (shares of the crop) may be off."""


def runner(content, runtime):
    """Return a function from an input to the outputs by name, at float32."""
    if runtime == "onnxruntime":
        import onnxruntime

        session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        names = [output.name for output in session.get_outputs()]
        return lambda image: dict(zip(names, session.run(None, {"image": image}), strict=True))
    import openvino

    model = openvino.Core().read_model(content, b"")
    hint = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    compiled = openvino.Core().compile_model(model, "CPU", hint)
    names = [output.get_any_name() for output in model.outputs]
    return lambda image: dict(zip(names, compiled([image]).to_tuple(), strict=True))


@pytest.fixture(scope="module")
def whole(portable):
    """Return a maker of runners of whole graphs, decoding and all."""

    def make(name, runtime):
        card = load_card(name)
        path = portable / "models" / name / card.files[0].name
        form = InputForm(size_wh=card.input.size_wh)
        return runner(convert(path, form=form).SerializeToString(), runtime)

    return make


@pytest.fixture(scope="module")
def cases(data):
    reference = json.loads((data / "portable" / "reference.json").read_text())
    images = data / "coco" / "images"
    return [(cv2.imread(str(images / case["image"]))[:, :, ::-1], case) for case in reference["cases"]]


def nchw(image):
    return np.ascontiguousarray(image.transpose(2, 0, 1)[None], np.float32)


@pytest.mark.parametrize("runtime", RUNTIMES)
class TestWholeGraphs:
    def test_centernet_finds_the_same_boxes(self, whole, cases, runtime):
        run = whole("centernet", runtime)
        for image, case in cases:
            found = run(nchw(cv2.resize(image, (512, 512))))
            expected = np.array(case["centernet"]["top10_xyxy_score_class"])
            best = found["tower_0/detections"][0, : len(expected)]
            np.testing.assert_allclose(best[:, :4], expected[:, :4], atol=BOX_PX)
            np.testing.assert_allclose(best[:, 4], expected[:, 4], atol=SCORE)
            assert (best[:, 5] == expected[:, 5]).all()
            heat = found["tower_0/keypoints"]
            assert heat.sum(dtype=float) == pytest.approx(case["centernet"]["keypoints_sum"], rel=SCORE)
            assert heat.max() == pytest.approx(case["centernet"]["keypoints_max"], abs=SCORE)
            assert found["tower_0/wh"].sum(dtype=float) == pytest.approx(case["centernet"]["wh_sum"], rel=SCORE)

    def test_movenet_thunder_finds_the_same_points(self, whole, cases, runtime):
        run = whole("movenet-thunder", runtime)
        seen = 0
        for image, case in cases:
            if "thunder" in case:
                matrix, size = np.array(case["thunder"]["crop_matrix"]), tuple(case["thunder"]["crop_size"])
                found = run(nchw(cv2.warpAffine(image, matrix, size)))["Identity"][0, 0]
                np.testing.assert_allclose(found, case["thunder"]["yx_score"], atol=POINT)
                seen += 1
        assert seen >= 5

    def test_movenet_multipose_finds_the_same_people(self, whole, cases, runtime):
        run = whole("movenet-multipose", runtime)
        for image, case in cases:
            rows = np.array(case["multipose"]["rows"])
            found = run(nchw(cv2.resize(image, tuple(case["multipose"]["resize"]))))["output_0"][0]
            np.testing.assert_allclose(found[: len(rows)], rows, atol=POINT)


@pytest.mark.parametrize("runtime", RUNTIMES)
class TestCutNetworks:
    """What the cards cut out holds the same as the whole graphs."""

    def test_centernet_keeps_the_persons_channel(self, portable, whole, cases, runtime):
        cut = runner(locate(load_card("centernet"), cache=portable).read_bytes(), runtime)
        image = nchw(cv2.resize(cases[0][0], (512, 512)))
        every, person = whole("centernet", runtime)(image), cut(image)
        np.testing.assert_allclose(person["heatmap"][0, 0], every["tower_0/keypoints"][0, :, :, 0], atol=1e-4)
        np.testing.assert_allclose(person["wh"][0], every["tower_0/wh"][0].transpose(2, 0, 1), atol=0.05)

    @pytest.mark.parametrize("name", ["movenet-thunder", "movenet-lightning"])
    def test_movenets_heads_hold_what_the_graph_decodes(self, portable, whole, cases, runtime, name):
        card = load_card(name)
        side = card.input.size_wh[0]
        cut = runner(locate(card, cache=portable).read_bytes(), runtime)
        run = whole(name, runtime)
        for image, _ in cases[:3]:
            crop = nchw(cv2.resize(image, (side, side)))
            heads, points = cut(crop), run(crop)["Identity"][0, 0]
            cells = heads["kpt_heatmap"].shape[2]
            scores = 1 / (1 + np.exp(-heads["kpt_heatmap"][0]))
            offsets = heads["kpt_offset"][0].reshape(17, 2, cells, cells)
            for score, offset, (y, x, expected) in zip(scores, offsets, points, strict=True):
                # The graph weighs peaks by their place, so we look up its choice and do not make our own.
                row, column = np.nonzero(np.abs(score - expected) < 1e-6 + 1e-4 * expected)
                places = (np.stack([row, column]) + offset[:, row, column]) / cells
                assert np.abs(places.T - [y, x]).max(axis=1).min() < POINT

    def test_takes_any_number_of_images(self, portable, cases, runtime):
        cut = runner(locate(load_card("movenet-lightning"), cache=portable).read_bytes(), runtime)
        crops = np.concatenate([nchw(cv2.resize(image, (192, 192))) for image, _ in cases[:3]])
        together = cut(crops)["kpt_heatmap"]
        alone = np.concatenate([cut(crop[None])["kpt_heatmap"] for crop in crops])
        np.testing.assert_allclose(together, alone, atol=1e-3)


@pytest.mark.parametrize("name", ["centernet", "movenet-thunder", "movenet-lightning"])
def test_channels_first_networks_hold_no_transpose(portable, name):
    network = onnx.load(locate(load_card(name), cache=portable))
    assert "Transpose" not in {node.op_type for node in network.graph.node}


@pytest.mark.parametrize("name", ["centernet", "movenet-thunder", "movenet-lightning", "movenet-multipose"])
def test_outputs_are_those_that_the_card_describes(portable, name):
    card = load_card(name)
    network = onnx.load(locate(card, cache=portable))
    assert [output.name for output in network.graph.output] == list(card.outputs)
