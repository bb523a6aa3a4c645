"""Labelled boxes as a detector: how good is the rest if nobody is ever missed?"""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path, PurePath

import numpy as np

from sitepose.core.errors import PluginError
from sitepose.core.formats.annotations import Annotations
from sitepose.core.formats.coco import read_coco
from sitepose.core.formats.mot import read_mot_truth
from sitepose.core.structures import BoolArray, Frame
from sitepose.plugins.detectors.known_people import (
    MOT_SUFFIX,
    KnownPeople,
    KnownSettings,
    PeopleTable,
    complete_boxes,
    frame_index,
)


class GroundTruth(KnownPeople):
    """The boxes of a COCO annotation file (``*.json``) or a MOT ground truth (``*.txt``), with score 1.

    A still image finds its people by its file name, else by its image id. A frame of a video finds them by its
    index: in a COCO file that is the image id, in a MOT file the frame number less one.
    """

    class Settings(KnownSettings):
        """Settings of ``groundtruth``."""

        only_labelled: bool = True
        """In files that label keypoints, leave out people who have none: no metric counts them."""

    settings: Settings

    def read(self, path: Path) -> PeopleTable:
        """Return everybody but the crowds."""
        return _mot(path) if path.suffix.lower() == MOT_SUFFIX else self._coco(path)

    def _coco(self, path: Path) -> PeopleTable:
        labels = read_coco(path)
        people = labels.select(self._wanted(labels))
        seen = (people.visibilities > 0).astype(np.float32)
        return PeopleTable(
            key_of=_ImageIds(path, labels),
            keys=[people.images[row].image_id for row in people.image_rows],
            boxes=complete_boxes(people.boxes, people.keypoints, seen),
            scores=np.ones(len(people), np.float32),
            track_ids=people.track_ids,
        )

    def _wanted(self, labels: Annotations) -> BoolArray:
        wanted = ~labels.crowds
        if self.settings.only_labelled and labels.keypoint_names:
            wanted &= (labels.visibilities > 0).any(axis=1)
        return wanted


class _ImageIds:
    """Finds the image id of a frame."""

    def __init__(self, path: Path, labels: Annotations) -> None:
        self._path = path
        self._ids: dict[str, Hashable] = {str(image.image_id): image.image_id for image in labels.images}
        self._ids |= {PurePath(image.file_name).name: image.image_id for image in labels.images}

    def __call__(self, frame: Frame) -> Hashable:
        if frame.name is None:
            return frame.index
        name = PurePath(frame.name).name
        if name not in self._ids:
            raise PluginError(f"{self._path} has no image {name!r}: nobody has said who is in it")
        return self._ids[name]


def _mot(path: Path) -> PeopleTable:
    rows = read_mot_truth(path)
    return PeopleTable(
        key_of=frame_index,
        keys=rows.frames.tolist(),
        boxes=rows.boxes.astype(np.float32),
        scores=np.ones(len(rows), np.float32),
        track_ids=rows.track_ids,
    )
