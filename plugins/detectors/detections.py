"""Boxes that another program found, from a file, as a detector."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path, PurePath

import numpy as np

from sitepose.core.formats.coco import read_coco_results
from sitepose.core.formats.mot import read_mot
from sitepose.core.structures import Frame
from sitepose.plugins.detectors.known_people import (
    MOT_SUFFIX,
    KnownPeople,
    KnownSettings,
    PeopleTable,
    complete_boxes,
    frame_index,
)


class DetectionsFile(KnownPeople):
    """The boxes of a COCO list of results (``*.json``) or of a MOT file of detections (``*.txt``).

    ``image_id`` is the file name of a still image or, as COCO names its images, the number that it consists of;
    else, and in videos, the index of the frame. A MOT file's frame number is the index plus one.
    """

    class Settings(KnownSettings):
        """Settings of ``detections``."""

    def read(self, path: Path) -> PeopleTable:
        """Return everybody."""
        return _mot(path) if path.suffix.lower() == MOT_SUFFIX else _coco(path)


def _coco(path: Path) -> PeopleTable:
    results = read_coco_results(path)
    named = any(isinstance(image_id, str) for image_id in results.image_ids)
    return PeopleTable(
        key_of=_file_name if named else image_number,
        keys=results.image_ids,
        boxes=complete_boxes(results.boxes, results.keypoints, results.keypoint_scores),
        scores=results.scores.astype(np.float32),
        track_ids=results.track_ids,
    )


def _mot(path: Path) -> PeopleTable:
    rows = read_mot(path)
    return PeopleTable(
        key_of=frame_index,
        keys=rows.frames.tolist(),
        boxes=rows.boxes.astype(np.float32),
        scores=rows.scores.astype(np.float32),
        track_ids=rows.track_ids,
    )


def _file_name(frame: Frame) -> Hashable:
    return PurePath(frame.name or "").name


def image_number(frame: Frame) -> int:
    """Return the number that the file name of a still image consists of; else the frame's index.

    >>> import numpy as np
    >>> image_number(Frame(np.zeros((1, 1, 3), np.uint8), 7, 0.0, name="000000493652.jpg"))
    493652
    """
    stem = PurePath(frame.name or "").stem
    return int(stem) if stem.isascii() and stem.isdigit() else frame.index
