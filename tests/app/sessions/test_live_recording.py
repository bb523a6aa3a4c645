"""Real cameras recorded while everything else is slow, and by nobody at all."""

from __future__ import annotations

import json
import threading
import time
from datetime import datetime, timedelta

import av
import numpy as np
import psutil
import pytest

from sitepose.app.sessions.manifest import read_manifest
from sitepose.app.sessions.recorder import Recorder, RecordingSettings
from sitepose.app.sessions.rows import read_rows
from sitepose.app.sessions.schedule import Schedule, Window
from sitepose.app.sessions.unattended import Plan, UnattendedRecording
from sitepose.app.sessions.verify import verify
from sitepose.core.errors import RecordingError
from sitepose.plugins.sources.live.choose import live_settings, open_live

SMALL = RecordingSettings(reserve_bytes=0, segment_s=2)
MODEL_S = 0.1
"""What a slow network takes for a frame."""


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


@pytest.fixture
def wait_until():
    def wait(condition, timeout_s=20.0):
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.02)

    return wait


def sequences(folder):
    """Return the numbers that the camera wrote into the pixels of every recorded frame."""
    from benchmarks.camera import barcode

    numbers = []
    for path in sorted((folder / "video").iterdir()):
        with av.open(str(path)) as container:
            numbers += [barcode.read(f.to_ndarray(format="rgb24")).sequence for f in container.decode(video=0)]
    return numbers


def compute(seconds):
    """Keep a processor busy as a network does: large products, outside of Python's lock."""
    end = time.monotonic() + seconds
    a = np.ones((256, 256), np.float32)
    while time.monotonic() < end:
        a = np.tanh(a @ a)


class TestSaturation:
    @pytest.mark.slow
    @pytest.mark.parametrize(
        "seconds", [pytest.param(10, id="10 s"), pytest.param(600, id="10 min", marks=pytest.mark.soak)]
    )
    def test_no_frame_is_lost_and_nothing_grows_while_the_network_is_too_slow(
        self, tmp_path, camera, live, seconds
    ):
        from benchmarks.camera import barcode

        source = live(camera.url)
        recorder = Recorder(tmp_path, source.address.label, SMALL, name="session")
        source.attach(recorder)
        process, ages, memory = psutil.Process(), [], []
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            stamp = barcode.read(next(source).image)
            ages.append(time.monotonic() - stamp.time_us / 1e6)
            compute(MODEL_S)
            memory.append(process.memory_info().rss)
        source.detach(recorder)
        stats = source.stats
        recorder.close()
        numbers = sequences(recorder.folder)
        result = verify(recorder.folder)

        assert result.good, result.problems
        assert (np.diff(numbers) == 1).all()
        assert len(numbers) == result.frames > seconds * 20
        assert recorder.stats.overflowed == recorder.stats.dropped == 0
        assert stats.dropped["busy"] > seconds * 5
        # The newest frame is taken, however long the network needs: its age does not grow.
        half = len(ages) // 2
        assert np.median(ages[half:]) < np.median(ages[:half]) + 0.2
        if seconds >= 600:
            minutes = np.arange(len(memory)) * seconds / len(memory) / 60
            settled = len(memory) // 4
            slope = np.polyfit(minutes[settled:], np.array(memory[settled:]) / 1e6, 1)[0]
            assert slope < 1.0, f"memory grows by {slope:.2f} MB a minute"

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

    def test_records_until_it_is_closed(self, unattended, wait_until):
        recording = unattended()
        wait_until(lambda: recording.recorder.stats.frames > 20)
        recording.close()

        assert recording.failure == ""
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

    def test_outside_of_its_schedule_it_waits(self, unattended, wait_until):
        later = datetime.now() + timedelta(hours=2)
        minute = later.hour * 60
        window = Window(frozenset(range(7)), minute, minute + 1)
        recording = unattended(schedule=Schedule((window,)))
        time.sleep(1.0)

        assert not recording.recording
        assert recording.recorder.stats.frames == 0

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
