"""What cameras and networks do to us, each done for real: back to live by itself, and nothing left behind."""

from __future__ import annotations

import gc
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from sitepose.plugins.sources.live.events import ClockJumped, Playing, Reconnecting, Stalled

pytestmark = pytest.mark.usefixtures("gstreamer")

ROOT = Path(__file__).resolve().parents[4]

RECONNECTS = 20

STOPPED_S = 3.0

BUSY_S = 1.5
LONG_LIST = 4_000_000
"""So many numbers take longer to sort than packets are waited for."""

MEMORY_BYTES = 8 << 20
"""Of noise. A connection left behind keeps more in its queues within the last ten."""


def events(source, kind):
    return [event for event in source.events if isinstance(event, kind)]


def sequences(frames):
    from benchmarks.camera import barcode

    return [stamp.sequence for frame in frames if (stamp := barcode.read(frame.image)) is not None]


class TestCamera:
    @pytest.mark.parametrize("codec", ["h264", "h265"])
    def test_killed_and_back_with_another_size_or_codec(self, own_camera, live, take, collector, codec):
        camera = own_camera()
        source = live(camera.url)
        before = take(source, 10)[-1]
        source.attach(collector)
        camera.kill()
        time.sleep(0.5)
        camera.start(width=352, height=192, codec=codec)
        after = take(source, 20)[-1]

        assert after.image.shape == (192, 352, 3)
        assert after.timestamp - before.timestamp > 0.5
        assert source.info.size_wh == (352, 192)
        assert events(source, Reconnecting)
        later = [packet for packet in collector.packets if packet.epoch > 0]
        assert (later[0].format.size_wh, later[0].format.codec) == ((352, 192), codec)
        assert {packet.epoch for packet in collector.packets} == {0, later[0].epoch}

    @pytest.mark.parametrize(
        "frozen_s", [pytest.param(3, id="3 s"), pytest.param(10, id="10 s", marks=pytest.mark.soak)]
    )
    def test_frozen_and_thawed(self, own_camera, live, take, wait_until, frozen_s):
        camera = own_camera()
        source = live(camera.url)
        take(source, 10)
        camera.freeze()
        frozen_at = time.monotonic()
        wait_until(lambda: events(source, Stalled))
        seen = events(source, Stalled)[0]
        time.sleep(max(0.0, frozen_s - (time.monotonic() - frozen_at)))
        camera.thaw()
        frames = take(source, 10)

        assert seen.silent_s < 2.0
        assert source.state == "playing"
        assert frames[-1].timestamp - frames[0].timestamp < 5

    def test_a_wrong_password_is_said_and_not_hammered(self, rtsp_camera, live, wait_until):
        source = live(rtsp_camera(user="u", password="right").url_with("u:wrong"))
        wait_until(lambda: source.state == "failed")
        time.sleep(1.0)

        assert [event.state for event in source.events] == ["connecting", "failed"]
        assert "user or password" in source.events[-1].message
        assert "wrong" not in source.events[-1].message

    def test_a_camera_that_is_not_there_yet(self, own_camera, live, take):
        camera = own_camera()
        camera.kill()
        source = live(camera.url)
        time.sleep(0.5)
        camera.start()

        assert take(source, 3)
        assert events(source, Reconnecting)[0].kind == "unreachable"


