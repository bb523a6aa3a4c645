"""Cameras recorded unattended while networks look at every frame: faces blurred, or poses alone."""

from __future__ import annotations

import gc
import threading
import weakref
from dataclasses import dataclass, field

import av
import numpy as np
import pytest

from sitepose.app.live.engine import LiveEngine
from sitepose.app.live.posed_camera import PosedCamera
from sitepose.app.sessions.manifest import read_manifest
from sitepose.app.sessions.recorder import RecordingSettings
from sitepose.app.sessions.rows import read_rows
from sitepose.app.sessions.schedule import Schedule, parse_schedule
from sitepose.app.sessions.unattended import Plan, UnattendedRecording
from sitepose.app.sessions.verify import verify
from sitepose.core.formats.poses_jsonl import read_poses
from sitepose.core.structures import Detections
from sitepose.plugins.sources.live.choose import live_settings, open_live

PREROLL_S = 1.0

BLURRED = {"blur_faces": True}
ALONE = {"poses_only": True}


@dataclass(frozen=True)
class Door(Schedule):
    """A schedule that the test opens and closes."""

    windows: tuple = parse_schedule("00:00-24:00").windows
    opened: threading.Event = field(default_factory=threading.Event)

    def active(self, moment):
        del moment
        return self.opened.is_set()


@pytest.fixture
def somebody():
    return threading.Event()


@pytest.fixture
def detector(fakes, somebody):
    """Finds one person while somebody is there, whose head is where there is much to be seen."""

    class Detector(fakes.Detector):
        def detect(self, frames):
            super().detect(frames)
            person = Detections(np.float32([[-60, -200, 540, 400]]), np.float32([0.9]))
            return [person if somebody.is_set() else Detections.empty() for _ in frames]

    return Detector(delay_s=0.01)


@pytest.fixture
def unattended(clip, fakes, detector, tmp_path):
    """Starts unattended recordings of a looped street; they are closed at the end."""
    shop = fakes.Shop(one=detector)
    engine = LiveEngine(threads=1, load=shop.load)
    engine.start_lane(fakes.config())
    assert engine.lane().wait_loaded(10)
    running = []

    def start(privacy, *, trigger=True, **values):
        settings = RecordingSettings(reserve_bytes=0, segment_s=60, **privacy)
        source = open_live(live_settings(f"loop:{clip}", preroll_s=0), backend="pyav")
        plan = Plan(root=tmp_path / "sessions", settings=settings, **{"tail_s": 0.5, **values})
        camera = PosedCamera(
            engine, source, f"cam {len(running)}", settings, schedule=plan.schedule, preroll_s=PREROLL_S
        )
        if trigger:
            object.__setattr__(plan, "trigger", camera.somebody)
        recording = UnattendedRecording(camera, plan, lambda *_: None)
        running.append((recording, camera))
        return recording

    yield start
    for recording, camera in running:
        recording.close()
        camera.close()
    engine.stop()
    shop.workers.close()


def stretches(rows):
    """Return the rows in stretches between which nothing was to be recorded."""
    stamps = np.array([row.timestamp for row in rows])
    return np.split(stamps, np.flatnonzero(np.diff(stamps) > 1.0) + 1)


def rows_of(folder):
    return list(read_rows(folder / "frames.jsonl"))


def people_of(folder):
    return {(record.segment, record.pts): len(record.poses) for record in read_poses(folder / "poses.jsonl")}


