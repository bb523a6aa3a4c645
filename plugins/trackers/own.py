"""Our own trackers, as plug-ins: thin shims over ``sitepose.tracking.trackers``."""

from __future__ import annotations

from collections.abc import Iterable

from sitepose.core.errors import PluginError
from sitepose.core.skeleton import Skeleton
from sitepose.core.structures import Frame, Poses
from sitepose.plugins.api import PluginContext, PluginSettings
from sitepose.tracking.trackers.oks_sort import OksSort as _OksSort
from sitepose.tracking.trackers.oks_sort import OksSortSettings


class OksSort(_OksSort):
    """OKS-SORT: predict every box, match by keypoints and overlap, good detections first."""

    Settings = OksSortSettings

    def __init__(self, settings: OksSortSettings, context: PluginContext) -> None:
        super().__init__(_skeleton(context, "oks-sort"), settings)


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


def _skeleton(context: PluginContext, name: str) -> Skeleton:
    if context.skeleton is None:
        raise PluginError(f"tracker {name!r} needs to know the people's skeleton; the context has none")
    return context.skeleton
