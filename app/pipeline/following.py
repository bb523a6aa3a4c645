"""Where tracked people are in the next frame, without asking the detector."""

from __future__ import annotations

import dataclasses
from collections import deque

import cv2
import numpy as np

from sitepose.core.geometry import keypoint_boxes, resize_points
from sitepose.core.similarity import box_iou
from sitepose.core.structures import BoolArray, Detections, FloatArray, ImageArray, Poses

MIN_KEYPOINT_SCORE = 0.3
"""Keypoints below it are not followed: they may lie on anything."""

MIN_KEYPOINTS = 3
"""Followed keypoints that a person's motion is taken from; with fewer the box stays where it is."""

MARGIN_RANGE = (-0.25, 1.0)
"""How far a box may reach beyond the keypoints on a side, as a share of their width or height."""

POSE_SHARES: FloatArray = np.array([0.7, 0.7, 0.4, 0.4], np.float32)
"""How much of the way from where a box was to where the pose says its centre and its size go, each time."""

SAME_PERSON = 0.4
"""Overlap of two boxes from which they are the same person's."""

CARRIED_DECAY = 0.8
"""Factor on the score of a person for each frame without evidence."""

MIN_SCORE = 0.35
"""Score below which a person is no longer followed."""

LOOK_WIDTH = 320
"""Columns of the small grey pictures: a box need only be told where it went to a pixel or two of the frame."""

REMEMBERED_LOOKS = 4
"""Small pictures that are kept: people may be known from a few frames ago."""

WINDOW = 11
"""Side of the square that Lucas-Kanade compares, pixels of the small picture."""

LEVELS = 3
"""Levels of its pyramid: steps of a quarter of a person's height are found."""

ITERATIONS = (cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, 10, 0.05)
"""Steps of Lucas-Kanade on each level, and pixels below which it is done."""

OUTWARDS: FloatArray = np.array([-1, -1, 1, 1], np.float32)
"""Which way each side of a box moves when the box grows."""


