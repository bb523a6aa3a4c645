"""Live sources through GStreamer, from real cameras on loopback."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from importlib.util import find_spec

import numpy as np
import pytest

from sitepose.plugins.api import FrameSource
from sitepose.plugins.sources.live.choose import open_live, pipeline_settings
from sitepose.plugins.sources.live.events import ConnectionFault
from sitepose.plugins.sources.live.gst_library import fault_of, load_gstreamer

pytestmark = pytest.mark.usefixtures("gstreamer")


def stamps(frames):
    from benchmarks.camera import barcode

    return [barcode.read(frame.image) for frame in frames]


class TestRtsp:
    @pytest.mark.parametrize(
        ("camera", "settings", "codec"),
        [
            pytest.param({}, {}, "h264", id="H.264 over TCP"),
            pytest.param({}, {"transport": "udp"}, "h264", id="H.264 over UDP"),
            pytest.param({"codec": "h265"}, {}, "h265", id="H.265"),
            # RTP gives the size of JPEG pictures in steps of eight.
            pytest.param({"codec": "mjpeg", "height": 192}, {}, "mjpeg", id="MJPEG"),
            pytest.param({"format": "Y444"}, {}, "h264", id="4:4:4"),
            pytest.param({"bframes": 2}, {}, "h264", id="B-frames"),
            pytest.param({"gop": 300}, {}, "h264", id="groups of ten seconds"),
            pytest.param({"sound": 1}, {}, "h264", id="with sound, which is not asked for"),
        ],
    )
    def test_every_frame_comes_in_order_with_its_stamps(self, rtsp_camera, live, take, camera, settings, codec):
        source = live(rtsp_camera(**camera).url, **settings)
        take(source, 10)  # what was sent before we listened is lost, up to the first keyframe
        frames = take(source, 20)
        seen = stamps(frames)

        assert isinstance(source, FrameSource)
        assert source.info.live
        assert source.info.size_wh == (320, camera.get("height", 180))
        assert source.stream().codec == codec
        assert None not in seen
        # Frames that are missing from what we took are missing from the numbers too.
        steps = np.diff([frame.index for frame in frames])
        assert (steps == np.diff([stamp.sequence for stamp in seen])).all()
        assert (steps > 0).all()
        assert np.allclose(np.diff([frame.timestamp for frame in frames]), steps / 30, atol=0.04)
        # A frame reaches us after it was taken.
        ages = [frame.captured_at - stamp.time_us / 1e6 for frame, stamp in zip(frames, seen, strict=True)]
        assert min(ages) > 0

    def test_counters_add_up(self, rtsp_camera, live, take):
        source = live(rtsp_camera().url)
        for _ in range(5):
            take(source, 2)
            time.sleep(0.15)
        last = take(source, 1)[0]
        stats = source.stats

        assert stats.captured == last.index + 1 == stats.delivered + sum(stats.dropped.values())
        assert stats.delivered == 11
        assert stats.dropped["busy"] >= 10

    def test_packets_come_with_the_pictures_places_and_a_preroll(self, rtsp_camera, live, take, collector):
        source = live(rtsp_camera().url)
        take(source, 40)
        source.attach(collector)
        frames = take(source, 20)
        source.detach(collector)
        packets = {packet.timestamp: packet for packet in collector.packets}
        first = collector.packets[0]

        assert first.keyframe
        assert first.index < frames[0].index - 15
        assert first.format.private[:1] == b"\x01"
        assert [packet.index for packet in collector.packets] == list(
            range(first.index, first.index + len(collector.packets))
        )
        assert all(
            packets[f.timestamp].index == f.index and packets[f.timestamp].pts == f.pts for f in frames[:-2]
        )

    def test_recording_needs_no_decoding(self, rtsp_camera, live, collector, wait_until):
        source = live(rtsp_camera().url, decode=False)
        source.attach(collector)
        wait_until(lambda: len(collector.packets) > 30)

        assert source.stats.captured == 0
        assert source.state == "playing"

    def test_a_login_is_given_to_the_camera(self, rtsp_camera, live, take):
        camera = rtsp_camera(user="us er", password="p@ss/1")
        source = live(camera.url_with("us%20er:p%40ss%2F1"))

        assert len(take(source, 2)) == 2

    def test_closing_ends_the_iteration(self, rtsp_camera, live, take):
        source = live(rtsp_camera().url)
        take(source, 2)
        began = time.monotonic()
        source.close()
        source.close()

        assert time.monotonic() - began < 1.0
        assert list(source) == []
        assert source.state == "closed"


class TestOtherSources:
    def test_mjpeg_over_http(self, http_camera, live, take, collector):
        source = live(http_camera(user="u", password="p w").url_with("u:p%20w"))
        source.attach(collector)
        frames = take(source, 30)

        assert None not in stamps(frames)
        assert source.stream().codec == "mjpeg"
        assert all(packet.keyframe and packet.data[:2] == b"\xff\xd8" for packet in collector.packets)

    def test_a_moving_pattern_is_encoded_while_somebody_records(self, live, take, collector):
        source = live("test:", size_wh=(128, 96), frame_rate=50)
        take(source, 5)
        source.attach(collector)
        frames = take(source, 30)
        source.detach(collector)
        places = {packet.timestamp: packet.index for packet in collector.packets}

        assert frames[0].image.shape == (96, 128, 3)
        assert collector.packets[0].keyframe
        assert len(places) >= 20
        assert all(places.get(frame.timestamp, frame.index) == frame.index for frame in frames)

    def test_raw_pictures_that_are_recorded_only_keep_the_camera_alive(self, live, collector, wait_until):
        source = live("test:", size_wh=(128, 96), frame_rate=50, decode=False, connect_timeout_s=1.0)
        source.attach(collector)
        wait_until(lambda: len(collector.packets) > 90)

        assert source.stats.reconnects == 0
        assert [event.topic for event in source.events] == ["connecting", "playing"]
        assert [packet.index for packet in collector.packets[:90]] == list(range(90))

    def test_raw_pictures_can_have_a_preroll_too(self, live, take, collector):
        source = live("test:", size_wh=(128, 96), frame_rate=50, encode_always=True)
        frames = take(source, 40)
        source.attach(collector)

        assert collector.packets[0].keyframe
        assert collector.packets[0].index < frames[-1].index - 10

    @pytest.mark.parametrize(
        "name",
        [
            pytest.param("clip.mp4", id="H.264"),
            pytest.param("clip.avi", id="a codec that no camera has"),
            pytest.param("clip.gif", id="GIF"),
        ],
    )
    def test_a_file_is_looped_at_its_own_pace(self, live, take, write_video, name):
        path, count, rate = write_video(name)
        began = time.monotonic()
        source = live(f"loop:{path}")
        frames = take(source, count + 5)
        took = time.monotonic() - began

        assert took > (frames[-1].index - 2) / rate * 0.9
        assert frames[-1].timestamp > frames[count - 3].timestamp
        # Its end was seen: a silence in its place would be a fault, and a new connection.
        assert {type(event).__name__ for event in source.events} == {"Connecting", "Playing"}

    def test_hls_over_http(self, live, take, hls_server):
        assert take(live(hls_server()), 10)[-1].image.shape == (96, 128, 3)

    def test_a_pipeline_of_the_user(self, take):
        text = "videotestsrc is-live=true num-buffers=50 ! video/x-raw,width=64,height=48,framerate=50/1"
        with open_live(pipeline_settings(text, give_up_s=20)) as source:
            assert take(source, 3)[0].image.shape == (48, 64, 3)

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            pytest.param("nonsense ! fakesink", "no element", id="unknown element"),
            pytest.param("videotestsrc ! fakesink", "could not link", id="no output"),
        ],
    )
    def test_a_wrong_pipeline_is_said_to_be_wrong(self, text, reason, wait_until):
        with open_live(pipeline_settings(text)) as source:
            wait_until(lambda: source.state == "failed")
            assert reason in str(source._supervisor.fault)

    def test_a_pipeline_that_fails_says_in_which_element(self, wait_until):
        with open_live(pipeline_settings("filesrc location=/nosuch name=film")) as source:
            wait_until(lambda: source.state == "reconnecting")

        assert "film: Resource not found" in source.why()
        assert "gst-launch-1.0" in source.why()

    def test_a_device_that_is_not_there_is_waited_for(self, live, wait_until):
        source = live("/dev/video99")
        wait_until(lambda: source.stats.reconnects >= 2)

        assert "video99" in source.events[1].message


class TestMessages:
    @pytest.mark.parametrize(
        ("domain", "code", "kind"),
        [
            pytest.param("gst-resource-error-quark", 15, "refused", id="not authorized"),
            pytest.param("gst-resource-error-quark", 5, "unreachable", id="cannot be opened"),
            pytest.param("gst-core-error-quark", 12, "unsupported", id="missing plug-in"),
            pytest.param("gst-stream-error-quark", 1, "broken", id="anything else"),
        ],
    )
    def test_errors_are_told_apart(self, domain, code, kind):
        class Error:
            message = "It\nbroke."

        Error.domain, Error.code = domain, code

        assert fault_of(Error).kind == kind
        assert "\n" not in str(fault_of(Error))

    def test_a_missing_element_says_what_to_install(self):
        with pytest.raises(ConnectionFault, match="install"):
            load_gstreamer().make("nonsense")


class TestDebugging:
    @pytest.mark.slow
    @pytest.mark.parametrize("level", ["9", "rtspsrc:LOG,2", "*:DEBUG", "2,rtsp*:6"])
    def test_gstreamer_prints_no_secret_however_much_it_is_asked_to_say(self, rtsp_camera, level):
        camera = rtsp_camera(user="us@er", password="s3cr/et")
        code = (
            "import sys; sys.path.insert(0, '.');"
            "from sitepose.plugins.sources.live.choose import live_settings, open_live;"
            "source = open_live(live_settings(sys.argv[1]), backend='gstreamer'); next(source); source.close()"
        )
        address = camera.url_with("us%40er:s3cr%2Fet") + "?token=t0ken"
        answer = subprocess.run(
            [sys.executable, "-c", code, address],
            env={**os.environ, "GST_DEBUG": level},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )

        assert "GST_DEBUG is lowered" in answer.stderr
        assert not [secret for secret in ("us@er", "us%40er", "s3cr", "t0ken") if secret in answer.stderr]


class TestCompany:
    @pytest.mark.slow
    def test_openvino_still_finds_its_devices_in_the_same_process(self):
        if find_spec("openvino") is None:
            pytest.skip("needs OpenVINO")
        code = (
            "import sys; sys.modules['openvino_telemetry'] = None; import openvino;"
            "first = openvino.Core().available_devices;"
            "from sitepose.plugins.sources.live.gst_library import load_gstreamer; load_gstreamer();"
            "assert openvino.Core().available_devices == first"
        )
        answer = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=120, check=False)

        assert answer.returncode == 0, answer.stderr
