"""Live without a window: poses in a file, and a site session beside it where one is wanted."""

from __future__ import annotations

import json
import threading
from functools import partial

import pytest

from sitepose.app.pipeline import live_headless
from sitepose.app.pipeline.live import LiveEngine
from sitepose.app.pipeline.live_headless import HeadlessRun, Recordings
from sitepose.app.sessions.manifest import read_manifest
from sitepose.app.sessions.recorder import RecordingSettings
from sitepose.app.sessions.rows import read_rows
from sitepose.app.sessions.verify import verify
from sitepose.core.formats.poses_jsonl import read_poses


@pytest.fixture
def run(fakes, tmp_path, monkeypatch):
    """Starts a run with parts without weights, in a thread; returns it, its events, and how to wait."""
    shop = fakes.Shop(one=fakes.Detector(delay_s=0.02))
    monkeypatch.setattr(live_headless, "LiveEngine", partial(LiveEngine, load=shop.load))
    started = []

    def start(*locations, **options):
        events, reports = [], []
        headless = HeadlessRun(
            [(location, {}) for location in locations],
            fakes.config(),
            tmp_path / "out",
            on_event=events.append,
            **options,
        )
        thread = threading.Thread(target=lambda: reports.extend(headless.run()))
        thread.start()
        started.append((headless, thread))

        def wait(timeout_s=20):
            thread.join(timeout_s)
            assert not thread.is_alive()
            return reports

        return headless, events, wait

    yield start
    for headless, thread in started:
        headless.stop()
        thread.join(20)
    shop.workers.close()


def plan(root, **values):
    return Recordings(root=root, settings=RecordingSettings(reserve_bytes=0, **values))


def recorded(events):
    return [event.message for event in events if event.kind == "recording"]


class TestRecording:
    def test_video_and_the_poses_of_the_engine_make_a_session(self, run, clip, fakes, tmp_path):
        sessions = tmp_path / "sessions"
        headless, events, wait = run(f"loop:{clip}", record=plan(sessions))
        assert fakes.until(lambda: recorded(events), 20)
        folder = next(sessions.iterdir())
        poses = folder / "poses.jsonl"
        assert fakes.until(lambda: poses.exists() and poses.read_bytes().count(b"\n") > 10, 20)
        headless.stop()
        (report,) = wait()
        rows = {(row.segment, row.pts) for row in read_rows(folder / "frames.jsonl")}
        found = {(record.segment, record.pts) for record in read_poses(poses)}

        assert headless.failure == ""
        assert verify(folder).good
        assert report.paths["session"] == str(folder)
        assert recorded(events) == [f"recording to {folder}"]
        assert len(found) >= 9
        assert found <= rows
        assert read_manifest(folder).settings["source"]["transport"] == "tcp"

    def test_what_a_power_cut_left_is_repaired_first(self, run, clip, fakes, tmp_path):
        sessions = tmp_path / "sessions"
        first, events, wait = run(f"loop:{clip}", record=plan(sessions))
        assert fakes.until(lambda: recorded(events), 20)
        folder = next(sessions.iterdir())
        assert fakes.until(lambda: (folder / "frames.jsonl").stat().st_size > 0, 20)
        first.stop()
        wait()
        path = folder / "session.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"state": "recording"}))
        _, events, _ = run(f"loop:{clip}", record=plan(sessions))

        assert fakes.until(lambda: len(recorded(events)) == 2, 20)
        assert recorded(events)[0].startswith(f"repaired {folder.name}")
        assert verify(folder).good

    def test_a_disk_without_room_ends_the_run_with_one_line(self, run, clip, tmp_path):
        full = RecordingSettings(reserve_bytes=1 << 60)
        headless, events, wait = run(f"loop:{clip}", record=Recordings(root=tmp_path / "s", settings=full))
        wait()

        assert "are kept free; make room" in headless.failure
        assert [event.message for event in events if event.failed] == [headless.failure]

    def test_a_recording_is_not_recorded_again(self, run, clip, tmp_path):
        headless, _, wait = run(str(clip), record=plan(tmp_path / "sessions"))
        wait()

        assert "cannot be recorded" in headless.failure
        assert not (tmp_path / "sessions").exists()
