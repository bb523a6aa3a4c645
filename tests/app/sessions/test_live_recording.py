"""Real cameras recorded through faults, and by nobody at all."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import av
import numpy as np
import pytest

from sitepose.app.sessions.manifest import read_manifest
from sitepose.app.sessions.recorder import Recorder, RecordingSettings
from sitepose.app.sessions.rows import read_rows
from sitepose.app.sessions.schedule import Schedule, Window
from sitepose.app.sessions.unattended import Plan, UnattendedRecording
from sitepose.app.sessions.verify import verify
from sitepose.core.errors import RecordingError
from sitepose.plugins.sources.live.choose import live_settings, open_live
from sitepose.plugins.sources.live.events import ClockJumped

SMALL = RecordingSettings(reserve_bytes=0, segment_s=2)


@pytest.fixture
def live():
    """Opens sources that are closed again."""
    sources = []

    def start(location, **settings):
        quick = {"retry_s": (0.05, 0.2), "give_up_s": 20}
        sources.append(open_live(live_settings(location, **{**quick, **settings})))
        return sources[-1]

    yield start
    for source in sources:
        source.close()


def numbers(folder):
    """Return what the camera wrote into the pixels of every recorded frame."""
    from benchmarks.camera import barcode

    found = []
    for path in sorted((folder / "video").iterdir()):
        with av.open(str(path)) as container:
            found += [barcode.read(f.to_ndarray(format="rgb24")).sequence for f in container.decode(video=0)]
    return found


class TestFaults:
    def test_recording_goes_on_in_a_new_segment_after_a_fault(self, tmp_path, camera, live, wait_until):
        source = live(camera.url, decode=False)
        with Recorder(tmp_path, source.address.label, SMALL, name="session") as recorder:
            source.listen(recorder.source_event)
            source.attach(recorder)
            wait_until(lambda: recorder.stats.frames > 20)
            camera.kill()
            camera.start(width=352, height=192)
            before = recorder.stats.frames
            wait_until(lambda: recorder.stats.frames > before + 20)
            source.detach(recorder)
        parts = read_manifest(recorder.folder).segments
        kinds = [
            json.loads(line)["kind"] for line in (recorder.folder / "events.jsonl").read_text().splitlines()
        ]

        assert (parts[-1].width, parts[-1].height) == (352, 192)
        assert "reconnecting" in kinds
        assert kinds[-1] == "playing"
        assert verify(recorder.folder).good

    @pytest.mark.parametrize("decode", [False, True], ids=["video alone", "pictures as well"])
    def test_a_camera_that_sets_its_clock_is_recorded_without_a_gap(
        self, tmp_path, camera, live, wait_until, decode
    ):
        from benchmarks.camera.lossy import BadNetwork

        with BadNetwork(camera.port) as network:
            source = live(camera.url_through(network.port), transport="udp", decode=decode)
            with Recorder(tmp_path, source.address.label, SMALL, name="session") as recorder:
                jumps = []
                source.listen(lambda event: jumps.append(event) if isinstance(event, ClockJumped) else None)
                source.listen(recorder.source_event)
                source.attach(recorder)
                for number, hours in enumerate((1, -1), start=1):
                    wait_until(lambda: recorder.stats.frames > 40 * number)  # noqa: B023
                    network.clock_s = hours * 3600
                    wait_until(lambda: len(jumps) >= number)  # noqa: B023
                before = recorder.stats.frames
                wait_until(lambda: recorder.stats.frames > before + 20)
                source.detach(recorder)
            source.close()
        events = (recorder.folder / "events.jsonl").read_text()
        seconds = [row.timestamp for row in read_rows(recorder.folder / "frames.jsonl")]

        assert events.count("clock jumped") >= 2
        assert verify(recorder.folder).good
        assert (np.diff(numbers(recorder.folder)) == 1).all()
        assert np.diff(seconds).min() > 0
        assert np.diff(seconds).max() < 1.0

    def test_no_frame_of_a_stream_with_b_frames_is_called_lost(self, tmp_path, camera, live, wait_until):
        camera.kill()
        camera.start(bframes=2)
        source = live(camera.url)
        with Recorder(tmp_path, source.address.label, SMALL, name="session") as recorder:
            source.attach(recorder)
            wait_until(lambda: next(source) and recorder.stats.frames > 90)
            source.detach(recorder)
        rows = list(read_rows(recorder.folder / "frames.jsonl"))

        assert verify(recorder.folder).good
        assert sorted({row.pts for row in rows}) != [row.pts for row in rows]  # there are some
        assert [row.dropped for row in rows] == [0] * len(rows)
        assert (
            len({row.index for row in rows[15:]}) == len(rows) - 15
        )  # that there are is known from the first on

    def test_begins_with_the_preroll(self, tmp_path, camera, live, wait_until):
        source = live(camera.url)
        for _ in range(60):
            next(source)
        newest = next(source)
        with Recorder(tmp_path, source.address.label, SMALL, name="session") as recorder:
            source.attach(recorder, preroll_s=1)
            source.detach(recorder)
        first = next(iter(read_rows(recorder.folder / "frames.jsonl")))

        assert first.keyframe
        assert 0.9 <= newest.timestamp - first.timestamp <= 2.0
        assert verify(recorder.folder).good


class TestUnattended:
    @pytest.fixture
    def said(self):
        return []

    @pytest.fixture
    def unattended(self, tmp_path, said, gstreamer):
        """Starts unattended recordings of a moving pattern; they are closed at the end."""
        running = []

        def start(location="test:", **plan):
            source = open_live(
                live_settings(location, size_wh=(160, 120), frame_rate=30, encode_always=True, preroll_s=2)
            )
            values = {"root": tmp_path, "settings": SMALL, **plan}
            running.append(UnattendedRecording(source, Plan(**values), lambda _, text: said.append(text)))
            return running[-1]

        yield start
        for recording in running:
            recording.close()

    @pytest.fixture
    def gstreamer(self):
        from sitepose.plugins.sources.live.gst_library import has_gstreamer

        if not has_gstreamer():
            pytest.skip("needs GStreamer and PyGObject: scripts/setup-live.sh")

    def test_records_until_it_is_closed_and_says_how_long_the_disk_lasts(self, unattended, said, wait_until):
        recording = unattended()
        wait_until(lambda: any("at this rate the disk lasts" in text for text in said))
        recording.close()

        assert said[0].startswith(f"recording to {recording.folders[0]}; there is room for ")
        assert recording.failure == ""
        assert recording.recorder.stats.frames > 20
        assert verify(recording.folders[0]).good

    def test_what_triggers_is_recorded_with_a_preroll_and_the_rest_is_not(self, unattended, wait_until):
        seen = threading.Event()
        recording = unattended(trigger=lambda frame: seen.is_set(), tail_s=0.5)
        time.sleep(1.0)
        assert recording.recorder.stats.frames == 0
        seen.set()
        wait_until(lambda: recording.recorder.stats.frames > 40)
        seen.clear()
        wait_until(lambda: not recording.recording)
        count = recording.recorder.stats.frames
        time.sleep(0.5)
        assert recording.recorder.stats.frames <= count + 10
        seen.set()
        wait_until(lambda: recording.recording and recording.recorder.stats.frames > count + 20)
        recording.close()
        rows = list(read_rows(recording.folders[0] / "frames.jsonl"))

        assert verify(recording.folders[0]).good
        assert not any(row.dropped for row in rows)
        assert len({row.index for row in rows}) == len(rows)

    def test_outside_of_its_schedule_it_waits_and_says_so(self, unattended, said):
        later = datetime.now() + timedelta(hours=2)
        minute = later.hour * 60
        window = Window(frozenset(range(7)), minute, minute + 1)
        recording = unattended(schedule=Schedule((window,)))
        time.sleep(1.0)

        assert not recording.recording
        assert recording.recorder.stats.frames == 0
        assert "waiting: nothing is recorded just now" in said

    @pytest.mark.parametrize(
        ("trigger", "early_s"),
        [
            pytest.param(None, 0.05, id="always"),
            pytest.param(lambda frame: True, 2.1, id="triggered: from the keyframe before on"),
        ],
    )
    def test_the_preroll_does_not_reach_back_to_where_the_schedule_forbids_it(
        self, unattended, wait_until, trigger, early_s
    ):
        @dataclass(frozen=True)
        class Door(Schedule):
            opened: threading.Event = field(default_factory=threading.Event)

            def active(self, moment):
                del moment
                return self.opened.is_set()

        door = Door((Window(frozenset(range(7)), 0, 24 * 60),))
        recording = unattended(schedule=door, trigger=trigger)
        time.sleep(early_s + 1.0)  # a pre-roll is there
        opened_at = time.time()
        door.opened.set()
        wait_until(lambda: recording.recorder.stats.frames > 20)
        recording.close()
        first = next(iter(read_rows(recording.folders[0] / "frames.jsonl")))

        assert first.wall >= opened_at - early_s

    def test_a_new_session_begins_without_losing_a_frame(self, unattended, wait_until):
        recording = unattended(session_s=1.5)
        wait_until(lambda: len(recording.folders) >= 3)
        recording.close()
        ranges = []
        for folder in recording.folders:
            assert verify(folder).good
            ranges.append({row.index for row in read_rows(folder / "frames.jsonl")})

        everything = sorted(set.union(*ranges))
        assert everything == list(range(everything[0], everything[-1] + 1))
        assert read_manifest(recording.folders[1]).continues == recording.folders[0].name

    def test_what_a_power_cut_left_is_repaired_and_continued(self, unattended, said, wait_until):
        first = unattended()
        wait_until(lambda: first.recorder.stats.frames > 5)
        first.close()
        path = first.folders[0] / "session.json"
        table = json.loads(path.read_text())
        path.write_text(json.dumps(table | {"state": "recording"}))
        second = unattended()

        assert read_manifest(second.folders[0]).continues == first.folders[0].name
        assert any(text.startswith("repaired") for text in said)
        assert verify(first.folders[0]).good

    def test_a_full_disk_ends_it_with_one_line(self, unattended, wait_until, monkeypatch):
        recording = unattended()
        wait_until(lambda: recording.recorder.stats.frames > 5)
        recording.recorder._stop("the disk is full")
        wait_until(lambda: not recording.running)

        assert recording.failure.endswith("the disk is full")
        with pytest.raises(RecordingError):
            recording.recorder.close()
