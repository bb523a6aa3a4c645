"""PoseFlow as in its paper: flows are built with a look ahead, pose-flow NMS merges them, gaps are stitched."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from pydantic import Field

from sitepose.core.similarity import box_iou
from sitepose.core.skeleton import Skeleton
from sitepose.core.structures import UNTRACKED, FloatArray, Frame, IntArray, Poses
from sitepose.tracking.clock import FrameClock
from sitepose.tracking.correspondence import FlowPoints
from sitepose.tracking.flow import PointFlow, transformed
from sitepose.tracking.flow_building import FlowBuilder, FlowFrame
from sitepose.tracking.flow_nms import suppress_flows
from sitepose.tracking.spool import FrameSpool
from sitepose.tracking.stitching import TrackEnds, stitch
from sitepose.tracking.trackers.poseflow import PoseFlow, PoseFlowSettings


class PoseFlowOfflineSettings(PoseFlowSettings):
    """Settings of the tracker ``poseflow-offline``; the online ones are for what it says while it runs."""

    flow_score: float = Field(0.3, ge=0, le=1)
    """Box score below which a pose is part of no flow."""
    window: int = Field(15, ge=1)
    """Frames that are decided together."""
    look_ahead: int = Field(5, ge=1)
    """Further frames that are looked at before, and most frames that a flow may step over (r)."""
    min_arrival: float = Field(0.3, ge=0, le=1)
    """Share of its points that must arrive at a pose for it to be a candidate (epsilon)."""
    min_gain: float = Field(0.3, ge=0)
    """Confidence, 0..3 for each frame, that the look ahead must add, or the flow ends (gamma)."""
    min_start: float = Field(1.6, ge=0)
    """Confidence (box + mean keypoint + best keypoint score, 0..3) from which a pose begins a flow."""
    max_flow_distance: float = Field(3.5, ge=0)
    """Median pose distance up to which two flows are one person; 1 + ``heat_weight`` is the least there is."""
    heat_weight: float = Field(1.0, ge=0)
    """Weight of the keypoints' closeness (lambda) in that distance."""
    stitch_s: float = Field(2.5, ge=0)
    """Longest gap over which two flows are stitched to one; 0 for none."""
    min_stitch: float = Field(0.4, ge=0, le=1)
    """Agreement of the motions before and behind the gap that two flows need."""
    min_sightings: int = Field(3, ge=1)
    """Sightings below which somebody is left out."""


