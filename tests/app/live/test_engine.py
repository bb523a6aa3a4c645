"""The live pipeline: the newest frame counts, nothing waits, parts are exchanged, faults cost one frame."""

from __future__ import annotations

import threading
import time

import psutil
import pytest

from sitepose.app.live.engine import LiveEngine
from sitepose.app.live.views import FIRST, SECOND
from sitepose.core.errors import SourceError
from sitepose.core.formats.poses_jsonl import read_poses


@pytest.fixture
def rig(fakes):
    """Return a running engine over one camera, and everything that it has told."""
    rig = Rig(fakes)
    yield rig
    rig.engine.stop()
    rig.shop.workers.close()


class Rig:
    def __init__(self, fakes):
        self.fakes = fakes
        self.shop = fakes.Shop()
        self.events, self.views, self.results = [], [], []
        self.engine = LiveEngine(
            threads=1, on_event=self.events.append, on_view=self.views.append, load=self.shop.load
        )
        self.camera = fakes.Camera()

    def start(self, **config):
        self.engine.add_source("cam", lambda _listener: self.camera)
        self.engine.start_lane(self.fakes.config(**config))
        assert self.engine.lane().wait_loaded(5)
        self.engine.add_sink(self)

    def put(self, result):
        self.results.append(result)

    def switched(self, source, index, parts):
        self.results.append(("switched", source, index, parts.config.detector.name))

    def frames(self):
        return [result for result in self.results if not isinstance(result, tuple)]

    def last(self, kind):
        return [event.message for event in self.events if event.kind == kind][-1]

    def kinds(self):
        return [event.kind for event in self.events]

    def until(self, condition):
        assert self.fakes.until(condition), (self.kinds(), self.engine.figures("cam"))

    def settle(self):
        """Wait until every frame that was sent has been shown and dealt with."""
        self.until(lambda: self.last_shown() == self.camera.sent - 1)
        self.until(lambda: self.engine.finish(0))

    def last_shown(self):
        view = self.engine.view("cam")
        return -1 if view is None else view.frame.index

    def shown(self, count):
        self.until(lambda: len(self.views) >= count)


class TestFlow:
    def test_every_frame_is_shown_while_inference_is_busy(self, rig):
        gate = threading.Semaphore(0)
        rig.shop.detectors["slow"] = rig.fakes.Detector(gate=gate)
        rig.start(detector="slow")

        rig.camera.send(20)
        rig.shown(20)
        gate.release(100)
        rig.settle()

        assert [view.frame.index for view in rig.views] == list(range(20))
        assert rig.results[-1].tracked.frame.index == 19
        assert len(rig.results) < 5

    def test_frames_that_come_before_the_networks_are_shown_without_poses(self, rig):
        rig.shop.delay_s = 0.2
        rig.engine.add_source("cam", lambda _listener: rig.camera)
        rig.engine.start_lane(rig.fakes.config())
        rig.camera.send(3)
        rig.shown(3)
        assert rig.engine.lane().wait_loaded(5)

        assert rig.views[2].results == {}
        assert rig.engine.figures("cam").dropped["loading"] == 3

    def test_a_view_tells_how_old_its_poses_are(self, rig):
        rig.start()
        rig.camera.send(1)
        rig.until(lambda: len(rig.results) == 1)
        rig.shop.detectors["one"].gate = threading.Semaphore(0)
        rig.camera.send(3)
        rig.shown(4)

        assert rig.views[3].age_s() == pytest.approx(3 / 30)
        rig.shop.detectors["one"].gate.release(10)

    @pytest.mark.parametrize("count", [1, 7, 60])
    def test_every_frame_is_accounted_for(self, rig, count):
        rig.start()
        rig.shop.detectors["one"].delay_s = 0.003
        for _ in range(count):
            rig.camera.send(1)
            time.sleep(0.001)
        rig.shown(count)
        rig.settle()
        figures = rig.engine.figures("cam")

        assert figures.captured == count
        assert figures.inferred + sum(figures.dropped.values()) + figures.waiting == count
        assert figures.inferred == len(rig.results)
        assert sum(result.tracked.dropped for result in rig.results) == figures.dropped["inference"]

    def test_steps_are_timed(self, rig):
        rig.start()
        rig.camera.send(1)
        rig.until(lambda: len(rig.results) == 1)
        rig.engine.painted(rig.views[0])

        recent = rig.engine.figures("cam").recent
        assert set(recent) == {"queue", "detect", "pose", "nms", "track", "camera to pose", "camera to paint"}
        assert all(0 <= step.p50_ms <= step.p99_ms for step in recent.values())

    def test_nobody_in_the_picture_is_a_normal_case(self, rig):
        rig.start()
        rig.shop.detectors["one"].detect = lambda frames: [type(frames[0]) and _nobody() for _ in frames]
        rig.camera.send(1)
        rig.until(lambda: len(rig.results) == 1)

        assert len(rig.results[0].tracked.poses) == 0


