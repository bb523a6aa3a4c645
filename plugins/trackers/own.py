"""Our own trackers, as plug-ins: thin shims over ``sitepose.tracking.trackers``."""

from __future__ import annotations

from sitepose.core.errors import PluginError
from sitepose.core.skeleton import Skeleton
from sitepose.plugins.api import PluginContext
from sitepose.tracking.trackers.oks_sort import OksSort as _OksSort
from sitepose.tracking.trackers.oks_sort import OksSortSettings


class OksSort(_OksSort):
    """OKS-SORT: predict every box, match by keypoints and overlap, good detections first."""

    Settings = OksSortSettings

    def __init__(self, settings: OksSortSettings, context: PluginContext) -> None:
        super().__init__(_skeleton(context, "oks-sort"), settings)


def _skeleton(context: PluginContext, name: str) -> Skeleton:
    if context.skeleton is None:
        raise PluginError(f"tracker {name!r} needs to know the people's skeleton; the context has none")
    return context.skeleton
