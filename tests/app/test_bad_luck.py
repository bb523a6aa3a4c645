"""What a user sees, and keeps, when things go wrong: through the real command line.

Where a run is killed, interrupted, or meets a pipe or a full disk, it is a process of its own.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from sitepose.app.cli.main import main
from sitepose.core.formats.poses_jsonl import read_poses


def command(*words):
    return [
        sys.executable,
        "-c",
        "import sys; from sitepose.app.cli import main; sys.exit(main())",
        *map(str, words),
    ]


def sitepose(*words, **options):
    return subprocess.run(command(*words), capture_output=True, text=True, timeout=120, check=False, **options)


@pytest.fixture
def run_here(capfd):
    """Runs the command line in this process, and keeps what libraries print past Python as well."""

    def run(*words):
        returncode = main([*map(str, words)])
        said = capfd.readouterr()
        return SimpleNamespace(returncode=returncode, stdout=said.out, stderr=said.err)

    return run


def one_line(answer):
    lines = answer.stderr.strip().splitlines()
    assert len(lines) == 1, answer.stderr
    return lines[0]


@contextmanager
def started(*words):
    """Yield a run that is under way."""
    with subprocess.Popen(command(*words), stderr=subprocess.PIPE, text=True) as run:
        try:
            yield run
        finally:
            run.kill()


def wait_for_lines(path, count):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if path.exists() and path.read_bytes().count(b"\n") > count:
            return
        time.sleep(0.02)
    pytest.fail(f"{path} did not get {count} lines")


class TestBadInput:
    @pytest.mark.parametrize(
        ("name", "content", "message"),
        [
            pytest.param("nowhere.mp4", None, "no such file", id="no such file"),
            pytest.param("empty.mp4", b"", "empty", id="empty"),
            pytest.param("text.mp4", b"This is a letter, not a film.\n" * 50, "text.mp4", id="text"),
        ],
    )
    def test_it_is_one_line_and_exit_1(self, tmp_path, networks, run_here, name, content, message):
        video = tmp_path / name
        if content is not None:
            video.write_bytes(content)

        answer = run_here("--video", video, "--output", tmp_path / "out", *networks)

        assert answer.returncode == 1
        assert message in one_line(answer)

    def test_a_damaged_network_is_one_line_and_exit_1(self, tmp_path, clip, data, run_here):
        damaged = tmp_path / "yolox.onnx"
        damaged.write_bytes((data / "models" / "yolox_nano.onnx").read_bytes()[:100_000])

        answer = run_here("--video", clip, "--output", tmp_path / "out", "--detector", f"yolox:{damaged}")

        assert answer.returncode == 1
        assert "yolox.onnx" in one_line(answer)

    def test_one_bad_file_fails_alone(self, tmp_path, clip, networks, run_here):
        (tmp_path / "bad.mp4").write_text("no film")

        answer = run_here(
            "--video", tmp_path / "bad.mp4", clip, "--max-frames", 3, "--no-overlay",
            "--output", tmp_path / "out", *networks,
        )  # fmt: skip

        assert answer.returncode == 1
        assert "bad.mp4" in one_line(answer)
        assert len(list(read_poses(tmp_path / "out" / "TUD-Stadtmitte" / "poses.jsonl"))) == 3


class TestResume:
    def test_a_finished_video_is_kept_and_overwrite_does_it_again(self, tmp_path, clip, networks, run_here):
        words = ["--video", clip, "--max-frames", 2, "--no-overlay", "--output", tmp_path, *networks]
        run_here(*words)
        poses = tmp_path / "TUD-Stadtmitte" / "poses.jsonl"
        first = poses.stat().st_mtime_ns

        kept = run_here(*words)
        assert kept.returncode == 0
        assert "kept the finished result" in kept.stderr
        assert poses.stat().st_mtime_ns == first

        run_here(*words, "--overwrite")
        assert poses.stat().st_mtime_ns != first

    def test_a_killed_run_is_readable_to_its_last_line_and_done_again(self, tmp_path, clip, networks, run_here):
        words = ["--video", clip, "--no-overlay", "--output", tmp_path, *networks]
        poses = tmp_path / "TUD-Stadtmitte" / "poses.jsonl"
        with started(*words) as run:
            wait_for_lines(poses, 5)
            run.send_signal(signal.SIGKILL)
            run.wait(10)
        assert len(list(read_poses(poses))) >= 5

        assert run_here(*words, "--max-frames", 7).returncode == 0
        assert len(list(read_poses(poses))) == 7


class TestSignals:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
    def test_what_is_in_flight_is_finished_and_said(self, tmp_path, clip, networks, number):
        poses = tmp_path / "TUD-Stadtmitte" / "poses.jsonl"
        with started("--video", clip, "--output", tmp_path, *networks) as run:
            wait_for_lines(poses, 5)
            run.send_signal(number)
            _, said = run.communicate(timeout=60)

        frames = len(list(read_poses(poses)))
        assert run.returncode == 1
        assert f"interrupted after {frames} frames; what is written is readable" in said
        assert json.loads((tmp_path / "TUD-Stadtmitte" / "run.json").read_text())["status"] == "interrupted"
        assert frames_of(tmp_path / "TUD-Stadtmitte" / "overlay.mp4") == frames


class TestOutput:
    @pytest.mark.skipif(os.name == "nt", reason="needs a file system with permissions")
    def test_a_folder_that_cannot_be_made_is_one_line(self, tmp_path, clip, networks, run_here):
        (tmp_path / "file").write_text("in the way")

        answer = run_here("--video", clip, "--output", tmp_path / "file", *networks)

        assert answer.returncode == 1
        assert "cannot make the output folder" in one_line(answer)

    def test_a_disk_that_fills_is_one_line_and_keeps_what_is_written(self, tmp_path, clip, networks):
        with small_disk(tmp_path / "disk", kilobytes=100) as disk:
            answer = sitepose("--video", clip, "--no-overlay", "--output", disk, *networks)

            assert answer.returncode == 1
            assert "No space left on device" in one_line(answer)
            assert len(list(read_poses(disk / "TUD-Stadtmitte" / "poses.jsonl"))) > 5

    def test_poses_on_standard_output_can_be_piped_into_a_program_that_leaves(self, tmp_path, clip, networks):
        words = command("--video", clip, "--no-overlay", "--output", tmp_path, "--publish", "-", *networks)
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
            header = json.loads(run.stdout.readline())
            run.stdout.close()
            said = run.stderr.read()
            run.wait(60)

        assert header["schema"] == "sitepose.poses/1"
        assert run.returncode == 1
        assert len(said.strip().splitlines()) <= 1


@contextmanager
def small_disk(folder, *, kilobytes):
    """Yield a file system of its own that is soon full."""
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(words, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs the right to mount a small tmpfs")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def frames_of(video):
    import av

    with av.open(str(video)) as container:
        return sum(1 for _ in container.decode(video=0))


class TestStandardOutput:
    @pytest.mark.parametrize("also", [[], ["--json"]], ids=["summary for people", "summary as JSON"])
    def test_belongs_to_the_poses_where_they_are_published_there(self, clip, networks, tmp_path, also):
        words = ["--video", clip, "--max-frames", "3", "--no-overlay", "--output", tmp_path, "--publish", "-"]
        answer = sitepose(*words, *networks, *also)

        first_keys = [next(iter(json.loads(line))) for line in answer.stdout.splitlines()]
        assert first_keys == ["schema", "index", "index", "index", "end"]
        assert "TUD-Stadtmitte" in answer.stderr
