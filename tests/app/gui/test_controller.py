"""What the window does, tested without one."""

from __future__ import annotations

import threading
from unittest.mock import MagicMock

import pytest

from sitepose.app.gui import recording
from sitepose.app.gui.controller import Controller
from sitepose.app.gui.model import SessionModel
from sitepose.app.gui.view import View
from sitepose.app.live.engine import LiveEngine
from sitepose.app.live.events import LiveEvent
from sitepose.app.live.recording import LiveRecording
from sitepose.app.live.replay import Position, Replay
from sitepose.app.live.views import FIRST, SECOND
from sitepose.app.sessions.disk import DiskState


@pytest.fixture
def desk():
    desk = Desk()
    desk.controller.start()
    yield desk
    desk.controller.close()


class Desk:
    def __init__(self):
        self.view = MagicMock(spec=View)
        self.engine = MagicMock(spec=LiveEngine)
        self.engine.parts.return_value = None
        self.engine.view.return_value = None
        self.engine.figures.return_value = None
        self.engine.lane.side_effect = lambda name=FIRST: MagicMock() if name == FIRST else None
        self.engine.source.return_value = None
        self.woken = 0
        self.controller = Controller(self.view, SessionModel(), self.make_engine, self.wake)

    def make_engine(self, *, on_event, on_view):
        self.on_event, self.on_view = on_event, on_view
        return self.engine

    def wake(self):
        self.woken += 1

    def tell(self, **event):
        self.on_event(LiveEvent(**event))
        self.controller.refresh()

    def wait_for_tasks(self):
        """Let everything be done that was begun beside the window."""
        self.controller._tasks._executor.submit(lambda: None).result()
        self.controller.refresh()

    def banner(self):
        return self.view.show_banner.call_args.args[0]

    def shown(self, lane, part):
        """Return what the panel shows of a part."""
        calls = [call.args for call in self.view.show_part.call_args_list]
        return next(choice for at, choice in reversed(calls) if (at, choice.part) == (lane, part))


class TestStart:
    def test_the_networks_are_loaded_and_both_pipelines_are_shown(self, desk):
        desk.engine.start_lane.assert_called_once_with(desk.controller.model.configs[FIRST])

        assert desk.shown(FIRST, "detector").chosen == "centernet"
        assert desk.shown(SECOND, "nms").chosen == "parametric"
        assert {field.name for field in desk.shown(FIRST, "detector").fields} >= {"min_score", "nms_iou"}

    def test_closing_twice_is_fine(self, desk):
        desk.controller.close()
        desk.controller.close()

        desk.engine.stop.assert_called_once_with()


class TestSources:
    def test_opening_one_adds_a_pane(self, desk):
        desk.controller.open("0")
        screens, titles = desk.view.show_screens.call_args.args

        assert [(screen.source, screen.lane) for screen in screens] == [("/dev/video0", FIRST)]
        assert titles == ["/dev/video0"]
        assert desk.engine.add_source.call_args.args[0] == "/dev/video0"

    def test_the_same_camera_twice_gets_two_names(self, desk):
        desk.controller.open("0")
        desk.controller.open("0")

        assert list(desk.controller.model.sources) == ["/dev/video0", "/dev/video0 (2)"]

    def test_no_login_reaches_the_view_or_what_is_remembered(self, desk):
        desk.controller.open("rtsp://root:s3cret@10.0.0.2/live", user="root", password="s3cret")

        assert "s3cret" not in str(desk.view.mock_calls) + desk.controller.model.remembered()
        assert list(desk.controller.model.sources) == ["rtsp://10.0.0.2/live"]

    def test_nor_does_one_in_the_address_of_the_sub_stream(self, desk):
        sub = "rtsp://root:s3cret@10.0.0.2/small"
        desk.controller.open("rtsp://10.0.0.2/live", sub=sub)
        desk.tell(kind="source", message=f"cannot reach {sub}", source="rtsp://10.0.0.2/live", state="failed")

        assert "cannot reach" in desk.banner().text
        assert "s3cret" not in str(desk.view.mock_calls) + desk.controller.model.remembered()

    def test_a_bad_address_is_a_banner(self, desk):
        desk.controller.open("rtsp:// ")

        assert "address" in desk.banner().text

    def test_closing_one_leaves_the_others(self, desk):
        desk.controller.open("0")
        desk.controller.open("1")
        desk.controller.close_source()

        desk.engine.remove_source.assert_called_once_with("/dev/video1")
        assert desk.controller.model.current == "/dev/video0"

    def test_what_a_camera_tells_is_shown_with_it(self, desk):
        desk.controller.open("0")
        desk.tell(kind="source", message="playing h264 640x480", source="/dev/video0", state="playing")
        sources, current = desk.view.show_sources.call_args.args

        assert (sources[0].state, sources[0].message, current) == (
            "playing",
            "playing h264 640x480",
            "/dev/video0",
        )


