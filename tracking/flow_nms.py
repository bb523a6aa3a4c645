"""PoseFlow's pose-flow NMS: two flows that are one person in most of their common frames become one.

Distances are medians over common frames of the intra-frame pose distance
``d_f = 1 / K_sim + weight / H_sim`` (arXiv 1802.00977, section 3.3), here free of scale and of the number of
keypoints: 1 + weight for two equal, certain poses. A median over fewer than three frames tells nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sitepose.core.geometry import box_areas
from sitepose.core.similarity import box_iou
from sitepose.core.structures import Poses
from sitepose.tracking.flow_building import FlowFrame

MIN_COMMON = 3
"""Frames that two flows must share."""

SCORE_SCALE = 0.3
"""Keypoint score that counts as sure in K_sim: ``tanh(score / scale)``."""

REACH = 0.1
"""Unit of distance between keypoints, as a share of the square root of the box area."""


@dataclass(frozen=True, slots=True, eq=False)
class Absorbed:
    """Which flows were found to be others: name of each by its old name."""

    names: dict[int, int]


def pose_distances(poses: Poses, *, weight: float) -> NDArray[np.float64]:
    """Return d_f of all pairs of people in a frame, shape (P, P); infinite where they share nothing.

    People whose keypoints were not looked for are compared by the overlap of their boxes.
    """
    scores = np.tanh(poses.keypoint_scores.astype(np.float64) / SCORE_SCALE)
    both = scores[:, None] * scores[None]
    areas = box_areas(poses.boxes)
    units = REACH * np.sqrt(np.maximum(np.maximum(areas[:, None], areas[None]), 1))
    apart = np.linalg.norm(poses.keypoints[:, None] - poses.keypoints[None], axis=3) / units[..., None]
    total = np.maximum((both > 0).sum(axis=2), 1)
    near = (both * (apart <= 1)).sum(axis=2) / total
    heat = (np.exp(-(apart**2)) * (both > 0)).sum(axis=2) / total
    posed = np.any(scores > 0, axis=1)
    overlap = box_iou(poses.boxes, poses.boxes).astype(np.float64)
    unknown = ~(posed[:, None] & posed[None])
    near, heat = np.where(unknown, overlap, near), np.where(unknown, overlap, heat)
    with np.errstate(divide="ignore"):
        return 1 / near + weight / heat


def suppress_flows(
    frames: Sequence[FlowFrame], *, max_distance: float, weight: float
) -> tuple[list[FlowFrame], Absorbed]:
    """Merge flows that are one person; the more confident flow keeps its name.

    Args:
        frames: Decided frames of one window.
        max_distance: Median d_f up to which two flows are one.
        weight: Of H_sim in d_f.

    Returns:
        The frames with at most one pose of each flow, and who became whom.
    """
    shared: dict[tuple[int, int], list[float]] = defaultdict(list)
    confidence: dict[int, float] = defaultdict(float)
    for frame in frames:
        rows = np.flatnonzero(frame.flows >= 0)
        distances = pose_distances(frame.poses[rows], weight=weight)
        names = frame.flows[rows].tolist()
        for i, row in enumerate(rows):
            confidence[names[i]] += float(frame.confidences[row])
            for j in range(i):
                shared[min(names[i], names[j]), max(names[i], names[j])].append(float(distances[i, j]))
    alike = {
        pair
        for pair, values in shared.items()
        if len(values) >= MIN_COMMON and np.median(values) <= max_distance
    }
    names = _groups(confidence, alike)
    return [_merged(frame, names) for frame in frames], Absorbed(names)


def _groups(confidence: dict[int, float], alike: set[tuple[int, int]]) -> dict[int, int]:
    """Return for each absorbed flow the one that it becomes: greedily, from the most confident on."""
    names: dict[int, int] = {}
    for flow in sorted(confidence, key=lambda name: (-confidence[name], name)):
        if flow in names:
            continue
        for other in confidence:
            if other != flow and other not in names and (min(flow, other), max(flow, other)) in alike:
                names[other] = flow
    return names


def _merged(frame: FlowFrame, names: dict[int, int]) -> FlowFrame:
    """Return the frame with absorbed poses averaged into those that they are, by keypoint scores."""
    flows = np.array([names.get(flow, flow) for flow in frame.flows.tolist()], np.int64)
    poses, kept = frame.poses, np.ones(len(flows), np.bool_)
    for flow in np.unique(flows[flows >= 0]):
        rows = np.flatnonzero(flows == flow)
        if len(rows) > 1:
            rows = rows[np.argsort(-frame.confidences[rows], kind="stable")]
            poses = _averaged(poses, rows)
            kept[rows[1:]] = False
    result = replace(frame, poses=poses[kept], confidences=frame.confidences[kept])
    result.flows = flows[kept]
    return result


def _averaged(poses: Poses, rows: NDArray[np.intp]) -> Poses:
    """Return the poses with the first row's keypoints averaged over all rows."""
    scores = poses.keypoint_scores[rows]
    total = scores.sum(axis=0)
    if not total.any():
        return poses
    weighted = (poses.keypoints[rows] * scores[..., None]).sum(axis=0)
    keypoints, keypoint_scores = poses.keypoints.copy(), poses.keypoint_scores.copy()
    seen = total > 0
    keypoints[rows[0]][seen] = weighted[seen] / total[seen][:, None]
    keypoint_scores[rows[0]] = total / np.maximum((scores > 0).sum(axis=0), 1)
    return poses.replace(keypoints=keypoints, keypoint_scores=keypoint_scores)
