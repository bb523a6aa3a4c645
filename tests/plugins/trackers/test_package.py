from __future__ import annotations

import importlib

import pytest

from sitepose.core.errors import PluginError
from sitepose.core.skeleton import load_skeleton
from sitepose.models.runtimes.workers import Workers
from sitepose.plugins.api import PluginContext
from sitepose.plugins.trackers import own, package, poseflow

TRACKERS = [package.ByteTrack, package.OcSort, package.BotSort, package.CBiou]


def context(**changes) -> PluginContext:
    with Workers(1) as workers:
        return PluginContext(workers=workers, **changes)


class TestPackageTrackers:
    @pytest.mark.parametrize("tracker", TRACKERS)
    def test_without_the_package_the_message_says_what_to_install(self, tracker, monkeypatch):
        def missing(name):
            raise ImportError(f"No module named {name!r}")

        monkeypatch.setattr(importlib, "import_module", missing)
        with pytest.raises(PluginError, match=r"pip install 'sitepose\[trackers\]'"):
            tracker(tracker.Settings(), context())

    def test_only_the_camera_motion_of_botsort_needs_pixels(self):
        pytest.importorskip("trackers")
        needs = {tracker: tracker(tracker.Settings(), context()).needs_pixels for tracker in TRACKERS}
        assert needs == dict.fromkeys(TRACKERS, False) | {package.BotSort: True}
        still = package.BotSort(package.BotSort.Settings(camera_motion=False), context())
        assert still.needs_pixels is False

    def test_lost_time_is_in_seconds_whatever_the_frame_rate(self):
        pytest.importorskip("trackers")
        tracker = package.OcSort(package.OcSort.Settings(max_lost_s=2.0), context())
        assert tracker._tracker.maximum_time_without_update == pytest.approx(2.0)


class TestOurTrackers:
    @pytest.mark.parametrize("tracker", [own.OksSort, poseflow.PoseFlow, poseflow.PoseFlowNaive])
    def test_a_missing_skeleton_is_one_clear_line(self, tracker):
        with pytest.raises(PluginError, match="needs to know the people's skeleton"):
            tracker(tracker.Settings(), context())

    def test_oks_sort_needs_no_opencv(self):
        assert (
            own.OksSort(own.OksSort.Settings(), context(skeleton=load_skeleton("coco17"))).needs_pixels is False
        )