class BoxFollower:
    """Moves the boxes of tracked people along with them.

    A box is the person's last pose plus the margins that the detector left around it when it was last asked,
    moved by the median optical flow of the keypoints. So it follows the pose, and does not drift as a box that
    was only ever moved would.

    Remembers the people of the last frame that is known, whom the detector has found since, the margins of each
    track, and a few small grey pictures.
    """

    def __init__(self) -> None:
        self._looks: deque[tuple[int, ImageArray]] = deque(maxlen=REMEMBERED_LOOKS)
        self._people: Poses | None = None
        self._people_index = -1
        self._found: Detections | None = None
        self._found_index = -1
        self._margins: dict[int, FloatArray] = {}

    def look(self, index: int, picture: ImageArray) -> None:
        """Take in a frame; every frame once, in order.

        Args:
            index: Of the frame.
            picture: From :func:`small_grey`.
        """
        self._looks.append((index, picture))

    def boxes(self, size_wh: tuple[int, int]) -> Detections:
        """Return where everybody known is in the frame looked at last, as detections that come from tracks.

        Args:
            size_wh: Size of the frame.
        """
        people = self._people
        followed = Detections.empty()
        if people is not None and len(people):
            boxes = self._settled(people) + np.tile(self._motion(people, size_wh), 2)
            followed = Detections(boxes, people.box_scores, from_tracks=np.ones(len(people), np.bool_))
        if self._found is None:
            return followed
        # The detector's word is newer than the tracks: whom it has not found is not looked for.
        same = box_iou(followed.boxes, self._found.boxes) >= SAME_PERSON
        return _joined(followed[same.any(axis=1)], self._found[~same.any(axis=0)])

    def found(self, index: int, detections: Detections) -> None:
        """Remember whom the detector has found, until what became of them is known."""
        self._found = dataclasses.replace(detections, from_tracks=np.ones(len(detections), np.bool_))
        self._found_index = index

    def learn(self, index: int, tracked: Poses) -> None:
        """Remember the people of a frame.

        Args:
            index: Of the frame.
            tracked: After tracking. Those whom the tracker carries without evidence are looked for as well.
        """
        scores = tracked.box_scores * np.where(tracked.observed, 1, CARRIED_DECAY).astype(np.float32)
        self._people = tracked.replace(box_scores=scores)[scores >= MIN_SCORE]
        self._people_index = index
        if index >= self._found_index:
            self._found = None
        found = tracked[~tracked.from_tracks & tracked.observed]
        ids = set(tracked.track_ids.tolist())
        self._margins = {track_id: margins for track_id, margins in self._margins.items() if track_id in ids}
        self._margins.update(zip(found.track_ids.tolist(), _margins(found), strict=True))

    def _settled(self, people: Poses) -> FloatArray:
        """Return boxes that give way to the poses by a share: arms and legs swing, people do not."""
        old, new = _center_and_size(people.boxes), _center_and_size(self._around_poses(people))
        center, size = np.split(old + POSE_SHARES * (new - old), 2, axis=1)
        return np.concatenate([center - size / 2, center + size / 2], axis=1, dtype=np.float32)

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

    def _motion(self, people: Poses, size_wh: tuple[int, int]) -> FloatArray:
        """Return how far each person has moved, shape (P, 2); 0 where too little of them could be followed."""
        seen = (people.keypoint_scores > MIN_KEYPOINT_SCORE) & np.isfinite(people.keypoints).all(axis=2)
        owner, _ = np.nonzero(seen)
        moved, good = self._flow(people.keypoints[seen], size_wh)
        motion = np.zeros((len(people), 2), np.float32)
        for person in range(len(people)):
            rows = good & (owner == person)
            if rows.sum() >= MIN_KEYPOINTS:
                motion[person] = np.median(moved[rows], axis=0)
        return motion

    def _flow(self, points: FloatArray, size_wh: tuple[int, int]) -> tuple[FloatArray, BoolArray]:
        """Return how far points of the people's frame have moved since, shape (N, 2), and which were found."""
        before = next((picture for index, picture in self._looks if index == self._people_index), None)
        now = self._looks[-1][1]
        if before is None or before.shape != now.shape or not len(points):
            return np.zeros_like(points), np.zeros(len(points), np.bool_)
        scale = now.shape[1] / size_wh[0]
        start = np.ascontiguousarray(resize_points(points, scale))[:, None]
        moved, status, _ = cv2.calcOpticalFlowPyrLK(
            before, now, start, None, winSize=(WINDOW, WINDOW), maxLevel=LEVELS - 1, criteria=ITERATIONS
        )
        return np.asarray((moved - start)[:, 0] / scale, np.float32), status[:, 0] > 0


def small_grey(image: ImageArray) -> ImageArray:
    """Return a picture of some ``LOOK_WIDTH`` columns in grey: what motion is looked for in."""
    factor = max(1, image.shape[1] // LOOK_WIDTH)  # a whole number is far cheaper than any other
    if factor > 1:
        size = image.shape[1] // factor, max(1, image.shape[0] // factor)
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY), np.uint8)


def _joined(first: Detections, second: Detections) -> Detections:
    return Detections(
        boxes=np.concatenate([first.boxes, second.boxes]),
        scores=np.concatenate([first.scores, second.scores]),
        from_tracks=np.concatenate([first.from_tracks, second.from_tracks]),
    )


def _center_and_size(boxes: FloatArray) -> FloatArray:
    return np.concatenate([(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]], axis=1)


def _margins(people: Poses) -> FloatArray:
    """Return how far each box reaches beyond its keypoints on each side, as shares of their extent.

    NaN for people whose keypoints span no area.
    """
    tight = keypoint_boxes(people.keypoints, people.keypoint_scores, min_score=MIN_KEYPOINT_SCORE)
    sides = np.tile(tight[:, 2:] - tight[:, :2], 2)
    beyond = (people.boxes - tight) * OUTWARDS
    shares = np.divide(beyond, sides, out=np.full_like(beyond, np.nan), where=sides > 1)
    return np.asarray(np.clip(shares, *MARGIN_RANGE), np.float32)
