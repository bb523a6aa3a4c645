"""Crowds with known labels: real people cut from COCO images by their outlines and pasted over each other.

The overlap of each person with the one before is drawn from .2 to .7 (shared box area over the smaller box).
Keypoints under somebody pasted later become occluded (v = 1). Same seed, same crowds.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from sitepose.core.skeleton import Skeleton
from sitepose.core.structures import BoolArray, FloatArray, ImageArray

CANVAS_WH = (640, 480)
HEIGHTS = (180.0, 300.0)
"""Longer side of the people of one crowd, in pixels."""
MAX_ENLARGEMENT = 2.5
"""People are not enlarged by more: they would blur."""
MIN_KEYPOINTS = 8
MIN_AREA = 64.0**2
"""People with fewer keypoints or a smaller outline are not cut out."""
MAIN_PIECE = 0.9
"""Share of the outline in its largest piece; people in pieces, by what was in front of them, look odd alone."""
MIN_VISIBLE = 0.2
"""A crowd in which less of somebody's outline can be seen is drawn anew."""


@dataclass(frozen=True, slots=True)
class Cutout:
    """A person cut from a photograph.

    Attributes:
        image: RGB, shape (h, w, 3).
        mask: Whose pixels these are, shape (h, w).
        keypoints: x, y in the cut-out and COCO's visibility, shape (K, 3).
    """

    image: ImageArray
    mask: BoolArray
    keypoints: FloatArray


@dataclass(frozen=True, slots=True)
class Crowd:
    """A picture of several people and its labels.

    Attributes:
        image: RGB.
        annotations: COCO annotations without ids.
    """

    image: ImageArray
    annotations: list[dict[str, Any]]


def cut_people(annotations: Path, images: Path, image_ids: Collection[int]) -> list[Cutout]:
    """Return the people in some COCO images who are large enough and have an outline."""
    table = json.loads(annotations.read_text())
    names = {image["id"]: image["file_name"] for image in table["images"]}
    return [
        _cut(read_image(images / names[label["image_id"]]), label)
        for label in table["annotations"]
        if label["image_id"] in image_ids and _is_whole(label)
    ]


def _is_whole(label: dict[str, Any]) -> bool:
    """Return whether a label is a person large enough to be cut out and in one piece."""
    if label["iscrowd"] or label["num_keypoints"] < MIN_KEYPOINTS or label["area"] < MIN_AREA:
        return False
    areas = [cv2.contourArea(np.float32(outline).reshape(-1, 2)) for outline in label["segmentation"]]
    return max(areas) >= MAIN_PIECE * sum(areas)


