"""PoseFlow's inter-frame distance d_c: how many points around one pose's keypoints land around another's.

Points on a 2x2 grid around each keypoint are followed from frame to frame; the share that arrives near the same
keypoint of a pose tells how much it is the same person (arXiv 1802.00977). People without keypoints have a grid
of places in their box instead.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sitepose.core.geometry import box_areas
from sitepose.core.structures import BoolArray, FloatArray, Poses
from sitepose.tracking.flow import PointFlow, Transform, transformed

REACH = 0.1
"""Half the side of the box around a keypoint, as a share of the square root of the person's box area."""

CORNERS = np.array([[-1, -1], [1, -1], [-1, 1], [1, 1]], np.float32) / 2
"""The 2x2 grid around a keypoint, in reaches."""

BODY_PLACES = np.array([[x, y] for y in (0.12, 0.31, 0.5, 0.69, 0.88) for x in (0.3, 0.5, 0.7)], np.float32)
"""Places in a box that stand in for keypoints, as shares of its sides; background is near the border."""

STANDS_OUT = 2.0
"""Pixels by which people must move against the background before points that do not are left out."""

WITH_BACKGROUND = 1 / 3
"""Share of the person's own motion below which a point counts as moving with the background."""

Scores = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Marks:
    """Places on P people that can be recognised in both of two frames.

    Attributes:
        places: Keypoints, or places in the box, shape (P, L, 2).
        weights: How far each can be trusted, shape (P, L), 0..1.
        reaches: Half the side of the box around each place, shape (P,).
    """

    places: FloatArray
    weights: Scores
    reaches: Scores


def marks(poses: Poses) -> Marks:
    """Return keypoints of people, or places in the box where keypoints were not looked for."""
    sides = poses.boxes[:, 2:] - poses.boxes[:, :2]
    body = poses.boxes[:, None, :2] + BODY_PLACES * sides[:, None]
    posed = (poses.keypoint_scores > 0).any(axis=1)
    body_weights = np.where(posed, 0.0, 1.0)[:, None] * np.ones(len(BODY_PLACES))
    return Marks(
        places=np.concatenate([poses.keypoints, body], axis=1),
        weights=np.maximum(np.concatenate([poses.keypoint_scores, body_weights], axis=1), 0).astype(np.float32),
        reaches=np.asarray(REACH * np.sqrt(box_areas(poses.boxes)), np.float32),
    )


@dataclass(slots=True, eq=False)
class FlowPoints:
    """Points on T people on their way from frame to frame.

    Attributes:
        track_ids: Whom they belong to, ascending, shape (T,).
        points: Four around each mark, shape (T, L, 4, 2).
        good: Whether each is still being followed, shape (T, L, 4).
        weights: How far each mark can be trusted, shape (T, L).
        boxes: Of the people, moved along with their points, shape (T, 4).
    """

    track_ids: NDArray[np.int64]
    points: FloatArray
    good: BoolArray
    weights: Scores
    boxes: FloatArray

    @property
    def heights(self) -> Scores:
        """Heights of the people's boxes, shape (T,)."""
        return np.asarray(self.boxes[:, 3] - self.boxes[:, 1], np.float32)

    @classmethod
    def on(cls, poses: Poses, *, min_weight: float) -> FlowPoints:
        """Return fresh points around every mark of tracked people that can be trusted so far.

        Of marks that crowd in one place, as those of a face or a hand, the first stands for all.
        """
        known = marks(poses)
        points = known.places[:, :, None] + CORNERS * known.reaches[:, None, None, None]
        trusted = known.weights > min_weight
        chosen = _first_of_each_place(known, trusted)
        good = np.repeat(chosen[:, :, None], len(CORNERS), axis=2)
        weights = np.where(trusted & ~chosen, 0, known.weights).astype(np.float32)
        return cls(poses.track_ids, np.asarray(points, np.float32), good, weights, poses.boxes)

    def follow(self, flow: PointFlow, camera: Transform) -> None:
        """Move every point on to the newest frame; leave out the lost and those of the background."""
        people, *grid = np.nonzero(self.good)
        index = (people, *grid)
        before = self.points[index]
        followed = flow.follow(before, self.heights[people])
        own = np.full(self.points.shape, np.inf, np.float32)
        own[index] = np.where(followed.good[:, None], followed.points - transformed(before, camera), np.inf)
        steps = _middles(own)
        self.points[index] = followed.points
        self.good = np.isfinite(own[..., 0]) & ~_stays(own, steps)
        corners = self.boxes.reshape(-1, 2, 2)
        self.boxes = (transformed(corners, camera) + steps[:, None]).reshape(-1, 4)

    def rows(self, rows: NDArray[np.intp]) -> FlowPoints:
        """Return the points of some people."""
        return FlowPoints(
            self.track_ids[rows], self.points[rows], self.good[rows], self.weights[rows], self.boxes[rows]
        )

    def joined(self, other: FlowPoints) -> FlowPoints:
        """Return the points of these and other people, by ascending id."""
        ids = np.concatenate([self.track_ids, other.track_ids])
        order = np.argsort(ids)
        return FlowPoints(
            ids[order],
            np.concatenate([self.points, other.points])[order],
            np.concatenate([self.good, other.good])[order],
            np.concatenate([self.weights, other.weights])[order],
            np.concatenate([self.boxes, other.boxes])[order],
        )

    def arrivals(self, poses: Poses) -> tuple[Scores, Scores]:
        """Return d_c of every tracked person with every pose, as a share, and how far it can be trusted.

        Returns:
            Share of the points around each mark that lie around the same mark of the pose, averaged over the
            marks that both see, shape (T, P); share of the track's marks that still have points, shape (T,).
        """
        seen = marks(poses)
        used = np.flatnonzero((self.weights > 0).any(axis=0) & (seen.weights > 0).any(axis=0))
        points, good, places = self.points[:, used], self.good[:, used], seen.places[:, used]
        rows, people = _pairs_that_meet(points, good, places, seen.reaches)
        apart = np.abs(points[rows] - places[people][:, :, None])
        inside = np.maximum(apart[..., 0], apart[..., 1]) <= seen.reaches[people][:, None, None]
        extracted = good.sum(axis=2)
        shares = (inside & good[rows]).sum(axis=2) / np.maximum(extracted, 1)[rows]
        weights = np.sqrt(self.weights[rows][:, used] * seen.weights[people][:, used])
        weights *= extracted[rows] > 0
        total = weights.sum(axis=1)
        arrived = np.zeros((len(self.points), len(poses)), np.float32)
        arrived[rows, people] = (shares * weights).sum(axis=1) / np.where(total > 0, total, 1)
        alive = (self.weights * self.good.any(axis=2)).sum(axis=1) / np.maximum(self.weights.sum(axis=1), 1e-6)
        return arrived, alive.astype(np.float32)


