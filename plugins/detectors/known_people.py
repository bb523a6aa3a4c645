"""People that a file knows, as a detector: what ``groundtruth`` and ``detections`` share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from sitepose.core.errors import FormatError, PluginError
from sitepose.core.geometry import keypoint_boxes
from sitepose.core.structures import Detections, FloatArray, Frame, IntArray
from sitepose.plugins.api import Capabilities, PluginContext
from sitepose.plugins.detectors.box_network import BoxSettings, Share
from sitepose.plugins.detectors.box_nms import suppress_boxes

NumberArray = NDArray[np.floating[Any]]

MOT_SUFFIX = ".txt"
"""Files of this ending are read as MOT, all others as COCO."""


class KnownSettings(BoxSettings):
    """Settings of detectors that read a file: by default they give every box that it has."""

    min_score: Share = 0.0
    """Boxes must score higher than this."""
    nms_iou: Share = 1.0
    """Of two boxes that overlap by more (intersection over union), the worse is dropped; at 1 all stay."""


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class PeopleTable:
    """The people of all frames, a row each.

    Attributes:
        key_of: Says by which key the file knows a frame.
        keys: Key of each person's frame, N of them.
        boxes: ``xyxy``, shape (N, 4); rows with NaN are left out.
        scores: Shape (N,), 0..1.
        track_ids: Shape (N,); -1 where there is none.
    """

    key_of: Callable[[Frame], Hashable]
    keys: Sequence[Hashable]
    boxes: FloatArray
    scores: FloatArray
    track_ids: IntArray


class KnownPeople(ABC):
    """A detector that answers from a table and never looks at a pixel; a subclass reads the table.

    Remembers the people of all frames; several threads may call it at once.
    """

    default_card: ClassVar[str | None] = None
    """The user brings the file."""

    def __init__(self, settings: KnownSettings, context: PluginContext) -> None:
        if context.weights is None:
            raise PluginError(f"{type(self).__name__} reads a file; name one: --detector NAME:FILE")
        self.settings = settings
        table = self.read(context.weights)
        if ((table.scores < 0) | (table.scores > 1)).any():
            worst = table.scores[np.argmax(np.abs(table.scores - 0.5))]
            raise FormatError(f"{context.weights}: scores must be within 0..1, not {worst:g}")
        tracked = bool((table.track_ids >= 0).any())
        self.capabilities = Capabilities(thread_safe=True, provides_track_ids=tracked)
        self._key_of = table.key_of
        self._nobody = _detections(table, np.empty(0, np.int64), settings.nms_iou, tracked=tracked)
        self._people: dict[Hashable, Detections] | None = {
            key: _detections(table, rows, settings.nms_iou, tracked=tracked)
            for key, rows in _rows_by_key(table, settings.min_score).items()
        }

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """Return the people of each frame, best first."""
        if self._people is None:
            raise PluginError(f"{type(self).__name__} is closed")
        return [self._people.get(self._key_of(frame), self._nobody) for frame in frames]

    def close(self) -> None:
        """Forget the table; calling it twice is fine."""
        self._people = None

    @abstractmethod
    def read(self, path: Path) -> PeopleTable:
        """Return everybody in the file."""


def _rows_by_key(table: PeopleTable, min_score: float) -> dict[Hashable, IntArray]:
    real = np.isfinite(table.boxes).all(axis=1) & (table.boxes[:, 2:] > table.boxes[:, :2]).all(axis=1)
    groups: dict[Hashable, list[int]] = {}
    for row in np.flatnonzero(real & (table.scores > min_score)).tolist():
        groups.setdefault(table.keys[row], []).append(row)
    return {key: np.array(rows) for key, rows in groups.items()}


def _detections(table: PeopleTable, rows: IntArray, nms_iou: float, *, tracked: bool) -> Detections:
    kept = rows[suppress_boxes(table.boxes[rows], table.scores[rows], nms_iou=nms_iou)]
    track_ids = table.track_ids[kept] if tracked else None
    return Detections(boxes=table.boxes[kept], scores=table.scores[kept], track_ids=track_ids)


def frame_index(frame: Frame) -> int:
    """Return the key of files that count frames."""
    return frame.index


def complete_boxes(boxes: NumberArray, keypoints: NumberArray, keypoint_scores: NumberArray) -> FloatArray:
    """Return each person's box; where the file has none, the one around the keypoints."""
    if not keypoints.shape[1]:
        return np.asarray(boxes, np.float32)
    around = keypoint_boxes(keypoints.astype(np.float32), keypoint_scores.astype(np.float32))
    return np.where(np.isfinite(boxes), boxes, around).astype(np.float32)
