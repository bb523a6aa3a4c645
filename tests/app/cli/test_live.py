"""The live command line: what other users of the machine can read of it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SECRETS = ("hunter2", "s%65cret", "secret")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a process is looked at in /proc")
def test_logins_of_both_streams_of_a_camera_leave_the_list_of_processes(tmp_path):
    streams = [
        "--url",
        "rtsp://root:hunter2@127.0.0.1:9/main",
        "--sub-url",
        "rtsp://root:s%65cret@127.0.0.1:9/sub",
    ]
    words = [sys.executable, "main.py", "--headless", *streams, "--output", str(tmp_path)]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            listed = Path(f"/proc/{process.pid}/cmdline")
            deadline = time.monotonic() + 30
            while any(secret in listed.read_text() for secret in SECRETS) and time.monotonic() < deadline:
                time.sleep(0.05)
            shown = listed.read_text()
        finally:
            process.kill()
            said = process.communicate()[0].decode()

    assert "--sub-url" in shown
    assert not any(secret in text for secret in SECRETS for text in (shown, said))


@pytest.mark.parametrize("missing", ["video", "network"])
def test_what_ends_a_run_without_a_window_is_said_once(clip, networks, tmp_path, missing):
    camera = tmp_path / "missing.mp4" if missing == "video" else clip
    parts = networks if missing == "video" else ["--detector", f"yolox:{tmp_path / 'missing.onnx'}"]
    words = ["--headless", "--camera", f"loop:{camera}", *parts, "--output", str(tmp_path)]
    run = [sys.executable, "main.py", *words]
    answer = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)

    said = [line for line in answer.stderr.splitlines() if "missing." in line]
    assert answer.returncode != 0
    assert len(said) == 1, answer.stderr