class PoseFlowOffline:
    """Says at once what :class:`PoseFlow` says, and at the end what the whole video tells.

    Remembers a window of frames, the two ends of every flow, and decided frames in a temporary file.

    Args:
        skeleton: What the people have.
        settings: Of both stages.
    """

    needs_pixels = True

    def __init__(self, skeleton: Skeleton, settings: PoseFlowOfflineSettings | None = None) -> None:
        self._skeleton = skeleton
        self._settings = settings or PoseFlowOfflineSettings()
        self._online = PoseFlow(skeleton, self._settings)
        self.reset()

    def reset(self) -> None:
        """Forget everybody, and begin to count ids anew."""
        settings = self._settings
        self._online.reset()
        self._clock = FrameClock()
        self._flow = PointFlow()
        self._camera = np.zeros(2, np.float32)
        self._points = FlowPoints.on(Poses.empty(self._skeleton.num_keypoints), min_weight=0)
        self._builder = FlowBuilder(
            window=settings.window,
            look_ahead=settings.look_ahead,
            min_gain=settings.min_gain,
            min_start=settings.min_start,
        )
        self._names: dict[int, int] = {}
        self._ends: dict[int, TrackEnds] = {}
        self._spool = FrameSpool()

    def update(self, frame: Frame, poses: Poses) -> Poses:
        """Return what is known so far of the people."""
        self._clock.advance(frame)
        self._flow.advance(frame.image)
        people = poses[poses.box_scores >= self._settings.flow_score]
        motion = self._flow.background(self._points.boxes)
        middle = np.array([[frame.size_wh[0] / 2, frame.size_wh[1] / 2]], np.float32)
        self._camera = self._camera + (transformed(middle, motion) - middle)[0]
        confidences = _confidences(people)
        place = self._builder.add(FlowFrame(frame.index, self._clock.now, people, confidences, self._camera))
        self._points.follow(self._flow, motion)
        self._link(people, place)
        self._keep(self._builder.decide())
        return self._online.update(frame, poses)

    def finish(self) -> Iterator[tuple[int, Poses]]:
        """Return every frame with the people and identities that the whole video tells."""
        self._keep(self._builder.decide(final=True))
        identities = self._identities()
        for index, poses in self._spool:
            ids = np.array([identities.get(flow, UNTRACKED) for flow in poses.track_ids.tolist()], np.int64)
            yield index, poses.replace(track_ids=ids)[ids != UNTRACKED]

    def _link(self, people: Poses, place: int) -> None:
        """Tell the builder where the points of the last frames' poses arrive, and lay out new ones."""
        arrived, alive = self._points.arrivals(people)
        # Where points were lost (a jolt of the camera), the overlap of the box moved on speaks for them.
        arrived += (1 - alive[:, None]) * (box_iou(self._points.boxes, people.boxes) - arrived)
        near = arrived >= self._settings.min_arrival
        for i, j in zip(*np.nonzero(near), strict=True):
            self._builder.link(_node(int(self._points.track_ids[i])), (place, int(j)), float(arrived[i, j]))
        # Points go on from poses that have no candidate yet, for as many frames as a flow may step over.
        oldest = (place - self._settings.look_ahead + 1) * MOST_PEOPLE
        waiting = ~near.any(axis=1) & (self._points.track_ids >= oldest)
        nodes = place * MOST_PEOPLE + np.arange(len(people))
        fresh = FlowPoints.on(people.replace(track_ids=nodes), min_weight=self._settings.min_keypoint_score)
        self._points = self._points.rows(np.flatnonzero(waiting)).joined(fresh)

    def _keep(self, decided: Iterable[FlowFrame]) -> None:
        """Merge the flows of a window, and put its frames away."""
        frames = list(decided)
        if not frames:
            return
        merged, absorbed = suppress_flows(
            frames, max_distance=self._settings.max_flow_distance, weight=self._settings.heat_weight
        )
        self._names.update(absorbed.names)
        for frame in merged:
            flows = np.array([self._name(flow) for flow in frame.flows.tolist()], np.int64)
            rows = _first_of_each(flows)
            for row in rows:
                # Against the background: a jolt of the camera is no motion of the people.
                box = frame.poses.boxes[row] - np.tile(frame.camera, 2)
                self._ends.setdefault(int(flows[row]), TrackEnds()).add(frame.time, box)
            self._spool.append(frame.index, frame.poses[rows].replace(track_ids=flows[rows]))

    def _name(self, flow: int) -> int:
        """Return the flow that a flow has become."""
        while flow in self._names:
            flow = self._names[flow]
        return flow

    def _identities(self) -> dict[int, int]:
        """Return the identity of each flow that is somebody, counted from 1 in the order of appearance."""
        before = stitch(self._ends, max_gap_s=self._settings.stitch_s, min_affinity=self._settings.min_stitch)
        roots: dict[int, int] = {}
        sightings: dict[int, int] = {}
        for flow in sorted(self._ends, key=lambda name: self._ends[name].began):
            roots[flow] = roots[before[flow]] if flow in before else flow
            sightings[roots[flow]] = sightings.get(roots[flow], 0) + self._ends[flow].sightings
        people = [root for root, count in sightings.items() if count >= self._settings.min_sightings]
        numbers = {root: i for i, root in enumerate(people, start=1)}
        return {flow: numbers[root] for flow, root in roots.items() if root in numbers}


MOST_PEOPLE = 1 << 20
"""Poses in a frame that a node's number leaves room for."""


def _node(number: int) -> tuple[int, int]:
    return number // MOST_PEOPLE, number % MOST_PEOPLE


def _confidences(poses: Poses) -> FloatArray:
    """Return s(Q) = box score + mean + best keypoint score; three times the box score without keypoints."""
    scores = poses.keypoint_scores
    posed = scores.any(axis=1)
    best = scores.max(axis=1, initial=0)
    full = poses.box_scores + scores.mean(axis=1) + best
    return np.asarray(np.where(posed, full, 3 * poses.box_scores), np.float32)


def _first_of_each(flows: IntArray) -> IntArray:
    """Return the row of each flow, ascending, without poses of no flow; the first where two have met."""
    _, rows = np.unique(flows, return_index=True)
    return np.sort(rows[flows[rows] >= 0])
