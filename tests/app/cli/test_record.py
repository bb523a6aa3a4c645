"""``sitepose record``: what it writes, when it ends, and what nobody may see of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest

from sitepose.app.cli.logins import login_of, read_logins
from sitepose.app.cli.main import main
from sitepose.app.sessions.manifest import read_manifest
from sitepose.app.sessions.verify import verify
from sitepose.core.errors import ConfigError
from sitepose.plugins.sources.live.address import Credentials
from sitepose.plugins.sources.live.gst_library import has_gstreamer

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))  # for the simulated cameras in `benchmarks`

USER, PASSWORD = "us er~7", "Pa@ss:w/rd%9"

needs_gstreamer = pytest.mark.skipif(not has_gstreamer(), reason="needs GStreamer: scripts/setup-live.sh")


@pytest.fixture(scope="module")
def http_camera():
    from benchmarks.camera.process import CameraProcess

    with CameraProcess("http", width=320, height=180, user=USER, password=PASSWORD) as camera:
        yield camera


@pytest.fixture(scope="module")
def rtsp_camera():
    from benchmarks.camera.process import CameraProcess

    with CameraProcess("rtsp", width=320, height=180, gop=15, user=USER, password=PASSWORD) as camera:
        yield camera


def record(folder, *words):
    return main(["record", "--duration", "1", *words, "--output", str(folder), "--reserve", "0"])


class TestCommand:
    @needs_gstreamer
    def test_records_and_says_what_it_has(self, tmp_path, capsys):
        status = record(tmp_path, "test:", "--consent", "nobody in it", "--size", "160x120")
        session = next(tmp_path.iterdir())

        assert status == 0
        assert str(session) in capsys.readouterr().out
        assert read_manifest(session).consent == "nobody in it"
        assert read_manifest(session).segments[0].width == 160
        assert verify(session).good

    @needs_gstreamer
    def test_speaks_json(self, tmp_path, capsys):
        record(tmp_path, "test:", "--json")
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

        assert lines[-1]["source"] == "test:ball"
        assert lines[-1]["frames"] > 0
        assert all("event" in line for line in lines[:-1])

    @needs_gstreamer
    def test_every_session_is_in_the_report(self, tmp_path, capsys):
        words = ["test:", "--size", "160x120", "--session", str(1.5 / 3600), "--duration", "5"]
        record(tmp_path / "text", *words)
        lines = capsys.readouterr().out.splitlines()
        record(tmp_path / "json", *words, "--json")
        totals = json.loads(capsys.readouterr().out.splitlines()[-1])

        assert [line.partition(":")[0] for line in lines] == sorted(map(str, (tmp_path / "text").iterdir()))
        assert totals["folders"] == sorted(map(str, (tmp_path / "json").iterdir()))
        assert totals["frames"] == sum(verify(path).frames for path in (tmp_path / "json").iterdir())

    @needs_gstreamer
    def test_two_cameras_have_a_session_each_and_one_that_fails_does_not_disturb(self, tmp_path):
        record(tmp_path, "test:", "rtsp://127.0.0.1:1/none")
        sessions = {read_manifest(path).source: verify(path) for path in tmp_path.iterdir()}

        assert sessions["test:ball"].frames > 0
        assert sessions["rtsp://127.0.0.1:1/none"].frames == 0
        assert all(result.good for result in sessions.values())

    @needs_gstreamer
    def test_a_pipeline_needs_its_own_option(self, tmp_path, capsys):
        text = "videotestsrc is-live=true ! video/x-raw,width=64,height=48"

        assert record(tmp_path, text) == 1
        assert "not a camera address" in capsys.readouterr().err
        assert record(tmp_path, "--gst", text) == 0
        assert verify(next(tmp_path.iterdir())).frames > 0

    @pytest.mark.parametrize(
        ("words", "status", "message"),
        [
            pytest.param([], 2, "name a source", id="no source"),
            pytest.param(["camera"], 1, "not a camera address", id="no address"),
            pytest.param(["test:", "--schedule", "noon"], 2, "schedule", id="no schedule"),
            pytest.param(["test:", "--ring", "much"], 2, "size", id="no size"),
            pytest.param(["test:", "--size", "big"], 2, "WIDTHxHEIGHT", id="no picture size"),
            pytest.param(["test:", "--session", "0"], 2, "--session 0: expected more", id="no session"),
            pytest.param(["test:", "--duration", "-1"], 2, "--duration -1: expected", id="no duration"),
            pytest.param(["test:", "--segment", "nan"], 2, "--segment nan: expected", id="no segment"),
            pytest.param(["test:", "--tail", "-1"], 2, "--tail -1: expected 0 or more", id="no tail"),
            pytest.param(["test:", "--preroll", "-1"], 2, "--preroll -1: expected", id="no pre-roll"),
            pytest.param(["test:", "--ring", "0"], 2, "--ring 0: expected more", id="an empty ring"),
            pytest.param(["test:", "--logins", "/none"], 2, "cannot be read", id="no file of logins"),
        ],
    )
    def test_mistakes_are_said_in_one_line(self, tmp_path, capsys, words, status, message):
        if "test:" in words and not has_gstreamer():
            pytest.skip("needs GStreamer")

        assert record(tmp_path, *words) == status
        error = capsys.readouterr().err.strip().splitlines()[-1]
        assert error.startswith("sitepose: ")
        assert message in error
        assert not list(tmp_path.iterdir())

    @needs_gstreamer
    def test_a_full_disk_is_one_line_and_an_exit_status(self, tmp_path, capsys):
        words = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(tmp_path)]
        if subprocess.run(words, capture_output=True, check=False).returncode:
            pytest.skip("needs the right to mount a small tmpfs")
        try:
            status = main(
                [
                    "record",
                    "test:snow",
                    "--size",
                    "640x480",
                    "--output",
                    str(tmp_path / "s"),
                    "--reserve",
                    "500k",
                ]
            )
            (session,) = (tmp_path / "s").iterdir()
            result, manifest = verify(session), read_manifest(session)
        finally:
            subprocess.run(["umount", str(tmp_path)], check=True)
        lines = capsys.readouterr().err.splitlines()

        assert status == 1
        assert [line for line in lines if "are kept free" in line] == [lines[-1]]
        assert lines[-1].startswith(f"sitepose: {session}: the disk has ")
        assert result.good, result.problems
        assert (manifest.state, result.frames > 30) == ("closed", True)

    @needs_gstreamer
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
    def test_a_signal_closes_the_session(self, tmp_path, number):
        words = ["record", "test:", "--output", str(tmp_path), "--reserve", "0"]
        process = subprocess.Popen([sys.executable, "main.py", *words], cwd=ROOT, stderr=subprocess.PIPE)
        wait_for_video(tmp_path)
        process.send_signal(number)
        process.communicate(timeout=30)
        session = next(tmp_path.iterdir())

        assert process.returncode == 0
        assert read_manifest(session).state == "closed"
        assert verify(session).good


class TestPrivacy:
    def test_faces_are_blurred_and_poses_are_there(self, tmp_path, clip, networks, capsys):
        status = record(tmp_path, f"loop:{clip}", "--blur-faces", *networks[:4])
        (folder,) = tmp_path.iterdir()
        result = verify(folder)
        said = capsys.readouterr()

        assert status == 0
        assert result.good, result.problems
        assert result.frames == result.poses > 0
        assert read_manifest(folder).blurred
        assert said.out.startswith(f"{folder}: ")
        assert said.out.endswith(" not looked at\n")
        assert "loading the networks" in said.err

    @pytest.mark.parametrize("privacy", ["--blur-faces", "--poses-only"])
    @pytest.mark.parametrize(
        ("when", "frames"),
        [
            pytest.param(["--record-when", "people", "--schedule", "00:00-24:00"], True, id="people"),
            pytest.param(["--record-when", "motion"], True, id="motion"),
            pytest.param(["--record-when", "people", "--schedule", "{never}"], False, id="another time"),
        ],
    )
    def test_only_while_there_is_something_to_be_seen(
        self, tmp_path, clip, networks, capsys, privacy, when, frames
    ):
        later = (datetime.now() + timedelta(hours=12)).strftime("%H:00")
        words = [word.replace("{never}", f"{later}-{later[:-2]}01") for word in when]
        status = record(tmp_path, f"loop:{clip}", privacy, *words, *networks[:4], "--json", "--duration", "3")
        (folder,) = tmp_path.iterdir()
        manifest, result = read_manifest(folder), verify(folder)
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

        assert status == 0
        assert result.good, result.problems
        assert result.frames == result.poses
        assert (result.frames > 0) == frames
        assert (manifest.blurred, manifest.poses_only) == (privacy == "--blur-faces", privacy == "--poses-only")
        assert lines[-1]["frames"] == result.frames
        assert ("recording" in [line.get("event") for line in lines]) == frames

    def test_networks_that_cannot_be_had_are_one_line(self, tmp_path, clip, capsys):
        status = record(tmp_path, f"loop:{clip}", "--blur-faces", "--detector", "yolox:/none.onnx")

        assert status == 1
        assert capsys.readouterr().err.splitlines()[-1].startswith("sitepose: ")
        assert not list(tmp_path.iterdir())


def wait_for_video(folder, timeout_s=30.0):
    deadline = time.monotonic() + timeout_s
    while not any(path.stat().st_size > 2000 for path in folder.glob("*/video/*.mkv")):
        assert time.monotonic() < deadline, "nothing was recorded"
        time.sleep(0.05)


def wait_for_refusal(folder, timeout_s=30.0):
    deadline = time.monotonic() + timeout_s
    while not any("next attempt" in path.read_text() for path in folder.glob("*/events.jsonl")):
        assert time.monotonic() < deadline, "the camera has refused nothing"
        time.sleep(0.05)


def leaks(text):
    """Return the spellings of the login that can be read in a text."""
    spellings = {s for word in (USER, PASSWORD) for s in (word, quote(word), quote(word, safe=""))}
    folded = text.casefold()
    return [spelling for spelling in spellings if spelling.casefold() in folded]


class TestSecrets:
    @pytest.mark.parametrize(
        ("backend", "camera", "right"),
        [
            pytest.param("gstreamer", "rtsp_camera", True, id="GStreamer"),
            pytest.param("gstreamer", "rtsp_camera", False, id="GStreamer, refused"),
            pytest.param("pyav", "rtsp_camera", True, id="PyAV"),
            pytest.param("pyav", "rtsp_camera", False, id="PyAV, refused"),
            pytest.param("opencv", "http_camera", True, id="OpenCV"),
            pytest.param("opencv", "http_camera", False, id="OpenCV, refused"),
        ],
    )
    def test_a_login_is_nowhere_to_be_read(self, tmp_path, request, backend, camera, right):
        if not has_gstreamer() and "rtsp" in camera:
            pytest.skip("needs GStreamer, for the camera")
        url = request.getfixturevalue(camera).url
        login = f"{quote(USER, safe='')}:{quote(PASSWORD if right else PASSWORD + 'x', safe='')}"
        location = url.replace("://", f"://{login}@")
        words = [location, "--backend", backend, "--output", str(tmp_path), "--reserve", "0"]
        process = subprocess.Popen(
            [sys.executable, "main.py", "record", *words, "-vv", "--json"],
            cwd=ROOT,
            env={**os.environ, "GST_DEBUG": "rtspsrc:5,default:2", "OPENCV_VIDEOIO_DEBUG": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        try:
            wait_for_video(tmp_path) if right else wait_for_refusal(tmp_path)
            listed = Path(f"/proc/{process.pid}/cmdline").read_text()
        finally:
            process.send_signal(signal.SIGINT)
            output = process.communicate(timeout=30)[0]
        files = "".join(
            p.read_text(errors="replace") for p in tmp_path.rglob("*") if p.suffix != ".mkv" and p.is_file()
        )

        assert "127.0.0.1" in output
        assert "127.0.0.1" in files
        assert "record" in listed
        assert not leaks(output), output
        assert not leaks(files)
        assert not leaks(listed)

    @pytest.mark.parametrize("backend", ["gstreamer", "pyav", "opencv"])
    def test_a_hostile_address_makes_no_file(self, tmp_path, capsys, backend):
        evil = tmp_path / "evil"
        address = f"rtsp://x/ ! fakesink videotestsrc num-buffers=1 ! jpegenc ! filesink location={evil}"

        assert record(tmp_path / "out", address, "--backend", backend) == 1
        encoded = address.replace(" ", "%20")
        record(tmp_path / "out", encoded, "--backend", backend)
        assert not evil.exists()

    def test_logins_can_come_from_a_file(self, tmp_path):
        file = tmp_path / "logins"
        file.write_text("machine 10.0.0.2 login root password s3cret\n")
        logins = read_logins(file)

        assert login_of("rtsp://10.0.0.2:554/live", logins) == Credentials("root", "s3cret")
        assert login_of("rtsp://10.0.0.3/live", logins) is None
        assert login_of("rtsp://u:p@10.0.0.2/live", logins) == Credentials("u", "p")
        assert login_of("0", logins) is None

    def test_a_damaged_file_of_logins_is_not_quoted(self, tmp_path):
        file = tmp_path / "logins"
        file.write_text("machine 10.0.0.2 s3cret")

        with pytest.raises(ConfigError) as caught:
            read_logins(file)
        assert "s3cret" not in repr([caught.value, caught.value.__cause__])
