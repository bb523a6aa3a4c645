"""Where tracked people are in the next frame, without asking the detector."""

from __future__ import annotations

import numpy as np

from sitepose.core.geometry import keypoint_boxes
from sitepose.core.similarity import box_iou
from sitepose.core.structures import Detections, FloatArray, Frame, Poses, concatenate
from sitepose.tracking.flow import PointFlow

MIN_KEYPOINT_SCORE = 0.3
"""Keypoints below it are not followed: they may lie on anything."""

MIN_KEYPOINTS = 3
"""Followed keypoints that a person's motion is taken from; with fewer the box stays where it is."""

MARGIN_RANGE = (-0.25, 1.0)
"""How far a box may reach beyond the keypoints on a side, as a share of their width or height."""

MISSED_OVERLAP = 0.4
"""Overlap with a detection from which a followed person counts as found by it."""

MISSED_DECAY = 0.8
"""Factor on the score of a person whom the detector, asked, did not find."""

CARRIED_DECAY = 0.8
"""Factor on the score of a person for each frame without evidence."""

MIN_MISSED_SCORE = 0.25
"""Score below which a person whom the detector keeps missing is no longer followed."""

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

    def learn(self, tracked: Poses, proposed: Poses) -> None:
        """Remember the people of this frame.

        Args:
            tracked: After tracking. Those whom the tracker carries without evidence are looked for as well.
            proposed: Before tracking. Who is not among the tracked is looked for as well: trackers want to see
                a person more than once before they believe it.
        """
        new = proposed[box_iou(proposed.boxes, tracked.boxes).max(axis=1, initial=0) < MISSED_OVERLAP]
        unseen = new.replace(observed=np.zeros(len(new), np.bool_))
        people = concatenate([tracked, unseen], num_keypoints=tracked.keypoints.shape[1])
        scores = people.box_scores * np.where(people.observed, 1, CARRIED_DECAY).astype(np.float32)
        self._people = people.replace(box_scores=scores)[scores >= MIN_MISSED_SCORE]
        found = tracked[~tracked.from_tracks & tracked.observed]
        ids = set(tracked.track_ids.tolist())
        self._margins = {track_id: margins for track_id, margins in self._margins.items() if track_id in ids}
        self._margins.update(zip(found.track_ids.tolist(), _margins(found), strict=True))

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


def with_missed(detected: Detections, followed: Detections) -> Detections:
    """Return the detections, and after them whom the detector has missed, with a lower score.

    A person half hidden is missed for a frame and found in the next; the pose network still sees them.
    """
    overlap = box_iou(followed.boxes, detected.boxes).max(axis=1, initial=0)
    scores = followed.scores * MISSED_DECAY
    missed = (overlap < MISSED_OVERLAP) & (scores >= MIN_MISSED_SCORE)
    if not missed.any():
        return detected
    return Detections(
        boxes=np.concatenate([detected.boxes, followed.boxes[missed]]),
        scores=np.concatenate([detected.scores, scores[missed]]),
        from_tracks=np.concatenate([detected.from_tracks, followed.from_tracks[missed]]),
    )


def _margins(people: Poses) -> FloatArray:
    """Return how far each box reaches beyond its keypoints on each side, as shares of their extent.

    NaN for people whose keypoints span no area.
    """
    tight = keypoint_boxes(people.keypoints, people.keypoint_scores, min_score=MIN_KEYPOINT_SCORE)
    sides = np.tile(tight[:, 2:] - tight[:, :2], 2)
    beyond = (people.boxes - tight) * OUTWARDS
    shares = np.divide(beyond, sides, out=np.full_like(beyond, np.nan), where=sides > 1)
    return np.asarray(np.clip(shares, *MARGIN_RANGE), np.float32)