def read_image(path: Path) -> ImageArray:
    """Return an image as RGB."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise SystemExit(f"cannot read {path}")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)  # type: ignore[return-value]


def _cut(image: ImageArray, label: dict[str, Any]) -> Cutout:
    mask = np.zeros(image.shape[:2], np.uint8)
    outlines = [
        np.float32(outline).reshape(-1, 2).round().astype(np.int32) for outline in label["segmentation"]
    ]
    cv2.fillPoly(mask, outlines, (1,))
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    y, x = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    keypoints = np.float32(label["keypoints"]).reshape(-1, 3)
    keypoints[:, :2] -= [columns[0], rows[0]]
    return Cutout(image[y, x], mask[y, x].astype(np.bool_), keypoints)


def _resized(person: Cutout, scale: float, mirrored: bool, skeleton: Skeleton) -> Cutout:
    height, width = person.mask.shape
    size_wh = max(round(width * scale), 2), max(round(height * scale), 2)
    step = np.float32([size_wh[0] / width, size_wh[1] / height])
    keypoints = person.keypoints.copy()
    keypoints[:, :2] = (keypoints[:, :2] + 0.5) * step - 0.5
    image = cv2.resize(person.image, size_wh, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    mask = cv2.resize(person.mask.astype(np.uint8), size_wh, interpolation=cv2.INTER_NEAREST).astype(np.bool_)
    if not mirrored:
        return Cutout(image, mask, keypoints)  # type: ignore[arg-type]
    keypoints[:, 0] = size_wh[0] - 1 - keypoints[:, 0]
    return Cutout(image[:, ::-1], mask[:, ::-1], keypoints[skeleton.flip_indices])  # type: ignore[index]


def make_crowd(
    rng: np.random.Generator, people: Sequence[Cutout], backgrounds: Sequence[ImageArray], skeleton: Skeleton
) -> Crowd:
    """Return a crowd of two to five people, each hiding a part of the one before or hidden by it."""
    while True:
        background = backgrounds[rng.integers(len(backgrounds))]
        canvas = cv2.resize(background, CANVAS_WH, interpolation=cv2.INTER_AREA)
        chosen = [
            people[i] for i in rng.choice(len(people), min(int(rng.integers(2, 6)), len(people)), replace=False)
        ]
        height = rng.uniform(*HEIGHTS)
        scaled = [_scaled(rng, person, height, skeleton) for person in chosen]
        corners = _corners(rng, scaled)
        if corners is not None:
            order = rng.permutation(len(scaled))
            crowd = _paste(canvas, [scaled[i] for i in order], [corners[i] for i in order])  # type: ignore[arg-type]
            if crowd is not None:
                return crowd


def _scaled(rng: np.random.Generator, person: Cutout, height: float, skeleton: Skeleton) -> Cutout:
    scale = min(height * rng.uniform(0.85, 1.15) / max(person.mask.shape), MAX_ENLARGEMENT)
    return _resized(person, scale, bool(rng.integers(2)), skeleton)


def _corners(rng: np.random.Generator, people: Sequence[Cutout]) -> list[tuple[int, int]] | None:
    """Return the top left corner of each person, feet at about one height; None if they do not fit."""
    x, corners = 0.0, []
    for n, person in enumerate(people):
        height, width = person.mask.shape
        y = CANVAS_WH[1] * 0.95 - height + rng.uniform(-0.08, 0.08) * height - 40
        if n > 0:
            previous_height, previous_width = people[n - 1].mask.shape
            previous_x, previous_y = corners[-1]
            common = min(y + height, previous_y + previous_height) - max(y, previous_y)
            shared = rng.uniform(0.2, 0.7) * min(height * width, previous_height * previous_width)
            x = previous_x + previous_width - min(shared / max(common, 1), width, previous_width)
        corners.append((x, y))
    extent = max(x + person.mask.shape[1] for (x, _), person in zip(corners, people, strict=True))
    if extent > CANVAS_WH[0] or min(y for _, y in corners) < 0:
        return None
    offset = rng.uniform(0, CANVAS_WH[0] - extent)
    return [(int(x + offset), int(y)) for x, y in corners]


def _paste(canvas: ImageArray, people: Sequence[Cutout], corners: Sequence[tuple[int, int]]) -> Crowd | None:
    """Return the people on the canvas, the last in front; None if somebody can hardly be seen."""
    owner = np.full(canvas.shape[:2], -1)
    for n, (person, (x, y)) in enumerate(zip(people, corners, strict=True)):
        window = np.s_[y : y + person.mask.shape[0], x : x + person.mask.shape[1]]
        mask = person.mask[: owner[window].shape[0], : owner[window].shape[1]]
        canvas[window][mask] = person.image[: mask.shape[0], : mask.shape[1]][mask]
        owner[window][mask] = n
    annotations = [
        _label(person, corner, owner, n) for n, (person, corner) in enumerate(zip(people, corners, strict=True))
    ]
    visible = [(owner == n).sum() / person.mask.sum() for n, person in enumerate(people)]
    return Crowd(canvas, annotations) if min(visible) >= MIN_VISIBLE else None


def _label(person: Cutout, corner: tuple[int, int], owner: Any, place: int) -> dict[str, Any]:
    """Return the COCO annotation of a pasted person; its area is that of the whole outline, hidden or not."""
    keypoints = person.keypoints.copy()
    keypoints[:, :2] += corner
    x, y = keypoints[:, :2].round().astype(int).T
    height, width = owner.shape
    inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
    hidden = np.zeros(len(keypoints), np.bool_)
    hidden[inside] = owner[y[inside], x[inside]] > place
    keypoints[hidden & (keypoints[:, 2] > 0), 2] = 1
    keypoints[~inside | (keypoints[:, 2] == 0)] = 0
    sides = person.mask.shape[::-1]
    return {
        "bbox": [float(corner[0]), float(corner[1]), float(sides[0]), float(sides[1])],
        "area": float(person.mask.sum()),
        "keypoints": [float(value) for value in keypoints.ravel()],
        "num_keypoints": int((keypoints[:, 2] > 0).sum()),
        "category_id": 1,
        "iscrowd": 0,
    }


def write_crowds(crowds: Sequence[Crowd], folder: Path, categories: list[dict[str, Any]]) -> Path:
    """Write images and COCO annotations into a folder; return the path of the annotations."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    images, annotations = [], []
    for number, crowd in enumerate(crowds, start=1):
        name = f"crowd-{number:04d}.png"
        cv2.imwrite(str(folder / "images" / name), cv2.cvtColor(crowd.image, cv2.COLOR_RGB2BGR))
        height, width = crowd.image.shape[:2]
        images.append({"id": number, "file_name": name, "width": width, "height": height})
        for label in crowd.annotations:
            annotations.append({**label, "id": len(annotations) + 1, "image_id": number})
    path = folder / "annotations.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    return path
