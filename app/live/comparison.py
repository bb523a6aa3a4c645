"""How the poses that are found again in a recording differ from those that were found while it was made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from sitepose.core.formats.poses_jsonl import PoseRecord, record_line
from sitepose.core.similarity import box_iou
from sitepose.core.structures import BoolArray, FloatArray, Poses

SAME_PERSON = 0.5
"""Overlap of boxes from which on two people are the same one."""

TOLERANCE = 0.05
"""Distance at which a keypoint counts as found again, against the longer side of the recorded box: ten pixels
of a person of 200."""

Pixels = Literal["as recorded", "faces blurred", "main stream"]
"""What there is to look at again: ``main stream`` where the run looked at the other one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How the poses found again differ from the recorded ones.

    Attributes:
        frames: Frames that were looked at.
        identical: Frames whose line in ``poses.jsonl`` is the same, to the last digit.
        recorded: People that were recorded.
        found: People that were found again.
        same: Recorded people that were found again, by the overlap of boxes.
        same_ids: Of these, those with the same ``track_id``.
        pixels: What was looked at; the poses can only be identical where it is what the run looked at.
        within: Share of the keypoints of these people that are no further apart than ``TOLERANCE`` of the
            longer side of the person's box.
        median_px: Distance of their keypoints, the median, in pixels.
        p95_px: The same, exceeded by one in twenty.
        worst_px: The largest.
    """

    frames: int
    identical: int
    recorded: int
    found: int
    same: int
    same_ids: int
    pixels: Pixels
    within: float
    median_px: float
    p95_px: float
    worst_px: float

    def to_json(self) -> dict[str, Any]:
        """Return it for ``--json``."""
        return {**asdict(self), "tolerance": TOLERANCE}


class Tally:
    """Compares frame by frame. Remembers the distances of keypoints."""

    def __init__(self) -> None:
        self.frames = self._identical = self._recorded = self._found = self._same = self._same_ids = 0
        self._distances: list[FloatArray] = []
        self._within: list[BoolArray] = []

    def add(self, record: PoseRecord, again: PoseRecord) -> None:
        """Compare what was recorded of a frame with what was found again."""
        self.frames += 1
        self._identical += record_line(record) == record_line(again)
        self._recorded += len(record.poses)
        self._found += len(again.poses)
        for ours, theirs in _pairs(again.poses, record.poses):
            self._same += 1
            self._same_ids += int(again.poses.track_ids[ours] == record.poses.track_ids[theirs])
            moved = again.poses.keypoints[ours] - record.poses.keypoints[theirs]
            distances = np.linalg.norm(moved, axis=1).astype(np.float32)
            x1, y1, x2, y2 = record.poses.boxes[theirs].tolist()
            self._distances.append(distances)
            self._within.append(distances <= TOLERANCE * max(x2 - x1, y2 - y1))

    def comparison(self, pixels: Pixels) -> Comparison:
        """Return the whole."""
        distances = np.concatenate(self._distances) if self._distances else np.zeros(1, np.float32)
        return Comparison(
            frames=self.frames,
            identical=self._identical,
            recorded=self._recorded,
            found=self._found,
            same=self._same,
            same_ids=self._same_ids,
            pixels=pixels,
            within=round(float(np.concatenate(self._within).mean()), 4) if self._within else 1.0,
            median_px=round(float(np.median(distances)), 3),
            p95_px=round(float(np.percentile(distances, 95)), 3),
            worst_px=round(float(distances.max()), 3),
        )


def _pairs(ours: Poses, theirs: Poses) -> Iterator[tuple[int, int]]:
    """Yield who is who, best overlap first."""
    overlap = box_iou(ours.boxes, theirs.boxes)
    while overlap.size and overlap.max() >= SAME_PERSON:
        one, other = np.unravel_index(int(overlap.argmax()), overlap.shape)
        yield int(one), int(other)
        overlap[one], overlap[:, other] = 0, 0
