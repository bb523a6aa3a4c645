"""CrowdPose's annotations: COCO's form with 14 keypoints, and how crowded each image is.

Coordinates as in :mod:`sitepose.core.formats.coco`. The files have no ``area``: CrowdPose's evaluation takes
.53 w h, and so does this reader. The stored ``num_keypoints`` is not the count of labelled ones, and the
evaluation ignores people with a stored 0: it is kept as it is.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sitepose.core.errors import FormatError
from sitepose.core.formats.annotations import Annotations
from sitepose.core.formats.coco import read_coco
from sitepose.core.formats.reading import number
from sitepose.core.similarity import COCO_AREA_SHARE
from sitepose.core.skeleton import load_skeleton

CROWD_INDEX = "crowdIndex"


def read_crowdpose(path: str | Path) -> Annotations:
    """Read CrowdPose's annotations; areas are .53 w h, keypoints have the names of ``crowdpose14``.

    Raises:
        FormatError: It cannot be opened, is no annotations, or does not have CrowdPose's 14 keypoints.
    """
    people = read_coco(path)
    skeleton = load_skeleton("crowdpose14")
    if len(people.keypoint_names) != skeleton.num_keypoints:
        raise FormatError(
            f"{path}: {len(people.keypoint_names)} keypoints, expected CrowdPose's {skeleton.num_keypoints}"
        )
    sides = (people.boxes[:, 2:] - people.boxes[:, :2]).astype(np.float64)
    return dataclasses.replace(
        people, keypoint_names=skeleton.keypoint_names, areas=COCO_AREA_SHARE * sides[:, 0] * sides[:, 1]
    )


def stored_crowd_indices(annotations: Annotations, *, where: str = "CrowdPose") -> NDArray[np.float64]:
    """Return the stored crowd index of each image; NaN where there is none.

    Raises:
        FormatError: One is not a number.
    """
    return np.array(
        [
            number(image.extra[CROWD_INDEX], where=f"{where}: images[{i}]: {CROWD_INDEX}")
            if CROWD_INDEX in image.extra
            else np.nan
            for i, image in enumerate(annotations.images)
        ],
        np.float64,
    )