class TestSeveralSources:
    def test_inference_is_shared_in_turn(self, rig):
        rig.start()
        other = rig.fakes.Camera("second")
        rig.engine.add_source("second", lambda _listener: other)
        gate = rig.shop.detectors["one"].gate = threading.Semaphore(0)
        rig.camera.send(1)
        for _ in range(30):
            rig.camera.send(3)
            other.send(1)
            rig.until(lambda: len(rig.views) >= rig.camera.sent + other.sent)
            gate.release(2)
            time.sleep(0.005)
        gate.release(100)
        rig.settle()

        seen = [source for source, _ in rig.shop.detectors["one"].seen]
        assert abs(seen.count("cam") - seen.count("second")) <= 3

    def test_one_that_fails_does_not_disturb_the_other(self, rig):
        rig.start()
        broken = rig.fakes.Camera("broken")
        rig.engine.add_source("broken", lambda _listener: broken)
        broken.fail(SourceError("no picture has come yet"))
        rig.until(lambda: "source-failed" in rig.kinds())
        rig.camera.send(1)
        rig.until(lambda: len(rig.results) == 1)

        assert rig.results[0].source == "cam"

    def test_one_that_cannot_be_opened_is_an_event(self, rig):
        def fail(_listener):
            raise SourceError("no such camera")

        rig.engine.add_source("none", fail)
        rig.until(lambda: "source-failed" in rig.kinds())

        assert rig.events[-1].message == "no such camera"

    def test_a_source_that_was_removed_can_come_back(self, rig):
        rig.start()
        rig.camera.send(2)
        rig.shown(2)
        rig.engine.remove_source("cam")
        assert rig.camera.closed.wait(2)
        rig.camera = rig.fakes.Camera()
        rig.engine.add_source("cam", lambda _listener: rig.camera)
        rig.camera.send(1)
        rig.shown(3)
        rig.settle()

        assert rig.engine.figures("cam").captured == 1


