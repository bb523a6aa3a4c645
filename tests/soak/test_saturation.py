"""A camera recorded while a pose network of 100 ms is asked all the time: nothing grows, nothing is lost.

``python -m pytest -m soak tests/soak/test_saturation.py -k "10 and min" -s`` prints the figures.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest

from sitepose.app.sessions.repair import repair
from sitepose.app.sessions.rows import read_rows
from sitepose.app.sessions.verify import verify
from sitepose.core.formats.poses_jsonl import read_poses

RUN = Path(__file__).with_name("saturated_run.py")
LATER_MS = 300
"""A queue before a network of 100 ms would add 0.7 s in every second."""

SETTLED = 0.25
"""Share of a run after which every buffer has grown to its size."""

LONG_ENOUGH_MIN = 5
"""Shorter runs do not show a slope of memory."""

KILL_PATIENCE_S = 60


def command(camera, folder, seconds):
    # One thread for the products of the pretended network, as a real one has on two processors.
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    words = [sys.executable, RUN, camera.url, folder, str(seconds)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment)


def barcodes(session):
    """Yield what the camera wrote into the pixels of every recorded frame; None where coding has blurred it."""
    from benchmarks.camera import barcode

    for path in sorted((session / "video").iterdir()):
        with av.open(str(path)) as container:
            for frame in container.decode(video=0):
                yield barcode.read(frame.to_ndarray(format="rgb24"))


def halves(values):
    """Return the medians of the first and of the second half."""
    middle = len(values) // 2
    return float(np.median(values[:middle])), float(np.median(values[middle:]))


def megabytes_a_minute(sizes, minutes):
    settled = int(len(sizes) * SETTLED)
    times = np.arange(len(sizes)) * minutes / len(sizes)
    return float(np.polyfit(times[settled:], sizes[settled:], 1)[0])


class TestSaturation:
    @pytest.mark.timeout(1800)
    @pytest.mark.parametrize(
        "minutes",
        [
            pytest.param(0.1, id="6 s", marks=pytest.mark.slow),
            pytest.param(3, id="3 min", marks=pytest.mark.soak),
            pytest.param(10, id="10 min", marks=pytest.mark.soak),
        ],
    )
    def test_nothing_is_lost_and_nothing_grows(self, start_camera, tmp_path, minutes):
        camera = start_camera(hard=minutes >= 1)
        with command(camera, tmp_path, minutes * 60) as process:
            lines = [json.loads(line) for line in process.stdout]
        *looks, end = lines
        assert process.returncode == 0
        assert len(looks) > minutes * 60
        (session,) = tmp_path.iterdir()
        result = verify(session)
        stamps = list(barcodes(session))
        # How far the camera was ahead of the recording: more by one for each frame that is not there.
        ahead = np.array([stamp.sequence - place for place, stamp in enumerate(stamps) if stamp is not None])
        shown = halves([age for look in looks for age in look["shown_ms"]])
        posed = halves([look["posed_ms"] for look in looks if look["posed_ms"] is not None])
        slope = megabytes_a_minute([look["mb"] for look in looks], minutes)
        sys.stdout.write(
            f"\n{minutes:g} min: camera to picture {shown[0]:.0f} -> {shown[1]:.0f} ms, to poses {posed[0]:.0f}"
            f" -> {posed[1]:.0f} ms (medians of both halves); {slope:+.2f} MB/min at {looks[-1]['mb']:.0f} MB;"
            f" {len(stamps)} frames recorded, {np.ptp(ahead)} missing; {len(looks)} looked at\n"
        )

        assert result.good, result.problems
        assert len(ahead) > 0.95 * len(stamps)
        assert np.ptp(ahead) == 0
        assert len(stamps) == result.frames == end["frames"] > minutes * 60 * 20
        assert end["lost"] == end["overflowed"] == 0
        assert end["dropped"]["inference"] > len(looks)  # the network is too slow for most frames
        assert shown[1] < shown[0] + LATER_MS
        assert posed[1] < posed[0] + LATER_MS
        assert minutes < LONG_ENOUGH_MIN or slope < 1


class TestKill:
    @pytest.mark.parametrize(
        "times",
        [
            pytest.param(1, id="once"),
            pytest.param(20, id="20 times", marks=[pytest.mark.soak, pytest.mark.timeout(1800)]),
        ],
    )
    def test_at_random_moments_costs_a_second_and_a_record_at_most(self, start_camera, tmp_path, times):
        camera, chance, costs = start_camera(hard=times >= 10), random.Random(5), []
        for number in range(times):
            folder = tmp_path / str(number)
            looked_at, killed_at = self.record_and_kill(camera, folder, chance.uniform(0.1, 4))
            (session,) = folder.iterdir()
            rows = len(list(read_rows(session / "frames.jsonl")))
            repair(session)
            result, poses = verify(session), {record.index for record in read_poses(session / "poses.jsonl")}
            *_, last = filter(None, barcodes(session))
            costs.append((killed_at - last.time_us / 1e6, rows - result.frames, len(set(looked_at) - poses)))
            assert result.good, result.problems
        seconds, frames, records = np.array(costs).T
        sys.stdout.write(
            f"\n{times} kills: {np.median(seconds):.2f} s of video lost in the median, {seconds.max():.2f} s"
            f" at most; {frames.max():.0f} rows without a frame, {records.max():.0f} records of poses at most\n"
        )

        assert seconds.max() < 1
        assert set(frames) <= {0, 1}
        assert records.max() <= 1

    def record_and_kill(self, camera, folder, after_s):
        """Return the frames whose poses were handed to the recorder, and the time of the kill."""
        with command(camera, folder, KILL_PATIENCE_S) as process:
            looked_at = [json.loads(process.stdout.readline())["index"]]
            time.sleep(after_s)
            process.send_signal(signal.SIGKILL)
            killed_at = time.monotonic()
            looked_at += [json.loads(line)["index"] for line in process.stdout if line.endswith("\n")]
        return looked_at, killed_at
