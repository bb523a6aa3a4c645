"""The lines of ``poses.jsonl``, read: what stands in them, checked. Each caller says where a line is from."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from sitepose.core.errors import FormatError
from sitepose.core.formats.poses_lines import SCHEMA, PoseRecord, PosesChange, PosesEnd, PosesHeader
from sitepose.core.formats.reading import brief, number, numbers, required, rows, table, text, whole
from sitepose.core.structures import UNTRACKED, Poses

MOST_KEYPOINTS = 1000
"""No skeleton has more; a header that says so is damaged."""

_VERSION = re.compile(r"sitepose\.poses/(\d{1,9})(\.\d+)?")


def parse_header(entry: dict[str, Any], where: str) -> PosesHeader:
    """Return the first line.

    Raises:
        FormatError: It is none, or a newer Sitepose has written it.
    """
    _check_version(required(entry, "schema", where=where), where)
    names = rows(required(entry, "keypoint_names", where=where), where=f"{where}: keypoint_names")
    if len(names) > MOST_KEYPOINTS:
        raise FormatError(f"{where}: {len(names)} keypoint_names, expected at most {MOST_KEYPOINTS}")
    models = rows(entry.get("models", []), where=f"{where}: models")
    return PosesHeader(
        source=text(entry.get("source", ""), where=f"{where}: source"),
        width=whole(required(entry, "width", where=where), where=f"{where}: width"),
        height=whole(required(entry, "height", where=where), where=f"{where}: height"),
        skeleton=text(required(entry, "skeleton", where=where), where=f"{where}: skeleton"),
        keypoint_names=tuple(text(name, where=f"{where}: keypoint_names") for name in names),
        config=table(entry.get("config", {}), where=f"{where}: config"),
        models=tuple(table(model, where=f"{where}: models") for model in models),
        version=text(entry.get("version", ""), where=f"{where}: version"),
        schema=entry["schema"],
    )


def _check_version(schema: Any, where: str) -> None:
    match = _VERSION.fullmatch(schema) if isinstance(schema, str) else None
    if match is None:
        raise FormatError(f"{where}: schema is {brief(schema)}, expected {SCHEMA!r}")
    ours = int(SCHEMA.rpartition("/")[2])
    if int(match[1]) > ours:
        raise FormatError(
            f"{where}: schema is {schema!r}, this version reads up to {SCHEMA!r}; upgrade Sitepose"
        )


def parse_record(entry: dict[str, Any], num_keypoints: int, where: str) -> PoseRecord:
    """Return the line of a frame.

    Raises:
        FormatError: It is none, or its people have another number of keypoints.
    """
    pts = entry.get("pts")
    name = entry.get("name")
    segment = entry.get("segment")
    people = rows(required(entry, "people", where=where), where=f"{where}: people")
    return PoseRecord(
        index=_count(required(entry, "index", where=where), f"{where}: index"),
        timestamp=number(required(entry, "timestamp", where=where), where=f"{where}: timestamp"),
        pts=None if pts is None else whole(pts, where=f"{where}: pts"),
        poses=_poses([table(person, where=f"{where}: people") for person in people], num_keypoints, where),
        name=None if name is None else text(name, where=f"{where}: name"),
        segment=None if segment is None else _count(segment, f"{where}: segment"),
    )


def _poses(people: list[dict[str, Any]], num_keypoints: int, where: str) -> Poses:
    def column(key: str, *shape: int) -> Any:
        values = [required(person, key, where=f"{where}: people[{i}]") for i, person in enumerate(people)]
        return numbers(values, (len(people), *shape), where=f"{where}: {key}")

    if not people:
        return Poses.empty(num_keypoints)
    points = column("keypoints", num_keypoints, 3)
    scores = column("score")
    ids = [whole(person.get("track_id", UNTRACKED), where=f"{where}: track_id") for person in people]
    return Poses(
        keypoints=points[..., :2],
        keypoint_scores=points[..., 2],
        boxes=column("box", 4),
        box_scores=column("box_score") if all("box_score" in person for person in people) else scores,
        scores=scores,
        track_ids=np.array(ids, np.int64),
        observed=np.array([person.get("observed", True) is not False for person in people]),
        from_tracks=np.array([person.get("box_origin") == "track" for person in people]),
    )


def parse_change(entry: Any, where: str) -> PosesChange:
    """Return what was switched.

    Raises:
        FormatError: It does not say when.
    """
    values = dict(table(entry, where=f"{where}: change"))
    index = _count(values.pop("index", None), f"{where}: change: index")
    return PosesChange(index, values)


def parse_end(entry: dict[str, Any], where: str) -> PosesEnd:
    """Return the last line.

    Raises:
        FormatError: Its counts are none.
    """
    frames = _count(required(entry, "frames", where=where), f"{where}: frames")
    return PosesEnd(frames, _count(entry.get("dropped", 0), f"{where}: dropped"))


def _count(value: Any, where: str) -> int:
    counted = whole(value, where=where)
    if counted < 0:
        raise FormatError(f"{where}: expected 0 or more, not {counted}")
    return counted
