"""A live source recorded while its poses are found, by a real looped video."""

from __future__ import annotations

import pytest

from sitepose.app.live.engine import LiveEngine
from sitepose.app.live.inputs import source_opener
from sitepose.app.live.recording import LiveRecording
from sitepose.app.sessions.manifest import read_manifest
from sitepose.app.sessions.recorder import RecordingSettings
from sitepose.core.errors import RecordingError
from sitepose.core.formats.poses_jsonl import read_poses
from sitepose.plugins.sources.live.choose import live_settings, open_live


class TestLiveRecording:
    def test_video_and_poses_lie_side_by_side_and_a_switch_is_written(self, clip, fakes, tmp_path):
        shop = fakes.Shop(one=fakes.Detector(delay_s=0.05), two=fakes.Detector(delay_s=0.05))
        engine = LiveEngine(threads=1, load=shop.load)
        settings = live_settings(f"loop:{clip}")
        engine.add_source("cam", lambda listener: open_live(settings, backend="pyav", listener=listener))
        engine.start_lane(fakes.config())
        assert engine.lane().wait_loaded(10)
        assert fakes.until(lambda: engine.view("cam") is not None, 20)
        recording = LiveRecording(engine, "cam", tmp_path, RecordingSettings(reserve_bytes=0))
        assert fakes.until(lambda: recording.stats.frames >= 10, 20)
        looked_at = len(shop.detectors["one"].seen)
        assert fakes.until(lambda: len(shop.detectors["one"].seen) >= looked_at + 3, 20)
        recording.mark()
        engine.switch(fakes.config(detector="two"))
        assert engine.lane().wait_loaded(10)
        others = shop.detectors["two"].seen
        assert fakes.until(lambda: len(others) >= 3, 20)
        folder = recording.folder
        recording.close()
        engine.stop()
        shop.workers.close()
        saved = read_poses(folder / "poses.jsonl")

        assert sum(1 for _ in saved) > 0, read_manifest(folder).counters
        assert saved.changes[0].values["config"]["detector"]["name"] == "two"
        assert read_manifest(folder).state == "closed"

    def test_a_recording_cannot_be_recorded(self, clip, fakes, tmp_path):
        engine = LiveEngine(threads=1)
        engine.add_source("cam", source_opener(str(clip)))
        assert fakes.until(lambda: engine.source("cam") is not None, 20)
        with pytest.raises(RecordingError, match="cannot be recorded"):
            LiveRecording(engine, "cam", tmp_path)
        engine.stop()
