"""An hour of real video through the real command line: memory stays where it was after the first minute."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import psutil
import pytest

MAIN = Path(__file__).resolve().parents[2] / "main.py"
HOUR_S = 3600
SAMPLE_S = 2.0
SETTLED_S = 60.0
"""Until then networks are loaded and every buffer has grown to its size."""


def looped(source, target, seconds):
    """Copy a video's packets over and over, until it is so long; return its number of frames."""
    with av.open(str(source)) as container:
        stream = container.streams.video[0]
        packets = [
            (bytes(p), p.pts, p.dts, p.is_keyframe) for p in container.demux(stream) if p.dts is not None
        ]
        step = packets[1][2] - packets[0][2]
        once = len(packets) * step
        rounds = int(np.ceil(seconds / (once * stream.time_base)))
        with av.open(str(target), "w") as copy:
            track = copy.add_stream_from_template(stream)
            for number in range(rounds):
                for content, pts, dts, is_keyframe in packets:
                    packet = av.Packet(content)
                    packet.pts, packet.dts = pts + number * once, dts + number * once
                    packet.time_base, packet.is_keyframe, packet.stream = stream.time_base, is_keyframe, track
                    copy.mux(packet)
    return rounds * len(packets)


def watched(command):
    """Run a command; return what it printed, and its resident megabytes by minute since it began."""
    sizes = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        watched_process, began = psutil.Process(process.pid), time.monotonic()
        while process.poll() is None:
            sizes.append(((time.monotonic() - began) / 60, watched_process.memory_info().rss / 1e6))
            time.sleep(SAMPLE_S)
        assert process.stdout is not None
        return process.stdout.read(), np.array(sizes)


@pytest.mark.soak
class TestHour:
    def test_an_hour_of_video_does_not_grow(self, data, tmp_path):
        video = tmp_path / "hour.mkv"
        frames = looped(data / "mot" / "TUD-Stadtmitte" / "TUD-Stadtmitte.mp4", video, HOUR_S)

        printed, sizes = watched(
            [sys.executable, MAIN, "--video", video, "--output", tmp_path / "out", "--json",
             "--detector", f"yolox:{data}/models/yolox_nano.onnx",
             "--pose", f"tinypose-128x96:{data}/models/tinypose_128x96.onnx"]
        )  # fmt: skip

        report = json.loads(printed)
        assert (report["status"], report["frames"]) == ("done", frames)
        minutes, megabytes = sizes[sizes[:, 0] > SETTLED_S / 60].T
        slope, _ = np.polyfit(minutes, megabytes, 1)
        assert slope < 1
