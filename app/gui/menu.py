"""What there is to choose from: detectors, pose networks, pose-NMS, trackers, with their settings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

from sitepose.app.choices import NONE, choose
from sitepose.app.config import PartConfig
from sitepose.core.errors import PluginError, SiteposeError
from sitepose.core.settings import Settings
from sitepose.models.zoo.card import card_names, load_card
from sitepose.plugins.registry import Kind, plugin_rows
from sitepose.tracking.pose_nms.methods import POSE_NMS_METHODS, pose_nms_method

Part = Literal["detector", "pose", "nms", "tracker"]

PARTS: tuple[Part, ...] = ("detector", "pose", "nms", "tracker")

TITLES: dict[Part, str] = {
    "detector": "Detector",
    "pose": "Pose network",
    "nms": "Pose-NMS",
    "tracker": "Tracker",
}

NEEDS_A_FILE = frozenset(("groundtruth", "detections", "heatmap"))
"""Plug-ins that are nothing without a file: chosen on the command line, not in a menu."""


@dataclass(frozen=True, slots=True)
class Option:
    """One thing to choose.

    Attributes:
        name: As on the command line.
        summary: One line for people.
        problem: Why it cannot be used; empty where it can.
    """

    name: str
    summary: str = ""
    problem: str = ""


@cache
def options(part: Part) -> tuple[Option, ...]:
    """Return what there is for a part: model cards first, as people look for networks by these names."""
    if part == "nms":
        return tuple(Option(name) for name in POSE_NMS_METHODS)
    cards = [load_card(name) for name in card_names()]
    found = [Option(card.name, card.summary, _problem(part, card.name)) for card in cards if card.kind == part]
    kind: Kind = part
    plugins_of_cards = {card.plugin for card in cards}
    names = [name for name in plugin_rows(kind) if name not in NEEDS_A_FILE | plugins_of_cards]
    found += [Option(name, problem=_problem(part, name)) for name in names]
    if part == "pose":
        found.append(Option(NONE, "the keypoints of a one-stage detector"))
    return tuple(found)


def settings_of(part: Part, config: PartConfig) -> type[Settings] | None:
    """Return the class of a part's settings; None where it has none or cannot be loaded."""
    try:
        if part == "nms":
            return pose_nms_method(config.name).settings
        if part == "pose" and config.name == NONE:
            return None
        return choose(part, PartConfig(name=config.name)).plugin.Settings  # type: ignore[no-any-return]
    except SiteposeError:
        return None


def _problem(part: Kind, name: str) -> str:
    try:
        choose(part, PartConfig(name=name))
    except PluginError as error:
        return " ".join(str(error).split())
    return ""
