"""COCO's annotations: ``person_keypoints_val2017.json``, ``instances_val2017.json`` and files like them.

Boxes are corner-based ``[left, top, width, height]``: ``left = 0`` is the left edge of the first pixel, our
-0.5. Keypoints are pixel centres and stay as they are. Lists of results are in
:mod:`sitepose.core.formats.coco_results`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sitepose.core.errors import FormatError
from sitepose.core.formats.annotations import AnnotatedImage, Annotations
from sitepose.core.formats.coco_results import (
    PERSON,
    coco_results,
    read_coco_results,
    record_image_id,
    results_of,
)
from sitepose.core.formats.columns import (
    CORNER,
    corner_boxes,
    entries,
    image_id,
    points,
    track_ids,
    whole_column,
)
from sitepose.core.formats.reading import number, read_json, required, rows, table, text, whole
from sitepose.core.structures import IntArray

__all__ = [
    "PERSON",
    "coco_annotations",
    "coco_content",
    "coco_results",
    "read_coco",
    "read_coco_results",
    "record_image_id",
    "results_of",
]

_IMAGE_FIELDS = frozenset({"id", "file_name", "width", "height"})


def read_coco(path: str | Path) -> Annotations:
    """Read the people of a file of annotations.

    Where several categories are named, people are those of the one called ``person``.

    Raises:
        FormatError: It cannot be opened, or is not one; the message has the faulty entry's number.
    """
    return coco_annotations(read_json(path), where=str(path))


def coco_annotations(value: Any, *, where: str) -> Annotations:
    """Return the people of annotations that are already in memory; see :func:`read_coco`.

    Args:
        value: ``{"images": [...], "annotations": [...], "categories": [...]}``.
        where: Name of the file, for messages.
    """
    content = table(value, where=where)
    images = _images(content, where)
    category = _category(content, where)
    items = entries(required(content, "annotations", where=where), where=f"{where}: annotations")
    if category:
        items = [item for item in items if item.get("category_id", category["id"]) == category["id"]]
    names = tuple(
        text(name, where=f"{where}: keypoints") for name in rows(category.get("keypoints") or [], where=where)
    )
    return _people(items, images, names or _numbered(items), where=f"{where}: annotations")


def coco_content(annotations: Annotations) -> dict[str, Any]:
    """Return annotations as the content of a COCO file, the reverse of :func:`coco_annotations`."""
    names = list(annotations.keypoint_names)
    category = {"id": PERSON, "name": "person", "supercategory": "person", "keypoints": names, "skeleton": []}
    images = [
        {
            "id": image.image_id,
            "file_name": image.file_name,
            "width": image.size_wh[0],
            "height": image.size_wh[1],
            **image.extra,
        }
        for image in annotations.images
    ]
    people = [_annotation(annotations, i) for i in range(len(annotations))]
    return {"images": images, "annotations": people, "categories": [category]}


def _annotation(annotations: Annotations, i: int) -> dict[str, Any]:
    labels = np.concatenate([annotations.keypoints[i], annotations.visibilities[i][:, None]], axis=1)
    left, top, right, bottom = annotations.boxes[i].astype(np.float64).tolist()
    entry: dict[str, Any] = {
        "id": int(annotations.ids[i]),
        "image_id": annotations.images[annotations.image_rows[i]].image_id,
        "category_id": PERSON,
        "iscrowd": int(annotations.crowds[i]),
        "num_keypoints": int(annotations.num_keypoints[i]),
        "keypoints": [int(v) if v == int(v) else v for v in labels.astype(np.float64).ravel().tolist()],
    }
    if left == left:
        entry["bbox"] = [left + CORNER, top + CORNER, right - left, bottom - top]
    if np.isfinite(annotations.areas[i]):
        entry["area"] = float(annotations.areas[i])
    if annotations.track_ids[i] >= 0:
        entry["track_id"] = int(annotations.track_ids[i])
    return entry


def _images(content: Mapping[str, Any], where: str) -> tuple[AnnotatedImage, ...]:
    images = []
    for i, entry in enumerate(entries(required(content, "images", where=where), where=f"{where}: images")):
        place = f"{where}: images[{i}]"
        width, height = (whole(entry.get(key) or 0, where=f"{place}: {key}") for key in ("width", "height"))
        images.append(
            AnnotatedImage(
                image_id=image_id(required(entry, "id", where=place), where=f"{place}: id"),
                file_name=text(entry.get("file_name", ""), where=f"{place}: file_name"),
                size_wh=(width, height),
                extra=MappingProxyType({key: entry[key] for key in entry if key not in _IMAGE_FIELDS}),
            )
        )
    return tuple(images)


def _category(content: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return the category of people; {} where the file names none."""
    categories = entries(content.get("categories", []), where=f"{where}: categories")
    for category in categories:
        if category.get("name") == "person" or len(categories) == 1:
            required(category, "id", where=f"{where}: categories")
            return category
    if categories:
        raise FormatError(f"{where}: none of its {len(categories)} categories is called 'person'")
    return {}


def _numbered(items: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return names for keypoints that the file does not name."""
    lengths = [len(item["keypoints"]) for item in items if isinstance(item.get("keypoints"), list)]
    return tuple(f"keypoint_{k}" for k in range(max(lengths, default=0) // 3))


def _people(
    items: list[dict[str, Any]], images: tuple[AnnotatedImage, ...], names: tuple[str, ...], *, where: str
) -> Annotations:
    places = {image.image_id: row for row, image in enumerate(images)}
    image_rows = []
    for i, item in enumerate(items):
        of = image_id(required(item, "image_id", where=f"{where}[{i}]"), where=f"{where}[{i}]: image_id")
        if of not in places:
            raise FormatError(f"{where}[{i}]: image_id {of!r} is not among the images")
        image_rows.append(places[of])
    labels = points(items, "keypoints", len(names), where=where)
    visibilities = labels[..., 2].astype(np.int64)
    return Annotations(
        images=images,
        keypoint_names=names,
        image_rows=np.array(image_rows, np.int64),
        ids=whole_column(items, "id", 0, where=where),
        boxes=corner_boxes(items, "bbox", where=where, needed=False),
        keypoints=labels[..., :2],
        visibilities=visibilities,
        areas=_areas(items, where),
        crowds=whole_column(items, "iscrowd", 0, where=where) != 0,
        num_keypoints=_stored_counts(items, visibilities, where),
        track_ids=track_ids(items, where=where),
        head_boxes=corner_boxes(items, "bbox_head", where=where, needed=False),
    )


def _areas(items: Sequence[Mapping[str, Any]], where: str) -> NDArray[np.float64]:
    areas = np.full(len(items), np.nan)
    for i, item in enumerate(items):
        if item.get("area") is not None:
            areas[i] = number(item["area"], where=f"{where}[{i}]: area")
    return areas


def _stored_counts(items: Sequence[dict[str, Any]], visibilities: IntArray, where: str) -> IntArray:
    """Return the stored number of keypoints, and where there is none the number of labelled ones."""
    stored = whole_column(items, "num_keypoints", -1, where=where)
    return np.where(stored < 0, (visibilities > 0).sum(axis=1), stored)
