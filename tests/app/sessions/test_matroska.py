"""Matroska files: played by FFmpeg wherever they end, and put together again from any piece."""

from __future__ import annotations

import contextlib
import os
import subprocess

import av
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sitepose.app.sessions.matroska import MatroskaWriter, finish
from sitepose.app.sessions.matroska_parts import VideoTrack
from sitepose.app.sessions.matroska_scan import scan
from sitepose.core.errors import FormatError
from sitepose.core.formats import ebml
from sitepose.plugins.sources.live.gst_library import has_gstreamer


def write(path, packets, *, finished=True):
    first = packets[0]
    track = VideoTrack(
        codec=first.format.codec,
        size_wh=first.format.size_wh,
        private=first.format.private,
        frame_rate=first.format.frame_rate,
    )
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    try:
        writer = MatroskaWriter(descriptor, track, wall=first.wall)
        for packet in packets:
            stamp = round((packet.timestamp - first.timestamp) * 1000)
            writer.write(packet.data, pts_ms=stamp, keyframe=packet.keyframe)
        if finished:
            writer.finish()
    finally:
        os.close(descriptor)


def mend(path):
    found = scan(path)
    descriptor = os.open(path, os.O_RDWR)
    try:
        finish(descriptor, found.layout, interval_ms=1000 / 30)
    finally:
        os.close(descriptor)


def stamps(path):
    with av.open(str(path)) as container:
        assert str(container.streams.video[0].time_base) == "1/1000"
        return [frame.pts for frame in container.decode(video=0)]


class TestWriting:
    @pytest.mark.parametrize("finished", [pytest.param(True, id="finished"), pytest.param(False, id="cut off")])
    def test_every_frame_plays_with_its_stamp(self, tmp_path, stream, finished):
        packets = stream(100)
        write(tmp_path / "a.mkv", packets, finished=finished)

        assert stamps(tmp_path / "a.mkv") == [round(n * 1000 / 30) for n in range(100)]

    def test_a_finished_file_can_be_sought_and_knows_its_length(self, tmp_path, stream):
        write(tmp_path / "a.mkv", stream(150))
        with av.open(str(tmp_path / "a.mkv")) as container:
            container.seek(3_000_000)
            landed = next(container.decode(video=0)).time

            assert container.duration == pytest.approx(5_000_000, abs=1000)
            assert 2.0 <= landed <= 3.0

    def test_one_frame_is_a_file(self, tmp_path, stream):
        write(tmp_path / "a.mkv", stream(1))

        assert stamps(tmp_path / "a.mkv") == [0]

    def test_long_pauses_do_not_overflow_the_stamps(self, tmp_path, make_stream):
        packets = make_stream(gop=1, rate=1)(3)
        descriptor = os.open(tmp_path / "a.mkv", os.O_RDWR | os.O_CREAT)
        track = VideoTrack(codec="h264", size_wh=(128, 96), private=packets[0].format.private)
        writer = MatroskaWriter(descriptor, track, wall=0.0)
        for packet, stamp in zip(packets, (0, 29_999, 3_600_000), strict=True):
            writer.write(packet.data, pts_ms=stamp, keyframe=False)
        writer.finish()
        os.close(descriptor)

        assert [block.pts_ms for block in scan(tmp_path / "a.mkv").blocks] == [0, 29_999, 3_600_000]

    @pytest.mark.skipif(not has_gstreamer(), reason="needs GStreamer: scripts/setup-live.sh")
    def test_gstreamer_reads_it_too(self, tmp_path, stream):
        write(tmp_path / "a.mkv", stream(60))
        words = f"gst-launch-1.0 -q filesrc location={tmp_path}/a.mkv ! matroskademux ! h264parse ! avdec_h264"
        words = f"{words} ! fakesink"

        assert subprocess.run(words.split(), capture_output=True, timeout=60, check=False).returncode == 0


class TestReadingBack:
    def test_finds_every_frame(self, tmp_path, stream):
        packets = stream(100)
        write(tmp_path / "a.mkv", packets)
        found = scan(tmp_path / "a.mkv")

        assert found.finished
        assert [block.keyframe for block in found.blocks] == [packet.keyframe for packet in packets]

    @settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(data=st.data())
    def test_a_file_that_ends_anywhere_is_made_whole(self, tmp_path, make_stream, data):
        path = tmp_path / "a.mkv"
        whole = make_stream()(70)
        write(path, whole, finished=data.draw(st.booleans()))
        size, ends = path.stat().st_size, [block.end for block in scan(path).blocks]
        cut = data.draw(st.integers(400, size))
        zeros = data.draw(st.sampled_from([0, 1, 5000]))  # what a power cut leaves of a page
        path.write_bytes(path.read_bytes()[:cut] + bytes(zeros))
        before = scan(path)
        mend(path)
        after = scan(path)

        assert after.finished or not after.blocks
        assert [block.pts_ms for block in after.blocks] == [block.pts_ms for block in before.blocks]
        assert len(stamps(path) if after.blocks else []) == len(after.blocks)
        assert sum(end <= cut for end in ends) <= len(before.blocks) <= sum(end <= cut for end in ends) + 1

    @pytest.mark.parametrize("kept", [0, 1, 3, 4, 6, -2, -1], ids=lambda kept: f"{kept} bytes")
    def test_a_frame_of_which_only_some_bytes_reached_the_disk_is_left_out(self, tmp_path, stream, kept):
        path = tmp_path / "a.mkv"
        write(path, stream(3), finished=False)
        last = scan(path).blocks[-1]
        cut = last.begin + kept if kept >= 0 else last.end + kept
        path.write_bytes(path.read_bytes()[:cut] + bytes(5000))

        mend(path)

        assert len(stamps(path)) == 2

    def test_mending_a_whole_file_changes_no_frame(self, tmp_path, stream):
        write(tmp_path / "a.mkv", stream(50))
        before = (tmp_path / "a.mkv").stat().st_size
        mend(tmp_path / "a.mkv")

        assert (tmp_path / "a.mkv").stat().st_size == before
        assert len(stamps(tmp_path / "a.mkv")) == 50

    @pytest.mark.parametrize(
        "content",
        [
            pytest.param(b"", id="empty"),
            pytest.param(bytes(1000), id="zeros"),
            pytest.param(b"no video at all" * 100, id="text"),
        ],
    )
    def test_what_is_no_file_of_ours_is_an_error(self, tmp_path, content):
        (tmp_path / "a.mkv").write_bytes(content)

        with pytest.raises(FormatError):
            scan(tmp_path / "a.mkv")

    @given(noise=st.binary(max_size=300), keep=st.integers(0, 600))
    @settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_noise_never_does_more_than_that(self, tmp_path, stream, noise, keep):
        path = tmp_path / "a.mkv"
        if not path.exists():
            write(path, stream(5))
            (tmp_path / "good").write_bytes(path.read_bytes())
        path.write_bytes((tmp_path / "good").read_bytes()[:keep] + noise)
        with contextlib.suppress(FormatError):
            assert scan(path).layout.end <= path.stat().st_size


class TestEbml:
    @given(size=st.integers(0, 2**55))
    def test_sizes_are_read_back(self, size, tmp_path_factory):
        path = tmp_path_factory.getbasetemp() / "size"
        path.write_bytes(ebml.id_bytes(0x1F43B675) + ebml.size_bytes(size))
        with path.open("rb") as stream:
            assert ebml.read_header(stream).size == size

    @pytest.mark.parametrize("length", [2, 5, 8, 9, 96])
    def test_room_is_as_long_as_it_should_be(self, length):
        assert len(ebml.void(length)) == length
