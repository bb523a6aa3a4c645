"""Sessions that were cut off: what is kept, what is rebuilt, and what verify says of damage."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sitepose.app.sessions.listing import list_sessions, sessions_in
from sitepose.app.sessions.manifest import read_manifest
from sitepose.app.sessions.matroska_scan import scan
from sitepose.app.sessions.recorder import Recorder, RecordingSettings
from sitepose.app.sessions.repair import needs_repair, repair
from sitepose.app.sessions.rows import read_rows
from sitepose.app.sessions.verify import verify
from sitepose.core.errors import FormatError, RecordingError
from sitepose.core.formats.poses_jsonl import PosesHeader
from sitepose.core.skeleton import load_skeleton
from sitepose.core.structures import Frame, Poses
from sitepose.plugins.sources.live.gst_library import has_gstreamer

ROOT = Path(__file__).resolve().parents[3]
HEADER = PosesHeader(
    source="camera",
    width=128,
    height=96,
    skeleton="coco17",
    keypoint_names=load_skeleton("coco17").keypoint_names,
)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory, make_stream):
    """A closed session of 100 frames in three segments, with poses and a note; not to be changed."""
    root = tmp_path_factory.mktemp("recorded")
    recorder = Recorder(root, "camera", RecordingSettings(reserve_bytes=0, segment_s=1.2), name="session")
    recorder.begin_poses(HEADER)
    for packet in make_stream()(100):
        recorder.put(packet)
        frame = Frame(
            np.zeros((2, 2, 3), np.uint8), packet.index, packet.timestamp, packet.pts, Fraction(1, 90_000)
        )
        recorder.poses(frame, Poses.empty(17))
    recorder.note("a note")
    recorder.close()
    return recorder.folder


@pytest.fixture
def session(recorded, tmp_path):
    """A copy that can be damaged."""
    return Path(shutil.copytree(recorded, tmp_path / "session"))


def reopen(session):
    """Make a session look as if its recording had been cut off."""
    path = session / "session.json"
    table = json.loads(path.read_text())
    table["state"] = "recording"
    table["segments"][-1].update(state="open", frames=0, bytes=0, seconds=0, sha256="")
    path.write_text(json.dumps(table))
    (session / "SHA256SUMS").unlink()


def cut(path, share):
    data = path.read_bytes()
    path.write_bytes(data[: round(len(data) * share)])


class TestVerify:
    def test_a_closed_session_is_good_also_for_sha256sum(self, recorded):
        result = verify(recorded)
        words = ["sha256sum", "--check", "--quiet", "SHA256SUMS"]

        assert result.good, result.problems
        assert (result.frames, result.decoded, result.poses) == (100, 100, 100)
        assert result.seconds == pytest.approx(100 / 30, abs=0.15)
        assert subprocess.run(words, cwd=recorded, check=False).returncode == 0
        for part in read_manifest(recorded).segments:
            assert part.bytes == (recorded / "video" / part.file).stat().st_size

    @pytest.mark.parametrize(
        ("damage", "problem"),
        [
            pytest.param(
                lambda s: cut(s / "video/000002.mkv", 0.5), "000002.mkv: has changed", id="half a segment"
            ),
            pytest.param(lambda s: (s / "video/000002.mkv").unlink(), "000002.mkv: missing", id="no segment"),
            pytest.param(lambda s: cut(s / "frames.jsonl", 0.5), "frames have no row", id="half the rows"),
            pytest.param(
                lambda s: cut(s / "poses.jsonl", 0.5), "poses.jsonl: has changed", id="half the poses"
            ),
            pytest.param(lambda s: (s / "SHA256SUMS").unlink(), "SHA256SUMS", id="no hashes"),
            pytest.param(lambda s: (s / "session.json").unlink(), "session.json", id="no description"),
            pytest.param(reopen, "not closed", id="cut off"),
            pytest.param(
                lambda s: shutil.copy(s / "video/000001.mkv", s / "video/000009.mkv"),
                "does not know",
                id="one too many",
            ),
            pytest.param(
                lambda s: (s / "SHA256SUMS").write_text(f"{'0' * 64}  ../../x\n"),
                "not inside",
                id="path that escapes",
            ),
        ],
    )
    def test_damage_is_named(self, session, damage, problem):
        damage(session)
        result = verify(session)

        assert not result.good
        assert problem in "\n".join(result.problems)

    def test_a_frame_that_does_not_decode_is_found(self, session):
        path = session / "video/000001.mkv"
        data = bytearray(path.read_bytes())
        data[-1200:-900] = bytes(300)
        path.write_bytes(data)

        assert not verify(session).good


class TestRepair:
    def test_a_whole_session_is_left_alone(self, session):
        before = {path: path.read_bytes() for path in session.rglob("*") if path.is_file()}

        assert repair(session).done == []
        assert before == {path: path.read_bytes() for path in session.rglob("*") if path.is_file()}

    def test_a_power_cut_costs_the_frames_that_were_not_on_the_disk(self, session):
        reopen(session)
        cut(session / "video/000003.mkv", 0.6)
        cut(session / "frames.jsonl", 0.93)
        cut(session / "poses.jsonl", 0.97)
        result = repair(session)
        after = verify(session)

        assert after.good, after.problems
        assert 90 < after.frames == result.frames < 100
        assert any(row.rebuilt for row in read_rows(session / "frames.jsonl"))
        assert read_manifest(session).state == "repaired"
        assert repair(session).done == []

    def test_rows_are_rebuilt_from_the_video(self, session):
        before = list(read_rows(session / "frames.jsonl"))
        reopen(session)
        (session / "frames.jsonl").unlink()
        repair(session)
        after = list(read_rows(session / "frames.jsonl"))

        assert [(row.segment, row.pts, row.keyframe) for row in after] == [
            (row.segment, row.pts, row.keyframe) for row in before
        ]
        assert [row.timestamp for row in after] == pytest.approx([row.timestamp for row in before], abs=0.001)
        assert [row.wall for row in after] == pytest.approx([row.wall for row in before], abs=0.001)
        assert verify(session).good

    @pytest.mark.parametrize("content", [None, b"{", b"[]", b'{"schema":"sitepose.session/1"}'])
    def test_a_lost_description_is_written_anew(self, session, content):
        (session / "session.json").unlink()
        if content is not None:
            (session / "session.json").write_bytes(content)
        repair(session)
        parts = read_manifest(session).segments

        assert verify(session).good
        assert [part.frames for part in parts] == [45, 45, 10]
        assert (parts[0].width, parts[0].codec) == (128, "h264")
        assert parts[1].timestamp == pytest.approx(1.5)

    def test_a_segment_without_a_whole_frame_goes(self, session):
        reopen(session)
        (session / "video/000004.mkv").write_bytes(b"\x1aE\xdf\xa3")
        done = repair(session).done

        assert any("000004.mkv" in line for line in done)
        assert verify(session).good

    @settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    @given(
        shares=st.tuples(*[st.floats(0.3, 1)] * 4),
        last=st.floats(0, 1),
        zeros=st.sampled_from([0, 3, 4096]),
    )
    def test_whatever_is_cut_off_the_rest_is_good(self, recorded, tmp_path_factory, shares, last, zeros):
        session = Path(shutil.copytree(recorded, tmp_path_factory.mktemp("cut") / "session"))
        reopen(session)
        names = ("frames.jsonl", "poses.jsonl", "events.jsonl", "video/000002.mkv")
        for name, share in zip((*names, "video/000003.mkv"), (*shares, last), strict=True):
            cut(session / name, share)
            with (session / name).open("ab") as stream:
                stream.write(bytes(zeros))
        repair(session)
        result = verify(session)

        assert result.good, result.problems
        assert result.frames >= 45

    def test_a_frame_that_the_network_has_damaged_ends_nothing(self, tmp_path, make_stream):
        packets = make_stream()(200)
        packets[20] = replace(packets[20], data=packets[20].data[:-4] + bytes(4))
        recorder = Recorder(tmp_path, "camera", RecordingSettings(reserve_bytes=0), name="session")
        for packet in packets:
            recorder.put(packet)
        recorder.close()
        cut(recorder.folder / "video/000001.mkv", 0.9)

        assert repair(recorder.folder).frames > 150

    def test_a_session_that_is_being_recorded_is_left_alone(self, tmp_path, stream):
        with Recorder(tmp_path, "camera", RecordingSettings(reserve_bytes=0), name="session") as recorder:
            for packet in stream(10):
                recorder.put(packet)
            with pytest.raises(RecordingError, match="is being recorded"):
                repair(recorder.folder)
            assert not needs_repair(recorder.folder)
            assert [line.state for line in list_sessions(tmp_path)] == ["recording"]

    def test_what_is_no_session_is_not_touched(self, tmp_path):
        (tmp_path / "holiday.mkv").write_bytes(b"x")

        with pytest.raises(FormatError, match="is no session"):
            repair(tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["holiday.mkv"]


def flip(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 0xFF
    path.write_bytes(data)


class TestEvidence:
    """What is wrong with a closed session is not to be mended away."""

    @pytest.mark.parametrize(
        ("damage", "problem"),
        [
            pytest.param(lambda p: flip(p, 1), "is damaged", id="its first bytes"),
            pytest.param(lambda p: flip(p, scan(p).blocks[20].end), "is damaged", id="in the middle"),
            pytest.param(lambda p: p.write_bytes(b""), "is damaged", id="emptied"),
            pytest.param(lambda p: p.unlink(), "is gone", id="all of it"),
        ],
    )
    def test_a_damaged_segment_is_left_as_it_is_with_its_rows_and_poses(self, session, damage, problem):
        path = session / "video/000002.mkv"
        damage(path)
        before = {path: path.read_bytes() for path in session.rglob("*") if path.is_file()}
        done = repair(session)

        assert [line for line in done.left if problem in line and "000002.mkv" in line] == done.left != []
        assert before == {path: path.read_bytes() for path in session.rglob("*") if path.is_file()}
        assert not verify(session).good

    def test_files_that_repair_has_no_business_with_keep_their_hashes(self, session):
        lines = (session / "poses.jsonl").read_bytes().splitlines(keepends=True)
        (session / "poses.jsonl").write_bytes(b"".join(lines[:40] + lines[41:]))
        cut(session / "frames.jsonl", 0.5)
        repair(session)

        assert verify(session).problems == ["poses.jsonl: has changed since it was recorded"]

    def test_lost_hashes_are_written_anew_but_those_of_the_video_are_in_the_description(self, session):
        (session / "SHA256SUMS").unlink()
        path = session / "video/000001.mkv"
        flip(path, scan(path).blocks[10].begin + 30)
        done = repair(session).done

        assert any("SHA256SUMS" in line for line in done)
        assert verify(session).problems[0] == "video/000001.mkv: has changed since it was recorded"

    def test_what_a_damaged_description_still_says_is_kept(self, session):
        path = session / "session.json"
        table = json.loads(path.read_text())
        path.write_text(json.dumps(table | {"consent": "all of them", "blurred": True, "counters": 7, "x": 1}))
        done = repair(session).done
        manifest = read_manifest(session)

        assert (manifest.consent, manifest.blurred, manifest.source) == ("all of them", True, "camera")
        assert [part.frames for part in manifest.segments] == [45, 45, 10]
        assert any("session.json" in line for line in done)
        assert verify(session).good

    def test_what_a_newer_version_has_written_is_not_touched(self, session):
        path = session / "session.json"
        path.write_text(path.read_text().replace("sitepose.session/1", "sitepose.session/2"))
        before = {path: path.read_bytes() for path in session.rglob("*") if path.is_file()}

        with pytest.raises(FormatError, match=r"reads up to 'sitepose.session/1'; upgrade Sitepose"):
            repair(session)
        assert not needs_repair(session)
        assert "upgrade" in verify(session).problems[0]
        assert before == {path: path.read_bytes() for path in session.rglob("*") if path.is_file()}

    def test_a_segment_nobody_described_that_cannot_be_read_is_put_aside(self, session):
        reopen(session)
        data = bytes([1]) * 20_000
        (session / "video/000004.mkv").write_bytes(data)
        done = repair(session).done

        assert any("000004.mkv.damaged" in line for line in done)
        assert (session / "video/000004.mkv.damaged").read_bytes() == data
        assert verify(session).good

    def test_what_is_missing_is_named_once(self, session):
        (session / "video/000002.mkv").unlink()
        (session / "frames.jsonl").unlink()

        assert [line for line in verify(session).problems if "000002.mkv" in line] == [
            "video/000002.mkv: missing"
        ]
        assert [line for line in verify(session).problems if "frames.jsonl" in line] == [
            "frames.jsonl: missing"
        ]


class TestListing:
    def test_sessions_are_found_by_what_they_hold(self, session, tmp_path):
        (tmp_path / "other").mkdir()
        (tmp_path / "link").symlink_to(session)

        assert sessions_in(tmp_path) == [session]
        assert sessions_in(session) == [session]
        assert sessions_in(tmp_path / "nothing") == []

    @pytest.mark.parametrize("tail", [b"", b'{"index":1', bytes(5000)], ids=["whole", "half", "zeros"])
    def test_the_time_of_one_that_was_cut_off_is_told_by_its_rows(self, session, tmp_path, tail):
        reopen(session)
        with (session / "frames.jsonl").open("ab") as stream:
            stream.write(tail)
        (line,) = list_sessions(tmp_path)

        assert line.seconds == pytest.approx(100 / 30, abs=0.15)

    def test_states_are_told_apart(self, session, tmp_path):
        damaged = Path(shutil.copytree(session, tmp_path / "damaged"))
        (damaged / "session.json").write_text("{")
        newer = Path(shutil.copytree(session, tmp_path / "newer"))
        written = (newer / "session.json").read_text()
        (newer / "session.json").write_text(written.replace("session/1", "session/9"))
        cut_off = Path(shutil.copytree(session, tmp_path / "cut_off"))
        reopen(cut_off)

        assert {line.folder.name: line.state for line in list_sessions(tmp_path)} == {
            "session": "closed",
            "damaged": "damaged",
            "newer": "newer",
            "cut_off": "cut off",
        }


@pytest.mark.skipif(not has_gstreamer(), reason="needs GStreamer: scripts/setup-live.sh")
class TestKill:
    @pytest.mark.parametrize(
        "times", [pytest.param(1, id="once"), pytest.param(20, id="20 times", marks=pytest.mark.soak)]
    )
    def test_a_killed_recording_keeps_all_but_its_last_moment(self, tmp_path, camera, times):
        chance = random.Random(5)
        for n in range(times):
            session, killed_at = self.record_and_kill(tmp_path / str(n), camera.url, chance.uniform(0.3, 2))
            rows_before = len(list(read_rows(session / "frames.jsonl")))
            repair(session)
            result = verify(session)

            assert result.good, result.problems
            assert 0 <= rows_before - result.frames <= 1
            assert killed_at - self.last_frame_at(session) < 1.0

    def record_and_kill(self, root, url, after_s):
        words = ["record", url, "--output", str(root), "--reserve", "0", "--segment", "1"]
        process = subprocess.Popen(
            [sys.executable, "main.py", *words], cwd=ROOT, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL
        )
        try:
            deadline = time.monotonic() + 30
            while not list(root.glob("*/video/*.mkv")):
                assert time.monotonic() < deadline
                time.sleep(0.02)
            time.sleep(after_s)
        finally:
            process.send_signal(signal.SIGKILL)
            killed_at = time.monotonic()
            process.wait()
        return next(root.iterdir()), killed_at

    def last_frame_at(self, session):
        """Return when the last frame was taken, as its pixels say."""
        from benchmarks.camera import barcode

        with av.open(str(max((session / "video").iterdir()))) as container:
            *_, frame = container.decode(video=0)
        return barcode.read(frame.to_ndarray(format="rgb24")).time_us / 1e6
