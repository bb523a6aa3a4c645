"""Recordings played like a live source: exact frames, pause, step, speed."""

from __future__ import annotations

import shutil
import threading
import time
from fractions import Fraction

import av
import numpy as np
import pytest

from sitepose.app.live.engine import LiveEngine
from sitepose.app.live.inputs import is_camera, source_label, source_opener
from sitepose.app.live.replay import Replay
from sitepose.app.live.views import RECORDED
from sitepose.app.sessions.manifest import Segment, SessionManifest
from sitepose.core.errors import SourceError
from sitepose.core.formats.poses_jsonl import PoseRecord, PosesHeader, PosesWriter
from sitepose.core.skeleton import load_skeleton
from sitepose.core.structures import Poses

STAMPS = [0, 3, 4, 7, 11, 12, 13, 20, 21, 25, 26, 27, 33, 34, 40, 41, 42, 43, 49, 50]
"""Hundredths of a second: a variable frame rate with gaps."""


@pytest.fixture
def clip(tmp_path):
    """Return a video whose frames show their own number as brightness."""
    path = tmp_path / "hall.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=100)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.options = {"crf": "5", "g": "6", "bf": "2"}
        stream.codec_context.time_base = Fraction(1, 100)
        for number, stamp in enumerate(STAMPS):
            picture = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 10 * number + 20, np.uint8), "rgb24")
            picture.pts, picture.time_base = stamp, Fraction(1, 100)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


@pytest.fixture
def replay(clip):
    source = Replay(clip)
    source.play(False)
    yield source
    source.close()


def shown(frame):
    return round((float(frame.image.mean()) - 20) / 10)


class TestSeeking:
    def test_every_frame_can_be_gone_to_exactly(self, replay):
        order = np.random.default_rng(1).permutation(len(STAMPS) * 3) % len(STAMPS)
        for number in order.tolist():
            replay.seek_frame(number)
            frame = next(replay)

            assert (frame.index, shown(frame)) == (number, number)
            assert frame.timestamp == pytest.approx(STAMPS[number] / 100)

    @pytest.mark.parametrize(
        ("seconds", "number"),
        [
            pytest.param(0.0, 0, id="begin"),
            pytest.param(0.19, 6, id="inside a gap"),
            pytest.param(0.2, 7, id="exactly at a frame"),
            pytest.param(-5.0, 0, id="before the begin"),
            pytest.param(99.0, 19, id="after the end"),
        ],
    )
    def test_a_second_shows_the_frame_that_was_on_the_screen(self, replay, seconds, number):
        replay.seek(seconds)

        assert next(replay).index == number

    def test_steps_go_both_ways_and_stop_at_the_ends(self, replay):
        seen = [next(replay).index]
        for step in (1, 1, -1, -5, 100, 1, -1):
            replay.step(step)
            seen.append(next(replay).index)

        assert seen == [0, 1, 2, 1, 0, 19, 19, 18]


class TestSessions:
    @pytest.fixture
    def session(self, clip, tmp_path):
        """Return a site session of three segments, a second from begin to begin."""
        folder = tmp_path / "session"
        (folder / "video").mkdir(parents=True)
        parts = [
            Segment(number=n, codec="h264", width=64, height=48, timestamp=n - 1.0, wall=n, state="closed")
            for n in (1, 2, 3)
        ]
        for part in parts:
            shutil.copy(clip, folder / "video" / part.file)
        manifest = SessionManifest(name="session", created=0, created_local="", source="hall", segments=parts)
        (folder / "session.json").write_bytes(manifest.to_bytes())
        return folder

    @pytest.mark.parametrize(
        "damage",
        [
            pytest.param(lambda path: path.unlink(), id="gone"),
            pytest.param(lambda path: path.write_bytes(b""), id="empty"),
            pytest.param(lambda path: path.write_bytes(b"x" * 5000), id="something else"),
        ],
    )
    def test_a_segment_that_cannot_be_played_is_left_out_and_said(self, session, damage, caplog):
        damage(session / "video/000002.mkv")
        replay = Replay(session)
        seconds = []
        for number in range(replay.position.count):
            replay.seek_frame(number)
            seconds.append(next(replay).timestamp)
        replay.close()
        (said,) = caplog.messages

        assert len(seconds) == 2 * len(STAMPS)
        assert seconds == sorted(seconds)
        assert seconds[len(STAMPS)] == pytest.approx(2.0)
        assert "000002.mkv" in said
        assert said.endswith("it is left out")

    def test_whoever_watches_is_told_of_it(self, session, fakes):
        (session / "video/000002.mkv").unlink()
        events, views = [], []
        engine = LiveEngine(threads=1, on_event=events.append, on_view=views.append)
        engine.add_source("replay", source_opener(str(session)))
        assert fakes.until(lambda: views)
        engine.stop()
        (told,) = (event for event in events if event.kind == "damaged")

        assert "000002.mkv" in told.message
        assert (told.source, told.state, told.failed) == ("replay", "", False)

    def test_a_session_without_any_is_one_line(self, session):
        shutil.rmtree(session / "video")
        with pytest.raises(SourceError, match=r"000001\.mkv: no such file"):
            Replay(session)


