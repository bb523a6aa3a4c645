"""The clip of benchmarks/tracking.py in all its variants: detections and poses computed once, then kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sitepose.core.formats.mot import read_mot_truth
from sitepose.core.skeleton import Skeleton, load_skeleton
from sitepose.core.structures import Detections, Frame, ImageArray, Poses, concatenate
from sitepose.models.metrics.tracking import TrackedBoxes
from sitepose.models.runtimes.api import RuntimeOptions
from sitepose.models.runtimes.workers import Workers
from sitepose.models.zoo.card import load_card
from sitepose.plugins.api import PluginContext
from sitepose.plugins.registry import load_plugin
from sitepose.tracking.pose_nms.methods import pose_nms_method

MIN_SCORE = 0.1
BOX_NMS = 0.5
FRAME_RATE = 25.0
PICTURE = (480, 640, 3)
DROPPED = 0.15
"""Share of the detections that a dropout variant loses."""
TRUTH_DROPPED = 0.2
"""Share of the true boxes that the third mode loses."""
TRUTH_JITTER = 0.03
"""Standard deviation of its boxes' sides, as a share of width and height."""

SKELETON: Skeleton = load_skeleton("coco17")

FIELDS = tuple(field.name for field in fields(Poses))

Tables = dict[str, list[Poses]]
"""People of each frame, without (``boxes``) and with poses (``poses``)."""


@dataclass(frozen=True, slots=True)
class Clip:
    """Frames of one video, forwards or mirrored, with what the networks said."""

    truth: TrackedBoxes
    boxes: tuple[Poses, ...]
    poses: tuple[Poses, ...]
    images: Images


@dataclass(frozen=True)
class Images:
    """Decodes a video when its pixels are first asked for."""

    path: Path
    mirrored: bool = False

    @cached_property
    def all(self) -> list[ImageArray]:
        """Every frame, RGB."""
        images = _decoded(self.path)
        return [np.ascontiguousarray(image[:, ::-1]) for image in images] if self.mirrored else images


@dataclass(frozen=True, slots=True)
class Variant:
    """One sequence to track: which frames of a clip in which order, and what is known of the people in them.

    Attributes:
        name: For the tables.
        truth: Who is where; frames count from 0 in the variant's own order.
        people: What the tracker is given, for each frame.
        places: Frames of the clip, in the variant's order.
        step_s: Seconds between two of them.
        images: Their pixels.
    """

    name: str
    truth: TrackedBoxes
    people: tuple[Poses, ...]
    places: tuple[int, ...]
    step_s: float
    images: Images | None = None

    def frames(self, *, pixels: bool) -> Iterator[Frame]:
        """Return the frames; black ones unless ``pixels`` are needed."""
        black = np.zeros(PICTURE, np.uint8)
        for i, place in enumerate(self.places):
            image = self.images.all[place] if pixels and self.images else black
            yield Frame(image, index=i, timestamp=i * self.step_s)


def read_clip(data: Path, cache_dir: Path, *, mirrored: bool = False, limit: int | None = None) -> Clip:
    """Return the clip with its detections and poses, from the cache where they are already there.

    Args:
        data: Folder with ``mot/TUD-Stadtmitte`` and ``models``.
        cache_dir: Where computed detections are kept.
        mirrored: Mirror the pixels before the networks see them.
        limit: Take the first frames only.
    """
    folder, video = data / "mot" / "TUD-Stadtmitte", data / "mot" / "TUD-Stadtmitte" / "TUD-Stadtmitte.mp4"
    images = Images(video, mirrored)
    rows = read_mot_truth(folder / "gt.txt")
    boxes = rows.boxes
    if mirrored:
        width = images.all[0].shape[1]
        boxes = np.stack([width - 1 - boxes[:, 2], boxes[:, 1], width - 1 - boxes[:, 0], boxes[:, 3]], axis=1)
    frames = len(images.all) if limit is None else limit
    kept = rows.frames < frames
    truth = TrackedBoxes(frames=rows.frames[kept], track_ids=rows.track_ids[kept], boxes=boxes[kept])
    file = _detected(data, images, frames, cache_dir)
    return Clip(truth, _load(file, "boxes"), _load(file, "poses"), images)


def clip_variants(clip: Clip, mirrored: Clip, *, poses: bool, dropouts: int = 10) -> list[Variant]:
    """Return the clip, mirrored, reversed, at 1/2 and 1/3 of its rate, and with seeded detection dropout."""
    forwards = _variant("clip", clip, poses)
    places = forwards.places
    variants = [
        forwards,
        _variant("mirrored", mirrored, poses),
        _reordered("reversed", forwards, places[::-1]),
        _reordered("1/2 rate", forwards, places[::2], step_s=2 / FRAME_RATE),
        _reordered("1/3 rate", forwards, places[::3], step_s=3 / FRAME_RATE),
    ]
    return variants + [_dropout(forwards, seed) for seed in range(dropouts)]


def truth_variants(clip: Clip, *, seeds: int = 10) -> list[Variant]:
    """Return the true boxes with seeded drops and jitter: association alone."""
    return [_from_truth(clip, seed) for seed in range(seeds)]


