"""The labelled pictures that pose-NMS is fitted and judged on, and everybody's candidates in them, on disk.

Two kinds, each in two halves without a common photograph, ``fit`` for choosing parameters and ``report`` for
the tables: ``coco``, photographs as they are; ``crowds``, people cut from them and pasted over each other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pasted_crowds

from sitepose.app.config import PartConfig, RunConfig, RuntimeConfig
from sitepose.app.factory import Parts, build_parts
from sitepose.core.formats.candidates import CandidatesWriter, read_candidates
from sitepose.core.skeleton import load_skeleton
from sitepose.core.structures import Frame, PoseCandidates

CROWDS = 150
"""Pasted crowds in each half."""
HALVES = ("fit", "report")
TRUTH = "groundtruth"
FILES = {"picodet-s-320-pedestrian": "picodet_s_320_pedestrian.onnx", "yolox-nano": "yolox_nano.onnx"}


@dataclass(frozen=True, slots=True)
class Boxes:
    """Where boxes come from: a detector and how much of them its own box-NMS leaves."""

    detector: str
    nms_iou: float
    min_score: float

    @property
    def name(self) -> str:
        """Short name for tables and folders."""
        if self.detector == TRUTH:
            return "true"
        return f"{self.detector.split('-')[0]} {'none' if self.nms_iou == 1 else self.nms_iou}"


BOXES = (
    Boxes(TRUTH, 1.0, 0.0),
    Boxes("picodet-s-320-pedestrian", 0.5, 0.1),
    Boxes("picodet-s-320-pedestrian", 0.9, 0.2),
    Boxes("yolox-nano", 0.5, 0.1),
    Boxes("yolox-nano", 0.9, 0.2),
    Boxes("yolox-nano", 1.0, 0.2),
)
"""True boxes hold no duplicates: what is left are keypoints that belong to a neighbour. Without a strict
box-NMS every person is found many times over; a higher floor keeps that payable."""


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """Pictures and their COCO annotations."""

    name: str
    annotations: Path
    images: Path


def labelled_sets(data: Path, work: Path) -> dict[str, LabelledSet]:
    """Return the four sets by name, written into ``work`` where they are not yet there."""
    sets = {}
    for half, name in enumerate(HALVES):
        coco = work / f"coco-{name}.json"
        crowds = work / f"crowds-{name}"
        table = json.loads((data / "coco" / "person_keypoints.json").read_text())
        people = sorted({label["image_id"] for label in table["annotations"]})
        others = sorted({image["id"] for image in table["images"]} - set(people))
        chosen = {*people[half::2], *others[half::2]}
        if not coco.exists():
            table["images"] = [image for image in table["images"] if image["id"] in chosen]
            table["annotations"] = [label for label in table["annotations"] if label["image_id"] in chosen]
            coco.write_text(json.dumps(table))
        if not crowds.exists():
            _write_crowds(data / "coco", crowds, people[half::2], others[half::2], seed=half)
        sets[f"coco-{name}"] = LabelledSet(f"coco-{name}", coco, data / "coco" / "images")
        sets[f"crowds-{name}"] = LabelledSet(f"crowds-{name}", crowds / "annotations.json", crowds / "images")
    return sets


def _write_crowds(coco: Path, folder: Path, people: Sequence[int], others: Sequence[int], *, seed: int) -> None:
    table = json.loads((coco / "person_keypoints.json").read_text())
    names = {image["id"]: image["file_name"] for image in table["images"]}
    cutouts = pasted_crowds.cut_people(coco / "person_keypoints.json", coco / "images", set(people))
    backgrounds = [pasted_crowds.read_image(coco / "images" / names[image_id]) for image_id in others]
    rng = np.random.default_rng(seed)
    skeleton = load_skeleton("coco17")
    crowds = [pasted_crowds.make_crowd(rng, cutouts, backgrounds, skeleton) for _ in range(CROWDS)]
    pasted_crowds.write_crowds(crowds, folder, table["categories"])


def candidates_of(labelled: LabelledSet, boxes: Boxes, data: Path, work: Path) -> list[PoseCandidates]:
    """Return the candidates of every picture, in the order of the annotations; found once, then read."""
    folder = work / f"{labelled.name}-{boxes.name.replace(' ', '-')}"
    if not (folder / "done").exists():
        with (
            build_parts(_config(labelled, boxes, data / "models")) as parts,
            CandidatesWriter(folder) as writer,
        ):
            for i, found in enumerate(_find(labelled, parts)):
                writer.write(i, found)
        (folder / "done").touch()
    return [candidates for _, candidates in read_candidates(folder)]


def _config(labelled: LabelledSet, boxes: Boxes, models: Path) -> RunConfig:
    detector = PartConfig(name=TRUTH, file=labelled.annotations)
    if boxes.detector != TRUTH:
        detector = PartConfig(
            name=boxes.detector,
            file=models / FILES[boxes.detector],
            settings={"min_score": boxes.min_score, "nms_iou": boxes.nms_iou},
        )
    return RunConfig(
        detector=detector,
        pose=PartConfig(
            name="tinypose-256x192", file=models / "tinypose_256x192.onnx", settings={"floor": 0.05}
        ),
        tracker=PartConfig(name="none"),
        runtime=RuntimeConfig(precision="fp32"),
    )


def _find(labelled: LabelledSet, parts: Parts) -> Iterator[PoseCandidates]:
    for i, entry in enumerate(json.loads(labelled.annotations.read_text())["images"]):
        image = pasted_crowds.read_image(labelled.images / entry["file_name"])
        frame = Frame(image, i, float(i), name=entry["file_name"])
        yield parts.estimator.estimate([frame], parts.detector.detect([frame]))[0]
