"""Which plug-ins there are: built-in tables and entry points. Nothing is imported until asked for."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal, get_args

from sitepose.core.errors import PluginError, UnknownPluginError, did_you_mean
from sitepose.core.settings import Settings

Kind = Literal["detector", "pose", "source", "tracker"]

OURS = "sitepose"
"""The distribution of the built-in plug-ins."""

BUILT_IN: Mapping[Kind, Mapping[str, str]] = {
    "detector": {
        "centernet": "sitepose.plugins.detectors.centernet:CenterNetDetector",
        "centerpose": "sitepose.plugins.detectors.centerpose:CenterPoseDetector",
        "detections": "sitepose.plugins.detectors.detections:DetectionsFile",
        "dfine": "sitepose.plugins.detectors.detr:DFine",
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
        "rtdetr": "sitepose.plugins.detectors.detr:RtDetr",
        "rtmdet": "sitepose.plugins.detectors.rtmdet:RtmDetDetector",
        "rtmo": "sitepose.plugins.detectors.rtmo:RtmoDetector",
        "yolo": "sitepose.plugins.detectors.yolo:YoloDetector",
        "yolo-pose": "sitepose.plugins.detectors.yolo:YoloPose",
        "yolox": "sitepose.plugins.detectors.yolox:YoloxDetector",
    },
    "pose": {
        "heatmap": "sitepose.plugins.poses.heatmap:HeatmapPose",
    },
    "source": {
        "gstreamer": "sitepose.plugins.sources.live.gstreamer:GStreamerSource",
        "images": "sitepose.plugins.sources.images:ImageFolder",
        "opencv": "sitepose.plugins.sources.live.opencv:OpenCvSource",
        "pyav": "sitepose.plugins.sources.live.libav:PyAvSource",
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


METHODS: Mapping[Kind, tuple[str, ...]] = {
    "detector": ("detect", "close"),
    "pose": ("estimate", "close"),
    "source": (),
    "tracker": ("update", "finish", "reset"),
}
"""What a class must be able to do; the protocols of :mod:`sitepose.plugins.api` say how."""


@dataclass(frozen=True, slots=True)
class PluginRow:
    """One plug-in as announced, not yet imported.

    Attributes:
        kind: What it is for.
        name: Name to choose it by.
        target: ``module:Class``.
        origin: Name of the distribution that announces it.
        version: Version of that distribution.
        problem: Why it cannot be chosen whatever is in it; empty where it can.
    """

    kind: Kind
    name: str
    target: str
    origin: str
    version: str
    problem: str = ""


def plugin_rows(kind: Kind) -> dict[str, PluginRow]:
    """Return what each name of a kind stands for; a built-in name always for the built-in plug-in."""
    # The last of equal keys stays: those without a problem.
    rows = sorted(announced_rows(kind), key=lambda row: (row.name, not row.problem))
    return {row.name: row for row in rows}


def announced_rows(kind: Kind) -> list[PluginRow]:
    """Return every plug-in of a kind by name, also those whose name another one has."""
    ours = [PluginRow(kind, name, target, OURS, "") for name, target in BUILT_IN[kind].items()]
    theirs = [
        PluginRow(kind, entry.name, entry.value, entry.dist.name, entry.dist.version)
        if entry.dist
        else PluginRow(kind, entry.name, entry.value, "unknown", "")
        for entry in _entries(kind)
    ]
    origins: dict[str, list[str]] = {}
    for row in theirs:
        origins.setdefault(row.name, []).append(row.origin)
    told = [replace(row, problem=_clash(row, sorted(origins[row.name]))) for row in theirs]
    return sorted([*ours, *told], key=lambda row: (row.name, row.origin != OURS, row.origin))


def load_plugin(kind: Kind, name: str) -> type[Any]:
    """Import and return the class of a plug-in.

    Raises:
        UnknownPluginError: There is none of this name.
        PluginError: It cannot be imported or is no plug-in; the message says how to mend it.
    """
    rows = plugin_rows(kind)
    if name not in rows:
        raise UnknownPluginError(f"unknown {kind} {name!r}; {did_you_mean(name, rows)}")
    return load_row(rows[name])


def load_row(row: PluginRow) -> type[Any]:
    """Import and return the class that a row announces.

    Raises:
        PluginError: It cannot be imported or is no plug-in; the message says how to mend it.
    """
    if row.problem:
        raise PluginError(row.problem)
    module, _, attribute = row.target.partition(":")
    try:
        plugin: type[Any] = getattr(importlib.import_module(module), attribute)
    except (Exception, SystemExit) as error:  # the edge of a plug-in: importing it may do anything at all
        raise PluginError(
            f"{row.kind} {row.name!r} of {row.origin} cannot be loaded: {brief(error)}"
        ) from error
    if fault := _fault(row.kind, plugin):
        raise PluginError(f"{row.kind} {row.name!r} of {row.origin} is no {row.kind}: {fault}")
    return plugin


def check_started(kind: Kind, name: str, plugin: Any) -> None:
    """Hold a plug-in that has been made to what the program will ask of it.

    Raises:
        PluginError: It does not say its capabilities.
    """
    if kind not in {"detector", "pose"}:
        return
    from sitepose.plugins.api import Capabilities

    told = getattr(plugin, "capabilities", None)
    if not isinstance(told, Capabilities):
        what = "no capabilities" if told is None else f"a {type(told).__name__} for its capabilities"
        raise PluginError(f"{kind} {name!r} gives {what}, expected sitepose.plugins.api.Capabilities")


def brief(error: BaseException) -> str:
    r"""Return what somebody else's exception says, in one line.

    >>> brief(OSError("no such\n  device"))
    'OSError: no such device'
    """
    return " ".join(f"{type(error).__name__}: {error}".split())


def kinds() -> tuple[Kind, ...]:
    """Return all kinds of plug-ins."""
    return get_args(Kind)


def _clash(row: PluginRow, origins: list[str]) -> str:
    """Return what is wrong with the name that a stranger's plug-in has; empty where it is its own."""
    if row.name in BUILT_IN[row.kind]:
        return f"{row.kind} {row.name!r} of {row.origin} has the name of a built-in one; rename it"
    if len(origins) > 1:
        return f"{row.kind} {row.name!r} is announced by {' and '.join(origins)}; remove all but one"
    return ""


def _fault(kind: Kind, plugin: Any) -> str:
    if not isinstance(plugin, type):
        return f"{plugin!r} is not a class"
    missing = [name for name in METHODS[kind] if not callable(getattr(plugin, name, None))]
    if missing:
        return f"{plugin.__name__} has no {' and no '.join(missing)}"
    settings = getattr(plugin, "Settings", None)
    if kind != "source" and not (isinstance(settings, type) and issubclass(settings, Settings)):
        return f"{plugin.__name__}.Settings is not a class of settings (sitepose.plugins.api.PluginSettings)"
    return ""


@cache
def _entries(kind: Kind) -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=f"sitepose.{kind}s"))
