"""PoseFlow in three forms, as plug-ins: thin shims over ``sitepose.tracking.trackers``."""

from __future__ import annotations

from sitepose.plugins.api import PluginContext
from sitepose.plugins.trackers.own import skeleton_of
from sitepose.tracking.trackers import poseflow, poseflow_naive, poseflow_offline


class PoseFlow(poseflow.PoseFlow):
    """PoseFlow in real time: people are those whose points arrive where they were seen again."""

    Settings = poseflow.PoseFlowSettings

    def __init__(self, settings: poseflow.PoseFlowSettings, context: PluginContext) -> None:
        super().__init__(skeleton_of(context, "poseflow"), settings)


class PoseFlowOffline(poseflow_offline.PoseFlowOffline):
    """PoseFlow as in its paper: flows built with a look ahead, pose-flow NMS, stitched gaps."""

    Settings = poseflow_offline.PoseFlowOfflineSettings

    def __init__(self, settings: poseflow_offline.PoseFlowOfflineSettings, context: PluginContext) -> None:
        super().__init__(skeleton_of(context, "poseflow-offline"), settings)


class PoseFlowNaive(poseflow_naive.PoseFlowNaive):
    """The matching of PoseFlow's reference implementation, for comparison."""

    Settings = poseflow_naive.PoseFlowNaiveSettings

    def __init__(self, settings: poseflow_naive.PoseFlowNaiveSettings, context: PluginContext) -> None:
        super().__init__(skeleton_of(context, "poseflow-naive"), settings)
