"""Synthetic scenes: people who walk in front of a textured wall, with exact truth and seeded faults."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from sitepose.core.skeleton import Skeleton, load_skeleton
from sitepose.core.structures import Frame, Poses
from sitepose.models.metrics.tracking import TrackedBoxes, clear_mot, compare_boxes, tracked_boxes

WIDTH, HEIGHT = 480, 320
RATE = 25.0

# Places of the 17 COCO keypoints in the box of someone who stands.
STANDING = np.array(
    [[.5, .08], [.46, .06], [.54, .06], [.42, .08], [.58, .08], [.3, .22], [.7, .22], [.22, .38], [.78, .38],
     [.2, .52], [.8, .52], [.38, .52], [.62, .52], [.37, .74], [.63, .74], [.36, .95], [.64, .95]], np.float32
)  # fmt: skip


@dataclass(frozen=True)
class Walker:
    """Somebody who walks in a straight line; nearer people have their feet lower and hide others."""

    x: float
    feet: float
    velocity: float
    height: float = 120.0
    turns_at: float = np.inf
    away: tuple[float, float] = (0.0, 0.0)

    def box(self, time: float) -> NDArray[np.float64]:
        """Return the box at a time in seconds."""
        there, back = min(time, self.turns_at), max(time - self.turns_at, 0)
        x, half = self.x + self.velocity * (there - back), self.height * 0.2
        return np.array([x - half, self.feet - self.height, x + half, self.feet])


@dataclass(frozen=True)
class Scene:
    """A scene and what its detector does wrong."""

    walkers: Sequence[Walker]
    seconds: float = 4.0
    rate: float = RATE
    missed: float = 0.0
    duplicated: float = 0.0
    shake: float = 0.0
    jitter: float = 0.01
    hidden_from: float = 0.6
    blind: tuple[float, float] = (0.0, 0.0)
    seed: int = 0
    frames: list[tuple[Frame, Poses]] = field(default_factory=list)
    truth: TrackedBoxes | None = None

    def played(self) -> Scene:
        """Return the scene with its frames, the detector's people and the truth."""
        rng = np.random.default_rng(self.seed)
        wall = rng.integers(0, 256, (HEIGHT + 80, WIDTH + 80, 3), np.uint8)
        # Blocks of 4 pixels: texture that survives a pyramid.
        wall = np.kron(wall[::4, ::4], np.ones((4, 4, 1), np.uint8))
        coats = [rng.integers(0, 256, (40, 16, 3), np.uint8) for _ in self.walkers]
        rows: list[tuple[int, int, NDArray[np.float64]]] = []
        frames = []
        for i in range(round(self.seconds * self.rate)):
            time = i / self.rate
            shift = (
                np.round(rng.normal(0, self.shake, 2)).clip(-30, 30).astype(int)
                if self.shake
                else np.zeros(2, int)
            )
            present = {
                k: walker.box(time) + np.tile(shift, 2)
                for k, walker in enumerate(self.walkers)
                if not walker.away[0] <= time < walker.away[1]
            }
            rows += [(i, k, box) for k, box in present.items()]
            image = self._painted(wall, coats, present, shift)
            frames.append((Frame(image, index=i, timestamp=time), self._seen(present, time, rng)))
        truth = TrackedBoxes(
            frames=np.array([row[0] for row in rows], np.int64),
            track_ids=np.array([row[1] for row in rows], np.int64),
            boxes=np.array([row[2] for row in rows]).reshape(-1, 4),
        )
        return replace(self, frames=frames, truth=truth)

    def _painted(self, wall, coats, present, shift) -> NDArray[np.uint8]:
        x, y = 40 - shift
        image = wall[y : y + HEIGHT, x : x + WIDTH].copy()
        for k in sorted(present, key=lambda k: self.walkers[k].feet):
            x1, y1, x2, y2 = np.round(present[k]).astype(int)
            coat = np.kron(coats[k], np.ones((-(-(y2 - y1) // 40), -(-(x2 - x1) // 16), 1), np.uint8))
            left, top = max(x1, 0), max(y1, 0)
            area = image[top : max(y2, 0), left : max(x2, 0)]
            area[:] = coat[top - y1 :, left - x1 :][: area.shape[0], : area.shape[1]]
        return image

    def _seen(self, present, time, rng) -> Poses:
        boxes, scores = [], []
        for k, box in present.items():
            hidden = max((_covered(box, other) for j, other in present.items()
                          if self.walkers[j].feet > self.walkers[k].feet), default=0.0)  # fmt: skip
            blind = self.blind[0] <= time < self.blind[1]
            if blind or hidden > self.hidden_from or rng.random() < self.missed:
                continue
            noisy = box + rng.normal(0, self.jitter * self.walkers[k].height, 4)
            boxes.append(noisy)
            scores.append(np.clip(0.9 - 0.6 * hidden + rng.normal(0, 0.03), 0.1, 1))
            if rng.random() < self.duplicated:
                boxes.append(noisy + rng.normal(0, 0.03 * self.walkers[k].height, 4))
                scores.append(0.45)
        return people_in(np.array(boxes).reshape(-1, 4), np.array(scores))


def people_in(boxes: NDArray[np.floating], scores: NDArray[np.floating]) -> Poses:
    """Return people who stand upright in boxes."""
    corners, sides = boxes[:, None, :2], (boxes[:, 2:] - boxes[:, :2])[:, None]
    return Poses(
        keypoints=corners + STANDING * sides,
        keypoint_scores=np.tile(np.asarray(scores)[:, None], (1, len(STANDING))),
        boxes=boxes,
        box_scores=scores,
        scores=scores,
    )


def _covered(box, other) -> float:
    inner = np.maximum(np.minimum(box[2:], other[2:]) - np.maximum(box[:2], other[:2]), 0)
    return float(inner.prod() / (box[2:] - box[:2]).prod())


@pytest.fixture(scope="session")
def coco17() -> Skeleton:
    return load_skeleton("coco17")


@pytest.fixture(scope="session")
def make_people() -> Callable[..., Poses]:
    return people_in


@pytest.fixture(scope="session")
def scenes() -> dict[str, Scene]:
    """Every scene by name, played once."""
    crossing = [Walker(90, 250, 70), Walker(390, 262, -70)]
    near = Walker(240, 300, 0, height=200)
    table = {
        "crossing": Scene(crossing),
        "overtaking": Scene([Walker(60, 250, 80), Walker(140, 256, 40)]),
        "occlusion of a second": Scene([Walker(60, 240, 60), near], seconds=6),
        "occlusion of a second at 10 fps": Scene([Walker(60, 240, 60), near], seconds=6, rate=10),
        "turning back behind somebody": Scene([Walker(60, 240, 60, turns_at=2.9), near], seconds=6),
        "turning back behind somebody at 10 fps": Scene(
            [Walker(60, 240, 60, turns_at=2.9), near], seconds=6, rate=10
        ),
        "leaving and returning": Scene([Walker(120, 250, 0, away=(1.5, 2.5)), Walker(330, 255, -15)]),
        "camera shake": Scene([Walker(100, 250, 50), Walker(300, 255, -20), Walker(390, 262, -60)], shake=6),
        "30 % missed": Scene([*crossing, Walker(240, 240, 20)], missed=0.3),
        "duplicates": Scene([*crossing, Walker(240, 240, 20)], duplicated=0.3),
        "nobody detected for half a second": Scene(crossing, blind=(1.0, 1.5)),
    }
    return {name: scene.played() for name, scene in table.items()}


@pytest.fixture(scope="session")
def switches() -> Callable[..., int]:
    """A function that counts identity switches of a tracker in a scene, corrections included."""

    def count(tracker, scene: Scene) -> int:
        said = {frame.index: tracker.update(frame, poses) for frame, poses in scene.frames}
        said.update(tracker.finish())
        assert scene.truth is not None
        return clear_mot(compare_boxes(scene.truth, tracked_boxes(sorted(said.items())))).switches

    return count
