"""What our online trackers share: who is remembered, who begins, who is carried, who ends."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Literal

import numpy as np
from pydantic import Field

from sitepose.core.settings import Settings
from sitepose.core.similarity import box_iou
from sitepose.core.skeleton import Skeleton
from sitepose.core.structures import BoolArray, FloatArray, Frame, Poses, concatenate
from sitepose.tracking.affinity import (
    direction_affinity,
    height_overlap,
    hidden_share,
    largest_overlap,
    place_affinity,
    pose_affinity,
)
from sitepose.tracking.appearance import NEUTRAL, Appearance, ColorHistogram, Looks
from sitepose.tracking.matching import assign
from sitepose.tracking.motion import Rows, State, centers_and_sizes
from sitepose.tracking.trackers.tracks import Tracks

DUPLICATE_IOU = 0.8
"""Overlap with a tracked person above which an unmatched box is a second view of the same person."""

WEAK_SPREAD = 1.1
"""How much larger the standard deviation of a box of score 0 is than that of one of score 1, less 1."""


JUST_SEEN_S = 0.1
"""Seconds since the last sighting up to which the motion is known so well that a bad match is a wrong one."""

SMALLEST_PICTURE = 16
"""Pixels below which a frame is a stand-in for pixels that are not at hand, and its size says nothing."""


class OnlineSettings(Settings):
    """Settings of all our online trackers."""

    low_score: float = Field(0.1, ge=0, le=1)
    """Box score below which a person is ignored."""
    birth_score: float = Field(0.56, ge=0, le=1)
    """Evidence (box score, tempered by the keypoints') from which an unmatched person begins a track."""
    instant_score: float = Field(0.7, ge=0, le=1)
    """Evidence from which a new track is reported at once; others after ``min_hits`` sightings in a row."""
    min_hits: int = Field(2, ge=1)
    """Sightings in a row after which a new track is reported."""
    pose_evidence: float = Field(0.3, ge=0, le=1)
    """Share of the mean keypoint score in the evidence, against the box score (a weighted geometric mean)."""
    place_weight: float = Field(0.25, ge=0, le=1)
    """Weight of being where the motion leads, against the overlap of boxes."""
    pose_weight: float = Field(0.35, ge=0, le=1)
    """Weight of OKS where all keypoints are seen, against place and overlap."""
    direction_weight: float = Field(0.02, ge=0, le=1)
    """Bonus for going on in the same direction."""
    lost_penalty: float = Field(0.13, ge=0, le=1)
    """Handicap of a track after a second out of sight: those just seen choose first."""
    min_affinity: float = Field(0.15, ge=0, le=1)
    """Agreement below which a track and a person are never matched."""
    min_affinity_lost: float = Field(0.05, ge=0, le=1)
    """The same in the last round, where people out of sight may come back before anybody counts as new."""
    appearance: Literal["none", "color"] = "none"
    """What else people are told apart by; ``color`` looks at the pixels."""
    appearance_weight: float = Field(0.2, ge=0, le=1)
    """Bonus for looking the same, where ``appearance`` is not ``none``."""
    max_lost_s: float = Field(2.5, ge=0)
    """Seconds without a sighting after which a track ends."""
    carry_s: float = Field(0.2, ge=0)
    """Seconds for which a person without a sighting is still reported, as not observed."""
    carry_hidden_s: float = Field(0.5, ge=0)
    """The same for a person behind somebody else."""
    hidden_share: float = Field(0.75, ge=0, le=1)
    """Share of the box that somebody else covers from which a person counts as hidden."""


class OnlineTracker(ABC):
    """Remembers each person's track id, box motion and last pose; a subclass says who is whom.

    Args:
        skeleton: What the people have; its sigmas are used for OKS.
        settings: Thresholds and times.
        appearance: A cue of one's own, beside those that the settings name.
    """

    needs_pixels = False

    def __init__(
        self, skeleton: Skeleton, settings: OnlineSettings, *, appearance: Appearance | None = None
    ) -> None:
        self._skeleton = skeleton
        self._shared = settings
        self._appearance = ColorHistogram() if settings.appearance == "color" else appearance
        self.needs_pixels = self.needs_pixels or self._appearance is not None
        self.reset()

    def reset(self) -> None:
        """Forget everybody, and begin to count ids anew."""
        self._tracks = Tracks(self._skeleton.num_keypoints)
        self._looks = Looks(self._appearance) if self._appearance else None
        self._described: FloatArray = np.empty((0, 0), np.float32)

    def finish(self) -> Iterable[tuple[int, Poses]]:
        """Return nothing: an online tracker never changes what it said."""
        return ()

    def update(self, frame: Frame, poses: Poses) -> Poses:
        """Return the people that have a track, in the tracks' order, then those carried through a miss."""
        self._tracks.advance(frame)
        poses = poses[poses.box_scores >= self._shared.low_score]
        evidence = pose_evidence(poses, self._shared.pose_evidence)
        if self._looks:
            self._described = self._looks.describe(frame, poses)
        rows, people = self._match(frame, poses, evidence)
        named = self._tracks.last.track_ids[rows]
        self._tracks.observe(rows, poses[people], spread=1 + WEAK_SPREAD * (1 - evidence[people]))
        self._tracks.confirmed |= self._tracks.hits >= self._shared.min_hits
        self._begin(poses, evidence, taken=people)
        self._forget(frame)
        if self._looks:
            ids = self._tracks.last.track_ids
            self._looks.remember(named, self._described[people], living=ids)
        return self._report()

    @abstractmethod
    def _match(self, frame: Frame, poses: Poses, evidence: State) -> tuple[Rows, Rows]:
        """Return rows of tracks (moved on to now) and of poses that belong together."""

    def _affinity(self, poses: Poses) -> FloatArray:
        """Return how well tracks and poses agree by boxes, motion and keypoints, shape (T, P)."""
        settings, tracks = self._shared, self._tracks
        boxes = tracks.motion.boxes
        box = self._box_affinity(boxes, tracks.motion.center_variances, poses)
        pose, trust = pose_affinity(
            (tracks.moved(), poses.keypoints),
            (tracks.last.keypoint_scores, poses.keypoint_scores),
            (boxes, poses.boxes),
            self._skeleton.oks_sigmas,
        )
        affinity = box + settings.pose_weight * trust * (pose - box)
        direction = direction_affinity(tracks.motion.velocities, tracks.last.boxes, poses.boxes)
        affinity += settings.direction_weight * direction
        if self._looks:
            likeness = self._looks.likeness(tracks.last.track_ids, self._described)
            affinity += settings.appearance_weight * (likeness - NEUTRAL)
        return np.asarray(affinity - self._handicap(), np.float32)

    def _box_affinity(self, boxes: FloatArray, variances: State, poses: Poses) -> FloatArray:
        """Return how well tracks that should be in some boxes agree with poses by place and overlap, (T, P)."""
        iou = box_iou(boxes, poses.boxes)
        state = centers_and_sizes(boxes)
        place = place_affinity(state[:, :2], variances, poses.boxes, state[:, 3])
        mixed = iou + self._shared.place_weight * (place - iou)
        return np.asarray(mixed * height_overlap(boxes, poses.boxes), np.float32)

    def _handicap(self) -> State:
        """Return what tracks lose for being out of sight, shape (T, 1)."""
        return np.asarray(self._shared.lost_penalty * np.minimum(self._tracks.lost, 1)[:, None])

    def _with_returned(
        self, pairs: tuple[Rows, Rows], affinity: FloatArray, poses: Poses, evidence: State
    ) -> tuple[Rows, Rows]:
        """Return the pairs, and those of people out of sight who come back before anybody counts as new.

        They may be where their motion led or where they were last seen: people behind others stop and turn.

        Args:
            pairs: Rows of tracks and of poses that are taken.
            affinity: Of tracks and poses where the motion led, shape (T, P).
            poses: Everybody seen.
            evidence: How sure each of them is, shape (P,).
        """
        waiting = self._tracks.confirmed & (self._tracks.lost > JUST_SEEN_S)
        unknown = evidence >= self._shared.birth_score
        waiting[pairs[0]], unknown[pairs[1]] = False, False
        rows, columns = np.flatnonzero(waiting), np.flatnonzero(unknown)
        if not len(rows) or not len(columns):
            return pairs
        boxes = self._tracks.motion.seen_boxes
        stayed = self._box_affinity(boxes, np.zeros((len(boxes), 2)), poses) - self._handicap()
        either = np.maximum(affinity, stayed)[np.ix_(rows, columns)]
        i, j = assign(either, minimum=self._shared.min_affinity_lost)
        return np.concatenate([pairs[0], rows[i]]), np.concatenate([pairs[1], columns[j]])

    def _begin(self, poses: Poses, evidence: State, taken: Rows) -> None:
        """Begin a track for each strong person whom nobody claimed and who is no second view of another."""
        free = evidence >= self._shared.birth_score
        free[taken] = False
        if not free.any():
            return
        free &= largest_overlap(poses.boxes, poses.boxes[taken]) < DUPLICATE_IOU
        sure = (evidence[free] >= self._shared.instant_score) | (self._shared.min_hits <= 1)
        self._tracks.begin(poses[free], confirmed=sure)

    def _forget(self, frame: Frame) -> None:
        """End tracks that were lost for too long or have left the picture, and new ones at their first miss."""
        lost = self._tracks.lost
        gone = (lost > 0) & _outside(self._tracks.motion.centers, frame)
        self._tracks.keep((lost <= self._shared.max_lost_s) & ~gone & (self._tracks.confirmed | (lost <= 0)))

    def _report(self) -> Poses:
        """Return confirmed people: as seen, or where they should be by now."""
        settings, tracks = self._shared, self._tracks
        lost = tracks.lost
        seen = tracks.last[tracks.confirmed & (lost <= 0)]
        hidden = hidden_share(tracks.motion.boxes, seen.boxes) >= settings.hidden_share
        patience = np.where(hidden, max(settings.carry_hidden_s, settings.carry_s), settings.carry_s)
        carried = tracks.confirmed & (lost > 0) & (lost <= patience)
        if not carried.any():
            return seen
        return concatenate([seen, tracks.carried(carried)], num_keypoints=self._skeleton.num_keypoints)


def _outside(centers: State, frame: Frame) -> BoolArray:
    """Return which people's centres have left the picture; nobody's where its size is not known."""
    size = np.array(frame.size_wh)
    if size.min() < SMALLEST_PICTURE:
        return np.zeros(len(centers), np.bool_)
    return np.asarray(((centers < -0.5) | (centers > size - 0.5)).any(axis=1))


def pose_evidence(poses: Poses, share: float) -> State:
    """Return how sure it is that each person is one, 0..1, shape (P,).

    A detector's false alarms (posters, trees) get weak keypoints: both scores together tell more than either.
    People whose keypoints were never looked for (all scores 0) have their box score.
    """
    box = poses.box_scores.astype(np.float64)
    pose = poses.keypoint_scores.astype(np.float64).mean(axis=1) if poses.keypoint_scores.size else 0 * box
    return np.where(pose > 0, box ** (1 - share) * pose**share, box)
