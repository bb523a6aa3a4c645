"""PoseFlow in real time: people are those whose points arrive where they were seen again."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from sitepose.core.skeleton import Skeleton
from sitepose.core.structures import FloatArray, Frame, Poses
from sitepose.tracking.correspondence import FlowPoints
from sitepose.tracking.flow import PointFlow
from sitepose.tracking.matching import assign
from sitepose.tracking.motion import Rows, State
from sitepose.tracking.trackers.online import OnlineSettings, OnlineTracker


class PoseFlowSettings(OnlineSettings):
    """Settings of the tracker ``poseflow``."""

    high_score: float = Field(0.5, ge=0, le=1)
    """Evidence below which a detection is weak: it continues a track, with a handicap, and begins none."""
    weak_penalty: float = Field(0.3, ge=0, le=1)
    """Handicap of weak detections."""
    new_penalty: float = Field(0.1, ge=0, le=1)
    """Handicap of tracks that are not reported yet."""
    flow_weight: float = Field(0.5, ge=0, le=1)
    """Weight of the points that arrive, against box, motion and pose, where all of them can be followed."""
    min_keypoint_score: float = Field(0.2, ge=0, le=1)
    """Keypoint score below which no points are followed around a keypoint."""
    low_window_s: float = Field(0.8, ge=0)
    """Seconds after its last sighting for which a track may be matched with weak detections."""
    follow_s: float = Field(0.2, ge=0)
    """Seconds for which the points of a person out of sight are followed on."""


class PoseFlow(OnlineTracker):
    """One assignment a frame, by points followed around every keypoint, and by motion where they are lost.

    Remembers for each person what every online tracker does, and the points on the way; the memory of people
    out of sight ends with ``max_lost_s``. The camera's own motion is taken out.

    Args:
        skeleton: What the people have; its sigmas are used for OKS.
        settings: Thresholds and times.
    """

    needs_pixels = True

    def __init__(self, skeleton: Skeleton, settings: PoseFlowSettings | None = None) -> None:
        self._settings = settings or PoseFlowSettings()
        super().__init__(skeleton, self._settings)

    def reset(self) -> None:
        """Forget everybody, and begin to count ids anew."""
        super().reset()
        self._flow = PointFlow()
        self._points = FlowPoints.on(Poses.empty(self._skeleton.num_keypoints), min_weight=0)

    def update(self, frame: Frame, poses: Poses) -> Poses:
        """Return the people that have a track, in the tracks' order, then those carried through a miss."""
        self._flow.advance(frame.image)
        camera = self._flow.background(self._tracks.motion.boxes)
        self._tracks.motion.warp(camera)
        self._points.follow(self._flow, camera)
        people = super().update(frame, poses)
        self._renew_points()
        return people

    def _match(self, frame: Frame, poses: Poses, evidence: State) -> tuple[Rows, Rows]:
        settings, tracks = self._settings, self._tracks
        affinity = self._with_flow(self._affinity(poses), poses)
        weak = evidence < settings.high_score
        affinity -= settings.weak_penalty * weak
        affinity -= settings.new_penalty * ~tracks.confirmed[:, None]
        too_weak = (tracks.lost > settings.low_window_s) | ~tracks.confirmed
        affinity[too_weak[:, None] & weak] = -1
        pairs = assign(affinity, minimum=settings.min_affinity)
        return self._with_returned(pairs, affinity, poses, evidence)

    def _with_flow(self, affinity: FloatArray, poses: Poses) -> FloatArray:
        """Return the affinity with the points' vote mixed in, for tracks that have points."""
        rows = np.searchsorted(self._tracks.last.track_ids, self._points.track_ids)
        arrived, alive = self._points.arrivals(poses)
        mixed = affinity.copy()
        share = self._settings.flow_weight * alive[:, None]
        mixed[rows] += share * (arrived - affinity[rows])
        return mixed

    def _renew_points(self) -> None:
        """Lay fresh points on people just seen, keep those of people just lost, drop the others."""
        tracks = self._tracks
        seen = tracks.last[tracks.lost <= 0]
        fresh = FlowPoints.on(seen, min_weight=self._settings.min_keypoint_score)
        still = tracks.last.track_ids[(tracks.lost > 0) & (tracks.lost <= self._settings.follow_s)]
        kept = self._points.rows(np.flatnonzero(np.isin(self._points.track_ids, still)))
        self._points = kept.joined(fresh)
