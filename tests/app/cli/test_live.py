"""The live command line: what other users of the machine can read of it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sitepose.app.cli.main import main
from sitepose.app.sessions.manifest import read_manifest
from sitepose.app.sessions.verify import verify

ROOT = Path(__file__).resolve().parents[3]
SECRETS = ("hunter2", "s%65cret", "secret", "hunter3", "wacht")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a process is looked at in /proc")
def test_logins_leave_the_list_of_processes(tmp_path):
    (tmp_path / "password").write_text("hunter3")
    streams = [
        "--url",
        "rtsp://root:hunter2@127.0.0.1:9/main",
        "--sub-url",
        "rtsp://root:s%65cret@127.0.0.1:9/sub",
        "--gst",
        "rtspsrc location=rtsp://127.0.0.1:9/a user-id=wachter user-pw=hunter3",
        "--user=wacht",
        "--password-file",
        str(tmp_path / "password"),
    ]
    words = [sys.executable, "main.py", "--headless", *streams, "--output", str(tmp_path)]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            listed = Path(f"/proc/{process.pid}/cmdline")
            deadline = time.monotonic() + 30
            shown = ""  # as it is for a moment while the process begins
            while (not shown or any(secret in shown for secret in SECRETS)) and time.monotonic() < deadline:
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


class TestPrivacy:
    @pytest.mark.parametrize(
        ("words", "message"),
        [
            pytest.param(["--camera", "0", "--headless"], "add --record", id="nothing is recorded"),
            pytest.param(["--camera", "0"], "add --record", id="nothing is recorded in the window"),
            pytest.param(["--video", "hall.mp4", "--record"], "is for cameras that are", id="a video"),
        ],
    )
    @pytest.mark.parametrize("option", ["--blur-faces", "--poses-only"])
    def test_what_would_show_people_is_refused_in_one_line(self, capsys, words, message, option):
        assert main([*words, option]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"sitepose: {option}: ")
        assert message in line

    def test_a_run_without_a_window_records_without_faces(self, clip, networks, tmp_path):
        sessions = tmp_path / "sessions"
        words = ["--headless", "--camera", f"loop:{clip}", *networks, "--blur-faces", "--record", str(sessions)]
        run = [sys.executable, "main.py", *words, "--output", str(tmp_path / "out")]
        with subprocess.Popen(run, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            deadline = time.monotonic() + 60
            while not any(path.stat().st_size > 2000 for path in sessions.glob("*/video/*.mkv")):
                assert time.monotonic() < deadline, "nothing was recorded"
                time.sleep(0.1)
            process.send_signal(signal.SIGINT)
            process.wait(30)
        (folder,) = sessions.iterdir()

        assert process.returncode == 0
        assert verify(folder).good
        assert read_manifest(folder).blurred
