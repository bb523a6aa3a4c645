"""Keypoint AP on real images: the machinery must give what an independent implementation measured."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sitepose.core.structures import Detections
from sitepose.models.runtimes.api import RuntimeOptions
from sitepose.models.zoo.card import load_card
from sitepose.plugins.api import PluginContext
from sitepose.plugins.poses.heatmap import HeatmapPose

POSE_FLOOR = 0.2
KEYPOINT_FLOOR = 0.2
"""The recipe of the reference: people and keypoints that count above .2."""

FP32 = RuntimeOptions(precision="fp32")


@pytest.fixture(scope="module")
def labelled(coco):
    """The true boxes of people with labelled keypoints, by image id."""
    boxes: dict[int, list[tuple[float, ...]]] = {}
    for label in coco.loadAnns(coco.getAnnIds(iscrowd=False)):
        if label["num_keypoints"]:
            x, y, w, h = label["bbox"]
            boxes.setdefault(label["image_id"], []).append((x - 0.5, y - 0.5, x + w - 0.5, y + h - 0.5))
    return {image: Detections(boxes=np.float32(b), scores=np.ones(len(b))) for image, b in boxes.items()}


@pytest.fixture(scope="module")
def keypoint_ap(average_precision):
    return lambda results: average_precision(results, "keypoints")


@pytest.fixture
def context(weights, workers):
    def context(name, options=FP32):
        return PluginContext(weights=weights(name), card=load_card(name), runtime=options, workers=workers)

    return context


def results_of(pose, frames, people, *, with_box_score=True):
    """Run a pose estimator over images and return COCO results."""
    results = []
    for image, detections in people.items():
        found = pose.estimate([frames[image]], [detections])[0]
        scores = found.scores[:, :, 0]
        counted = scores > (KEYPOINT_FLOOR if with_box_score else -1)
        person = (scores * counted).sum(axis=1) / np.maximum(counted.sum(axis=1), 1)
        person = person * found.box_scores if with_box_score else person
        rows = np.nan_to_num(np.concatenate([found.keypoints[:, :, 0], scores[:, :, None]], axis=2))
        results += [
            {"image_id": image, "category_id": 1, "keypoints": row.ravel().tolist(), "score": float(score)}
            for row, score in zip(rows, person, strict=True)
        ]
    return results


def sure(found):
    """Return the people above the pose floor, by image id."""
    return {image: people[people.scores > POSE_FLOOR] for image, people in found.items()}


def test_the_reference_results_give_the_reference_figure(data, keypoint_ap):
    results = json.loads((data / "coco" / "keypoints_gtbox_tinypose256.json").read_text())
    assert keypoint_ap(results) == pytest.approx(0.5881, abs=5e-4)


@pytest.mark.slow
@pytest.mark.parametrize("library", ["onnxruntime", "openvino"])
def test_tinypose_on_true_boxes(keypoint_ap, coco_frames, labelled, context, library):
    options = RuntimeOptions(library=library, precision="fp32")
    pose = HeatmapPose(HeatmapPose.Settings(), context("tinypose-256x192", options))
    results = results_of(pose, coco_frames, labelled, with_box_score=False)
    assert keypoint_ap(results) == pytest.approx(0.588, abs=0.005)


@pytest.mark.slow
def test_tinypose_with_the_precision_of_this_machine_loses_nothing(keypoint_ap, coco_frames, labelled, context):
    pose = HeatmapPose(HeatmapPose.Settings(), context("tinypose-256x192", RuntimeOptions()))
    results = results_of(pose, coco_frames, labelled, with_box_score=False)
    assert keypoint_ap(results) == pytest.approx(0.588, abs=0.01)


@pytest.mark.slow
def test_tinypose_with_the_flip_test_and_dark_gains(keypoint_ap, coco_frames, labelled, context):
    settings = HeatmapPose.Settings(codec="dark", flip=True)
    pose = HeatmapPose(settings, context("tinypose-256x192"))
    assert keypoint_ap(results_of(pose, coco_frames, labelled, with_box_score=False)) > 0.60


@pytest.mark.slow
def test_tinypose_on_picodet_s_boxes(keypoint_ap, coco_frames, context, detected):
    pose = HeatmapPose(HeatmapPose.Settings(), context("tinypose-256x192"))
    people = sure(detected("picodet"))
    assert keypoint_ap(results_of(pose, coco_frames, people)) == pytest.approx(0.521, abs=0.01)


@pytest.mark.slow
def test_movenet_thunder_on_true_boxes_beats_its_own_graph(keypoint_ap, coco_frames, labelled, context):
    pose = HeatmapPose(HeatmapPose.Settings(), context("movenet-thunder"))
    assert keypoint_ap(results_of(pose, coco_frames, labelled, with_box_score=False)) > 0.46


@pytest.mark.slow
def test_the_portable_pair_beats_its_own_graphs(keypoint_ap, coco_frames, context, detected):
    pose = HeatmapPose(HeatmapPose.Settings(), context("movenet-thunder"))
    people = sure(detected("centernet"))
    assert keypoint_ap(results_of(pose, coco_frames, people)) > 0.425
