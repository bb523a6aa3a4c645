"""Video files that are cut, damaged, of changing size, or still being written."""

from __future__ import annotations

import hashlib
import logging
import random
import subprocess
import sys

import av
import pytest

from sitepose.core.errors import SourceError
from sitepose.plugins.sources.video import VideoFile

FASTSTART = {"movflags": "+faststart"}
FRAGMENTS = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
B_FRAMES = {"bf": "2", "preset": "veryfast", "g": "20"}

CONTAINERS = [
    pytest.param("clip.mp4", {"container_options": FASTSTART}, id="mp4, index in front"),
    pytest.param("clip.mp4", {"container_options": FRAGMENTS}, id="mp4 in fragments"),
    pytest.param("clip.mkv", {}, id="matroska"),
    pytest.param("clip.mkv", {"container_options": {"live": "1"}}, id="matroska, live"),
    pytest.param("clip.webm", {"codec": "libvpx-vp9", "options": {"cpu-used": "8"}}, id="webm"),
    pytest.param("clip.ts", {}, id="transport stream"),
    pytest.param("clip.flv", {}, id="flash"),
    pytest.param("clip.avi", {"codec": "mpeg4", "options": {"b": "2000000"}}, id="avi"),
    pytest.param("clip.gif", {"codec": "gif", "pix_fmt": "rgb8", "options": {}}, id="gif"),
]

UNTELLABLE = [
    pytest.param("clip.mov", {}, id="mov"),
    pytest.param("clip.mpg", {"codec": "mpeg2video", "options": {}}, id="program stream"),
    pytest.param("clip.nut", {}, id="nut"),
    pytest.param("clip.asf", {"codec": "mpeg4", "options": {}}, id="asf"),
    pytest.param("clip.mxf", {"codec": "mpeg2video", "options": {}}, id="mxf"),
    pytest.param("clip.h264", {"format": "h264"}, id="bare h264"),
    pytest.param(
        "clip.mjpeg",
        {"codec": "mjpeg", "pix_fmt": "yuvj420p", "options": {}, "format": "mjpeg"},
        id="bare mjpeg",
    ),
    pytest.param("clip.mkv", {"codec": "libx265", "options": {"x265-params": "log-level=none"}}, id="hevc"),
]


def content(frame):
    return hashlib.sha256(frame.image.tobytes()).hexdigest()


def damage(path, *, flips, seed, first=0.05):
    """Change single bytes at random places, sparing the container's header."""
    chance, data = random.Random(seed), bytearray(path.read_bytes())
    for _ in range(flips):
        data[chance.randrange(int(first * len(data)), len(data))] ^= chance.randrange(1, 256)
    path.write_bytes(data)
    return path


