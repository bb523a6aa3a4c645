"""The fair table's harness runs from end to end on a few frames."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_quick_run_prints_every_table(data, tmp_path):
    pytest.importorskip("trackers", reason="needs the package trackers: pip install 'sitepose[trackers]'")
    command = [sys.executable, "benchmarks/tracking.py", "--quick", "--mode", "boxes"]
    command += ["--data", str(data), "--cache", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    for row in ("oks-sort", "poseflow", "poseflow-offline", "ByteTrack", "OC-SORT", "BoT-SORT", "C-BIoU"):
        assert f"\n| {row}" in done.stdout
    assert len(list(tmp_path.glob("*.npz"))) == 2
