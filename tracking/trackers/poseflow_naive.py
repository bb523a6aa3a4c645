"""The matching that PoseFlow's reference implementation really does, for comparison: grades and one assignment.

Its maintainers call it a naive bipartite matching algorithm; the paper builds flows instead.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from pydantic import Field

from sitepose.core.geometry import keypoint_boxes
from sitepose.core.settings import Settings
from sitepose.core.similarity import box_iou
from sitepose.core.skeleton import Skeleton
from sitepose.core.structures import FloatArray, Frame, IntArray, Poses, concatenate
from sitepose.tracking.flow import OrbFlow
from sitepose.tracking.matching import assign

GROWTH = 0.1
"""Share of its sides by which the box around the keypoints grows."""

NEXT_FRAME_WEIGHTS = (1.0, 2.0, 1.0, 2.0)
"""Of the grades box by points, box, keypoints by points, keypoints, for tracks seen in the frame before."""

LATER_WEIGHTS = (0.0, 1.0, 0.0, 1.0)
"""The same for tracks seen longer ago: points were matched with the frame before alone."""


class PoseFlowNaiveSettings(Settings):
    """Settings of the tracker ``poseflow-naive``; the defaults are the published ones."""

    min_score: float = Field(0.3, ge=0, le=1)
    """Box score below which a person is ignored."""
    link_frames: int = Field(100, ge=1)
    """Frames for which a track out of sight is remembered."""
    num: int = Field(7, ge=1)
    """Keypoints that count: those that agree best."""
    mag: float = Field(30.0, gt=0)
    """Half the side of the square around a keypoint, in pixels."""
    min_match: float = Field(0.2, ge=0)
    """Sum of weighted grades that a pair must exceed."""
    features: int = Field(10_000, ge=0)
    """ORB features in each frame; 0 leaves out the grades by points."""


class PoseFlowNaive:
    """Remembers the most recent appearance of every track, and the ORB features of the last frame.

    Args:
        skeleton: What the people have.
        settings: The published constants.
    """

    def __init__(self, skeleton: Skeleton, settings: PoseFlowNaiveSettings | None = None) -> None:
        self._skeleton = skeleton
        self._settings = settings or PoseFlowNaiveSettings()
        self.needs_pixels = self._settings.features > 0
        self.reset()

    def reset(self) -> None:
        """Forget everybody, and begin to count ids anew."""
        self._known = Poses.empty(self._skeleton.num_keypoints)
        self._seen_in: IntArray = np.empty(0, np.int64)
        self._previous = -1
        self._next_id = 1
        self._orb = OrbFlow(self._settings.features) if self.needs_pixels else None

    def finish(self) -> Iterable[tuple[int, Poses]]:
        """Return nothing: this tracker never changes what it said."""
        return ()

    def update(self, frame: Frame, poses: Poses) -> Poses:
        """Return everybody, each with the id of the track that fits best, or a new one."""
        nothing = np.empty((0, 2), np.float32)
        points = self._orb.advance(frame.image) if self._orb else (nothing, nothing)
        poses = poses[poses.box_scores >= self._settings.min_score]
        rows, columns = assign(self._grades(poses, points), minimum=self._settings.min_match)
        ids = np.full(len(poses), -1, np.int64)
        ids[columns] = self._known.track_ids[rows]
        new = np.flatnonzero(ids < 0)
        ids[new] = self._next_id + np.arange(len(new))
        self._next_id += len(new)
        named = poses.replace(track_ids=ids)
        self._remember(frame, named)
        return named

    def _remember(self, frame: Frame, named: Poses) -> None:
        others = ~np.isin(self._known.track_ids, named.track_ids)
        others &= frame.index - self._seen_in <= self._settings.link_frames
        self._known = concatenate([self._known[others], named], num_keypoints=self._skeleton.num_keypoints)
        self._seen_in = np.append(self._seen_in[others], np.full(len(named), frame.index))
        self._previous = frame.index

    def _grades(self, poses: Poses, points: tuple[FloatArray, FloatArray]) -> FloatArray:
        """Return the weighted sum of all grades, shape (T, P)."""
        recent = (self._seen_in == self._previous)[:, None]
        weights = np.where(recent[..., None], NEXT_FRAME_WEIGHTS, LATER_WEIGHTS)
        before, now = _body_boxes(self._known), _body_boxes(poses)
        squares_before, squares_now = self._squares(self._known), self._squares(poses)
        grades = (
            _match_iou(before, now, points),
            box_iou(before, now),
            self._best([_match_iou(a, b, points) for a, b in zip(squares_before, squares_now, strict=True)]),
            self._best([box_iou(a, b) for a, b in zip(squares_before, squares_now, strict=True)]),
        )
        return np.asarray(sum(weights[..., i] * grade for i, grade in enumerate(grades)), np.float32)

    def _squares(self, poses: Poses) -> FloatArray:
        """Return the square around every keypoint, shape (K, P, 4); empty ones where nothing was seen."""
        mag = np.where(poses.keypoint_scores > 0, self._settings.mag, 0)[..., None]
        squares = np.concatenate([poses.keypoints - mag, poses.keypoints + mag], axis=2)
        return np.asarray(np.swapaxes(squares, 0, 1), np.float32)

    def _best(self, grades: list[FloatArray]) -> FloatArray:
        """Return the mean of the largest grades over the keypoints."""
        return np.asarray(np.sort(np.stack(grades), axis=0)[-self._settings.num :].mean(axis=0), np.float32)


def _body_boxes(poses: Poses) -> FloatArray:
    """Return the boxes around the keypoints, a little larger; the person's own where there are no keypoints."""
    around = keypoint_boxes(poses.keypoints, poses.keypoint_scores)
    margin = np.tile((around[:, 2:] - around[:, :2]) * GROWTH / 2, 2) * np.array([-1, -1, 1, 1])
    return np.where(np.isfinite(around), around + margin, poses.boxes).astype(np.float32)


def _match_iou(before: FloatArray, now: FloatArray, points: tuple[FloatArray, FloatArray]) -> FloatArray:
    """Return the share of matches that lie in both regions among those that lie in either, shape (T, P)."""
    if not len(points[0]):
        return np.zeros((len(before), len(now)), np.float32)
    first, second = _inside(before, points[0]), _inside(now, points[1])
    both = first @ second.T
    either = first.sum(axis=1)[:, None] + second.sum(axis=1)[None] - both
    return np.asarray(np.divide(both, either, out=np.zeros_like(both), where=either > 0), np.float32)


def _inside(boxes: FloatArray, points: FloatArray) -> FloatArray:
    inside = (points[None] >= boxes[:, None, :2]) & (points[None] <= boxes[:, None, 2:])
    return np.asarray(np.all(inside, axis=2), np.float32)
