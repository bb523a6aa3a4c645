"""A labelled run as a user would have one: images with people, candidates with duplicates of everybody."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sitepose.core.formats.candidates import CandidatesWriter
from sitepose.core.formats.poses_jsonl import PoseRecord, PosesHeader, PosesWriter
from sitepose.core.skeleton import load_skeleton
from sitepose.core.structures import PoseCandidates, Poses

IMAGES = 12
CROPS = 3
"""How often everybody is found."""


@pytest.fixture
def labelled_run(tmp_path) -> tuple[Path, Path]:
    """COCO annotations, and the folder of a run over their images in which everybody was found three times."""
    rng = np.random.default_rng(0)
    skeleton = load_skeleton("coco17")
    images, labels = [], []
    run = tmp_path / "run"
    header = PosesHeader(
        source="images",
        width=640,
        height=480,
        skeleton=skeleton.name,
        keypoint_names=skeleton.keypoint_names,
        config={},
        models=(),
        version="test",
    )
    run.mkdir()
    with CandidatesWriter(run / "candidates") as candidates, PosesWriter(run / "poses.jsonl", header) as poses:
        for i in range(IMAGES):
            truth = rng.uniform([50, 50], [150, 350], (17, 2)) + np.array([rng.uniform(0, 400), 0])
            images.append({"id": 100 + i, "file_name": f"{i:03d}.png", "width": 640, "height": 480})
            labels.append(_label(truth, 100 + i, i + 1))
            candidates.write(i, _crops(rng, truth))
            poses.write(
                PoseRecord(index=i, timestamp=float(i), pts=i, poses=Poses.empty(17), name=f"{i:03d}.png")
            )
        poses.end(frames=IMAGES, dropped=0)
    category = {"id": 1, "name": "person", "keypoints": list(skeleton.keypoint_names), "skeleton": []}
    annotations = tmp_path / "labels.json"
    annotations.write_text(json.dumps({"images": images, "annotations": labels, "categories": [category]}))
    return annotations, run


def _label(truth, image_id, label_id):
    low, high = truth.min(axis=0), truth.max(axis=0)
    sides = high - low
    return {
        "id": label_id,
        "image_id": image_id,
        "category_id": 1,
        "iscrowd": 0,
        "bbox": [*low.tolist(), *sides.tolist()],
        "area": float(0.5 * sides.prod()),
        "keypoints": np.column_stack([truth, np.full(17, 2)]).ravel().tolist(),
        "num_keypoints": 17,
    }


def _crops(rng, truth):
    """The person found again and again, worse and a little less sure each time."""
    shares = np.array([1.0, 0.9, 0.8])
    sureness = rng.uniform(0.4, 1.0)
    keypoints = truth[None] + rng.normal(0, 1, (CROPS, 17, 2)) * np.array([1, 10, 10])[:, None, None]
    low, high = truth.min(axis=0), truth.max(axis=0)
    return PoseCandidates(
        keypoints=keypoints[:, :, None],
        scores=np.broadcast_to(shares[:, None, None] * sureness, (CROPS, 17, 1)),
        radii=np.full((CROPS, 17, 1), 5.0),
        boxes=np.tile(np.concatenate([low, high]), (CROPS, 1)),
        box_scores=shares,
    )