class TestProcess:
    def test_packets_that_nobody_had_time_for_are_not_lost(self, rtsp_camera, live, collector, wait_until):
        source = live(rtsp_camera().url, decode=False)
        source.attach(collector)
        wait_until(lambda: len(collector.packets) > 10)
        begin = time.monotonic()
        while time.monotonic() - begin < BUSY_S:
            sorted(range(LONG_LIST))  # nothing else of Python runs meanwhile
        count = len(collector.packets)
        wait_until(lambda: len(collector.packets) > count + 10)
        source.close()

        assert np.allclose(np.diff([packet.pts for packet in collector.packets]) / 1e9, 1 / 30, atol=1e-3)

    @pytest.mark.slow
    @pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="stops a process")
    def test_one_that_was_stopped_does_not_blame_the_camera(self, rtsp_camera):
        code = (
            "import sys, time; sys.path.insert(0, '.');"
            "from sitepose.plugins.sources.live.choose import live_settings, open_live;"
            "seen = []; sink = type('Sink', (), {'put': lambda self, packet: seen.append(packet.pts)})();"
            "source = open_live(live_settings(sys.argv[1], decode=False)); source.attach(sink);"
            "\nwhile len(seen) < 20: time.sleep(.05)"
            "\nprint('ready', flush=True); count = len(seen); began = time.monotonic()"
            "\nwhile time.monotonic() - began < 2 or len(seen) < count + 90: time.sleep(.05)"
            "\nprint(source.stats.reconnects, *seen); source.close()"
        )
        command = [sys.executable, "-c", code, rtsp_camera().url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
            assert process.stdout.readline().strip() == "ready"
            process.send_signal(signal.SIGSTOP)
            time.sleep(STOPPED_S)
            process.send_signal(signal.SIGCONT)
            reconnects, *seen = map(int, process.communicate(timeout=60)[0].split())

        assert reconnects == 0
        assert np.allclose(np.diff(seen) / 1e9, 1 / 30, atol=1e-3)


class TestNetwork:
    def test_lost_and_reordered_packets(self, rtsp_camera, live, take):
        from benchmarks.camera.lossy import BadNetwork

        camera = rtsp_camera(bitrate=1500)
        with BadNetwork(camera.port, loss=0.02, reorder=0.05) as network:
            source = live(camera.url_through(network.port), transport="udp", jitter_ms=100)
            frames = take(source, 60)
            numbers = sequences(frames)

            assert network.lost > 0
            assert source.state == "playing"
            assert len(events(source, Playing)) == 1
            assert (np.diff([frame.index for frame in frames]) > 0).all()
            assert (np.diff(numbers) > 0).all()  # what was overtaken is put in order again
            source.close()

    @pytest.mark.parametrize("backend", ["gstreamer", "pyav"])
    def test_the_camera_sets_its_clock(self, rtsp_camera, live, take, collector, wait_until, backend):
        from benchmarks.camera.lossy import BadNetwork

        camera = rtsp_camera()
        with BadNetwork(camera.port) as network:
            source = live(camera.url_through(network.port), transport="udp", backend=backend)
            source.attach(collector)
            frames = take(source, 1)
            for number, hours in enumerate((1, -1), start=1):
                while frames[-1].timestamp - frames[0].timestamp < 1.1 * number:
                    frames += take(source, 1)
                network.clock_s = hours * 3600
                wait_until(lambda: next(source) and len(events(source, ClockJumped)) >= number)  # noqa: B023
            frames += take(source, 20)
            source.close()
        steps = np.diff([frame.index for frame in frames])

        assert len(events(source, Playing)) == 1
        assert (np.diff([packet.timestamp for packet in collector.packets]) > 0).all()
        assert (np.diff([frame.timestamp for frame in frames]) > 0).all()
        assert frames[-1].timestamp - frames[0].timestamp < 60
        # Nothing was called lost or lost its picture for it.
        assert steps.sum() == pytest.approx(np.diff(sequences([frames[0], frames[-1]]))[0], abs=2)

    @pytest.mark.usefixtures("collector_sees_only_what_is_new")
    def test_twenty_reconnects_leave_nothing_behind(self, rtsp_camera, live, take):
        from benchmarks.camera.lossy import BadNetwork

        camera = rtsp_camera()
        with BadNetwork(camera.port) as network:
            source = live(camera.url_through(network.port), retry_s=(0.02, 0.05), connect_timeout_s=5)
            take(source, 3)
            process, counts, sizes = psutil.Process(), [], []
            for _ in range(RECONNECTS):
                connection = source.stats.reconnects
                network.cut()
                while source.stats.reconnects == connection:
                    take(source, 1)
                take(source, 1)
                gc.collect()
                counts.append((process.num_fds(), process.num_threads()))
                sizes.append(process.memory_info().rss)
            # The proxy of this test has threads and sockets of its own, which come and go late.
            files, threads = np.array(counts).T
            assert files[-5:].min() <= files[:5].min() + 1
            assert threads[-5:].min() <= threads[:5].min() + 1
            assert np.median(sizes[-5:]) < np.median(sizes[5:10]) + MEMORY_BYTES
            sys.stdout.write(f"\nfiles {files}\nthreads {threads}\nMB {np.round(np.array(sizes) / 1e6)}\n")
            source.close()