class TestPosedCamera:
    @pytest.mark.parametrize("privacy", [BLURRED, ALONE], ids=["faces blurred", "poses alone"])
    def test_only_while_people_are_there_with_a_preroll(self, unattended, detector, somebody, fakes, privacy):
        recording = unattended(privacy)
        assert fakes.until(lambda: len(detector.seen) > 75, 30)
        assert recording.recorder.stats.frames == 0
        somebody.set()
        assert fakes.until(lambda: recording.recorder.stats.frames > 40, 30)
        somebody.clear()
        assert fakes.until(lambda: not recording.recording, 20)
        seen = len(detector.seen)
        assert fakes.until(lambda: len(detector.seen) > seen + 75, 30)
        somebody.set()
        count = recording.recorder.stats.frames
        assert fakes.until(lambda: recording.recorder.stats.frames > count + 40, 30)
        recording.close()
        (folder,) = recording.folders
        manifest, result, rows, people = (
            read_manifest(folder),
            verify(folder),
            rows_of(folder),
            people_of(folder),
        )
        first, second = stretches(rows)
        with_people = [row.timestamp for row in rows if people[row.segment, row.pts]]

        assert result.good, result.problems
        assert (manifest.blurred, manifest.poses_blurred) == (privacy is BLURRED, False)
        assert manifest.poses_only == (privacy is ALONE)
        assert people.keys() == {(row.segment, row.pts) for row in rows}
        for stretch in (first, second):
            before = min(t for t in with_people if t >= stretch[0]) - stretch[0]
            assert 0.5 * PREROLL_S < before < PREROLL_S + 2.5  # from a keyframe on, which are 2 s apart

    @pytest.mark.parametrize("privacy", [BLURRED, ALONE], ids=["faces blurred", "poses alone"])
    def test_what_is_in_two_prerolls_is_recorded_once(self, unattended, somebody, fakes, privacy):
        recording = unattended(privacy)
        for _ in range(3):
            count = recording.recorder.stats.frames
            somebody.set()
            assert fakes.until(lambda: recording.recorder.stats.frames > count + 10, 30)  # noqa: B023
            somebody.clear()
            assert fakes.until(lambda: not recording.recording, 20)
        recording.close()
        (folder,) = recording.folders
        rows, records = rows_of(folder), list(read_poses(folder / "poses.jsonl"))
        stamps = [row.timestamp for row in rows]

        assert verify(folder).good
        assert stamps == sorted(set(stamps)) == [record.timestamp for record in records]
        assert len(stretches(rows)) == 1
        assert not read_poses(folder / "poses.jsonl").changes

    @pytest.mark.parametrize("privacy", [BLURRED, ALONE], ids=["faces blurred", "poses alone"])
    def test_outside_of_its_schedule_nothing_is_looked_at_nor_recorded(
        self, unattended, detector, somebody, fakes, privacy
    ):
        door = Door()
        somebody.set()
        recording = unattended(privacy, schedule=door, trigger=False)
        for _ in range(2):
            seen, count = len(detector.seen), recording.recorder.stats.frames
            assert not fakes.until(lambda: len(detector.seen) > seen, 1.0)  # noqa: B023
            assert recording.recorder.stats.frames == count
            door.opened.set()
            assert fakes.until(lambda: recording.recorder.stats.frames > count + 20, 30)  # noqa: B023
            door.opened.clear()
            assert fakes.until(lambda: not recording.recording, 20)
        recording.close()

        assert verify(recording.folders[0]).good

    def test_each_session_begins_with_a_keyframe_and_no_frame_is_lost_between(
        self, unattended, somebody, fakes
    ):
        somebody.set()
        recording = unattended(BLURRED, session_s=1.5)
        first = weakref.ref(recording.recorder)
        assert fakes.until(lambda: len(recording.folders) >= 4, 60)
        gc.collect()
        assert first() is None
        recording.close()
        stamps = set()
        for folder in recording.folders[:3]:  # the fourth may have begun just now
            rows = rows_of(folder)
            result = verify(folder)
            assert result.good, result.problems
            assert read_manifest(folder).blurred
            assert people_of(folder).keys() == {(row.segment, row.pts) for row in rows}
            stamps |= {row.timestamp for row in rows}

        assert np.diff(sorted(stamps)).max() < 0.4
        assert read_manifest(recording.folders[1]).continues == recording.folders[0].name

    def test_the_head_of_whoever_comes_is_unrecognizable_from_the_first_frame_on(
        self, unattended, detector, somebody, fakes
    ):
        recording = unattended(BLURRED)
        assert fakes.until(lambda: len(detector.seen) > 20, 30)
        somebody.set()
        assert fakes.until(lambda: recording.recorder.stats.frames > 40, 30)
        recording.close()
        (folder,) = recording.folders
        people = people_of(folder)
        with av.open(str(next((folder / "video").iterdir()))) as container:
            sharp = {
                (1, picture.pts): np.abs(
                    np.diff(picture.to_ndarray(format="gray")[60:140, 200:280].astype(int))
                ).mean()
                for picture in container.decode(video=0)
            }
        blurred = [sharp[place] for place, count in people.items() if count]
        others = [sharp[place] for place, count in people.items() if not count]

        assert len(blurred) >= 10
        assert max(blurred) < 0.4 * min(others)
