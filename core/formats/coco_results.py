"""COCO's lists of results: ``[{"image_id", "category_id", "keypoints", "score", "bbox", "track_id"}, ...]``.

Coordinates are those of :mod:`sitepose.core.formats.coco`. Results of a video have its frame indices as
``image_id``; those of a folder of images the number that the file name consists of (``000000493652.jpg`` ->
493652), as in COCO, else the frame index too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from sitepose.core.errors import FormatError
from sitepose.core.formats.annotations import Results
from sitepose.core.formats.columns import CORNER, column, corner_boxes, entries, image_id, points, track_ids
from sitepose.core.formats.poses_lines import PIXEL_DECIMALS, PoseRecord, rounded
from sitepose.core.formats.reading import read_json, required, rows

PERSON = 1
"""COCO's category of people."""


def read_coco_results(path: str | Path, *, category_id: int = PERSON) -> Results:
    """Read a list of results, of keypoints or of boxes.

    Raises:
        FormatError: It cannot be opened, or is not one; the message has the faulty entry's number.
    """
    where = str(path)
    items = entries(read_json(path), where=where)
    return results_of(
        [item for item in items if item.get("category_id", category_id) == category_id], where=where
    )


def results_of(
    items: Sequence[dict[str, Any]], *, where: str, box: str = "bbox", track: str = "track_id"
) -> Results:
    """Return results in COCO's form.

    Args:
        items: One object for each person.
        where: Name of the file, for messages.
        box: Key of ``[left, top, width, height]``.
        track: Key of the identity.
    """
    ids = [required(item, "image_id", where=f"{where}[{i}]") for i, item in enumerate(items)]
    found = points(items, "keypoints", _count_keypoints(items, where), where=where)
    return Results(
        image_ids=tuple(image_id(value, where=f"{where}[{i}]: image_id") for i, value in enumerate(ids)),
        scores=column(items, "score", (), where=where),
        boxes=corner_boxes(items, box, where=where, needed=False),
        keypoints=found[..., :2],
        keypoint_scores=found[..., 2],
        track_ids=track_ids(items, track, where=where),
    )


def coco_results(record: PoseRecord) -> list[dict[str, Any]]:
    """Return the people of a frame as entries of a list of results."""
    numbers = rounded(record)
    lefts = np.round(numbers.boxes[:, :2] + CORNER, PIXEL_DECIMALS)
    sizes = np.round(numbers.boxes[:, 2:] - numbers.boxes[:, :2], PIXEL_DECIMALS)
    of = record_image_id(record)
    return [
        {
            "image_id": of,
            "category_id": PERSON,
            "keypoints": numbers.points[i].ravel().tolist(),
            "score": float(numbers.scores[i, 0]),
            "bbox": [*lefts[i].tolist(), *sizes[i].tolist()],
            "track_id": int(record.poses.track_ids[i]),
        }
        for i in range(len(record.poses))
    ]


def record_image_id(record: PoseRecord) -> int:
    """Return the image id of a frame: the number that its file name consists of, else its index."""
    stem = PurePath(record.name or "").stem
    return int(stem) if stem.isascii() and stem.isdigit() and len(stem) < 19 else record.index


def _count_keypoints(items: Sequence[Mapping[str, Any]], where: str) -> int:
    for i, item in enumerate(items):
        if item.get("keypoints") is not None:
            values = rows(item["keypoints"], where=f"{where}[{i}]: keypoints")
            if len(values) % 3:
                raise FormatError(
                    f"{where}[{i}]: keypoints has {len(values)} numbers, expected x, y, score each"
                )
            return len(values) // 3
    return 0
