"""The trackers of benchmarks/tracking.py: what may be searched in each, and the settings that were frozen."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tracking_sequences import SKELETON

from sitepose.core.settings import check
from sitepose.models.runtimes.workers import Workers
from sitepose.plugins.api import PluginContext, Tracker
from sitepose.plugins.registry import load_plugin

FROZEN = Path(__file__).with_name("tracking_frozen.json")
"""Settings found by ``--search``, for each candidate by its label."""

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A tracker and what may be searched in it.

    Attributes:
        label: Name in the tables.
        plugin: Name of the plug-in.
        space: For each setting the range it is drawn from, uniformly; whole numbers where both ends are.
            Empty for settings that are not up for search.
        offline: Whether it looks ahead, and so belongs in a table of its own.
        fixed: Settings that are not searched.
    """

    label: str
    plugin: str
    space: Mapping[str, Range]
    offline: bool = False
    fixed: Mapping[str, Any] | None = None

    def make(self, settings: Mapping[str, Any]) -> Tracker:
        """Return the tracker with these settings."""
        plugin = load_plugin("tracker", self.plugin)
        checked = check(plugin.Settings, {**(self.fixed or {}), **settings}, where=self.label)
        tracker: Tracker = plugin(checked, PluginContext(workers=_NO_WORKERS, skeleton=SKELETON))
        return tracker

    def draws(self, count: int) -> list[dict[str, Any]]:
        """Return random settings, always the same ones."""
        rng = np.random.default_rng(zlib.crc32(self.label.encode()))
        return [{name: _draw(rng, ends) for name, ends in self.space.items()} for _ in range(count)]

    def frozen(self) -> dict[str, Any] | None:
        """Return the settings that the search chose; None where none was run, and the defaults are used."""
        chosen = json.loads(FROZEN.read_text(encoding="utf-8")).get(self.label) if FROZEN.is_file() else None
        return None if chosen is None else dict(chosen)


def freeze(chosen: Mapping[str, Mapping[str, Any]]) -> None:
    """Write the settings of some candidates, leaving those of others as they are."""
    known = json.loads(FROZEN.read_text(encoding="utf-8")) if FROZEN.is_file() else {}
    known.update(chosen)
    FROZEN.write_text(json.dumps(dict(sorted(known.items())), indent=1) + "\n", encoding="utf-8")


def _draw(rng: np.random.Generator, ends: Range) -> float | int:
    low, high = ends
    if isinstance(low, int) and isinstance(high, int):
        return int(rng.integers(low, high + 1))
    return round(float(rng.uniform(low, high)), 3)


_NO_WORKERS = Workers(1)

# The ranges of the package's trackers are those that it gives to its own tuner (2.6), but that OC-SORT may also
# report people at their first or second sighting: from the third on, as there, every dropout costs it two.
_BUFFER: Range = (10 / 30, 3.0)
_THREE_ROUNDS: Mapping[str, Range] = {
    "max_lost_s": _BUFFER,
    "birth_score": (0.1, 0.9),
    "min_iou_first": (0.05, 0.7),
    "min_iou_second": (0.05, 0.7),
    "min_iou_unconfirmed": (0.05, 0.7),
    "high_score": (0.3, 0.8),
    "min_hits": (1, 3),
}
_OURS: Mapping[str, Range] = {
    "high_score": (0.3, 0.7),
    "birth_score": (0.35, 0.8),
    "instant_score": (0.55, 0.95),
    "min_affinity": (0.05, 0.4),
    "low_window_s": (0.04, 1.0),
    "max_lost_s": (0.4, 3.0),
    "min_affinity_lost": (0.0, 0.2),
}

CANDIDATES: tuple[Candidate, ...] = (
    Candidate(
        "oks-sort",
        "oks-sort",
        {
            **_OURS,
            "place_weight": (0.0, 0.8),
            "pose_weight": (0.0, 0.9),
            "direction_weight": (0.0, 0.2),
            "lost_penalty": (0.0, 0.3),
            "pose_evidence": (0.0, 0.8),
            "min_affinity_low": (0.2, 0.7),
        },
    ),
    Candidate("oks-sort, shipped", "oks-sort", {}),
    Candidate("oks-sort, shipped, by colour too", "oks-sort", {}, fixed={"appearance": "color"}),
    Candidate(
        "poseflow",
        "poseflow",
        {
            **_OURS,
            "place_weight": (0.0, 0.8),
            "pose_weight": (0.0, 0.9),
            "lost_penalty": (0.0, 0.3),
            "pose_evidence": (0.0, 0.8),
            "flow_weight": (0.0, 0.9),
            "weak_penalty": (0.0, 0.5),
        },
    ),
    Candidate("poseflow, shipped", "poseflow", {}),
    Candidate(
        "poseflow-naive, without points",
        "poseflow-naive",
        {
            "min_score": (0.1, 0.7),
            "link_frames": (10, 100),
            "num": (3, 12),
            "mag": (10.0, 60.0),
            "min_match": (0.0, 1.5),
        },
        fixed={"features": 0},
    ),
    Candidate(
        "poseflow-offline",
        "poseflow-offline",
        {
            "flow_score": (0.1, 0.6),
            "min_start": (0.5, 2.4),
            "min_arrival": (0.1, 0.7),
            "min_gain": (0.0, 1.0),
            "look_ahead": (3, 10),
            "window": (5, 30),
            "stitch_s": (0.0, 3.0),
            "min_stitch": (0.1, 0.7),
            "min_sightings": (1, 6),
        },
        offline=True,
    ),
    Candidate(
        "ByteTrack",
        "bytetrack",
        {
            "max_lost_s": _BUFFER,
            "birth_score": (0.1, 0.9),
            "min_iou": (0.05, 0.7),
            "high_score": (0.3, 0.8),
            "min_hits": (1, 3),
        },
    ),
    Candidate(
        "OC-SORT",
        "ocsort",
        {
            "max_lost_s": (10 / 30, 2.0),
            "min_iou": (0.1, 0.5),
            "min_hits": (1, 5),
            "direction_weight": (0.0, 0.5),
            "high_score": (0.4, 0.8),
            "delta_t": (1, 3),
        },
    ),
    Candidate("BoT-SORT", "botsort", {**_THREE_ROUNDS, "downscale": (1, 3)}),
    Candidate(
        "C-BIoU",
        "cbiou",
        {**_THREE_ROUNDS, "min_hits": (1, 2), "buffer_first": (0.0, 0.7), "buffer_second": (0.0, 0.7)},
    ),
)