class TestErrors:
    def test_a_failure_is_a_banner_with_what_to_do_until_it_is_over(self, desk):
        desk.controller.open("0")
        desk.tell(kind="source", message="401 wrong password", source="/dev/video0", state="failed")
        assert (desk.banner().text, desk.banner().remedy) == (
            "/dev/video0: 401 wrong password",
            "Check user and password, then press Ctrl+R.",
        )

        desk.tell(kind="source", message="playing", source="/dev/video0", state="playing")
        assert desk.banner() is None

    def test_what_a_recording_lacks_stays_to_be_read_while_the_rest_plays(self, desk):
        desk.tell(kind="damaged", message="2.mkv: no such file; it is left out", source="monday")
        desk.tell(kind="source", message="playing", source="monday", state="playing")

        assert desk.banner().text == "monday: 2.mkv: no such file; it is left out"
        assert "sessions verify" in desk.banner().remedy

    def test_escape_takes_it_away(self, desk):
        desk.tell(kind="stage-failed", message="pose failed", lane="A")
        desk.controller.dismiss()

        assert desk.banner() is None

    def test_an_error_that_nobody_expected_is_one_too(self, desk):
        desk.controller.report(ZeroDivisionError("division by zero"))

        assert desk.banner().text == "ZeroDivisionError: division by zero"


class TestNotices:
    def test_a_camera_that_was_moved_is_a_banner(self, desk):
        desk.controller.open("0")
        desk.tell(kind="scene", message="the camera was moved", source="/dev/video0")

        assert desk.banner().text == "/dev/video0: the camera was moved"
        assert "look after the camera" in desk.banner().remedy

    def test_it_does_not_hide_that_something_does_not_work(self, desk):
        desk.tell(kind="stage-failed", message="pose failed", lane="A")
        desk.tell(kind="scene", message="the camera was moved")

        assert "pose failed" in desk.banner().text


