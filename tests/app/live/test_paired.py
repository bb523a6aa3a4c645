"""Two streams of one camera: the large one is recorded, the small and late one is looked at."""

from __future__ import annotations

import sys
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from sitepose.app.live.again import RecordedRun, run_again
from sitepose.app.live.engine import LiveEngine
from sitepose.app.live.inputs import source_opener
from sitepose.app.live.recording import LiveRecording
from sitepose.app.live.replay import Replay
from sitepose.app.sessions.manifest import read_manifest
from sitepose.app.sessions.recorder import RecordingSettings
from sitepose.app.sessions.rows import read_rows
from sitepose.app.sessions.verify import verify
from sitepose.core.formats.poses_jsonl import read_poses
from sitepose.core.structures import Detections
from sitepose.plugins.sources.live.gst_library import has_gstreamer

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))  # for the simulated cameras in `benchmarks`

DELAY_S = 0.4
RATE = 25


@pytest.fixture
def camera():
    """A camera whose pixels carry the number of the picture, in both streams."""
    if not has_gstreamer():
        pytest.skip("needs GStreamer and PyGObject: scripts/setup-live.sh")
    from benchmarks.camera.process import CameraProcess

    with CameraProcess("pair", delay=DELAY_S, rate=RATE) as process:
        yield process


class Numbers:
    """Finds somebody whose box begins at the number of the picture; remembers the timestamps of the numbers."""

    def __init__(self, fakes):
        self.capabilities = fakes.Detector().capabilities
        self.seen = {}

    def detect(self, frames):
        from benchmarks.camera import barcode

        found = []
        for frame in frames:
            stamp = barcode.read(cv2.resize(frame.image, None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST))
            boxes = np.float32([[stamp.sequence, 0, stamp.sequence + 8, 8]] if stamp else np.empty((0, 4)))
            self.seen |= {stamp.sequence: frame.timestamp} if stamp else {}
            found.append(Detections(boxes, np.full(len(boxes), 0.9, np.float32)))
        return found

    def close(self):
        pass


def recorded_numbers(folder):
    """Return the number in the pixels of every recorded frame, by its place."""
    from benchmarks.camera import barcode

    numbers = {}
    for path in sorted((folder / "video").iterdir()):
        with av.open(str(path)) as container:
            for frame in container.decode(video=0):
                stamp = barcode.read(frame.to_ndarray(format="rgb24"))
                numbers[int(path.stem), frame.pts] = stamp.sequence if stamp else None
    return numbers


def played_numbers(folder):
    """Return the numbers in the pixels and in the poses of the frames that are played with poses."""
    from benchmarks.camera import barcode

    replay, pairs = Replay(folder), []
    for number in range(replay.position.count):
        replay.seek_frame(number)
        frame = next(replay)
        poses = replay.recorded_at(frame)
        stamp = barcode.read(frame.image)
        if stamp and poses is not None and len(poses):
            pairs.append((stamp.sequence, _box_number(poses)))
    replay.close()
    return pairs


@pytest.fixture
def recorded(camera, fakes, tmp_path):
    """Records both streams while somebody reads the numbers in the small one."""
    numbers = Numbers(fakes)
    shop = fakes.Shop(one=numbers)
    engine = LiveEngine(threads=1, load=shop.load)
    engine.start_lane(fakes.config())
    quick = {"retry_s": (0.1, 0.3)}
    engine.add_source("cam", source_opener(camera.url, sub=camera.url.replace("/main", "/sub"), **quick))
    assert fakes.until(lambda: engine.view("cam") is not None, 20)
    recording = LiveRecording(engine, "cam", tmp_path, RecordingSettings(reserve_bytes=0))
    recording.seen = numbers.seen
    yield recording
    engine.stop()
    shop.workers.close()


class TestPairedStreams:
    def test_poses_of_the_late_small_stream_lie_at_the_frames_of_the_large_one(self, recorded, fakes):
        poses = recorded.folder / "poses.jsonl"
        assert fakes.until(lambda: poses.exists() and poses.read_bytes().count(b'"people"') > 60, 60)
        recorded.close()
        folder, manifest, saved = recorded.folder, read_manifest(recorded.folder), read_poses(poses)
        places = recorded_numbers(folder)
        records = [record for record in saved if len(record.poses)]
        wrong = np.array([_number(record) - places[record.segment, record.pts] for record in records])
        seconds = {(row.segment, row.pts): row.timestamp for row in read_rows(folder / "frames.jsonl")}
        true = np.median([seconds[p] - recorded.seen[n] for p, n in places.items() if n in recorded.seen])
        offset = manifest.offsets[-1]

        assert verify(folder).good
        assert (saved.header.width, saved.header.height) == (640, 352)
        assert np.abs(wrong).max() <= 1  # the nearest frame, to within one
        assert np.mean(wrong == 0) > 0.9
        assert len({(record.segment, record.pts) for record in records}) == len(records)
        assert abs(offset["seconds"] - true) < max(4 * offset["uncertainty_s"], 0.01)
        assert offset["uncertainty_s"] < 0.02
        assert saved.changes[-1].values["offset"] == offset
        assert (offset["looked_at_width"], offset["looked_at_height"]) == (320, 176)

    def test_the_session_plays_with_its_poses_and_can_be_looked_at_again(self, recorded, fakes, tmp_path):
        poses = recorded.folder / "poses.jsonl"
        assert fakes.until(lambda: poses.exists() and poses.read_bytes().count(b'"people"') > 60, 60)
        recorded.close()
        places = recorded_numbers(recorded.folder)
        shown = played_numbers(recorded.folder)
        shop = fakes.Shop(one=Numbers(fakes))
        run = RecordedRun(recorded.folder)
        looks = list(run.frames())
        found = run_again(run, shop.load(fakes.config(), None, None), tmp_path / "again")
        shop.workers.close()
        again = read_poses(tmp_path / "again" / "poses.jsonl")
        exact = [places[a.segment, a.pts] == _number(a) for a in again if len(a.poses)]

        assert len(shown) > 60
        assert np.abs(np.diff(np.array(shown), axis=1)).max() <= 1  # the nearest frame, to within one
        assert {look.frame.size_wh for look in looks} == {(320, 176)}
        assert {look.size_wh for look in looks} == {(640, 352)}
        assert all(exact)
        assert (again.header.width, again.header.height) == (640, 352)
        assert again.header.config["pixels"] == "main stream"
        assert found.pixels == "main stream"
        assert found.same == found.found > 60
        assert found.within > 0.9

    @pytest.mark.slow
    def test_it_is_measured_anew_after_a_new_connection(self, recorded, camera, fakes):
        session = recorded.folder / "session.json"
        assert fakes.until(lambda: session.read_text().count('"uncertainty_s"') == 1, 60)
        camera.kill()
        camera.start(delay=2 * DELAY_S)
        assert fakes.until(lambda: session.read_text().count('"uncertainty_s"') == 2, 60)
        looked_at = recorded.stats.frames
        assert fakes.until(lambda: recorded.stats.frames > looked_at + 2 * RATE, 20)
        recorded.close()
        folder = recorded.folder
        places, saved = recorded_numbers(folder), read_poses(folder / "poses.jsonl")
        last = max(segment for segment, _ in places)
        records = [record for record in saved if len(record.poses) and record.segment == last]
        wrong = np.array([_number(record) - places[record.segment, record.pts] for record in records])

        assert verify(folder).good
        assert len(records) > RATE
        assert np.abs(wrong).max() <= 1


def _number(record):
    return _box_number(record.poses)


def _box_number(poses):
    return round((poses.boxes[0, 0] + 0.5) / 2 - 0.5)
