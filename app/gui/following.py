"""Whom the user follows, in every pipeline that sees them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from sitepose.app.live.views import LiveView
from sitepose.core.similarity import box_iou
from sitepose.core.structures import Poses

MIN_IOU = 0.3
"""Boxes of two pipelines that overlap by so much are the same person's."""


@dataclass(frozen=True, slots=True)
class Following:
    """A person who is followed.

    Attributes:
        source: Key of the source.
        track_ids: Who it is in each lane; each has a tracker of its own.
    """

    source: str = ""
    track_ids: Mapping[str, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.track_ids)

    def track_id(self, source: str, lane: str) -> int | None:
        """Return who is followed in a pane; None where nobody is."""
        return self.track_ids.get(lane) if source == self.source else None


def follow_in_all(
    source: str, lane: str, track_id: int, lanes: Iterable[str], view: LiveView | None
) -> Following:
    """Return a person who was clicked in one lane, with whoever is at the same place in the others."""
    found = {lane: track_id}
    results = {} if view is None else view.results
    if lane in results:
        clicked = _box(results[lane].tracked.poses, track_id)
        for other in lanes:
            if other != lane and other in results and clicked is not None:
                match = _at(results[other].tracked.poses, clicked)
                found |= {other: match} if match is not None else {}
    return Following(source, found)


def next_person(poses: Poses, track_id: int | None) -> int | None:
    """Return who stands at the right of somebody; behind the last one comes nobody, and then the first."""
    tracked = np.flatnonzero(poses.track_ids >= 0)
    order = tracked[np.argsort(poses.boxes[tracked, ::2].sum(axis=1), kind="stable")]
    ids: list[int | None] = [*poses.track_ids[order].tolist(), None]
    return ids[(ids.index(track_id) + 1) % len(ids)] if track_id in ids else ids[0]


def _box(poses: Poses, track_id: int) -> np.ndarray | None:
    rows = np.flatnonzero(poses.track_ids == track_id)
    return poses.boxes[rows[:1]] if len(rows) else None


def _at(poses: Poses, box: np.ndarray) -> int | None:
    """Return the track whose box overlaps most with this one; None where none does enough."""
    overlaps = np.where(poses.track_ids >= 0, box_iou(box, poses.boxes)[0], 0.0)
    if not len(overlaps) or overlaps.max() < MIN_IOU:
        return None
    return int(poses.track_ids[int(overlaps.argmax())])