class TestACutFile:
    @pytest.mark.parametrize(("name", "settings"), CONTAINERS)
    @pytest.mark.parametrize("share", [0.31, 0.52, 0.9])
    def test_gives_its_good_frames_and_then_says_so(self, encode, read, name, settings, share):
        path = encode(name, 60, **{"options": B_FRAMES, **settings})
        whole = {frame.pts: content(frame) for frame in read(path)[0]}
        data = path.read_bytes()
        path.write_bytes(data[: int(share * len(data))])

        frames, fault = read(path)

        assert fault is not None
        assert "ends in the middle" in str(fault)
        assert "\n" not in str(fault)
        assert 0 < len(frames) < 60
        assert [content(frame) for frame in frames] == [whole[frame.pts] for frame in frames]  # not one is torn
        assert frames[-1].index == len(frames) - 1

    @pytest.mark.parametrize(("name", "settings"), [*CONTAINERS, *UNTELLABLE])
    def test_is_not_seen_where_nothing_is_missing(self, encode, read, name, settings):
        path = encode(name, 40, **{"options": B_FRAMES, **settings})

        frames, fault = read(path)

        assert fault is None
        assert len(frames) == 40

    def test_of_ten_seconds_gives_those_up_to_the_cut(self, encode, read, number_of):
        path = encode("ten.mp4", 250, container_options=FASTSTART)
        with av.open(str(path)) as container:
            ends = [packet.pos + packet.size for packet in container.demux(video=0) if packet.size]
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2])

        frames, fault = read(path)

        assert "ends in the middle" in str(fault)
        assert [number_of(frame.image) for frame in frames] == list(
            range(sum(end <= len(data) // 2 for end in ends))
        )

    def test_between_two_packets_is_seen_too(self, encode, read):
        path = encode("clip.mp4", 60, container_options=FASTSTART)
        with av.open(str(path)) as container:
            ends = [packet.pos + packet.size for packet in container.demux(video=0) if packet.size]
        path.write_bytes(path.read_bytes()[: ends[29]])

        frames, fault = read(path)

        assert len(frames) == 30
        assert "bytes are missing" in str(fault)

    def test_of_an_unfinished_mp4_says_that_the_index_is_missing(self, encode):
        path = encode("clip.mp4", 60)
        path.write_bytes(path.read_bytes().partition(b"moov")[0][:-4])

        with pytest.raises(SourceError, match="ends in the middle: its index is missing"):
            VideoFile(VideoFile.Settings(location=str(path)))

    def test_is_no_matter_where_the_chosen_part_ends_before(self, encode, read):
        path = encode("clip.ts", 60)
        path.write_bytes(path.read_bytes()[:-300])

        frames, fault = read(path, end_s=1.0)

        assert fault is None
        assert len(frames) == 25

    def test_with_bytes_appended_is_not_cut(self, encode, read):
        for name, codec, pix_fmt in (("clip.mp4", "libx264", "yuv420p"), ("clip.gif", "gif", "rgb8")):
            path = encode(name, 20, codec=codec, pix_fmt=pix_fmt)
            path.write_bytes(path.read_bytes() + b"appended by some tool" * 10)

            frames, fault = read(path)

            assert fault is None
            assert len(frames) == 20


class TestADamagedFile:
    def test_goes_on_counts_and_warns_once_per_burst(self, encode, read, caplog):
        path = encode("clip.ts", 200)
        data = bytearray(path.read_bytes())
        for start in (len(data) // 4, len(data) // 2):
            for place in range(start, start + 4000, 40):
                data[place] ^= 0x5A
        path.write_bytes(data)

        with caplog.at_level(logging.WARNING), VideoFile(VideoFile.Settings(location=str(path))) as source:
            frames = list(source)

        assert len(frames) > 150
        assert source.damaged >= 2
        assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
        assert "damaged data" in caplog.text

    @pytest.mark.parametrize(
        ("name", "settings"),
        [("clip.mp4", FASTSTART), ("clip.mkv", {}), ("clip.ts", {})],
        ids=["mp4", "mkv", "ts"],
    )
    def test_shows_the_same_at_every_run(self, encode, read, name, settings):
        path = encode(name, 80, options={**B_FRAMES, "slices": "3"}, container_options=settings)
        damage(path, flips=30, seed=5, first=0.1)

        runs = [[content(frame) for frame in read(path)[0]] for _ in range(3)]

        assert runs[0] == runs[1] == runs[2]
        assert len(runs[0]) > 40

    def test_is_left_at_a_frame_of_a_monstrous_size(self, encode, read):
        path = encode("clip.mp4", 3, codec="mjpeg", pix_fmt="yuvj420p")
        path.write_bytes(
            path.read_bytes().replace(
                b"\xff\xc0\x00\x11\x08\x00\x60\x00\xa0", b"\xff\xc0\x00\x11\x08\xff\xff\xff\xff"
            )
        )

        with pytest.raises(SourceError, match="nothing in it can be decoded"):
            read(path)


class TestAChangingFile:
    def test_whose_frame_size_changes_gives_what_was_before(self, encode, read):
        small, large = encode("a.ts", 20), encode("b.ts", 20, size_wh=(320, 192))
        joined = small.with_name("joined.ts")
        joined.write_bytes(small.read_bytes() + large.read_bytes())

        frames, fault = read(joined)

        assert len(frames) == 20
        assert "the frame size changes from 160x96 to 320x192 at 0.80 s" in str(fault)

    @pytest.mark.parametrize(
        ("name", "settings", "least"),
        [
            pytest.param("clip.ts", {}, 0.95, id="transport stream"),
            pytest.param("clip.mkv", {"container_options": {"live": "1"}}, 0.95, id="matroska, live"),
            # FFmpeg reads no fragment that was not there when the file was opened.
            pytest.param("clip.mp4", {"container_options": FRAGMENTS}, 0.5, id="mp4 in fragments"),
        ],
    )
    @pytest.mark.parametrize("share", [0.8, 1.0], ids=["up to the middle of a frame", "up to its end"])
    def test_that_grows_is_read_to_where_it_is(self, encode, name, settings, least, share):
        path = encode(name, 60, **settings)
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2])

        with VideoFile(VideoFile.Settings(location=str(path))) as source:
            begun = [next(source) for _ in range(5)]
            with path.open("ab") as file:
                file.write(data[len(data) // 2 : int(share * len(data))])
            rest = list(source)

        assert len(begun) + len(rest) >= int(60 * share * least)


CHILD = """
import signal, sys
from sitepose.core.errors import SourceError
from sitepose.plugins.sources.video import VideoFile
for location in sys.stdin.read().splitlines():
    signal.alarm(30)  # a file that takes longer hangs, and ends the process
    frames = 0
    try:
        with VideoFile(VideoFile.Settings(location=location)) as source:
            for frame in source:
                frames += 1
                assert frame.image.shape[2] == 3
        print(frames, "whole")
    except SourceError as error:
        print(frames, "fault", str(error).count(chr(10)))
"""


class TestFlippedBytes:
    """No file may crash the program or keep it for ever, whatever is in it."""

    def survive(self, paths):
        answer = subprocess.run(
            [sys.executable, "-W", "error", "-c", CHILD],
            input="\n".join(map(str, paths)),
            capture_output=True,
            text=True,
            check=False,
        )

        assert answer.returncode == 0, answer.stderr[-2000:]
        lines = [line.split() for line in answer.stdout.splitlines()]
        assert len(lines) == len(paths)
        assert {line[2] for line in lines if line[1] == "fault"} <= {"0"}
        return [int(line[0]) for line in lines]

    def copies(self, path, count):
        for seed in range(count):
            copy = path.with_name(f"{path.stem}-{seed}{path.suffix}")
            copy.write_bytes(path.read_bytes())
            # Every other one also in the header.
            yield damage(copy, flips=(1, 5, 25, 120)[seed % 4], seed=seed, first=0.05 * (seed % 2))

    @pytest.mark.parametrize(("name", "settings"), CONTAINERS)
    def test_in_every_kind_of_file(self, encode, name, settings):
        path = encode(name, 30, **{"options": B_FRAMES, **settings})

        frames = self.survive(list(self.copies(path, 20)))

        assert sum(frames) > 20 * 30 / 4  # most of what is there can still be seen

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("source", "count"),
        [
            pytest.param("mot/TUD-Stadtmitte/TUD-Stadtmitte.mp4", 12, id="h264"),
            pytest.param("videos/classroom.gif", 8, id="gif"),
        ],
    )
    def test_in_real_videos(self, data, tmp_path, source, count):
        path = tmp_path / source.rpartition("/")[2]
        path.write_bytes((data / source).read_bytes())

        assert sum(self.survive(list(self.copies(path, count)))) > 0

    @pytest.mark.soak
    @pytest.mark.parametrize("source", ["mot/TUD-Stadtmitte/TUD-Stadtmitte.mp4", "videos/classroom.gif"])
    def test_in_real_videos_a_hundred_times(self, data, tmp_path, source):
        path = tmp_path / source.rpartition("/")[2]
        path.write_bytes((data / source).read_bytes())

        assert sum(self.survive(list(self.copies(path, 100)))) > 0
