"""AlphaPose's list of results: ``[{"image_id", "category_id", "keypoints", "score", "box", "idx"}, ...]``.

As COCO's results, but ``image_id`` is a name (``<index>.jpg`` in videos), the box is called ``box`` and the
identity ``idx``. ``score`` is ours, 0..1; AlphaPose's own may exceed 1. Coordinates as in
:mod:`sitepose.core.formats.coco`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sitepose.core.formats.annotations import Results
from sitepose.core.formats.coco_results import coco_results, results_of
from sitepose.core.formats.columns import entries
from sitepose.core.formats.poses_lines import PoseRecord
from sitepose.core.formats.reading import read_json


def read_alphapose(path: str | Path) -> Results:
    """Read a list of results; ``image_ids`` are the names of the images.

    Raises:
        FormatError: It cannot be opened, or is not one; the message has the faulty entry's number.
    """
    items = [{**item, "idx": _one(item.get("idx"))} for item in entries(read_json(path), where=str(path))]
    return results_of(items, where=str(path), box="box", track="idx")


def alphapose_results(record: PoseRecord) -> list[dict[str, Any]]:
    """Return the people of a frame as entries of a list of results."""
    name = record.name or f"{record.index}.jpg"
    return [
        {
            "image_id": name,
            "category_id": entry["category_id"],
            "keypoints": entry["keypoints"],
            "score": entry["score"],
            "box": entry["bbox"],
            "idx": entry["track_id"],
        }
        for entry in coco_results(record)
    ]


def _one(value: Any) -> Any:
    """Return what an identity given as a list of one holds: some versions write ``[3.0]``."""
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value