class TestParts:
    def test_another_detector_is_switched_to(self, desk):
        desk.controller.parts.choose(FIRST, "detector", "yolox-nano")
        config, lane = desk.engine.switch.call_args.args

        assert (config.detector.name, config.pose.name, lane) == ("yolox-nano", "movenet-thunder", FIRST)
        assert desk.shown(FIRST, "detector").chosen == "yolox-nano"

    def test_choosing_what_runs_does_nothing(self, desk):
        desk.controller.parts.choose(FIRST, "detector", "centernet")

        desk.engine.switch.assert_not_called()

    def test_a_setting_is_kept_with_the_others(self, desk):
        desk.controller.parts.change_setting(FIRST, "detector", "min_score", 0.5)
        desk.controller.parts.change_setting(FIRST, "detector", "nms_iou", 0.6)
        config, _ = desk.engine.switch.call_args.args

        assert config.detector.settings == {"min_score": 0.5, "nms_iou": 0.6}

    def test_a_preset_changes_detector_and_pose_network(self, desk):
        desk.controller.parts.choose_preset(FIRST, "accurate")
        config, _ = desk.engine.switch.call_args.args

        assert (config.detector.name, config.pose.name) == ("yolox-m", "rtmpose-m")

    def test_after_a_failed_switch_the_panel_shows_what_runs(self, desk):
        running = desk.controller.model.configs[FIRST]
        desk.controller.parts.choose(FIRST, "detector", "yolox-m")
        desk.engine.parts.return_value = MagicMock(config=running)
        asked = desk.controller.model.configs[FIRST]
        desk.tell(kind="switch-failed", message="yolox-m cannot be fetched", lane=FIRST, config=asked)

        assert desk.shown(FIRST, "detector").chosen == "centernet"
        assert "cannot be fetched" in desk.banner().text

    def test_a_failure_does_not_take_back_what_was_wished_since(self, desk):
        desk.controller.parts.choose(FIRST, "detector", "yolox-m")
        asked = desk.controller.model.configs[FIRST]
        desk.controller.parts.choose(FIRST, "detector", "yolox-s")
        desk.engine.parts.return_value = MagicMock()
        desk.tell(kind="switch-failed", message="yolox-m cannot be fetched", lane=FIRST, config=asked)

        assert desk.shown(FIRST, "detector").chosen == "yolox-s"


class TestFollowing:
    @pytest.mark.parametrize(("tracker", "followed"), [("oks-sort", True), ("none", False)])
    def test_who_is_followed_is_forgotten_with_the_tracker(self, desk, make_view, tracker, followed):
        desk.controller.open("0")
        desk.engine.view.return_value = make_view(2, source="/dev/video0")
        config = desk.controller.model.configs[FIRST]
        skeleton = MagicMock()
        desk.engine.parts.return_value = MagicMock(config=config, skeleton=skeleton)
        desk.tell(kind="switched", message="at work", lane=FIRST)
        desk.controller.following.next()
        other = desk.controller.model.with_part(FIRST, "tracker", tracker)
        desk.engine.parts.return_value = MagicMock(config=other, skeleton=skeleton)
        desk.tell(kind="switched", message="another tracker", lane=FIRST)

        assert bool(desk.controller.model.following) == followed


class TestCompare:
    def test_a_second_pipeline_over_the_same_frames(self, desk, make_view):
        desk.controller.open("0")
        desk.controller.compare()
        screens, titles = desk.view.show_screens.call_args.args
        desk.on_view(make_view(source="/dev/video0"))
        desk.controller.refresh()

        assert [screen.lane for screen in screens] == [FIRST, SECOND]
        assert titles == ["A  /dev/video0", "B  /dev/video0"]
        assert desk.engine.start_lane.call_args.args[1] == SECOND
        assert desk.view.show_picture.call_count == 2
        desk.engine.painted.assert_called_once()

    def test_and_back(self, desk):
        desk.controller.open("0")
        desk.controller.compare()
        desk.controller.compare()
        screens, _ = desk.view.show_screens.call_args.args
        desk.controller.close()

        assert len(screens) == 1
        desk.engine.stop_lane.assert_called_once_with(SECOND)


