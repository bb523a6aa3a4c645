"""OpenPose's JSON: a file a frame, ``{"version": 1.3, "people": [{"person_id", "pose_keypoints_2d", ...}]}``.

Written in OpenPose's COCO order of 18 keypoints. Its second, the neck, is ours where the skeleton has one, else
the middle of the shoulders where both are there, with the lower of their scores: that is how OpenPose's own
training data define it. BODY_25 is not written: we know nothing of the feet. Keypoints that are not there are
0 0 0, as OpenPose has it. Coordinates are pixel centres and stay as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from sitepose.core.errors import FormatError
from sitepose.core.formats.columns import entries, points
from sitepose.core.formats.poses_lines import PIXEL_DECIMALS, PoseRecord, PosesHeader, rounded
from sitepose.core.formats.reading import DoubleArray, read_json, required, rows, table, whole
from sitepose.core.structures import UNTRACKED, IntArray

VERSION = 1.3

KEYPOINTS = (
    "nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
    "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle", "right_eye", "left_eye",
    "right_ear", "left_ear",
)  # fmt: skip
"""OpenPose's COCO order."""

NECK = KEYPOINTS.index("neck")
SHOULDERS = [KEYPOINTS.index("right_shoulder"), KEYPOINTS.index("left_shoulder")]

_EMPTY = (
    "face_keypoints_2d", "hand_left_keypoints_2d", "hand_right_keypoints_2d", "pose_keypoints_3d",
    "face_keypoints_3d", "hand_left_keypoints_3d", "hand_right_keypoints_3d",
)  # fmt: skip


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class OpenPosePeople:
    """The people of a frame.

    Attributes:
        track_ids: ``person_id``; -1 where there is none, shape (P,).
        keypoints: Shape (P, K, 2); K is 18 or 25.
        keypoint_scores: Shape (P, K).
    """

    track_ids: IntArray
    keypoints: DoubleArray
    keypoint_scores: DoubleArray


def read_openpose(path: str | Path) -> OpenPosePeople:
    """Read the file of one frame.

    Raises:
        FormatError: It cannot be opened, or is not OpenPose's.
    """
    where = str(path)
    content = table(read_json(path), where=where)
    people = entries(required(content, "people", where=where), where=f"{where}: people")
    flats = [
        rows(person.get("pose_keypoints_2d") or [], where=f"{where}: people[{i}]: pose_keypoints_2d")
        for i, person in enumerate(people)
    ]
    lengths = {len(flat) for flat in flats}
    if len(lengths) > 1 or any(length % 3 for length in lengths):
        raise FormatError(f"{where}: expected x, y, score of the same keypoints in all pose_keypoints_2d")
    found = points(people, "pose_keypoints_2d", max(lengths, default=3 * len(KEYPOINTS)) // 3, where=where)
    ids = [
        _identity(person.get("person_id"), f"{where}: people[{i}]: person_id")
        for i, person in enumerate(people)
    ]
    return OpenPosePeople(
        track_ids=np.array(ids, np.int64), keypoints=found[..., :2], keypoint_scores=found[..., 2]
    )


def openpose_places(header: PosesHeader) -> IntArray:
    """Return, for each of OpenPose's keypoints, which of ours it is; -1 where we have none."""
    places = {name: i for i, name in enumerate(header.keypoint_names)}
    return np.array([places.get(name, -1) for name in KEYPOINTS], np.int64)


def openpose_content(record: PoseRecord, places: IntArray) -> dict[str, Any]:
    """Return the content of a frame's file.

    Args:
        record: The frame.
        places: What :func:`openpose_places` says.
    """
    found = np.where(places[:, None] < 0, 0, rounded(record).points[:, places])
    if places[NECK] < 0:
        found[:, NECK] = _middle(found[:, SHOULDERS])
    people = [
        {"person_id": [track_id], "pose_keypoints_2d": flat, **{name: [] for name in _EMPTY}}
        for track_id, flat in zip(
            record.poses.track_ids.tolist(), found.reshape(len(found), 3 * len(KEYPOINTS)).tolist(), strict=True
        )
    ]
    return {"version": VERSION, "people": people}


def openpose_name(record: PoseRecord, header: PosesHeader) -> str:
    """Return the name of a frame's file: OpenPose's, with the source's or the image's name before it."""
    if record.name is not None:
        return f"{PurePath(record.name).stem}_keypoints.json"
    return f"{PurePath(header.source).stem}_{record.index:012d}_keypoints.json"


def _middle(shoulders: DoubleArray) -> DoubleArray:
    """Return the middle of two keypoints, shape (P, 3), with the lower of their scores; 0 if one is missing."""
    middle = np.round(shoulders.mean(axis=1), PIXEL_DECIMALS)
    middle[:, 2] = shoulders[..., 2].min(axis=1)
    return np.where(middle[:, 2:] > 0, middle, 0)


def _identity(value: Any, where: str) -> int:
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    return UNTRACKED if value is None else whole(value, where=where)
