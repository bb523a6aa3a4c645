"""The lines of ``poses.jsonl``, our own file of poses: one JSON object a line.

::

    {"schema":"sitepose.poses/1","source":...,"width":W,"height":H,"skeleton":...,"keypoint_names":[...],
     "config":{...},"models":[{"name","sha256"}],"version":...}
    {"index":0,"timestamp":0.0,"pts":0,"people":[{"track_id","score","box_score","box_origin","observed",
     "box":[x1,y1,x2,y2],"keypoints":[[x,y,score],...]}]}               one for every frame, people or none
    {"change":{"index":120,"detector":"..."}}                           a part was switched while running
    {"end":true,"frames":795,"dropped":0}

Pixels have two decimals and scores four. Coordinates are Sitepose's own: the centre of the top-left pixel is
(0, 0), boxes are ``xyxy`` and never clipped. A keypoint that is not there (NaN inside Sitepose) is ``[0,0,0]``:
its score says so. A person without an identity has the ``track_id`` -1. Frames of a folder of images also carry
their file's ``name``. ``poses.schema.json`` in this folder is the JSON Schema of a line.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sitepose.core.structures import Poses

SCHEMA = "sitepose.poses/1"
"""Name and version of the file; a reader takes its own version and every older one."""

TIMESTAMP_DECIMALS = 6
"""Microseconds: finer than any container's time base."""

PIXEL_DECIMALS = 2
SCORE_DECIMALS = 4

_PERSON = (
    '{"track_id":%d,"score":%.4f,"box_score":%.4f,"box_origin":"%s","observed":%s,'
    '"box":[%.2f,%.2f,%.2f,%.2f],"keypoints":['
)
_KEYPOINT = "[%.2f,%.2f,%.4f]"


@dataclass(frozen=True, slots=True, kw_only=True)
class PosesHeader:
    """The first line: what all frames share. No times and no paths, so that equal runs give equal bytes.

    Attributes:
        source: Name of the source, without folder and credentials.
        width: Of the frames, in pixels.
        height: Of the frames, in pixels.
        skeleton: Name of the skeleton.
        keypoint_names: Its K keypoints, in the order of the lines.
        config: Settings of the run, as JSON values.
        models: ``{"name": ..., "sha256": ...}`` of each network.
        version: Version of Sitepose that wrote the file.
        schema: Name and version of the format.
    """

    source: str
    width: int
    height: int
    skeleton: str
    keypoint_names: Sequence[str]
    config: Mapping[str, Any] = field(default_factory=dict)
    models: Sequence[Mapping[str, Any]] = ()
    version: str = ""
    schema: str = SCHEMA


@dataclass(frozen=True, slots=True)
class PoseRecord:
    """One frame's line.

    Attributes:
        index: Place of the frame in the capture sequence, from 0; gaps are drops.
        timestamp: Seconds since the first frame.
        pts: The container's own stamp; None where there is none.
        poses: Everybody in the frame.
        name: File name of a still image; None in videos.
        segment: Number of the video segment of a site session, which ``pts`` is a stamp of; None elsewhere.
    """

    index: int
    timestamp: float
    pts: int | None
    poses: Poses
    name: str | None = None
    segment: int | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Rounded:
    """A frame's numbers as they are written.

    Attributes:
        points: x, y, score of each keypoint, shape (P, K, 3); all 0 where one of them is not finite.
        boxes: ``xyxy``, shape (P, 4).
        scores: Of the person and of the box, shape (P, 2).
    """

    points: NDArray[np.float64]
    boxes: NDArray[np.float64]
    scores: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PosesChange:
    """A part was switched while the run went on: what is new from frame ``index`` on."""

    index: int
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PosesEnd:
    """The last line of a run that came to its end, Ctrl-C included."""

    frames: int
    dropped: int


def header_line(header: PosesHeader) -> str:
    """Return the first line, without its line break."""
    return _json(
        {
            "schema": header.schema,
            "source": header.source,
            "width": header.width,
            "height": header.height,
            "skeleton": header.skeleton,
            "keypoint_names": list(header.keypoint_names),
            "config": dict(header.config),
            "models": [dict(model) for model in header.models],
            "version": header.version,
        }
    )


def record_line(record: PoseRecord) -> str:
    """Return a frame's line, without its line break.

    Raises:
        ValueError: A box or a person's score is not finite.

    >>> record_line(PoseRecord(3, 0.1, 1536, Poses.empty(17)))
    '{"index":3,"timestamp":0.1,"pts":1536,"people":[]}'
    """
    head: dict[str, Any] = {
        "index": record.index,
        "timestamp": round(float(record.timestamp), TIMESTAMP_DECIMALS) + 0.0,
        "pts": record.pts,
    }
    if record.segment is not None:
        head["segment"] = record.segment
    if record.name is not None:
        head["name"] = record.name
    return f'{_json(head)[:-1]},"people":[{_people(record)}]}}'


def change_line(change: PosesChange) -> str:
    """Return the line of a switched part, without its line break."""
    return _json({"change": {"index": change.index, **change.values}})


def end_line(end: PosesEnd) -> str:
    """Return the last line, without its line break."""
    return _json({"end": True, "frames": end.frames, "dropped": end.dropped})


def poses_schema() -> dict[str, Any]:
    """Return the JSON Schema of a line of ``poses.jsonl``."""
    file = resources.files("sitepose.core.formats") / "poses.schema.json"
    schema: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return schema


def rounded(record: PoseRecord) -> Rounded:
    """Return a frame's numbers as they are written, so that all formats agree to the last digit.

    Raises:
        ValueError: A box or a person's score is not finite.
    """
    poses = record.poses
    points = np.concatenate([poses.keypoints, poses.keypoint_scores[..., None]], axis=2).astype(np.float64)
    points[~np.isfinite(points).all(axis=2)] = 0
    points[..., :2] = np.round(points[..., :2], PIXEL_DECIMALS)
    points[..., 2] = np.round(points[..., 2], SCORE_DECIMALS)
    boxes = np.round(poses.boxes.astype(np.float64), PIXEL_DECIMALS)
    scores = np.round(np.stack([poses.scores, poses.box_scores], axis=1).astype(np.float64), SCORE_DECIMALS)
    if not (np.isfinite(scores).all() and np.isfinite(boxes).all()):
        raise ValueError(f"frame {record.index}: a box or score is not finite")
    # Adding 0.0 turns -0.0 into 0.0.
    return Rounded(points + 0.0, np.asarray(boxes + 0.0, np.float64), np.asarray(scores + 0.0, np.float64))


def _people(record: PoseRecord) -> str:
    """Return the people of a frame, comma-separated: one format string filled from one flat list."""
    poses = record.poses
    if not len(poses):
        return ""
    numbers = rounded(record)
    person = _PERSON + ",".join([_KEYPOINT] * numbers.points.shape[1]) + "]}"
    origins = ["track" if moved else "detector" for moved in poses.from_tracks.tolist()]
    seen = ["true" if observed else "false" for observed in poses.observed.tolist()]
    rows = zip(
        poses.track_ids.tolist(), numbers.scores.tolist(), origins, seen, numbers.boxes.tolist(), strict=True
    )
    values: list[Any] = []
    for (track_id, score, origin, observed, box), points in zip(rows, numbers.points, strict=True):
        values += [track_id, *score, origin, observed, *box]
        values += points.ravel().tolist()
    return ",".join([person] * len(poses)) % tuple(values)


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
