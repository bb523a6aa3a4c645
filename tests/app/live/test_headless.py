"""Live without a window: poses in a file, and a site session beside it where one is wanted."""

from __future__ import annotations

import json
import threading
from functools import partial

import av
import jsonschema
import numpy as np
import pytest

from sitepose.app.cli.main import main
from sitepose.app.live import headless
from sitepose.app.live.clips import Clips
from sitepose.app.live.engine import LiveEngine
from sitepose.app.live.headless import HeadlessRun, Recordings
from sitepose.app.sessions.faces import head_regions
from sitepose.app.sessions.listing import list_sessions
from sitepose.app.sessions.manifest import read_manifest
from sitepose.app.sessions.recorder import RecordingSettings
from sitepose.app.sessions.repair import repair
from sitepose.app.sessions.rows import read_rows
from sitepose.app.sessions.verify import verify
from sitepose.core.errors import SourceError
from sitepose.core.formats.poses_jsonl import poses_schema, read_poses
from sitepose.core.skeleton import load_skeleton


@pytest.fixture
def run(fakes, tmp_path, monkeypatch):
    """Starts a run with parts without weights, in a thread; returns it, its events, and how to wait."""
    shop = fakes.Shop(one=fakes.Detector(delay_s=0.02))
    monkeypatch.setattr(headless, "LiveEngine", partial(LiveEngine, load=shop.load))
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
    for run, thread in started:
        run.stop()
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
        assert headless.failure.startswith("TUD-Stadtmitte.mp4: ")
        assert [event.message in headless.failure for event in events if event.failed] == [True]

    def test_a_recording_is_not_recorded_again(self, run, clip, tmp_path):
        headless, _, wait = run(str(clip), record=plan(tmp_path / "sessions"))
        wait()

        assert "cannot be recorded" in headless.failure
        assert not (tmp_path / "sessions").exists()


class TestPrivacy:
    @pytest.fixture
    def session(self, run, clip, fakes, tmp_path):
        """Records for some seconds; returns the folder of the session."""

        def record(**values):
            sessions = tmp_path / "sessions"
            headless, _, wait = run(f"loop:{clip}", record=plan(sessions, **values))

            def rows():
                files = list(sessions.glob("*/frames.jsonl"))
                return files[0].read_bytes().count(b"\n") if files else 0

            assert fakes.until(lambda: rows() > 20, 30)
            headless.stop()
            wait()
            assert headless.failure == ""
            return next(sessions.iterdir())

        return record

    def test_faces_are_blurred_in_the_video_of_the_frames_that_were_looked_at(self, session, clip):
        folder = session(blur_faces=True)
        manifest, result = read_manifest(folder), verify(folder)
        rows = {(row.segment, row.pts) for row in read_rows(folder / "frames.jsonl")}
        poses = {(record.segment, record.pts): record.poses for record in read_poses(folder / "poses.jsonl")}
        with av.open(str(folder / "video" / "000001.mkv")) as container:
            recorded = next(container.decode(video=0)).to_ndarray(format="rgb24")
        with av.open(str(clip)) as container:
            original = next(container.decode(video=0)).to_ndarray(format="rgb24")
        (region,) = head_regions(next(iter(poses.values())), load_skeleton("coco17"), (640, 480)).tolist()

        assert result.good, result.problems
        assert (manifest.blurred, manifest.poses_blurred, manifest.poses_only) == (True, False, False)
        assert poses.keys() == rows
        assert _detail(recorded, region) < 0.3 * _detail(original, region)
        assert _detail(recorded, [0, 300, 640, 480]) > 0.6 * _detail(original, [0, 300, 640, 480])

    def test_poses_alone_make_a_session_without_video(self, session, tmp_path, capsys):
        folder = session(poses_only=True)
        result = verify(folder)
        records = list(read_poses(folder / "poses.jsonl"))
        (line,) = list_sessions(folder.parent)

        assert result.good, result.problems
        assert result.frames == result.poses == len(records) > 20
        assert list((folder / "video").iterdir()) == []
        for entry in (folder / "poses.jsonl").read_text().splitlines():
            jsonschema.validate(json.loads(entry), poses_schema())
        assert main(["sessions", "list", str(folder.parent)]) == 0
        assert "(poses only)" in capsys.readouterr().out
        assert line.seconds == pytest.approx(records[-1].timestamp - records[0].timestamp, abs=1e-5)
        assert main(["export", str(folder / "poses.jsonl"), "--format", "coco", "--output", str(tmp_path)]) == 0
        with pytest.raises(SourceError, match="holds poses without video"):
            Clips(folder)

    def test_what_a_power_cut_left_of_poses_alone_is_repaired(self, session):
        folder = session(poses_only=True)
        path = folder / "session.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"state": "recording"}))
        poses, lines = folder / "poses.jsonl", (folder / "poses.jsonl").read_bytes().splitlines(keepends=True)
        poses.write_bytes(b"".join(lines[:-3]) + lines[-3][:20])
        done = repair(folder)
        again = repair(folder)

        assert verify(folder).good
        assert done.frames == len(lines) - 4  # without header, end, one half and one more line
        assert done.seconds > 0
        assert again.done == []

    def test_it_is_one_or_the_other(self):
        with pytest.raises(ValueError, match="choose one"):
            RecordingSettings(blur_faces=True, poses_only=True)


def _detail(image, region):
    """Return how much neighbouring pixels differ in a region."""
    x1, y1, x2, y2 = region
    return np.abs(np.diff(image[y1:y2, x1:x2].astype(float), axis=1)).mean()