class TestSwitching:
    def test_the_new_part_takes_over_between_two_frames(self, rig):
        rig.shop.detectors["two"] = rig.fakes.Detector()
        rig.start()
        rig.camera.send(1)
        rig.until(lambda: len(rig.results) == 1)
        rig.engine.switch(rig.fakes.config(detector="two"))
        assert rig.engine.lane().wait_loaded(5)
        rig.camera.send(1)
        rig.until(lambda: len(rig.results) == 3)

        assert rig.results[1] == ("switched", "cam", 1, "two")
        assert rig.shop.detectors["one"].closed == 1
        assert rig.last("switched") == "detector one -> two"

    def test_video_and_poses_go_on_while_a_part_is_loaded(self, rig):
        rig.shop.detectors["two"] = rig.fakes.Detector()
        rig.start()
        rig.shop.delay_s = 0.3
        rig.engine.switch(rig.fakes.config(detector="two"))
        for _ in range(10):
            rig.camera.send(1)
            time.sleep(0.01)
        rig.until(lambda: len(rig.results) >= 3)

        assert rig.engine.lane().loading
        assert rig.engine.parts().config.detector.name == "one"

    def test_one_that_fails_leaves_the_old_running_and_says_why(self, rig):
        rig.start()
        rig.engine.switch(rig.fakes.config(detector="broken"))
        rig.until(lambda: "switch-failed" in rig.kinds())
        rig.camera.send(1)
        rig.until(lambda: len(rig.results) == 1)

        assert rig.last("switch-failed") == (
            "detector 'broken' cannot start: it is broken; what was running goes on"
        )
        assert rig.engine.parts().config.detector.name == "one"

    def test_the_tracker_stays_with_another_detector_and_goes_with_another_tracker(self, rig):
        rig.shop.detectors["two"] = rig.fakes.Detector()
        rig.start()
        trackers = []
        for changes in ({}, {"detector": "two"}, {"detector": "two", "tracker": "other"}):
            rig.engine.switch(rig.fakes.config(**changes))
            assert rig.engine.lane().wait_loaded(5)
            before = rig.camera.sent
            rig.camera.send(1)
            rig.until(lambda before=before: any(r.tracked.frame.index == before for r in rig.frames()))
            trackers.append(rig.engine.lane()._scenes._scenes["cam"].tracker)

        assert trackers[0] is trackers[1] is not trackers[2]

    def test_another_skeleton_is_refused_while_poses_are_written(self, rig):
        rig.start()
        rig.engine.switch(rig.fakes.config(pose="other"))
        rig.until(lambda: "switch-failed" in rig.kinds())

        assert "stop the recording first" in rig.last("switch-failed")
        assert rig.engine.parts().skeleton.name == "coco17"
        assert len(rig.shop.open_parts()) == 2

        rig.engine.remove_sink(rig)
        rig.engine.switch(rig.fakes.config(pose="other"))
        assert rig.engine.lane().wait_loaded(5)
        assert rig.engine.parts().skeleton.name == "crowdpose14"

    def test_fifty_switches_leave_nothing_behind(self, rig):
        rig.shop.detectors["two"] = rig.fakes.Detector()
        rig.start()
        for i in range(10):
            self.switch(rig, i)
        threads, memory = threading.active_count(), psutil.Process().memory_info().rss
        for i in range(50):
            self.switch(rig, i)

        assert threading.active_count() == threads
        assert psutil.Process().memory_info().rss - memory < 4 << 20
        assert len(rig.shop.open_parts()) == 2

    def switch(self, rig, i):
        rig.engine.switch(rig.fakes.config(detector=("one", "two")[i % 2]))
        rig.camera.send(1)
        assert rig.engine.lane().wait_loaded(5)

    def test_two_lanes_see_the_same_camera(self, rig):
        rig.shop.detectors["two"] = rig.fakes.Detector()
        rig.start()
        rig.engine.start_lane(rig.fakes.config(detector="two"), SECOND)
        assert rig.engine.lane(SECOND).wait_loaded(5)
        rig.camera.send(1)
        rig.shown(1)
        rig.until(lambda: set(_results(rig, rig.camera)) == {FIRST, SECOND})
        rig.engine.stop_lane(SECOND)

        assert rig.shop.detectors["two"].closed == 1


def _results(rig, camera):
    camera.send(1)
    time.sleep(0.02)
    return rig.views[-1].results


def _nobody():
    from sitepose.core.structures import Detections

    return Detections.empty()


