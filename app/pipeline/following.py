"""Where tracked people are in the next frame, without asking the detector."""

from __future__ import annotations

import numpy as np

from sitepose.core.geometry import keypoint_boxes
from sitepose.core.structures import Detections, FloatArray, Frame, Poses
from sitepose.tracking.flow import PointFlow

MIN_KEYPOINT_SCORE = 0.3
"""Keypoints below it are not followed: they may lie on anything."""

MIN_KEYPOINTS = 3
"""Followed keypoints that a person's motion is taken from; with fewer the box stays where it is."""

MARGIN_RANGE = (-0.25, 1.0)
"""How far a box may reach beyond the keypoints on a side, as a share of their width or height."""

OUTWARDS: FloatArray = np.array([-1, -1, 1, 1], np.float32)
"""Which way each side of a box moves when the box grows."""


class BoxFollower:
    """Moves the boxes of tracked people along with them.

    A box is the person's last pose plus the margins that the detector left around it when it was last asked,
    moved by the median optical flow of the keypoints. So it follows the pose, and does not drift as a box that
    was only ever moved would.

    Remembers the people of the last frame, the margins of each track, and two grey frames.
    """

    def __init__(self) -> None:
        self._flow = PointFlow()
        self._people: Poses | None = None
        self._margins: dict[int, FloatArray] = {}

    def look(self, frame: Frame) -> None:
        """Take in a frame; every frame once, in order."""
        self._flow.advance(frame.image)

    def boxes(self) -> Detections:
        """Return where the people of the last frame are now, as detections that come from tracks."""
        people = self._people
        if people is None or not len(people):
            return Detections.empty()
        boxes = self._around_poses(people) + np.tile(self._motion(people), 2)
        return Detections(boxes, people.box_scores, from_tracks=np.ones(len(people), np.bool_))

    def learn(self, people: Poses, *, detected: bool) -> None:
        """Remember the people of this frame.

        Args:
            people: After tracking; those without evidence are not followed.
            detected: Whether their boxes are the detector's, to learn the margins from.
        """
        self._people = people[people.observed]
        if detected:
            self._margins = dict(zip(self._people.track_ids.tolist(), _margins(self._people), strict=True))

    def forget(self) -> None:
        """Forget everybody."""
        self._flow = PointFlow()
        self._people = None
        self._margins = {}

    def _around_poses(self, people: Poses) -> FloatArray:
        tight = keypoint_boxes(people.keypoints, people.keypoint_scores, min_score=MIN_KEYPOINT_SCORE)
        nothing = np.full(4, np.nan, np.float32)
        margins = np.array(
            [self._margins.get(track_id, nothing) for track_id in people.track_ids.tolist()], np.float32
        )
        sides = np.tile(tight[:, 2:] - tight[:, :2], 2)
        boxes = tight + margins * sides * OUTWARDS
        known = np.isfinite(boxes).all(axis=1, keepdims=True)
        return np.asarray(np.where(known, boxes, people.boxes), np.float32)

    def _motion(self, people: Poses) -> FloatArray:
        """Return how far each person has moved, shape (P, 2); 0 where too little of them could be followed."""
        seen = (people.keypoint_scores > MIN_KEYPOINT_SCORE) & np.isfinite(people.keypoints).all(axis=2)
        owner, _ = np.nonzero(seen)
        points = people.keypoints[seen]
        heights = (people.boxes[:, 3] - people.boxes[:, 1])[owner]
        followed = self._flow.follow(points, heights)
        moved = followed.points - points
        motion = np.zeros((len(people), 2), np.float32)
        for person in range(len(people)):
            rows = followed.good & (owner == person)
            if rows.sum() >= MIN_KEYPOINTS:
                motion[person] = np.median(moved[rows], axis=0)
        return motion


def _margins(people: Poses) -> FloatArray:
    """Return how far each box reaches beyond its keypoints on each side, as shares of their extent.

    NaN for people whose keypoints span no area.
    """
    tight = keypoint_boxes(people.keypoints, people.keypoint_scores, min_score=MIN_KEYPOINT_SCORE)
    sides = np.tile(tight[:, 2:] - tight[:, :2], 2)
    beyond = (people.boxes - tight) * OUTWARDS
    shares = np.divide(beyond, sides, out=np.full_like(beyond, np.nan), where=sides > 1)
    return np.asarray(np.clip(shares, *MARGIN_RANGE), np.float32)