class TestPictures:
    def test_only_the_newest_is_painted(self, desk, make_view):
        desk.controller.open("0")
        for index in range(5):
            desk.on_view(make_view(source="/dev/video0", index=index))
        desk.controller.refresh()

        picture = desk.view.show_picture.call_args.args[1]
        assert desk.view.show_picture.call_count == 1
        assert picture.view.frame.index == 4

    def test_of_a_source_that_is_closed_none(self, desk, make_view):
        desk.controller.open("0")
        desk.on_view(make_view(source="/dev/video0"))
        desk.controller.close_source()
        desk.controller.refresh()

        desk.view.show_picture.assert_not_called()

    def test_frames_from_many_threads(self, desk, make_view):
        desk.controller.open("0")
        view = make_view(source="/dev/video0")
        threads = [threading.Thread(target=desk.on_view, args=(view,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        desk.controller.refresh()

        assert desk.woken == 8


class TestReplay:
    def test_keys_reach_the_recording(self, desk):
        desk.controller.open("0")
        replay = desk.engine.source.return_value = MagicMock(spec=Replay)
        replay.position = Position(3, 100, 1.5, 40.0, True, 1.0)
        desk.controller.replay.pause()
        desk.controller.replay.step(-1)
        desk.controller.replay.skip(1.0)
        desk.controller.replay.seek_frame(7)
        desk.controller.replay.speed(2.0)

        assert [call[:2] for call in replay.method_calls] == [
            ("play", (False,)),
            ("step", (-1,)),
            ("seek", (2.5,)),
            ("seek_frame", (7,)),
            ("set_speed", (2.0,)),
        ]
        assert desk.view.show_replay.call_args.args[0] is replay.position

    def test_a_camera_has_none(self, desk):
        desk.controller.open("0")
        desk.controller.replay.pause()
        desk.controller.tick()

        desk.view.show_replay.assert_called_with(None)


def recording_of_nothing():
    made = MagicMock(spec=LiveRecording, stopped="")
    made.stats.frames = made.stats.overflowed = made.stats.seconds = 0
    made.stats.disk = DiskState(10**9, None, "good")
    return made


class TestRecording:
    def test_what_cannot_be_recorded_is_a_banner(self, desk, tmp_path):
        desk.controller.model.sessions = tmp_path
        desk.controller.open("0")
        desk.controller.recording.toggle()
        desk.controller._tasks.close()
        desk.controller.refresh()

        assert "cannot be recorded" in desk.banner().text

    @pytest.mark.parametrize(
        ("kept", "blurred", "poses"),
        [("video", False, False), ("blurred", True, False), ("poses", False, True)],
    )
    def test_what_is_kept_is_chosen_for_the_next_one_and_remembered(
        self, desk, monkeypatch, kept, blurred, poses
    ):
        begun = []
        monkeypatch.setattr(
            recording, "LiveRecording", lambda *words, **_: begun.append(words[3]) or recording_of_nothing()
        )
        desk.controller.open("0")
        desk.controller.recording.keep(kept)
        desk.controller.recording.toggle()
        desk.wait_for_tasks()
        model = SessionModel()
        model.recall(desk.controller.model.remembered())

        desk.view.show_kept.assert_called_with(kept)
        assert [(settings.blur_faces, settings.poses_only) for settings in begun] == [(blurred, poses)]
        assert model.kept == kept

    def test_one_that_runs_stays_as_it_was_begun(self, desk, monkeypatch):
        monkeypatch.setattr(recording, "LiveRecording", lambda *_, **__: recording_of_nothing())
        desk.controller.open("0")
        desk.controller.recording.keep("poses")
        desk.controller.recording.toggle()
        desk.wait_for_tasks()
        desk.controller.recording.keep("video")
        desk.controller.recording.show()

        assert "from the next recording on" in desk.view.show_status.call_args.args[0]
        assert "waiting for poses; no video; 1.0 GB free" in desk.view.show_recording.call_args.args[0].line


class TestModel:
    def test_the_next_window_begins_where_this_one_was(self, desk):
        desk.controller.parts.choose(SECOND, "tracker", "none")
        desk.controller.toggle_layer("trails")
        desk.controller.toggle_theme()
        model = SessionModel()
        model.recall(desk.controller.model.remembered())

        assert model.configs[SECOND].tracker.name == "none"
        assert (model.layers.trails, model.layers.boxes, model.theme) == (False, True, "light")

    @pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 99}', '{"version": 1, "configs": {"A": 3}}'])
    def test_what_cannot_be_read_is_left_out(self, text):
        model = SessionModel()
        model.recall(text)

        assert model.configs == SessionModel().configs