class TestFaults:
    def test_a_stage_that_fails_costs_its_frame_and_is_told_once(self, rig):
        rig.start()
        rig.shop.detectors["one"].error = ZeroDivisionError("division by zero")
        for _ in range(3):
            rig.camera.send(1)
            rig.settle()
        rig.shop.detectors["one"].error = None
        rig.camera.send(1)
        rig.until(lambda: len(rig.results) == 1)

        failures = [event.message for event in rig.events if event.kind == "stage-failed"]
        assert failures == ["detect failed at frame 0: ZeroDivisionError: division by zero; other frames go on"]
        assert rig.engine.figures("cam").dropped["failed"] == 3

    def test_another_frame_size_begins_a_new_scene(self, rig):
        rig.start()
        rig.camera.send(2)
        rig.settle()
        tracker = rig.engine.lane()._scenes._scenes["cam"].tracker
        rig.camera.send(1, width=128, height=96)
        rig.settle()

        assert tracker.resets == 2

    def test_a_sink_that_fails_does_not_stop_the_lane(self, rig):
        rig.start()

        class Broken:
            def put(self, result):
                raise RuntimeError("full")

            def switched(self, *_):
                raise RuntimeError("full")

        rig.engine.add_sink(Broken())
        rig.camera.send(1)
        rig.until(lambda: len(rig.results) == 1)
        rig.camera.send(1)
        rig.until(lambda: len(rig.results) == 2)


class TestStopping:
    def test_it_takes_a_second_at_most_and_leaves_nothing(self, fakes):
        before = set(threading.enumerate())
        rig = Rig(fakes)
        rig.shop.detectors["one"].delay_s = 0.05
        rig.start()
        rig.camera.send(30)
        rig.shown(1)
        started = time.monotonic()
        rig.engine.stop()
        rig.engine.stop()
        elapsed = time.monotonic() - started
        rig.shop.workers.close()

        assert set(threading.enumerate()) == before
        assert rig.shop.open_parts() == []
        assert rig.camera.closed.is_set()
        assert elapsed < 1.5  # one second, and what a busy machine adds

    def test_while_a_part_is_being_loaded(self, fakes):
        rig = Rig(fakes)
        rig.shop.delay_s = 0.3
        rig.engine.start_lane(fakes.config())
        rig.engine.stop()
        fakes.until(lambda: not any("load" in thread.name for thread in threading.enumerate()))
        rig.shop.workers.close()

        assert rig.shop.open_parts() == []

    def test_an_engine_that_did_nothing(self):
        LiveEngine(threads=1).stop()


class TestWriting:
    def test_every_inferred_frame_has_its_line_and_a_switch_is_written(self, rig, tmp_path):
        from sitepose.app.live.writer import LiveWriter

        rig.shop.detectors["two"] = rig.fakes.Detector()
        rig.start()
        writer = LiveWriter("cam", rig.engine.parts(), folder=tmp_path / "run")
        rig.engine.add_sink(writer)
        for name in ("one", "two"):
            rig.engine.switch(rig.fakes.config(detector=name))
            assert rig.engine.lane().wait_loaded(5)
            for _ in range(3):
                rig.camera.send(1)
                rig.settle()
        writer.close(dropped=4)
        saved = read_poses(tmp_path / "run" / "poses.jsonl")

        assert [record.index for record in saved] == list(range(6))
        assert [(change.index, change.values["detector"]) for change in saved.changes][-1] == (3, "two")
        assert (saved.end.frames, saved.end.dropped) == (6, 4)

    def test_only_the_chosen_person_is_written(self, rig, tmp_path):
        from sitepose.app.live.writer import LiveWriter

        rig.start()
        writer = LiveWriter("cam", rig.engine.parts(), folder=tmp_path, select=5)
        rig.engine.add_sink(writer)
        rig.camera.send(1)
        rig.settle()
        writer.close()

        assert [len(record.poses) for record in read_poses(tmp_path / "poses.jsonl")] == [0]

    def test_a_file_that_cannot_be_written_is_told_of(self, rig, tmp_path):
        from sitepose.app.live.writer import LiveWriter

        rig.start()
        (tmp_path / "poses.jsonl").mkdir()
        told = []
        writer = LiveWriter("cam", rig.engine.parts(), folder=tmp_path, failed=told.append)
        rig.engine.add_sink(writer)
        rig.camera.send(1)
        rig.until(lambda: told)
        writer.close()

        assert "cannot be written" in told[0]