class TestPlaying:
    def test_it_keeps_the_pace_of_the_recording(self, clip):
        source = Replay(clip)
        source.set_speed(2)
        began = time.monotonic()
        numbers = [next(source).index for _ in STAMPS]
        elapsed = time.monotonic() - began
        source.close()

        assert numbers == list(range(20))
        assert elapsed > 0.2  # .5 s at twice the speed; a busy machine may be slower

    def test_at_the_end_it_stands_and_plays_anew_when_asked(self, clip):
        source = Replay(clip)
        source.set_speed(16)
        threading.Timer(0.4, source.play).start()
        numbers = [next(source).index for _ in range(21)]
        source.close()

        assert numbers[-2:] == [19, 0]

    def test_closing_wakes_who_waits(self, replay):
        next(replay)
        threading.Timer(0.05, replay.close).start()

        assert list(replay) == []

    def test_recorded_poses_are_shown_at_their_own_frames(self, clip, fakes):
        self.save_poses(clip.with_name("poses.jsonl"), every=2)
        views = []
        engine = LiveEngine(threads=1, on_view=views.append)
        engine.add_source("replay", source_opener(str(clip)))
        assert fakes.until(lambda: len(views) >= 20)
        engine.stop()

        people = {view.frame.index: view.results.get(RECORDED) for view in views}
        assert [index for index, found in people.items() if found is not None] == list(range(0, 20, 2))
        assert people[4].tracked.poses.boxes[0, 0] == 4

    def test_a_frame_that_stands_still_gets_its_people_when_the_networks_are_there(self, clip, fakes):
        views, shop = [], fakes.Shop()
        engine = LiveEngine(threads=1, on_view=views.append, load=shop.load)
        engine.add_source("replay", source_opener(str(clip)))
        assert fakes.until(lambda: len(views) >= 20 and not engine.source("replay").position.playing)
        engine.start_lane(fakes.config())
        found = fakes.until(lambda: "A" in views[-1].results)
        engine.stop()
        shop.workers.close()

        assert found
        assert views[-1].results["A"].tracked.frame.index == 19

    def save_poses(self, path, *, every):
        names = load_skeleton("coco17").keypoint_names
        with PosesWriter(
            path, PosesHeader(source="hall.mkv", width=64, height=48, skeleton="coco17", keypoint_names=names)
        ) as writer:
            for number in range(0, len(STAMPS), every):
                poses = Poses(
                    keypoints=np.zeros((1, 17, 2)),
                    keypoint_scores=np.ones((1, 17)),
                    boxes=[[number, 0, number + 10, 20]],
                    box_scores=[1],
                    scores=[1],
                )
                writer.write(PoseRecord(number, STAMPS[number] / 100, STAMPS[number] * 10, poses))

    def test_an_engine_shows_it(self, clip, fakes):
        views = []
        engine = LiveEngine(threads=1, on_view=views.append)
        engine.add_source("replay", source_opener(str(clip)))
        assert fakes.until(lambda: len(views) >= 3)
        engine.source("replay").step(-2)
        assert fakes.until(lambda: not engine.source("replay").position.playing)
        engine.stop()

        assert {view.frame.source_id for view in views} == {"hall.mkv"}


class TestInputs:
    @pytest.mark.parametrize(
        "location", ["0", "/dev/video0", "rtsp://h/x", "http://h/x", "test:", "loop:a.mp4"]
    )
    def test_cameras(self, location):
        assert is_camera(location)

    @pytest.mark.parametrize("location", ["hall.mp4", "sessions/monday", "video0"])
    def test_recordings(self, location):
        assert not is_camera(location)

    def test_labels_hold_no_password(self):
        assert source_label("rtsp://me:p%40ss@10.1.2.3/live?token=s3cret") == "rtsp://10.1.2.3/live"

    def test_what_is_not_there_is_one_line(self):
        with pytest.raises(SourceError, match=r"^no such file, folder or camera: nowhere\.mp4$"):
            source_opener("nowhere.mp4")
