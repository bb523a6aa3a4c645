"""PoseTrack18's JSON: COCO's form with frames of videos, identities and 17 places for keypoints.

Coordinates as in :mod:`sitepose.core.formats.coco`. Keypoints are written in PoseTrack's order
(``posetrack15``) by name; those that a skeleton has not, as COCO's has no neck and no top of the head, are
0 0 0: nothing is made up. Results have ``scores`` per keypoint beside the flat ``keypoints``, whose third
number is 1 where the keypoint is there.
"""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import Any

import numpy as np

from sitepose.core.errors import FormatError
from sitepose.core.formats.annotations import Annotations
from sitepose.core.formats.coco import read_coco
from sitepose.core.formats.coco_results import PERSON
from sitepose.core.formats.columns import CORNER
from sitepose.core.formats.poses_lines import PIXEL_DECIMALS, PoseRecord, PosesHeader, rounded
from sitepose.core.skeleton import load_skeleton
from sitepose.core.structures import IntArray

SKELETON = "posetrack15"

THEIR_NAMES = {"neck": "head_bottom"}
"""What PoseTrack calls a keypoint of ours."""


def read_posetrack(path: str | Path) -> Annotations:
    """Read annotations or results of a video; keypoints have the names of ``posetrack15``.

    Raises:
        FormatError: It cannot be opened, or is not PoseTrack's; the message has the faulty entry's number.
    """
    people = read_coco(path)
    names = load_skeleton(SKELETON).keypoint_names
    if len(people.keypoint_names) != len(names):
        raise FormatError(f"{path}: {len(people.keypoint_names)} keypoints, expected PoseTrack's {len(names)}")
    fields = {name: getattr(people, name) for name in Annotations.__slots__}
    return Annotations(**{**fields, "keypoint_names": names})


def posetrack_category() -> dict[str, Any]:
    """Return the one category of a file."""
    skeleton = load_skeleton(SKELETON)
    names = [THEIR_NAMES.get(name, name) for name in skeleton.keypoint_names]
    edges = [[int(a) + 1, int(b) + 1] for a, b in skeleton.edges]
    return {"supercategory": "person", "id": PERSON, "name": "person", "keypoints": names, "skeleton": edges}


def posetrack_places(header: PosesHeader) -> IntArray:
    """Return, for each of PoseTrack's keypoints, which of ours it is; -1 where we have none."""
    places = {name: i for i, name in enumerate(header.keypoint_names)}
    return np.array([places.get(name, -1) for name in load_skeleton(SKELETON).keypoint_names], np.int64)


def posetrack_image(record: PoseRecord, header: PosesHeader) -> dict[str, Any]:
    """Return a frame as an entry of ``images``."""
    video = PurePath(header.source).stem
    return {
        "file_name": record.name or f"images/{video}/{record.index:06d}.jpg",
        "id": record.index,
        "frame_id": record.index,
        "vid_id": video,
        "is_labeled": True,
        "width": header.width,
        "height": header.height,
    }


def posetrack_people(record: PoseRecord, places: IntArray, first_id: int) -> list[dict[str, Any]]:
    """Return the people of a frame as entries of ``annotations``.

    Args:
        record: The frame.
        places: What :func:`posetrack_places` says.
        first_id: Annotation id of the first of them.
    """
    numbers = rounded(record)
    points = np.where(places[:, None] < 0, 0, numbers.points[:, places])
    scores = points[..., 2].copy()
    points[..., 2] = scores > 0
    lefts = np.round(numbers.boxes[:, :2] + CORNER, PIXEL_DECIMALS)
    sizes = np.round(numbers.boxes[:, 2:] - numbers.boxes[:, :2], PIXEL_DECIMALS)
    return [
        {
            "id": first_id + i,
            "image_id": record.index,
            "track_id": int(record.poses.track_ids[i]),
            "category_id": PERSON,
            "keypoints": points[i].ravel().tolist(),
            "scores": scores[i].tolist(),
            "score": float(numbers.scores[i, 0]),
            "bbox": [*lefts[i].tolist(), *sizes[i].tolist()],
        }
        for i in range(len(record.poses))
    ]
