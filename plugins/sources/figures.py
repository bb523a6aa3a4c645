"""People made of bars and circles who walk to and fro, and whose every keypoint is known."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sitepose.core.skeleton import Skeleton, load_skeleton
from sitepose.core.structures import FloatArray, Poses

Reals = NDArray[np.float64]

HEAD_RADIUS = 0.07
"""Half of the head's height, in statures."""

LIMB_RADIUS = 0.022
"""Half the thickness of arms and legs, in statures."""

STRIDE = 0.8
"""Statures that a walker moves on in two steps; adults walk at .7 to .9."""

_STEADY = {
    "nose": (0.0, 0.91),
    "left_eye": (0.022, 0.936),
    "right_eye": (-0.022, 0.936),
    "left_ear": (0.055, 0.925),
    "right_ear": (-0.055, 0.925),
    "left_shoulder": (0.11, 0.818),
    "right_shoulder": (-0.11, 0.818),
    "left_hip": (0.06, 0.53),
    "right_hip": (-0.06, 0.53),
}
"""What does not swing: to the picture's right and up from the ground, in statures (Drillis & Contini, 1966)."""


class _Limb(NamedTuple):
    """An arm or leg: its keypoints from the body outwards, lengths in statures, angles in radians."""

    keypoints: tuple[str, str, str]
    lengths: tuple[float, float]
    phase: float
    swing: float
    bend: float


_LIMBS = (
    _Limb(("left_shoulder", "left_elbow", "left_wrist"), (0.186, 0.146), np.pi, 0.35, 0.4),
    _Limb(("right_shoulder", "right_elbow", "right_wrist"), (0.186, 0.146), 0.0, 0.35, 0.4),
    _Limb(("left_hip", "left_knee", "left_ankle"), (0.245, 0.246), 0.0, 0.45, -0.4),
    _Limb(("right_hip", "right_knee", "right_ankle"), (0.245, 0.246), np.pi, 0.45, -0.4),
)
"""Arms swing against the leg of their side; elbows bend forwards, knees backwards."""


class _Walkers(NamedTuple):
    """What differs from person to person, each of shape (P,)."""

    statures: Reals  # pixels
    grounds: Reals  # y of the feet, pixels
    speeds: Reals  # statures per second
    starts: Reals  # 0..2, places on the way there and back
    phases: Reals  # of the first step, radians


class Crowd:
    """Walkers of different size and pace, facing the camera; the same for the same seed.

    Args:
        people: How many.
        size_wh: Width and height of the frame in pixels.
        frame_rate: Frames per second.
        seed: Any number.
    """

    def __init__(self, people: int, size_wh: tuple[int, int], frame_rate: float, seed: int = 0) -> None:
        self.people = people
        self.skeleton = load_skeleton("coco17")
        self._size_wh = size_wh
        self._frame_rate = frame_rate
        self._walkers = _walkers(people, size_wh[1], seed)

    @property
    def statures(self) -> Reals:
        """How tall each walker is in pixels, shape (P,)."""
        return self._walkers.statures

    def at(self, index: int) -> Poses:
        """Return everybody in a frame; row and track id are the walker's number."""
        statures = self.statures[:, None, None]
        walked, x, directions = self._places(index)
        phases = self._walkers.phases + 2 * np.pi * walked / STRIDE
        feet = np.stack([x, self._walkers.grounds], axis=1)[:, None]
        keypoints = feet + statures * _figures(phases, directions, self.skeleton) * (1, -1)
        ones = np.ones(self.people, np.float32)
        return Poses(
            keypoints=keypoints.astype(np.float32),
            keypoint_scores=np.ones(keypoints.shape[:2], np.float32),
            boxes=_outlines(keypoints, self.statures).astype(np.float32),
            box_scores=ones,
            scores=ones,
            track_ids=np.arange(self.people),
        )

    def _places(self, index: int) -> tuple[Reals, Reals, Reals]:
        """Return statures walked so far, x in pixels, and the direction as +1 or -1, each of shape (P,)."""
        walked = self._walkers.speeds * index / self._frame_rate
        margins = 0.35 * self.statures  # arms and legs at full swing stay in the frame
        ways = np.maximum(self._size_wh[0] - 1 - 2 * margins, 1.0)
        laps = np.mod(self._walkers.starts + walked * self.statures / ways, 2.0)
        return walked, margins + ways * (1 - np.abs(1 - laps)), np.where(laps < 1, 1.0, -1.0)


def _walkers(people: int, height: int, seed: int) -> _Walkers:
    random = np.random.default_rng(seed)
    depths = random.uniform(0.0, 1.0, people)  # 0 at the back, 1 at the front
    return _Walkers(
        statures=height * (0.35 + 0.25 * depths),
        grounds=height * (0.62 + 0.33 * depths),
        speeds=random.uniform(0.6, 0.95, people),
        starts=random.uniform(0.0, 2.0, people),
        phases=random.uniform(0.0, 2 * np.pi, people),
    )


def head_centers(keypoints: Reals | FloatArray, statures: Reals) -> FloatArray:
    """Return the middle of each head, shape (P, 2): above the nose, so that the head ends at the stature."""
    up = (1 - HEAD_RADIUS - _STEADY["nose"][1]) * statures
    return np.asarray(keypoints[:, 0] - np.stack([np.zeros_like(up), up], axis=1), np.float32)


def _figures(phases: Reals, directions: Reals, skeleton: Skeleton) -> Reals:
    """Return keypoints to the right of and up from the ground below each body, in statures, shape (P, K, 2)."""
    figures = np.zeros((len(phases), skeleton.num_keypoints, 2))
    for name, place in _STEADY.items():
        figures[:, skeleton.index(name)] = place
    for limb in _LIMBS:
        inner, middle, outer = (skeleton.index(name) for name in limb.keypoints)
        swing = limb.swing * np.sin(phases + limb.phase)
        bend = limb.bend * (1 - np.cos(phases + limb.phase)) / 2
        figures[:, middle] = figures[:, inner] + limb.lengths[0] * _down(directions * swing)
        figures[:, outer] = figures[:, middle] + limb.lengths[1] * _down(directions * (swing + bend))
    return figures


def _down(angles: Reals) -> Reals:
    """Return unit vectors that hang down, turned to the right by ``angles``, shape (P, 2)."""
    return np.stack([np.sin(angles), -np.cos(angles)], axis=1)


def _outlines(keypoints: Reals, statures: Reals) -> Reals:
    """Return the box around each figure as it is drawn, ``xyxy``, shape (P, 4)."""
    limb, head = (radius * statures[:, None] for radius in (LIMB_RADIUS, HEAD_RADIUS))
    centers = head_centers(keypoints, statures)
    low = np.minimum(keypoints[:, 5:].min(axis=1, initial=np.inf) - limb, centers - head)
    high = np.maximum(keypoints[:, 5:].max(axis=1, initial=-np.inf) + limb, centers + head)
    return np.concatenate([low, high], axis=1)