def _pairs_that_meet(
    points: FloatArray, good: BoolArray, places: FloatArray, reaches: Scores
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return which tracks and which poses are not so far apart that no point could arrive.

    Args:
        points: Shape (T, L, 4, 2).
        good: Whether each is being followed, shape (T, L, 4).
        places: The poses' marks, shape (P, L, 2).
        reaches: The poses', shape (P,).
    """
    low = np.where(good[..., None], points, np.inf).min(axis=(1, 2), initial=np.inf)
    high = np.where(good[..., None], points, -np.inf).max(axis=(1, 2), initial=-np.inf)
    far = reaches[:, None]
    begins, ends = places.min(axis=1, initial=np.inf) - far, places.max(axis=1, initial=-np.inf) + far
    meet = (low[:, None] <= ends) & (begins <= high[:, None])
    rows, people = np.nonzero(meet[..., 0] & meet[..., 1])
    return rows, people


def _first_of_each_place(known: Marks, trusted: BoolArray) -> BoolArray:
    """Return which trusted marks are the first of their person in their square of a reach, shape (P, L)."""
    people, columns = np.nonzero(trusted)
    squares = np.floor(known.places[people, columns] / np.maximum(known.reaches[people, None], 1e-6))
    low = squares.min(axis=0, initial=0)
    width, height = squares.max(axis=0, initial=0) - low + 1
    x, y = (squares - low).T
    _, first = np.unique((people * height + y) * width + x, return_index=True)
    chosen = np.zeros_like(trusted)
    chosen[people[first], columns[first]] = True
    return chosen


def _middles(own: FloatArray) -> FloatArray:
    """Return the median motion of each person's points, shape (T, 2); 0 where none is left.

    Args:
        own: Motion of every point against the background, (T, L, 4, 2); infinite for lost ones.
    """
    ranked = np.sort(own.reshape(len(own), own.shape[1] * own.shape[2], 2), axis=1)
    counts = np.isfinite(ranked[..., 0]).sum(axis=1)
    middles = ranked[np.arange(len(own)), np.maximum(counts - 1, 0) // 2]
    return np.asarray(np.where(counts[:, None] > 0, middles, 0), np.float32)


def _stays(own: FloatArray, steps: FloatArray) -> BoolArray:
    """Return which points stay with the background although their person moves, shape (T, L, 4)."""
    person = np.linalg.norm(steps, axis=1)[:, None, None]
    length = np.hypot(own[..., 0], own[..., 1])
    return np.asarray((person > STANDS_OUT) & (length < WITH_BACKGROUND * person))
