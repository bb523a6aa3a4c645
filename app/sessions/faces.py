"""Faces made unrecognizable, found from the poses of the people who have them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from sitepose.core.skeleton import Skeleton
from sitepose.core.structures import FloatArray, ImageArray, Poses

FACE = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")
"""Keypoints on a face."""

HEAD = ("head_top", "head", "neck")
"""Keypoints around a head, of skeletons that have no face, or besides."""

MIN_SCORE = 0.2
"""A keypoint below this is not seen: the floor that scores of people have as well."""

SHOULDERS = 0.5
"""Radius of a head against the width of the shoulders. That is 0.26 of a person's height, and a head is 0.13
high (Drillis and Contini, 1966): the circle is twice as large as the head."""

TORSO = 0.45
"""The same against the length from shoulders to hips, 0.29 of the height: they are narrow from the side."""

HEIGHT = 0.13
"""The same against the height of the box, where there is nothing better."""

SPREAD = 1.8
"""The same against the distance of the farthest keypoint from the middle: an eye is not the edge of a face."""

LARGEST = 0.5
"""Radius against the longer side of the box: keypoints in a wrong place go no further."""

UPPER_PART = 0.35
"""Part of the box that is covered where no keypoint of a head is seen: also somebody who bows his head."""

CELLS = 4
"""Cells across a face: what is left of it has sixteen colours, whatever is done to the picture later."""

Regions = NDArray[np.int64]


def head_regions(poses: Poses, skeleton: Skeleton, size_wh: tuple[int, int]) -> Regions:
    """Return where heads are, as far as the poses say: one for each person.

    Args:
        poses: The people of a frame.
        skeleton: What they have.
        size_wh: Of the frame.

    Returns:
        ``xyxy`` in whole pixels within the frame, the end not included, shape (P, 4).
    """
    points = _indices(skeleton, FACE) or _indices(skeleton, HEAD)
    found = np.array([_region(poses, person, skeleton, points) for person in range(len(poses))])
    corners = found.reshape(-1, 4) + 0.5  # from centres of pixels to their edges
    whole = np.concatenate([np.floor(corners[:, :2]), np.ceil(corners[:, 2:])], axis=1)
    return np.asarray(np.clip(whole, 0, [*size_wh, *size_wh]), np.int64)


def blur(image: ImageArray, regions: Regions) -> ImageArray:
    """Return a copy of an image with nothing left of its regions but a few colours.

    Args:
        image: Shape (H, W, 3).
        regions: As from :func:`head_regions`.
    """
    blurred = np.array(image)
    for x1, y1, x2, y2 in regions.tolist():
        piece = blurred[y1:y2, x1:x2]
        if piece.size:
            cells = cv2.resize(piece, (CELLS, CELLS), interpolation=cv2.INTER_AREA)
            blurred[y1:y2, x1:x2] = cv2.resize(cells, (x2 - x1, y2 - y1), interpolation=cv2.INTER_LINEAR)
    return blurred


def _region(poses: Poses, person: int, skeleton: Skeleton, points: list[int]) -> list[float]:
    box, scores, keypoints = poses.boxes[person], poses.keypoint_scores[person], poses.keypoints[person]
    x1, y1, x2, y2 = box.tolist()
    seen = [index for index in points if scores[index] >= MIN_SCORE]
    if not seen:
        return [x1, y1, x2, y1 + UPPER_PART * (y2 - y1)]
    middle = keypoints[seen].mean(0)
    spread = float(np.linalg.norm(keypoints[seen] - middle, axis=1).max())
    body = _body_radius(keypoints, scores, skeleton)
    radius = min(max(SPREAD * spread, HEIGHT * (y2 - y1), body), LARGEST * max(x2 - x1, y2 - y1))
    x, y = middle.tolist()
    return [x - radius, y - radius, x + radius, y + radius]


def _body_radius(keypoints: FloatArray, scores: FloatArray, skeleton: Skeleton) -> float:
    """Return the radius of a head by the size of the body; 0 where too little of that is seen."""
    pairs = [_indices(skeleton, (f"left_{part}", f"right_{part}")) for part in ("shoulder", "hip")]
    shoulders, hips = (pair if pair and (scores[pair] >= MIN_SCORE).all() else [] for pair in pairs)
    if not shoulders:
        return 0.0
    width = float(np.linalg.norm(keypoints[shoulders[0]] - keypoints[shoulders[1]]))
    torso = keypoints[shoulders].mean(0) - keypoints[hips].mean(0) if hips else np.zeros(2)
    return max(SHOULDERS * width, TORSO * float(np.linalg.norm(torso)))


def _indices(skeleton: Skeleton, names: tuple[str, ...]) -> list[int]:
    return [skeleton.index(name) for name in names if name in skeleton.keypoint_names]