def without_poses(detections: Detections) -> Poses:
    """Return people of whom nothing but the box is known."""
    people, count = len(detections), SKELETON.num_keypoints
    return Poses(
        keypoints=np.zeros((people, count, 2)),
        keypoint_scores=np.zeros((people, count)),
        boxes=detections.boxes,
        box_scores=detections.scores,
        scores=detections.scores,
    )


def _variant(name: str, clip: Clip, poses: bool) -> Variant:
    people = clip.poses if poses else clip.boxes
    return Variant(name, clip.truth, people, tuple(range(len(people))), 1 / FRAME_RATE, clip.images)


def _reordered(
    name: str, variant: Variant, places: Sequence[int], *, step_s: float = 1 / FRAME_RATE
) -> Variant:
    new_place = np.full(len(variant.people), -1)
    new_place[list(places)] = np.arange(len(places))
    frames = new_place[variant.truth.frames]
    kept = frames >= 0
    truth = TrackedBoxes(
        frames=frames[kept], track_ids=variant.truth.track_ids[kept], boxes=variant.truth.boxes[kept]
    )
    people = tuple(variant.people[place] for place in places)
    return replace(variant, name=name, truth=truth, people=people, places=tuple(places), step_s=step_s)


def _dropout(variant: Variant, seed: int) -> Variant:
    rng = np.random.default_rng(seed)
    people = tuple(poses[rng.random(len(poses)) >= DROPPED] for poses in variant.people)
    return replace(variant, name=f"dropout {seed}", people=people)


def _from_truth(clip: Clip, seed: int) -> Variant:
    rng = np.random.default_rng(seed)
    people = []
    for place in range(len(clip.boxes)):
        boxes = clip.truth.boxes[clip.truth.frames == place]
        boxes = boxes[rng.random(len(boxes)) >= TRUTH_DROPPED]
        sides = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
        noisy = boxes + rng.normal(0, TRUTH_JITTER, boxes.shape) * sides
        scores = np.full(len(boxes), 0.9)
        people.append(without_poses(Detections(boxes=noisy, scores=scores)))
    plain = _variant("", clip, poses=False)
    return replace(plain, name=f"truth {seed}", people=tuple(people))


def _detected(data: Path, images: Images, frames: int, cache_dir: Path) -> Path:
    """Return the file with people without and with poses for each frame, computed if it is not there."""
    detector, estimator = data / "models" / "yolox_nano.onnx", data / "models" / "tinypose_256x192.onnx"
    key = hashlib.sha256(repr((MIN_SCORE, BOX_NMS, images.mirrored, frames)).encode())
    for path in (detector, estimator, images.path):
        key.update(path.read_bytes())
    file = cache_dir / f"tracking-{key.hexdigest()[:16]}.npz"
    if not file.is_file():
        cache_dir.mkdir(parents=True, exist_ok=True)
        _save(file, _run_networks(detector, estimator, images.all[:frames]))
    return file


def _run_networks(detector_file: Path, estimator_file: Path, images: Sequence[ImageArray]) -> Tables:
    suppress = pose_nms_method("parametric")
    tables: Tables = {"boxes": [], "poses": []}
    with Workers() as workers:
        detector = _plugin("detector", "yolox", "yolox-nano", detector_file, workers)(
            min_score=MIN_SCORE, nms_iou=BOX_NMS
        )
        estimator = _plugin("pose", "heatmap", "tinypose-256x192", estimator_file, workers)()
        for i, image in enumerate(images):
            frame = Frame(image, index=i, timestamp=i / FRAME_RATE)
            detections = detector.detect([frame])[0]
            candidates = estimator.estimate([frame], [detections])[0]
            tables["boxes"].append(without_poses(detections))
            tables["poses"].append(suppress.suppress(candidates, SKELETON, suppress.settings()))
        detector.close()
        estimator.close()
    return tables


def _plugin(
    kind: Literal["detector", "pose"], name: str, card: str, weights: Path, workers: Workers
) -> Callable[..., Any]:
    """Return a function that makes the plug-in from its settings."""
    plugin = load_plugin(kind, name)
    runtime = RuntimeOptions(library="onnxruntime", precision="fp32")
    context = PluginContext(weights=weights, card=load_card(card), runtime=runtime, workers=workers)
    return lambda **settings: plugin(plugin.Settings(**settings), context)


def _save(file: Path, tables: Tables) -> None:
    arrays: dict[str, NDArray[Any]] = {}
    for name, frames in tables.items():
        arrays[f"{name}/count"] = np.array([len(poses) for poses in frames])
        everybody = concatenate(frames, num_keypoints=SKELETON.num_keypoints)
        for field in FIELDS:
            arrays[f"{name}/{field}"] = getattr(everybody, field)
    partial = file.with_suffix(".partial.npz")
    np.savez_compressed(partial, **arrays)
    partial.replace(file)


def _load(file: Path, name: str) -> tuple[Poses, ...]:
    with np.load(file) as arrays:
        everybody = Poses(**{field: arrays[f"{name}/{field}"] for field in FIELDS})
        ends = np.cumsum(arrays[f"{name}/count"])
    return tuple(everybody[start:end] for start, end in zip(np.r_[0, ends[:-1]], ends, strict=True))


@cache
def _decoded(path: Path) -> list[ImageArray]:
    import av

    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
