"""Which plug-ins there are: built-in tables and entry points. Nothing is imported until asked for."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal, get_args

from sitepose.core.errors import PluginError, UnknownPluginError, did_you_mean

Kind = Literal["detector", "pose", "source", "tracker"]

BUILT_IN: Mapping[Kind, Mapping[str, str]] = {
    "detector": {
        "centernet": "sitepose.plugins.detectors.centernet:CenterNetDetector",
        "centerpose": "sitepose.plugins.detectors.centerpose:CenterPoseDetector",
        "detections": "sitepose.plugins.detectors.detections:DetectionsFile",
        "efficientdet_d0": "sitepose.plugins.detectors.efficientdet:EfficientDetD0",
        "efficientdet_d1": "sitepose.plugins.detectors.efficientdet:EfficientDetD1",
        "efficientdet_d2": "sitepose.plugins.detectors.efficientdet:EfficientDetD2",
        "efficientdet_d3": "sitepose.plugins.detectors.efficientdet:EfficientDetD3",
        "efficientdet_d4": "sitepose.plugins.detectors.efficientdet:EfficientDetD4",
        "efficientdet_d5": "sitepose.plugins.detectors.efficientdet:EfficientDetD5",
        "efficientdet_d6": "sitepose.plugins.detectors.efficientdet:EfficientDetD6",
        "efficientdet_d7": "sitepose.plugins.detectors.efficientdet:EfficientDetD7",
        "groundtruth": "sitepose.plugins.detectors.groundtruth:GroundTruth",
        "movenet_multipose": "sitepose.plugins.detectors.movenet_multipose:MoveNetMultiPose",
        "picodet": "sitepose.plugins.detectors.picodet:PicoDetDetector",
        "yolo": "sitepose.plugins.detectors.yolo:YoloDetector",
        "yolo-pose": "sitepose.plugins.detectors.yolo:YoloPose",
        "yolox": "sitepose.plugins.detectors.yolox:YoloxDetector",
    },
    "pose": {
        "heatmap": "sitepose.plugins.poses.heatmap:HeatmapPose",
    },
    "source": {
        "images": "sitepose.plugins.sources.images:ImageFolder",
        "synthetic": "sitepose.plugins.sources.synthetic:SyntheticSource",
        "video": "sitepose.plugins.sources.video:VideoFile",
    },
    "tracker": {
        "botsort": "sitepose.plugins.trackers.package:BotSort",
        "bytetrack": "sitepose.plugins.trackers.package:ByteTrack",
        "cbiou": "sitepose.plugins.trackers.package:CBiou",
        "none": "sitepose.plugins.trackers.own:NoTracking",
        "ocsort": "sitepose.plugins.trackers.package:OcSort",
        "oks-sort": "sitepose.plugins.trackers.own:OksSort",
        "poseflow": "sitepose.plugins.trackers.poseflow:PoseFlow",
        "poseflow-naive": "sitepose.plugins.trackers.poseflow:PoseFlowNaive",
        "poseflow-offline": "sitepose.plugins.trackers.poseflow:PoseFlowOffline",
    },
}


@dataclass(frozen=True, slots=True)
class PluginRow:
    """One plug-in as announced, not yet imported.

    Attributes:
        kind: What it is for.
        name: Name to choose it by.
        target: ``module:Class``.
        origin: Name of the distribution that announces it.
        version: Version of that distribution.
    """

    kind: Kind
    name: str
    target: str
    origin: str
    version: str


def plugin_rows(kind: Kind) -> dict[str, PluginRow]:
    """Return every plug-in of a kind by name; built-in names cannot be taken by others.

    Raises:
        PluginError: Two distributions announce the same name.
    """
    rows = {name: PluginRow(kind, name, target, "sitepose", "") for name, target in BUILT_IN[kind].items()}
    for entry in _entries(kind):
        origin = entry.dist.name if entry.dist else "unknown"
        version = entry.dist.version if entry.dist else ""
        if entry.name in rows:
            taken = rows[entry.name].origin
            raise PluginError(f"{kind} {entry.name!r} is announced by both {taken} and {origin}; remove one")
        rows[entry.name] = PluginRow(kind, entry.name, entry.value, origin, version)
    return dict(sorted(rows.items()))


def load_plugin(kind: Kind, name: str) -> type[Any]:
    """Import and return the class of a plug-in.

    Raises:
        UnknownPluginError: There is none of this name.
        PluginError: It cannot be imported; the message says how to mend it.
    """
    rows = plugin_rows(kind)
    if name not in rows:
        raise UnknownPluginError(f"unknown {kind} {name!r}; {did_you_mean(name, rows)}")
    row = rows[name]
    module, _, attribute = row.target.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)  # type: ignore[no-any-return]
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise PluginError(f"{kind} {name!r} of {row.origin} cannot be loaded: {reason}") from error


def kinds() -> tuple[Kind, ...]:
    """Return all kinds of plug-ins."""
    return get_args(Kind)


@cache
def _entries(kind: Kind) -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=f"sitepose.{kind}s"))
