"""Truth and result of one sequence side by side: who is how like whom in every frame.

The similarities are worked out once and shared by all tracking metrics.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sitepose.core.similarity import COCO_AREA_SHARE
from sitepose.core.structures import UNTRACKED, BoolArray, FloatArray, IntArray, Poses

DoubleArray = NDArray[np.float64]

TINY = float(np.finfo(np.float64).eps)
"""Added to areas, as in the COCO evaluation, so that an empty person divides by something."""


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class TrackedBoxes:
    """Boxes with identities in the frames of one sequence, one row each, in any order.

    Attributes:
        frames: Frame of each row, shape (N,).
        track_ids: Shape (N,); at most once in a frame.
        boxes: ``xyxy``, shape (N, 4), float64 so that files are compared to the last digit.
    """

    frames: IntArray
    track_ids: IntArray
    boxes: DoubleArray


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class TrackedPoses:
    """Poses with identities in the frames of one sequence, one row each, in any order.

    Attributes:
        frames: Frame of each row, shape (N,).
        track_ids: Shape (N,); at most once in a frame.
        keypoints: Shape (N, K, 2).
        labelled: Whether a keypoint counts, shape (N, K); read from the truth alone.
        areas: Area A of OKS in square pixels, shape (N,); read from the truth alone.
    """

    frames: IntArray
    track_ids: IntArray
    keypoints: DoubleArray
    labelled: BoolArray
    areas: DoubleArray


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Comparison:
    """Similarities of all pairs of people that share a frame. Identities are numbered 0, 1, 2 ...

    Attributes:
        truth_ids: Identity of each row of the truth, frame after frame, shape (N,).
        track_ids: Identity of each row of the result, frame after frame, shape (M,).
        truth_starts: Where each frame begins in ``truth_ids``, and the end, shape (F + 1,).
        track_starts: Where each frame begins in ``track_ids``, and the end, shape (F + 1,).
        pair_truths: Row of the truth in each pair, shape (Q,).
        pair_tracks: Row of the result in each pair, shape (Q,).
        pair_starts: Where each frame begins in the pairs, and the end, shape (F + 1,).
        similarities: 0..1, shape (Q,): the matrix of each frame, row by row.
    """

    truth_ids: IntArray
    track_ids: IntArray
    truth_starts: IntArray
    track_starts: IntArray
    pair_truths: IntArray
    pair_tracks: IntArray
    pair_starts: IntArray
    similarities: DoubleArray

    @property
    def num_truths(self) -> int:
        """Number of identities in the truth."""
        return int(self.truth_ids.max(initial=-1)) + 1

    @property
    def num_tracks(self) -> int:
        """Number of identities in the result."""
        return int(self.track_ids.max(initial=-1)) + 1

    @property
    def truth_counts(self) -> IntArray:
        """Rows of each identity of the truth."""
        return np.bincount(self.truth_ids, minlength=self.num_truths)

    @property
    def track_counts(self) -> IntArray:
        """Rows of each identity of the result."""
        return np.bincount(self.track_ids, minlength=self.num_tracks)

    @property
    def pair_identities(self) -> IntArray:
        """Place of each pair in a (truths, tracks) matrix laid out row by row."""
        return self.truth_ids[self.pair_truths] * self.num_tracks + self.track_ids[self.pair_tracks]

    def frames(self) -> Iterator[tuple[slice, slice, DoubleArray]]:
        """Return of each frame its rows of the truth, of the result, and their similarities."""
        for t in range(len(self.pair_starts) - 1):
            truths = slice(int(self.truth_starts[t]), int(self.truth_starts[t + 1]))
            tracks = slice(int(self.track_starts[t]), int(self.track_starts[t + 1]))
            values = self.similarities[self.pair_starts[t] : self.pair_starts[t + 1]]
            shape = truths.stop - truths.start, tracks.stop - tracks.start
            yield truths, tracks, values.reshape(shape)


def compare_boxes(truth: TrackedBoxes, result: TrackedBoxes) -> Comparison:
    """Return the overlap (IoU) of all boxes that share a frame.

    Raises:
        ValueError: An identity is twice in one frame.
    """
    truth_order, result_order, layout = _layout(truth, result)
    a = truth.boxes[truth_order][layout.pair_truths]
    b = result.boxes[result_order][layout.pair_tracks]
    sides = np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])
    inner = np.maximum(sides, 0).prod(axis=1)
    union = _areas(a) + _areas(b) - inner
    return _with(layout, np.divide(inner, union, out=np.zeros(len(inner)), where=union > 0))


def compare_poses(truth: TrackedPoses, result: TrackedPoses, sigmas: FloatArray) -> Comparison:
    """Return the object keypoint similarity (OKS) of all poses that share a frame.

    Keypoints that the truth does not label do not count; a person without any is like nobody.

    Args:
        truth: The labelled people.
        result: The people to score, with the same keypoints.
        sigmas: COCO's per-keypoint deviations, shape (K,).

    Raises:
        ValueError: An identity is twice in one frame.
    """
    truth_order, result_order, layout = _layout(truth, result)
    values = np.zeros(len(layout.pair_truths))
    spreads = 2 * (2 * np.asarray(sigmas, np.float64)) ** 2
    # A frame at a time: all pairs of a long sequence with all their keypoints would not fit.
    for start, stop in zip(layout.pair_starts[:-1], layout.pair_starts[1:], strict=True):
        pairs = slice(int(start), int(stop))
        rows, columns = truth_order[layout.pair_truths[pairs]], result_order[layout.pair_tracks[pairs]]
        squared = ((truth.keypoints[rows] - result.keypoints[columns]) ** 2).sum(axis=2)
        labelled = truth.labelled[rows]
        alike = np.exp(-squared / spreads / (truth.areas[rows, None] + TINY))
        total = labelled.sum(axis=1)
        summed = np.where(labelled & np.isfinite(alike), alike, 0).sum(axis=1)
        values[pairs] = np.divide(summed, total, out=np.zeros(len(total)), where=total > 0)
    return _with(layout, values)


def tracked_boxes(frames: Iterable[tuple[int, Poses]], *, observed_only: bool = True) -> TrackedBoxes:
    """Return the boxes of people with an identity.

    Args:
        frames: Frame index and people of each frame.
        observed_only: Leave out people whom a tracker carried through a frame without evidence.
    """
    indices, people = _reported(frames, observed_only=observed_only)
    boxes = [poses.boxes for poses in people]
    return TrackedBoxes(
        frames=indices,
        track_ids=_joined([poses.track_ids for poses in people]).astype(np.int64),
        boxes=_joined(boxes).astype(np.float64).reshape(-1, 4),
    )


def tracked_poses(
    frames: Iterable[tuple[int, Poses]],
    *,
    keypoints: IntArray | slice = slice(None),
    observed_only: bool = True,
) -> TrackedPoses:
    """Return the poses of people with an identity; those with a keypoint score above 0 count as labelled.

    Args:
        frames: Frame index and people of each frame, all of one skeleton.
        keypoints: Which keypoints to take, ``coco17.indices_in(common12)``; all by default.
        observed_only: Leave out people whom a tracker carried through a frame without evidence.
    """
    indices, people = _reported(frames, observed_only=observed_only)
    boxes = _joined([poses.boxes for poses in people]).astype(np.float64).reshape(-1, 4)
    points = [poses.keypoints[:, keypoints] for poses in people]
    count = points[0].shape[1] if points else 0
    scores = [poses.keypoint_scores[:, keypoints] for poses in people]
    return TrackedPoses(
        frames=indices,
        track_ids=_joined([poses.track_ids for poses in people]).astype(np.int64),
        keypoints=_joined(points).astype(np.float64).reshape(len(boxes), count, 2),
        labelled=_joined(scores).reshape(len(boxes), count) > 0,
        areas=COCO_AREA_SHARE * _areas(boxes),
    )


def _reported(frames: Iterable[tuple[int, Poses]], *, observed_only: bool) -> tuple[IntArray, list[Poses]]:
    indices: list[int] = []
    people: list[Poses] = []
    for index, poses in frames:
        kept = poses.track_ids != UNTRACKED
        if observed_only:
            kept &= poses.observed
        people.append(poses[kept])
        indices += [index] * len(people[-1])
    return np.array(indices, np.int64), people


def _joined(arrays: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return np.concatenate(arrays) if arrays else np.zeros(0)


def _layout(
    truth: TrackedBoxes | TrackedPoses, result: TrackedBoxes | TrackedPoses
) -> tuple[IntArray, IntArray, Comparison]:
    """Return the order of rows by frame on both sides, and who shares a frame with whom."""
    frames = np.union1d(truth.frames, result.frames)
    truth_order, truth_starts = _by_frame(truth, frames)
    result_order, track_starts = _by_frame(result, frames)
    heights, widths = np.diff(truth_starts), np.diff(track_starts)
    # The pairs of a frame are its truth rows, each repeated for every row of the result in that frame.
    repeats = np.repeat(widths, heights)
    pair_truths = np.repeat(np.arange(len(truth_order)), repeats)
    first = np.cumsum(repeats) - repeats
    pair_tracks = np.arange(len(pair_truths)) - np.repeat(first, repeats)
    pair_tracks += np.repeat(np.repeat(track_starts[:-1], heights), repeats)
    layout = Comparison(
        truth_ids=np.unique(truth.track_ids[truth_order], return_inverse=True)[1].astype(np.int64),
        track_ids=np.unique(result.track_ids[result_order], return_inverse=True)[1].astype(np.int64),
        truth_starts=truth_starts,
        track_starts=track_starts,
        pair_truths=pair_truths,
        pair_tracks=pair_tracks,
        pair_starts=np.concatenate([[0], np.cumsum(heights * widths)]),
        similarities=np.zeros(len(pair_truths)),
    )
    return truth_order, result_order, layout


def _by_frame(rows: TrackedBoxes | TrackedPoses, frames: IntArray) -> tuple[IntArray, IntArray]:
    order = np.argsort(rows.frames, kind="stable")
    keys = np.stack([rows.frames, rows.track_ids], axis=1)
    unique, counts = np.unique(keys, axis=0, return_counts=True)
    if (counts > 1).any():
        frame, track_id = unique[counts > 1][0]
        raise ValueError(f"track {track_id} is {counts.max()} times in frame {frame}, expected once at most")
    starts = np.searchsorted(rows.frames[order], frames)
    return order, np.append(starts, len(order)).astype(np.int64)


def _with(layout: Comparison, similarities: DoubleArray) -> Comparison:
    return Comparison(
        truth_ids=layout.truth_ids,
        track_ids=layout.track_ids,
        truth_starts=layout.truth_starts,
        track_starts=layout.track_starts,
        pair_truths=layout.pair_truths,
        pair_tracks=layout.pair_tracks,
        pair_starts=layout.pair_starts,
        similarities=similarities,
    )


def _areas(boxes: DoubleArray) -> DoubleArray:
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    return np.asarray(sides[:, 0] * sides[:, 1])
