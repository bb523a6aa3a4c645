"""AI Challenger's keypoint annotations and results.

The set's own files are a list ``[{"image_id", "human_annotations": {"human1": [x1, y1, x2, y2]},
"keypoint_annotations": {"human1": [x, y, v, ...]}}, ...]`` with 14 keypoints; v is 1 visible, 2 hidden, 3
absent: COCO's 2, 1, 0. Conversions to COCO's form are read too. Boxes are taken as corner-based and keypoints
as pixel centres, as in COCO; the set does not say.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sitepose.core.errors import FormatError
from sitepose.core.formats.annotations import AnnotatedImage, Annotations
from sitepose.core.formats.coco import coco_annotations
from sitepose.core.formats.columns import CORNER, entries
from sitepose.core.formats.poses_lines import PoseRecord, rounded
from sitepose.core.formats.reading import DoubleArray, numbers, read_json, required, table, text
from sitepose.core.skeleton import load_skeleton
from sitepose.core.structures import UNTRACKED

ABSENT = 3
"""Visibility of a keypoint that is not in the picture; COCO's visibility is this minus AI Challenger's."""

VISIBLE = 1


def read_aic(path: str | Path) -> Annotations:
    """Read annotations in AI Challenger's own form or converted to COCO's; names are those of ``aic14``.

    The area of a person is that of the box plus 1, as in the set's evaluation.

    Raises:
        FormatError: It cannot be opened, or is neither; the message has the faulty entry's number.
    """
    where = str(path)
    value = read_json(path)
    people = _own_form(value, where) if isinstance(value, list) else coco_annotations(value, where=where)
    names = load_skeleton("aic14").keypoint_names
    if len(people.keypoint_names) != len(names):
        raise FormatError(
            f"{where}: {len(people.keypoint_names)} keypoints, expected AI Challenger's {len(names)}"
        )
    sides = people.boxes[:, 2:] - people.boxes[:, :2]
    fields = {name: getattr(people, name) for name in Annotations.__slots__}
    return Annotations(**{**fields, "keypoint_names": names, "areas": sides[:, 0] * sides[:, 1] + 1})


def aic_results(record: PoseRecord) -> dict[str, Any]:
    """Return a frame as an entry of AI Challenger's list of results; every keypoint counts as visible."""
    points = rounded(record).points
    points[..., 2] = np.where(points[..., 2] > 0, VISIBLE, ABSENT)
    people = {f"human{i + 1}": points[i].ravel().tolist() for i in range(len(points))}
    return {"image_id": Path(record.name or str(record.index)).stem, "keypoint_annotations": people}


def _own_form(value: Any, where: str) -> Annotations:
    num_keypoints = load_skeleton("aic14").num_keypoints
    images, rows, boxes, labels = [], [], [], []
    for i, entry in enumerate(entries(value, where=where)):
        place = f"{where}[{i}]"
        name = text(required(entry, "image_id", where=place), where=f"{place}: image_id")
        images.append(AnnotatedImage(image_id=name, file_name=f"{name}.jpg"))
        people = table(
            required(entry, "keypoint_annotations", where=place), where=f"{place}: keypoint_annotations"
        )
        humans = table(entry.get("human_annotations", {}), where=f"{place}: human_annotations")
        for human, flat in people.items():
            rows.append(i)
            boxes.append(_box(humans, human, place))
            points = numbers(flat, (3 * num_keypoints,), where=f"{place}: keypoint_annotations: {human}")
            labels.append(points.reshape(num_keypoints, 3))
    return _annotations(tuple(images), rows, boxes, np.array(labels, np.float64).reshape(-1, num_keypoints, 3))


def _box(humans: Mapping[str, Any], human: str, place: str) -> DoubleArray:
    if human not in humans:
        return np.full(4, np.nan, np.float64)
    return numbers(humans[human], (4,), where=f"{place}: human_annotations: {human}") - CORNER


def _annotations(
    images: tuple[AnnotatedImage, ...], rows: list[int], boxes: list[DoubleArray], labels: DoubleArray
) -> Annotations:
    visibilities = np.clip(ABSENT - labels[..., 2].astype(np.int64), 0, 2)
    count = len(rows)
    return Annotations(
        images=images,
        keypoint_names=load_skeleton("aic14").keypoint_names,
        image_rows=np.array(rows, np.int64),
        ids=np.arange(count),
        boxes=np.array(boxes, np.float64).reshape(-1, 4),
        keypoints=np.where(visibilities[..., None] > 0, labels[..., :2], 0),
        visibilities=visibilities,
        areas=np.full(count, np.nan),
        crowds=np.zeros(count, np.bool_),
        num_keypoints=(visibilities > 0).sum(axis=1),
        track_ids=np.full(count, UNTRACKED, np.int64),
        head_boxes=np.full((count, 4), np.nan, np.float64),
    )
