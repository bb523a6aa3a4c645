"""Box AP of the real networks on real images, by pycocotools."""

import pytest


def coco_results(found):
    return [
        {"image_id": image, "category_id": 1, "score": float(score), "bbox": coco_box(box)}
        for image, people in found.items()
        for box, score in zip(people.boxes, people.scores, strict=True)
    ]


def coco_box(box):
    left, top, right, bottom = map(float, box)
    return [left + 0.5, top + 0.5, right - left, bottom - top]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        pytest.param("yolox", 0.326, 0.336, id="YOLOX-nano: .331 with its publisher's recipe"),
        pytest.param("centernet", 0.34, 0.36, id="CenterNet, letterboxed; .306 stretched"),
        pytest.param("movenet_multipose", 0.22, 0.26, id="MoveNet MultiPose: at most six people"),
        pytest.param("picodet", 0.39, 0.41, id="PicoDet-S pedestrian"),
    ],
)
def test_a_network_reaches_its_box_ap_on_coco_images(detected, average_precision, name, low, high):
    assert low <= average_precision(coco_results(detected(name)), "bbox") <= high
