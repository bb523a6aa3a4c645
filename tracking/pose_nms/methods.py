"""The methods of pose-NMS by name, as ``--nms`` takes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sitepose.core.errors import ConfigError, did_you_mean
from sitepose.core.skeleton import Skeleton
from sitepose.core.structures import PoseCandidates, Poses
from sitepose.tracking.pose_nms.association import KmSettings, km_nms
from sitepose.tracking.pose_nms.none import KeepAllSettings, keep_all
from sitepose.tracking.pose_nms.oks import OksSettings, SoftOksSettings, oks_nms, soft_oks_nms
from sitepose.tracking.pose_nms.parametric import ParametricSettings, parametric_nms
from sitepose.tracking.pose_nms.scoring import PoseNmsSettings


@dataclass(frozen=True, slots=True)
class PoseNmsMethod:
    """One method: a pure function and its settings.

    Attributes:
        name: What ``--nms`` calls it.
        suppress: ``(candidates, skeleton, settings) -> poses``.
        settings: The class of its settings; ``settings()`` are the defaults.
    """

    name: str
    suppress: Callable[[PoseCandidates, Skeleton, Any], Poses]
    settings: type[PoseNmsSettings]


POSE_NMS_METHODS: Mapping[str, PoseNmsMethod] = MappingProxyType(
    {
        method.name: method
        for method in (
            PoseNmsMethod("parametric", parametric_nms, ParametricSettings),
            PoseNmsMethod("km", km_nms, KmSettings),
            PoseNmsMethod("oks", oks_nms, OksSettings),
            PoseNmsMethod("soft-oks", soft_oks_nms, SoftOksSettings),
            PoseNmsMethod("none", keep_all, KeepAllSettings),
        )
    }
)


def pose_nms_method(name: str) -> PoseNmsMethod:
    """Return the method of this name.

    Raises:
        ConfigError: There is none.

    >>> pose_nms_method("okss")
    Traceback (most recent call last):
    ...
    sitepose.core.errors.ConfigError: unknown pose NMS 'okss'; did you mean 'oks'?
    """
    if name not in POSE_NMS_METHODS:
        raise ConfigError(f"unknown pose NMS {name!r}; {did_you_mean(name, POSE_NMS_METHODS)}")
    return POSE_NMS_METHODS[name]
