"""A skeleton: which keypoints a person has, how they join, mirror and spread. Data, not code."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

import numpy as np

from sitepose.core.errors import ConfigError, did_you_mean
from sitepose.core.structures import FloatArray, IntArray


@dataclass(frozen=True, eq=False, slots=True)
class Skeleton:
    """The keypoints of one data set or network, in its order.

    Attributes:
        name: Name of the skeleton, ``coco17``.
        keypoint_names: K names, ``left_shoulder``.
        edges: Pairs of keypoints that are drawn as a line, shape (E, 2).
        flip_indices: For each keypoint the one that it becomes in the mirrored picture, shape (K,).
        oks_sigmas: COCO's per-keypoint deviation (``.026`` for the nose), shape (K,).
        maps: For other skeletons by name: which of our keypoints is each of theirs, -1 where we have none.
    """

    name: str
    keypoint_names: tuple[str, ...]
    edges: IntArray
    flip_indices: IntArray
    oks_sigmas: FloatArray
    maps: Mapping[str, tuple[int, ...]] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        count = len(self.keypoint_names)
        edges = np.asarray(self.edges, np.int64).reshape(-1, 2)
        flip = np.asarray(self.flip_indices, np.int64)
        sigmas = np.asarray(self.oks_sigmas, np.float32)
        if flip.shape != (count,) or (flip[flip] != np.arange(count)).any():
            raise ValueError(
                f"skeleton {self.name!r}: mirroring twice does not give the {count} keypoints back"
            )
        if sigmas.shape != (count,) or (sigmas <= 0).any():
            raise ValueError(
                f"skeleton {self.name!r}: {sigmas.size} oks_sigmas, expected {count} positive ones"
            )
        if edges.size and (edges.min() < 0 or edges.max() >= count):
            raise ValueError(f"skeleton {self.name!r}: an edge names a keypoint beyond {count - 1}")
        for name, array in (("edges", edges), ("flip_indices", flip), ("oks_sigmas", sigmas)):
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    def __len__(self) -> int:
        return len(self.keypoint_names)

    @property
    def num_keypoints(self) -> int:
        """K, the number of keypoints."""
        return len(self.keypoint_names)

    def index(self, keypoint_name: str) -> int:
        """Return the place of a keypoint.

        >>> load_skeleton("coco17").index("left_wrist")
        9
        """
        return self.keypoint_names.index(keypoint_name)

    def indices_in(self, other: Skeleton) -> IntArray:
        """Return, for each keypoint of ``other``, which of ours it is; -1 where we have none.

        The named map is used where there is one, else equal names are matched.

        >>> load_skeleton("coco17").indices_in(load_skeleton("common12"))[:3]
        array([5, 6, 7])
        """
        if other.name in self.maps:
            return np.asarray(self.maps[other.name], np.int64)
        place = {name: i for i, name in enumerate(self.keypoint_names)}
        return np.asarray([place.get(name, -1) for name in other.keypoint_names], np.int64)


@cache
def load_skeleton(name: str) -> Skeleton:
    """Return a skeleton that ships with Sitepose.

    Raises:
        ConfigError: There is none of this name.

    >>> load_skeleton("coco17").num_keypoints
    17
    """
    file = resources.files("sitepose.core.skeletons") / f"{name}.toml"
    if not file.is_file():
        raise ConfigError(f"unknown skeleton {name!r}; {did_you_mean(name, skeleton_names())}")
    return skeleton_from_table(name, tomllib.loads(file.read_text(encoding="utf-8")))


def skeleton_names() -> list[str]:
    """Return the names of the skeletons that ship with Sitepose, sorted."""
    files = resources.files("sitepose.core.skeletons").iterdir()
    return sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml"))


def skeleton_from_table(name: str, table: Mapping[str, Any]) -> Skeleton:
    """Build a skeleton from a TOML table that speaks in names.

    Args:
        name: Name of the skeleton.
        table: ``keypoints`` (names), ``edges`` and ``flip_pairs`` (pairs of names), ``oks_sigmas``, and
            optionally ``maps`` (other skeleton -> our keypoint's name for each of theirs, "" for none).

    Raises:
        ConfigError: The table does not describe a skeleton.
    """
    try:
        names = tuple(str(keypoint) for keypoint in _list(table["keypoints"]))
        place = {keypoint: i for i, keypoint in enumerate(names)}
        flip = np.arange(len(names))
        for left, right in _list(table["flip_pairs"]):
            flip[[place[left], place[right]]] = place[right], place[left]
        maps = table.get("maps", {})
        return Skeleton(
            name=name,
            keypoint_names=names,
            edges=np.array([[place[a], place[b]] for a, b in _list(table["edges"])], np.int64).reshape(-1, 2),
            flip_indices=flip,
            oks_sigmas=np.array(table["oks_sigmas"], np.float32),
            maps=MappingProxyType(
                {
                    other: tuple(place[ours] if ours else -1 for ours in _list(row))
                    for other, row in dict(maps).items()
                }
            ),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"skeleton {name!r}: {type(error).__name__}: {error}") from error


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"expected a list, not {value!r}")
    return value
