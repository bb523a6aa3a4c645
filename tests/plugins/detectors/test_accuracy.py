"""Box AP of the real networks on real images, by pycocotools."""

import contextlib
import io

import cv2
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from sitepose.core.structures import Frame
from sitepose.models.runtimes.api import RuntimeOptions
from sitepose.plugins.api import PluginContext
from sitepose.plugins.registry import load_plugin

MIN_SCORE = 0.05
"""The figures were published with boxes above this score and a box NMS of .5."""


@pytest.fixture(scope="module")
def coco(data):
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(data / "coco" / "person_keypoints.json"))


@pytest.fixture(scope="module")
def frames(data, coco):
    images = [coco.imgs[i] for i in sorted(coco.imgs)]
    pixels = [cv2.imread(str(data / "coco" / "images" / image["file_name"]))[..., ::-1] for image in images]
    return {
        image["id"]: Frame(image=rgb, index=i, timestamp=0.0, name=image["file_name"])
        for i, (image, rgb) in enumerate(zip(images, pixels, strict=True))
    }


def box_ap(coco, found):
    results = [
        {"image_id": image, "category_id": 1, "score": float(score), "bbox": coco_box(box)}
        for image, people in found.items()
        for box, score in zip(people.boxes, people.scores, strict=True)
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = COCOeval(coco, coco.loadRes(results), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return float(evaluation.stats[0])


def coco_box(box):
    left, top, right, bottom = map(float, box)
    return [left + 0.5, top + 0.5, right - left, bottom - top]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "file", "low", "high"),
    [
        pytest.param(
            "yolox", "yolox_nano.onnx", 0.326, 0.336, id="YOLOX-nano: .331 with its publisher's recipe"
        ),
        pytest.param("centernet", None, 0.34, 0.36, id="CenterNet, letterboxed; .306 stretched"),
        pytest.param("movenet_multipose", None, 0.22, 0.26, id="MoveNet MultiPose: at most six people"),
        pytest.param("picodet", "picodet_s_320_pedestrian.onnx", 0.39, 0.41, id="PicoDet-S pedestrian"),
    ],
)
def test_a_network_reaches_its_box_ap_on_coco_images(
    data, coco, frames, workers, portable, name, file, low, high
):
    detector_type = load_plugin("detector", name)
    weights = data / "models" / file if file else portable(detector_type.default_card)
    context = PluginContext(weights=weights, workers=workers, runtime=RuntimeOptions(precision="fp32"))
    detector = detector_type(detector_type.Settings(min_score=MIN_SCORE), context)
    found = {image: detector.detect([frame])[0] for image, frame in frames.items()}
    detector.close()
    assert low <= box_ap(coco, found) <= high
