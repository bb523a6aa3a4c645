"""The offline run holds a few frames at a time, however long the video and however slow a stage."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SLOW_RUN = Path(__file__).with_name("slow_run.py")
SETTLED = 2
"""Samples, one every hundred frames, after which everything is loaded and every queue is full.

Without a bound, the source of a short run would soon have given all: a later sample would see nothing grow.
"""


@pytest.mark.slow
class TestMemory:
    @pytest.mark.parametrize("frames", [2_000, pytest.param(10_000, marks=pytest.mark.soak)])
    def test_thousands_of_frames_before_a_slow_stage_take_no_more_than_hundreds(self, tmp_path, frames):
        command = [sys.executable, SLOW_RUN, str(frames), tmp_path]
        answer = subprocess.run(command, capture_output=True, text=True, check=True)

        run = json.loads(answer.stdout)
        assert (run["status"], run["frames"]) == ("done", frames)
        assert run["people"] >= 0.9 * frames
        assert (max(run["sizes"][SETTLED:]) - run["sizes"][SETTLED]) / 1e6 < 20
