"""The recorder: every frame once, in segments that play, whatever happens to source, disk and machine."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from fractions import Fraction

import numpy as np
import pytest

from sitepose.app.sessions import writer as writer_module
from sitepose.app.sessions.folder import SafeFolder
from sitepose.app.sessions.manifest import read_manifest
from sitepose.app.sessions.recorder import Recorder, RecordingSettings
from sitepose.app.sessions.rows import read_rows
from sitepose.app.sessions.verify import verify
from sitepose.app.sessions.video_files import MARK_S
from sitepose.core.errors import ConfigError, RecordingError
from sitepose.core.formats.poses_jsonl import PosesHeader, read_poses
from sitepose.core.skeleton import load_skeleton
from sitepose.core.structures import Frame, Poses
from sitepose.plugins.sources.live.events import Stalled

SMALL = {"reserve_bytes": 0}
RATE = 30
COCO17 = load_skeleton("coco17")
HEADER = PosesHeader(
    source="camera", width=128, height=96, skeleton="coco17", keypoint_names=COCO17.keypoint_names,
    models=[{"name": "tinypose", "sha256": "0" * 64}],
)  # fmt: skip


@pytest.fixture
def record(tmp_path):
    """Starts recorders that are closed at the end; their events are in ``recorder.events``."""
    recorders = []

    def start(name="session", source="camera", **settings):
        events = []
        recorder = Recorder(
            tmp_path, source, RecordingSettings(**{**SMALL, **settings}), name=name, listener=events.append
        )
        recorder.events = events
        recorders.append(recorder)
        return recorder

    yield start
    for recorder in recorders:
        try:
            recorder.close()
        except RecordingError:
            assert recorder.stopped


def put(recorder, packets):
    for packet in packets:
        recorder.put(packet)


def rows(recorder):
    return list(read_rows(recorder.folder / "frames.jsonl"))


def numbers(recorder):
    return [(part.number, part.frames, part.state) for part in read_manifest(recorder.folder).segments]


def frame_of(packet):
    return Frame(
        image=np.zeros((96, 128, 3), np.uint8),
        index=packet.index,
        timestamp=packet.timestamp,
        pts=packet.pts,
        time_base=Fraction(1, 90_000),
    )


class TestSegments:
    def test_every_frame_is_there_once(self, record, stream):
        recorder = record()
        put(recorder, stream(100))
        recorder.close()
        result = verify(recorder.folder)

        assert result.good, result.problems
        assert result.frames == result.decoded == 100
        assert [row.index for row in rows(recorder)] == list(range(100))
        assert rows(recorder)[31].source_pts == 31 * 3000
        assert rows(recorder)[31].source_time_base == "1/90000"

    def test_a_new_one_begins_at_the_keyframe_after_it_is_full(self, record, stream):
        recorder = record(segment_s=1.2)
        put(recorder, stream(100))
        recorder.close()

        assert numbers(recorder) == [(1, 45, "closed"), (2, 45, "closed"), (3, 10, "closed")]
        assert [row.pts for row in rows(recorder) if row.segment == 2][:2] == [0, 33]
        assert verify(recorder.folder).good

    def test_a_new_one_begins_when_there_are_too_many_bytes(self, record, stream):
        recorder = record(segment_bytes=3000)
        put(recorder, stream(60))
        recorder.close()

        assert len(numbers(recorder)) > 1
        assert verify(recorder.folder).good

    def test_a_reconnect_with_another_size_begins_one(self, record, stream):
        recorder = record()
        put(recorder, stream(20))
        stream.reconnect(size_wh=(160, 120))
        put(recorder, stream(20))
        recorder.close()
        first, second = read_manifest(recorder.folder).segments

        assert ((first.width, first.height), (second.width, second.height)) == ((128, 96), (160, 120))
        assert second.timestamp > first.timestamp + 2
        assert verify(recorder.folder).good

    def test_what_comes_before_the_first_keyframe_cannot_be_played_and_is_counted(self, record, stream):
        recorder = record()
        put(recorder, stream(20)[8:])
        recorder.close()

        assert [row.index for row in rows(recorder)] == [15, 16, 17, 18, 19]
        assert read_manifest(recorder.folder).counters["undecodable"] == 7

    def test_frames_that_the_source_lost_are_in_the_rows(self, record, stream):
        recorder = record()
        put(recorder, stream(10))
        stream.skip(5)
        put(recorder, stream(10))
        recorder.close()

        assert {row.index: row.dropped for row in rows(recorder) if row.dropped} == {15: 5}
        assert read_manifest(recorder.folder).counters["dropped"] == 5

    def test_a_pause_is_no_loss_and_an_overlapping_preroll_is_not_doubled(self, record, stream):
        recorder = record()
        packets = stream(90)
        put(recorder, packets[:40])
        recorder.pause()
        put(recorder, packets[30:50])  # goes on without a gap
        recorder.pause()
        put(recorder, packets[60:90])
        recorder.close()

        assert [row.index for row in rows(recorder)] == [*range(50), *range(60, 90)]
        assert numbers(recorder) == [(1, 50, "closed"), (2, 30, "closed")]
        assert not any(row.dropped for row in rows(recorder))

    def test_nothing_at_all_is_a_session_too(self, record):
        recorder = record()
        recorder.close()

        assert verify(recorder.folder).good
        assert read_manifest(recorder.folder).state == "closed"


class TestPoses:
    def test_are_joined_to_the_video_by_segment_and_stamp(self, record, stream):
        recorder = record(segment_s=1)
        packets = stream(60)
        recorder.begin_poses(HEADER)
        for packet in packets:
            recorder.put(packet)
            if packet.index % 3 == 0:
                recorder.poses(frame_of(packet), Poses.empty(17))
        recorder.close()
        records = list(read_poses(recorder.folder / "poses.jsonl"))
        places = {(row.segment, row.pts): row.index for row in rows(recorder)}

        assert [places[record.segment, record.pts] for record in records] == list(range(0, 60, 3))
        assert verify(recorder.folder).poses == 20
        assert verify(recorder.folder).good
        assert read_manifest(recorder.folder).models == [{"name": "tinypose", "sha256": "0" * 64}]

    def test_of_frames_that_are_not_in_the_video_are_counted_only(self, record, stream):
        recorder = record()
        recorder.begin_poses(HEADER)
        late = stream(1)[0]
        recorder.poses(frame_of(late), Poses.empty(17))
        recorder.close()

        assert read_manifest(recorder.folder).counters["poses_without_video"] == 1

    def test_a_switched_part_is_written_and_another_skeleton_refused(self, record, stream, caplog):
        recorder = record()
        put(recorder, stream(5))
        recorder.begin_poses(HEADER)
        recorder.begin_poses(HEADER)
        recorder.begin_poses(
            PosesHeader(source="camera", width=1, height=1, skeleton="other", keypoint_names=("a",))
        )
        recorder.close()
        poses = read_poses(recorder.folder / "poses.jsonl")
        list(poses)

        assert [change.index for change in poses.changes] == [5]
        assert "the skeleton cannot change" in caplog.text


class TestNotes:
    def test_markers_notes_and_events_of_the_source_are_kept(self, record, stream, settle):
        recorder = record()
        put(recorder, stream(30))
        settle(recorder, 30)
        recorder.mark("somebody fell")
        recorder.note("lamp on")
        recorder.source_event(Stalled(source_id="camera", at=1.0, wall=2.0, silent_s=1.6))
        recorder.close()
        lines = [json.loads(line) for line in (recorder.folder / "events.jsonl").read_text().splitlines()]

        assert [(line["kind"], line["text"]) for line in lines] == [
            ("marker", "somebody fell"),
            ("note", "lamp on"),
            ("stalled", "no picture for 1.6 s"),
        ]
        assert lines[0]["timestamp"] == pytest.approx(29 / 30, abs=1e-5)
        assert read_manifest(recorder.folder).segments[0].marked

    def test_consent_and_retention_are_written(self, record):
        recorder = record(consent="staff, signed", retention="30 days")
        recorder.close()
        manifest = read_manifest(recorder.folder)

        assert (manifest.consent, manifest.retention) == ("staff, signed", "30 days")


class TestSlowDisk:
    def test_what_the_queue_cannot_take_is_counted_said_and_a_gap(self, record, stream, monkeypatch, settle):
        recorder = record(queue_bytes=20_000)
        free = threading.Event()
        write = writer_module.SessionWriter.packet

        def slow(self, packet):
            free.wait(20)
            write(self, packet)

        monkeypatch.setattr(writer_module.SessionWriter, "packet", slow)
        began = time.monotonic()
        put(recorder, stream(150))
        waited = time.monotonic() - began
        overflowed = recorder.stats.overflowed
        free.set()
        while recorder.stats.waiting_bytes:
            time.sleep(0.01)
        put(recorder, stream(30))
        recorder.close()

        assert waited < 1.0
        assert overflowed > 0
        assert "too slow" in recorder.events[0].message
        dropped = sum(row.dropped for row in rows(recorder))
        assert dropped == recorder.stats.overflowed
        assert verify(recorder.folder).good
        assert "frames were not recorded" in (recorder.folder / "events.jsonl").read_text()


class TestDisk:
    def test_recording_stops_before_the_reserve_is_touched(self, tmp_path, stream):
        free = os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize

        with pytest.raises(RecordingError, match="make room"):
            Recorder(tmp_path, "camera", RecordingSettings(reserve_bytes=2 * free), name="full")
        assert not (tmp_path / "full").exists()

    @pytest.fixture
    def small_disk(self, tmp_path):
        """A disk of 1 MB."""
        disk = tmp_path / "disk"
        disk.mkdir()
        words = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
        if subprocess.run(words, capture_output=True, check=False).returncode:
            pytest.skip("needs the right to mount a small tmpfs")
        yield disk
        subprocess.run(["umount", str(disk)], check=True)

    @pytest.mark.parametrize(
        "reserve", [pytest.param(0, id="to the last byte"), pytest.param(300_000, id="with a reserve")]
    )
    def test_a_full_disk_leaves_a_whole_session_and_one_clear_line(self, small_disk, make_stream, reserve):
        stream, events = make_stream(gop=5), []
        settings = RecordingSettings(reserve_bytes=reserve, segment_s=2)
        recorder = Recorder(small_disk, "camera", settings, name="session", listener=events.append)
        for _ in range(2000):
            put(recorder, stream(10))
            time.sleep(0.002)
            if recorder.stopped:
                break
        with pytest.raises(RecordingError, match=r"session: .*(disk has|No space left)"):
            recorder.close()
        result = verify(small_disk / "session")

        assert result.good, result.problems
        assert result.frames > 100
        assert [event.kind for event in events] == ["stopped"]
        assert read_manifest(small_disk / "session").stopped
        if reserve:
            state = os.statvfs(small_disk)
            assert state.f_bavail * state.f_frsize > reserve / 2

    def test_the_ring_buffer_keeps_the_newest_and_what_is_around_a_mark(self, record, make_stream, settle):
        stream = make_stream(gop=5)
        recorder = record(segment_s=0.5, ring_bytes=150_000)
        put(recorder, stream(15 * RATE))
        settle(recorder, 15 * RATE)
        recorder.mark("keep this")
        deadline = time.monotonic() + 30
        while recorder.stats.deleted < 20 * RATE:
            put(recorder, stream(10))
            time.sleep(0.02)
            assert time.monotonic() < deadline, recorder.stats
        recorder.close()
        parts = read_manifest(recorder.folder).segments
        files = {path.name for path in (recorder.folder / "video").iterdir()}
        begin, end = (15 - 1 / RATE + seconds for seconds in (-MARK_S, MARK_S))
        kept = {p.number for p in parts if p.timestamp + p.seconds >= begin and p.timestamp < end}
        deleted = [part for part in parts if part.state == "deleted"]

        assert {part.number for part in parts if part.marked} == kept
        assert {part.number for part in deleted} == set(range(1, deleted[-1].number + 1)) - kept
        assert deleted[-1].timestamp > 25
        assert files == {part.file for part in parts if part.state != "deleted"}
        assert "deleted segment 1" in (recorder.folder / "events.jsonl").read_text()
        assert recorder.stats.deleted == sum(part.frames for part in deleted)
        assert recorder.stats.bytes == sum(part.bytes for part in parts if part.state == "closed")
        assert verify(recorder.folder).good


class TestFolders:
    @pytest.mark.parametrize(
        "name",
        [
            pytest.param("../escape", id="parent"),
            pytest.param("/etc/x", id="absolute"),
            pytest.param(".hidden", id="hidden"),
            pytest.param("con", id="reserved"),
            pytest.param("nul.txt", id="reserved with a suffix"),
            pytest.param("a" * 101, id="too long"),
            pytest.param("a\nb", id="line break"),
            pytest.param("end.", id="dot at the end"),
            pytest.param("ä", id="not ASCII"),
        ],
    )
    def test_a_name_that_could_do_harm_is_refused(self, tmp_path, name):
        with pytest.raises(ConfigError):
            Recorder(tmp_path / "in", "camera", RecordingSettings(**SMALL), name=name)
        assert not list(tmp_path.rglob("*"))

    def test_a_name_that_is_taken_gets_a_number(self, record):
        assert [record().folder.name for _ in range(3)] == ["session", "session-2", "session-3"]

    def test_a_link_in_the_place_of_a_session_is_not_followed(self, record, tmp_path):
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "session").symlink_to(tmp_path / "elsewhere")

        assert record().folder.name == "session-2"
        assert not list((tmp_path / "elsewhere").iterdir())

    def test_files_land_in_the_folder_whatever_happens_to_its_path(self, record, stream, settle, tmp_path):
        recorder = record(segment_s=0.5)
        put(recorder, stream(15))
        settle(recorder, 15)
        (tmp_path / "elsewhere").mkdir()
        (recorder.folder / "video").rename(tmp_path / "moved")
        (recorder.folder / "video").symlink_to(tmp_path / "elsewhere")
        put(recorder, stream(30))
        settle(recorder, 45)

        assert not list((tmp_path / "elsewhere").iterdir())
        assert len(list((tmp_path / "moved").iterdir())) == 3
        (recorder.folder / "video").unlink()
        (tmp_path / "moved").rename(recorder.folder / "video")

    def test_nothing_is_written_over_or_through_a_link(self, tmp_path):
        (tmp_path / "there").write_text("old")
        (tmp_path / "link").symlink_to(tmp_path / "target")
        with SafeFolder(tmp_path) as folder:
            for name in ("there", "link"):
                with pytest.raises(FileExistsError):
                    folder.create(name)
            for name in ("../x", "a/b", "..", "a\0b"):
                with pytest.raises(ValueError, match="not the name of one file"):
                    folder.create(name)

    def test_a_session_is_not_for_everybody_on_the_machine(self, record, stream):
        recorder = record()
        put(recorder, stream(5))
        recorder.close()

        assert not recorder.folder.stat().st_mode & 0o007
        assert not any(path.stat().st_mode & 0o007 for path in recorder.folder.rglob("*"))
