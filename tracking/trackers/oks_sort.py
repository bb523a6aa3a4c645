"""OKS-SORT: predict every box, match by keypoints and overlap, good detections first."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from sitepose.core.settings import Settings
from sitepose.core.similarity import box_iou
from sitepose.core.skeleton import Skeleton
from sitepose.core.structures import FloatArray, Frame, Poses, concatenate
from sitepose.tracking.affinity import fused_affinity, moved_keypoints, overlaps, pose_affinity
from sitepose.tracking.clock import FrameClock
from sitepose.tracking.motion import BoxMotion, MotionNoise

Rows = NDArray[np.intp]


class OksSortSettings(Settings):
    """Settings of the tracker ``oks-sort``."""

    high_score: float = Field(0.5, ge=0, le=1)
    """Box score from which a person is matched in the first round."""
    low_score: float = Field(0.1, ge=0, le=1)
    """Box score below which a person is ignored."""
    birth_score: float = Field(0.5, ge=0, le=1)
    """Box score from which an unmatched person begins a track."""
    instant_score: float = Field(0.7, ge=0, le=1)
    """Box score from which a new track is reported at once; others after ``min_hits`` sightings."""
    min_hits: int = Field(2, ge=1)
    """Sightings in a row after which a new track is reported."""
    pose_weight: float = Field(0.7, ge=0, le=1)
    """Weight of OKS against IoU where all keypoints are seen."""
    min_affinity: float = Field(0.25, ge=0, le=1)
    """Agreement below which a track and a person are never matched."""
    min_affinity_low: float = Field(0.4, ge=0, le=1)
    """The same in the second round, with weak detections."""
    max_lost_s: float = Field(1.2, ge=0)
    """Seconds without a sighting after which a track ends."""
    carry_s: float = Field(0.2, ge=0)
    """Seconds for which a person without a sighting is still reported, as not observed."""


class OksSort:
    """Remembers for each person its track id, box motion, last pose and when it was last seen.

    Args:
        skeleton: What the people have; its sigmas are used for OKS.
        settings: Thresholds and times.
    """

    needs_pixels = False

    def __init__(self, skeleton: Skeleton, settings: OksSortSettings | None = None) -> None:
        self._skeleton = skeleton
        self._settings = settings or OksSortSettings()
        self.reset()

    def reset(self) -> None:
        """Forget everybody, and begin to count ids anew."""
        self._clock = FrameClock()
        self._motion = BoxMotion(MotionNoise())
        self._last = Poses.empty(self._skeleton.num_keypoints)
        self._seen_at = np.empty(0)
        self._hits = np.empty(0, np.int64)
        self._confirmed = np.empty(0, np.bool_)
        self._next_id = 1

    def finish(self) -> Iterable[tuple[int, Poses]]:
        """Return nothing: this tracker never changes what it said."""
        return ()

    def update(self, frame: Frame, poses: Poses) -> Poses:
        """Return the people that have a track, in their order, then those carried through a miss."""
        self._motion.predict(self._clock.advance(frame))
        poses = poses[poses.box_scores >= self._settings.low_score]
        tracks, people = self._match(poses)
        self._observe(tracks, poses, people)
        self._begin(poses, people)
        self._forget()
        return self._report()

    def _match(self, poses: Poses) -> tuple[Rows, Rows]:
        """Return rows of tracks and of poses that belong together: strong detections first."""
        affinity = self._affinity(poses)
        strong = poses.box_scores >= self._settings.high_score
        fresh = self._clock.now - self._seen_at <= self._settings.carry_s + 1e-6
        rounds = (
            (self._confirmed, strong, self._settings.min_affinity),
            (self._confirmed & fresh, ~strong, self._settings.min_affinity_low),
            (~self._confirmed, strong, self._settings.min_affinity),
        )
        free_tracks, free_people = np.ones(len(self._last), np.bool_), np.ones(len(poses), np.bool_)
        tracks, people = [np.empty(0, np.intp)], [np.empty(0, np.intp)]
        for eligible, candidates, floor in rounds:
            rows, columns = np.flatnonzero(eligible & free_tracks), np.flatnonzero(candidates & free_people)
            matched_rows, matched_columns = _assign(affinity[np.ix_(rows, columns)], floor)
            tracks.append(rows[matched_rows])
            people.append(columns[matched_columns])
            free_tracks[tracks[-1]] = False
            free_people[people[-1]] = False
        return np.concatenate(tracks), np.concatenate(people)

    def _affinity(self, poses: Poses) -> FloatArray:
        """Return how well tracks (moved on to now) and poses agree, shape (T, P)."""
        boxes = self._motion.boxes
        keypoints = moved_keypoints(self._last.keypoints, self._last.boxes, boxes)
        similarity, trust = pose_affinity(
            (keypoints, poses.keypoints),
            (self._last.keypoint_scores, poses.keypoint_scores),
            (boxes, poses.boxes),
            self._skeleton.oks_sigmas,
        )
        return fused_affinity(box_iou(boxes, poses.boxes), similarity, trust, self._settings.pose_weight)

    def _observe(self, tracks: Rows, poses: Poses, people: Rows) -> None:
        """Take in what was seen of the matched tracks."""
        self._motion.correct(tracks, poses.boxes[people])
        order = np.arange(len(self._last))
        order[tracks] = len(order) + np.arange(len(people))
        seen = poses[people].replace(track_ids=self._last.track_ids[tracks])
        self._last = concatenate([self._last, seen], num_keypoints=self._skeleton.num_keypoints)[order]
        self._hits[tracks] += 1
        self._seen_at[tracks] = self._clock.now
        self._confirmed |= self._hits >= self._settings.min_hits

    def _begin(self, poses: Poses, taken: Rows) -> None:
        """Begin a track for each strong person whom nobody claimed and who is no second view of another."""
        free = poses.box_scores >= self._settings.birth_score
        free[taken] = False
        free &= overlaps(poses.boxes, poses.boxes[taken]) < DUPLICATE_IOU
        newborn = poses[free]
        ids = np.arange(self._next_id, self._next_id + len(newborn))
        self._next_id += len(newborn)
        self._motion.add(newborn.boxes)
        named = newborn.replace(track_ids=ids)
        self._last = concatenate([self._last, named], num_keypoints=self._skeleton.num_keypoints)
        self._seen_at = np.append(self._seen_at, np.full(len(newborn), self._clock.now))
        self._hits = np.append(self._hits, np.ones(len(newborn), np.int64))
        instant = newborn.box_scores >= self._settings.instant_score
        self._confirmed = np.append(self._confirmed, instant | (self._settings.min_hits <= 1))

    def _forget(self) -> None:
        """End tracks that were lost for too long, and new ones at their first miss."""
        lost = self._clock.now - self._seen_at
        keep = (lost <= self._settings.max_lost_s) & (self._confirmed | (lost <= 0))
        self._motion.keep(keep)
        self._last = self._last[keep]
        self._seen_at, self._hits = self._seen_at[keep], self._hits[keep]
        self._confirmed = self._confirmed[keep]

    def _report(self) -> Poses:
        """Return confirmed people: as seen, or where they should be by now."""
        lost = self._clock.now - self._seen_at
        seen = self._confirmed & (lost <= 0)
        carried = self._confirmed & (lost > 0) & (lost <= self._settings.carry_s)
        boxes = self._motion.boxes[carried]
        hidden = self._last[carried]
        moved = hidden.replace(
            keypoints=moved_keypoints(hidden.keypoints, hidden.boxes, boxes),
            boxes=boxes,
            observed=np.zeros(len(hidden), np.bool_),
            from_tracks=np.ones(len(hidden), np.bool_),
        )
        return concatenate([self._last[seen], moved], num_keypoints=self._skeleton.num_keypoints)


DUPLICATE_IOU = 0.7
"""Overlap with a tracked person above which an unmatched box is a second view of the same person."""


def _assign(affinity: FloatArray, floor: float) -> tuple[Rows, Rows]:
    """Return the pairs of the best assignment whose affinity reaches the floor."""
    from scipy.optimize import linear_sum_assignment

    allowed = np.where(affinity >= floor, affinity, 0)
    rows, columns = linear_sum_assignment(allowed, maximize=True)
    good = allowed[rows, columns] > 0
    return rows[good], columns[good]
