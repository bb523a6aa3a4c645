"""Lists of JSON objects to arrays: a column at a time, and by the faulty entry's number when that fails."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sitepose.core.errors import FormatError
from sitepose.core.formats.annotations import ImageId
from sitepose.core.formats.reading import DoubleArray, numbers, required, rows, table, whole
from sitepose.core.structures import UNTRACKED, IntArray

CORNER = 0.5
"""What corner-based coordinates are above ours: x = 0 is the left edge of the first pixel, our -0.5."""


def entries(value: Any, *, where: str) -> list[dict[str, Any]]:
    """Return a list of JSON objects.

    Raises:
        FormatError: It is not one.
    """
    return [table(entry, where=f"{where}[{i}]") for i, entry in enumerate(rows(value, where=where))]


def column(items: Sequence[dict[str, Any]], key: str, shape: tuple[int, ...], *, where: str) -> DoubleArray:
    """Return ``item[key]`` of every item, float64, shape (N, *shape).

    Raises:
        FormatError: An item lacks it, or has something else; the message has its number.
    """
    try:
        values = [item[key] for item in items]
        return numbers(values, (len(items), *shape), where=where)
    except (KeyError, FormatError):
        # Slowly again, for the number of the entry at fault.
        for i, item in enumerate(items):
            value = required(item, key, where=f"{where}[{i}]")
            numbers(value, shape, where=f"{where}[{i}]: {key}")
        raise


def optional_column(
    items: Sequence[dict[str, Any]], key: str, shape: tuple[int, ...], default: float, *, where: str
) -> DoubleArray:
    """Return ``item[key]`` as :func:`column`, with ``default`` where it is missing or null."""
    result = np.full((len(items), *shape), default, np.float64)
    having = [i for i, item in enumerate(items) if item.get(key) is not None]
    if having:
        result[having] = column([items[i] for i in having], key, shape, where=where)
    return result


def whole_column(items: Sequence[dict[str, Any]], key: str, default: int, *, where: str) -> IntArray:
    """Return whole numbers, shape (N,), with ``default`` where they are missing or null."""
    values = []
    for i, item in enumerate(items):
        value = item.get(key)
        if isinstance(value, bool):
            value = int(value)
        values.append(default if value is None else whole(value, where=f"{where}[{i}]: {key}"))
    return np.array(values, np.int64)


def corner_boxes(items: Sequence[dict[str, Any]], key: str, *, where: str, needed: bool = True) -> DoubleArray:
    """Return corner-based ``[left, top, width, height]`` as our ``xyxy``, shape (N, 4)."""
    if needed:
        boxes = column(items, key, (4,), where=where)
    else:
        boxes = optional_column(items, key, (4,), np.nan, where=where)
    corners = boxes[:, :2] - CORNER
    return np.concatenate([corners, corners + boxes[:, 2:]], axis=1)


def points(items: Sequence[dict[str, Any]], key: str, num_keypoints: int, *, where: str) -> DoubleArray:
    """Return flat ``[x, y, value, ...]`` lists as (N, K, 3); zeros where an item has none."""
    flat = optional_column(items, key, (3 * num_keypoints,), 0, where=where)
    return flat.reshape(len(items), num_keypoints, 3)


def image_id(value: Any, *, where: str) -> ImageId:
    """Return the id of an image: a whole number or a text.

    Raises:
        FormatError: It is something else.
    """
    return value if isinstance(value, str) else whole(value, where=where)


def track_ids(items: Sequence[dict[str, Any]], key: str = "track_id", *, where: str) -> IntArray:
    """Return identities, shape (N,); -1 where there is none."""
    return whole_column(items, key, UNTRACKED, where=where)
