"""What a random search over pose-NMS settings may try."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from sitepose.app.config import merge
from sitepose.core.errors import ConfigError
from sitepose.core.settings import check
from sitepose.tracking.pose_nms.methods import PoseNmsMethod
from sitepose.tracking.pose_nms.scoring import PoseNmsSettings

MAX_DRAWS = 1000
"""Draws for one setting that may break its rules (eta above 1 - a) before the space itself must be wrong."""


@dataclass(frozen=True, slots=True)
class Range:
    """The values that a setting may take.

    Attributes:
        key: Name of the setting, dotted for settings within settings.
        low: Smallest value.
        high: Largest value.
        scale: Whether equal steps, equal ratios, or whole numbers are equally likely.
    """

    key: str
    low: float
    high: float
    scale: Literal["linear", "log", "whole"] = "linear"

    def draw(self, rng: np.random.Generator) -> float | int:
        """Return a random value."""
        if self.scale == "whole":
            return int(rng.integers(int(self.low), int(self.high) + 1))
        if self.scale == "log":
            return float(np.exp(rng.uniform(np.log(self.low), np.log(self.high))))
        return float(rng.uniform(self.low, self.high))


SPACES: Mapping[tuple[str, str | None], Sequence[Range]] = MappingProxyType(
    {
        ("parametric", "normalized"): (
            Range("normalized.score_scale", 0.05, 2.0, "log"),
            Range("normalized.distance_scale", 0.1, 10.0, "log"),
            Range("normalized.score_weight", 0.0, 0.9),
            Range("normalized.eta", 0.02, 0.95),
            Range("normalized.merge_limit", 0.1, 3.0, "log"),
        ),
        ("parametric", "published"): (
            Range("published.score_scale", 0.05, 2.0, "log"),
            Range("published.distance_scale", 0.5, 20.0, "log"),
            Range("published.distance_weight", 0.3, 5.0, "log"),
            Range("published.eta", 2.0, 40.0, "log"),
            Range("published.matches", 3, 14, "whole"),
            Range("published.match_limit", 3.0, 30.0, "log"),
            Range("published.merge_limit", 5.0, 40.0, "log"),
        ),
        ("km", "paper"): (
            Range("node_factor", 0.3, 10.0, "log"),
            Range("min_peak_score", 0.02, 0.3, "log"),
            Range("strength_power", 0.0, 3.0),
            Range("min_share", 0.1, 0.95),
            Range("min_keypoints", 1, 5, "whole"),
        ),
        ("km", "top-peak"): (
            Range("min_peak_score", 0.02, 0.3, "log"),
            Range("min_score", 0.01, 0.5, "log"),
            Range("min_keypoints", 1, 5, "whole"),
        ),
        ("oks", None): (Range("threshold", 0.2, 0.98), Range("min_keypoint_score", 0.0, 0.4)),
        ("soft-oks", None): (Range("spread", 0.05, 2.0, "log"), Range("min_keypoint_score", 0.0, 0.4)),
    }
)
"""By method and form. Parameters that the publications tune are here, with room around their values."""


def space_of(method: PoseNmsMethod, settings: PoseNmsSettings) -> Sequence[Range]:
    """Return what may be searched for a method in the form that its settings name.

    Raises:
        ConfigError: There is nothing to fit.
    """
    key = (method.name, getattr(settings, "form", None))
    if key not in SPACES:
        raise ConfigError(f"pose NMS {method.name!r} has no settings to fit")
    return SPACES[key]


def draw_settings(
    rng: np.random.Generator, method: PoseNmsMethod, space: Sequence[Range], fixed: Mapping[str, Any]
) -> PoseNmsSettings:
    """Return random settings that the method's class accepts.

    Args:
        rng: Where the numbers come from.
        method: Whose settings.
        space: What is drawn.
        fixed: What is kept; a key in both is kept as it is here.
    """
    for _ in range(MAX_DRAWS):
        try:
            return check(method.settings, _table(rng, space, fixed), where="search:")
        except ConfigError as error:
            refused = error
    raise ConfigError(f"no settings of {MAX_DRAWS} drawn are allowed, the last: {refused}") from refused


def middle_of(
    settings: Sequence[PoseNmsSettings], method: PoseNmsMethod, space: Sequence[Range], fixed: Mapping[str, Any]
) -> PoseNmsSettings:
    """Return settings with the median of each searched value, or the first where that is not allowed."""
    table: dict[str, Any] = {}
    for one in space:
        median = float(np.median([_value(each, one.key) for each in settings]))
        merge(table, _nested(one.key, round(median) if one.scale == "whole" else median))
    merge(table, fixed)
    try:
        return check(method.settings, table, where="search:")
    except ConfigError:
        return settings[0]


def _table(rng: np.random.Generator, space: Sequence[Range], fixed: Mapping[str, Any]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for one in space:
        merge(table, _nested(one.key, one.draw(rng)))
    merge(table, fixed)
    return table


def _nested(key: str, value: Any) -> dict[str, Any]:
    for part in reversed(key.split(".")):
        value = {part: value}
    return dict(value)


def _value(settings: PoseNmsSettings, key: str) -> Any:
    value: Any = settings
    for part in key.split("."):
        value = getattr(value, part)
    return value
