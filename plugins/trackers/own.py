"""Our own trackers, as plug-ins: thin shims over ``sitepose.tracking.trackers``.

Those that look at pixels are in ``poseflow.py``: these here need no OpenCV.
"""

from __future__ import annotations

from collections.abc import Iterable

from sitepose.core.errors import PluginError
from sitepose.core.skeleton import Skeleton
from sitepose.core.structures import Frame, Poses
from sitepose.plugins.api import PluginContext, PluginSettings
from sitepose.tracking.trackers import oks_sort


class OksSort(oks_sort.OksSort):
    """OKS-SORT: predict every box, match by place, overlap and keypoints, good detections first."""

    Settings = oks_sort.OksSortSettings

    def __init__(self, settings: oks_sort.OksSortSettings, context: PluginContext) -> None:
        super().__init__(skeleton_of(context, "oks-sort"), settings)


class NoTracking:
    """Hand everybody on as they are: identities, if any, are the detector's own."""

    class Settings(PluginSettings):
        """Settings of ``none``; there are none."""

    def __init__(self, settings: Settings, context: PluginContext) -> None:
        self.needs_pixels = False

    def update(self, frame: Frame, poses: Poses) -> Poses:
        """Return the people unchanged."""
        return poses

    def finish(self) -> Iterable[tuple[int, Poses]]:
        """Return nothing."""
        return ()

    def reset(self) -> None:
        """Forget nobody: nothing is remembered."""


def skeleton_of(context: PluginContext, name: str) -> Skeleton:
    """Return what the people have, or say that a tracker needs to know it."""
    if context.skeleton is None:
        raise PluginError(f"tracker {name!r} needs to know the people's skeleton; the context has none")
    return context.skeleton
