"""Video files: stamps, orientation, and one clear line for what is not a video."""

from __future__ import annotations

import logging
import os
from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import psutil
import pytest

from sitepose.core.errors import ConfigError, SourceError
from sitepose.core.settings import check
from sitepose.plugins.api import FrameSource
from sitepose.plugins.sources.video import VideoFile

MILLISECONDS = Fraction(1, 1000)


def opened(path, **settings):
    return VideoFile(VideoFile.Settings(location=str(path), **settings))


class TestStamps:
    def test_count_the_frames_and_tell_the_time_of_each(self, encode, read, number_of):
        frames, fault = read(encode("clip.mp4", 30))

        assert fault is None
        assert [frame.index for frame in frames] == list(range(30))
        assert [number_of(frame.image) for frame in frames] == list(range(30))
        assert [frame.timestamp for frame in frames] == [i / 25 for i in range(30)]
        assert {frame.source_id for frame in frames} == {"clip.mp4"}
        assert all(a.captured_at <= b.captured_at for a, b in pairwise(frames))

    @pytest.mark.parametrize("name", ["vfr.mp4", "vfr.mkv", "vfr.mov", "vfr.webm"])
    def test_of_a_variable_frame_rate_are_the_containers_own(self, encode, read, name):
        pts = [0, 40, 80, 500, 520, 1500, 1501, 1540]
        codec = "libvpx-vp9" if name.endswith("webm") else "libx264"

        frames, fault = read(encode(name, 8, codec=codec, pts=pts, time_base=MILLISECONDS))

        assert fault is None
        assert [frame.timestamp for frame in frames] == [stamp / 1000 for stamp in pts]
        assert [frame.pts * frame.time_base for frame in frames] == [stamp * MILLISECONDS for stamp in pts]

    @pytest.mark.parametrize("name", ["late.mkv", "late.ts"])
    def test_begin_at_zero_where_the_file_begins_later(self, encode, read, name):
        frames, _ = read(encode(name, 10, pts=[5000 + 40 * i for i in range(10)], time_base=MILLISECONDS))

        assert frames[0].timestamp == 0
        assert frames[0].pts * frames[0].time_base >= 5
        assert [frame.timestamp for frame in frames] == pytest.approx([i / 25 for i in range(10)])

    @pytest.mark.parametrize("name", ["b.mp4", "b.mkv", "b.ts"])
    def test_are_in_the_order_of_showing_where_frames_are_stored_in_another(
        self, encode, read, number_of, name
    ):
        path = encode(name, 40, options={"bf": "3", "preset": "veryfast"})
        with av.open(str(path)) as container:
            stored = [packet.pts for packet in container.demux(video=0) if packet.size]
        assert stored != sorted(stored)

        frames, _ = read(path)

        assert [number_of(frame.image) for frame in frames] == list(range(40))
        assert [frame.timestamp for frame in frames] == pytest.approx([i / 25 for i in range(40)])

    def test_go_on_where_the_clock_of_a_joined_recording_begins_anew(self, encode, read):
        first, second = encode("a.ts", 20), encode("b.ts", 20)
        joined = first.with_name("joined.ts")
        joined.write_bytes(first.read_bytes() + second.read_bytes())

        frames, fault = read(joined)

        assert fault is None
        assert [frame.timestamp for frame in frames] == pytest.approx([i / 25 for i in range(40)])
        assert frames[20].pts < frames[19].pts

    def test_are_made_up_from_the_frame_rate_where_there_are_none(self, encode, read):
        frames, _ = read(encode("raw.h264", 10, format="h264"))

        assert len(frames) == 10
        assert [frame.timestamp for frame in frames] == pytest.approx([i / 25 for i in range(10)])

    def test_of_a_gif_are_its_delays(self, encode, read, number_of):
        frames, fault = read(encode("small.gif", 12, codec="gif", pix_fmt="rgb8"))

        assert fault is None
        assert [number_of(frame.image) for frame in frames] == list(range(12))
        assert [frame.timestamp for frame in frames] == pytest.approx([i / 25 for i in range(12)])

    def test_of_real_videos_count_every_frame(self, data, read):
        frames, fault = read(data / "mot" / "TUD-Stadtmitte" / "TUD-Stadtmitte.mp4")

        assert fault is None
        assert (len(frames), frames[-1].timestamp) == (179, 178 / 25)
        assert [
            len(read(data / "videos" / name)[0]) for name in ("classroom.gif", "store-aisle-detection.gif")
        ] == [45, 67]


class TestDescription:
    def test_is_known_before_the_first_frame(self, encode):
        with opened(encode("clip.mkv", 30)) as source:
            assert isinstance(source, FrameSource)
            assert source.info.source_id == "clip.mkv"
            assert source.info.size_wh == (160, 96)
            assert source.info.frame_rate == 25
            assert source.info.frame_count == 30
            assert not source.info.live

    @pytest.mark.parametrize(
        ("settings", "expected"),
        [
            pytest.param({"max_frames": 7}, 7, id="a number of frames"),
            pytest.param({"start_s": 1.0}, 5, id="from a second on"),
            pytest.param({"start_s": 0.2, "end_s": 0.6}, 10, id="a span"),
            pytest.param({"end_s": 100.0, "max_frames": 50}, 30, id="more than there is"),
        ],
    )
    def test_expects_the_frames_of_the_chosen_part(self, encode, settings, expected):
        path = encode("clip.mp4", 30)

        with opened(path, **settings) as source:
            assert source.info.frame_count == expected
            assert len(list(source)) == expected

    def test_notes_pixels_that_are_not_square_and_leaves_them(self, encode, caplog):
        def wide(stream):
            stream.sample_aspect_ratio = Fraction(16, 11)

        path = encode("wide.mp4", 3, prepare=wide)

        with caplog.at_level(logging.INFO), opened(path) as source:
            assert source.info.size_wh == (160, 96)
        assert "16/11" in caplog.text


class TestPictures:
    @pytest.mark.parametrize("degrees", [0, 90, 180, 270])
    @pytest.mark.parametrize("flipped", [False, True], ids=["", "mirrored"])
    def test_are_turned_upright(self, encode, read, degrees, flipped):
        image = np.zeros((96, 160, 3), np.uint8)
        image[:40, :60] = (255, 0, 0)

        def turn(stream):
            stream.set_display_rotation(degrees, hflip=flipped)

        frames, _ = read(encode("turned.mp4", [image] * 2, prepare=turn))

        # PyAV turns to the left and mirrors afterwards.
        expected = np.rot90(image, degrees // 90)
        expected = expected[:, ::-1] if flipped else expected
        assert frames[0].size_wh == (expected.shape[1], expected.shape[0])
        red = (frames[0].image[..., 0] > 127).astype(int)
        assert np.abs(red - (expected[..., 0] > 127)).mean() < 0.01

    def test_have_the_size_that_is_announced_after_turning(self, encode):
        with opened(encode("t.mp4", 2, prepare=lambda stream: stream.set_display_rotation(90))) as source:
            assert source.info.size_wh == (96, 160)
            assert next(source).size_wh == (96, 160)

    @pytest.mark.parametrize("size", [(161, 97), (67, 33), (162, 98)], ids=str)
    def test_of_odd_sizes_are_whole(self, encode, read, numbered, size):
        path = encode("odd.mkv", 3, codec="ffv1", pix_fmt="yuv444p", size_wh=size)

        frames, _ = read(path)

        assert frames[2].size_wh == size
        assert np.abs(frames[2].image.astype(int) - numbered(2, size)).max() <= 4

    def test_stay_what_they_were_when_later_ones_are_decoded(self, encode):
        with opened(encode("clip.mp4", 60)) as source:
            kept = [(frame, frame.image.copy()) for frame in source]

        assert all((frame.image == copy).all() for frame, copy in kept)
        assert not any(frame.image.flags.writeable for frame, _ in kept)

    def test_without_conversion_stay_what_they_were_too(self, encode):
        path = encode("raw.avi", 20, codec="rawvideo", pix_fmt="bgr24")
        with opened(path) as source:
            kept = [(frame, frame.image.copy()) for frame in source]

        assert all((frame.image == copy).all() for frame, copy in kept)

    def test_are_the_same_at_every_run(self, encode, read):
        path = encode("clip.mp4", 30, options={"bf": "2", "preset": "veryfast"})

        runs = [[frame.image.tobytes() for frame in read(path, decoder_threads=n)[0]] for n in (1, 1, 2)]

        assert runs[0] == runs[1] == runs[2]

    def test_do_not_fill_the_memory(self, encode):
        path = encode(
            "long.mp4", (np.full((480, 640, 3), i % 256, np.uint8) for i in range(500)), size_wh=(640, 480)
        )
        process = psutil.Process()

        with opened(path) as source:
            for frame in source:
                if frame.index == 100:
                    before = process.memory_info().rss
            growth = process.memory_info().rss - before

        assert frame.index == 499
        assert growth < 20e6  # 400 frames are 368 MB


class TestWhatIsNoVideo:
    @pytest.mark.parametrize(
        ("name", "content", "line"),
        [
            pytest.param("none.mp4", None, "no such file", id="no such file"),
            pytest.param("empty.mp4", b"", "is empty", id="an empty file"),
            pytest.param("text.mp4", b"This is no video.\n" * 100, "is not a video", id="a text file"),
            pytest.param("zeros.avi", bytes(5000), "is not a video", id="zeros"),
            pytest.param(
                "head.mp4",
                b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom\xff\0\0\0mdat" + bytes(500),
                "ends in the middle",
                id="no index",
            ),
        ],
    )
    def test_is_told_in_one_line(self, tmp_path, name, content, line, capfd):
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)

        with pytest.raises(SourceError) as failure:
            opened(path)

        assert str(failure.value).startswith(f"{path}: {line}")
        assert "\n" not in str(failure.value)
        assert capfd.readouterr() == ("", "")

    def test_a_folder(self, tmp_path):
        with pytest.raises(SourceError, match="is a folder"):
            opened(tmp_path)

    def test_a_pipe(self, tmp_path):
        os.mkfifo(tmp_path / "pipe.mp4")

        with pytest.raises(SourceError, match="is not a regular file"):
            opened(tmp_path / "pipe.mp4")

    def test_sound_alone(self, tmp_path):
        path = tmp_path / "sound.m4a"
        with av.open(str(path), "w", format="mp4") as container:
            stream = container.add_stream("aac", rate=44100)
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), format="fltp", layout="mono")
            frame.sample_rate = 44100
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))

        with pytest.raises(SourceError, match="has no video, only audio"):
            opened(path)

    def test_an_address_is_not_repeated_with_its_password(self):
        with pytest.raises(SourceError) as failure:
            opened("rtsp://user:secret@camera/stream")

        assert "rtsp" in str(failure.value)
        assert "secret" not in str(failure.value)

    def test_odd_file_names_are_names_and_not_protocols(self, encode, read):
        for name in ("con:cat.mp4", "50%d.mp4", "größe ☃.mp4", "-i.mp4"):
            path = encode("plain.mp4", 3).rename(encode("plain.mp4", 3).with_name(name))

            assert len(read(path)[0]) == 3


class TestSettings:
    def test_refuse_an_end_before_the_start(self):
        with pytest.raises(ConfigError, match="end_s must be greater than start_s, which is 3"):
            check(VideoFile.Settings, {"location": "clip.mp4", "start_s": 3.0, "end_s": 2.0}, where="clip.mp4:")

    def test_closing_twice_is_fine_and_ends_the_iteration(self, encode):
        source = opened(encode("clip.mp4", 10))
        next(source)
        source.close()
        source.close()

        assert list(source) == []

    @pytest.fixture
    def afterwards_silent(self):
        libav = logging.getLogger("libav")
        before = list(libav.handlers), libav.propagate, av.logging.get_level()
        yield
        libav.handlers[:], libav.propagate = before[:2]
        av.logging.set_level(before[2])

    @pytest.mark.usefixtures("afterwards_silent")
    def test_ffmpegs_messages_go_to_the_log_at_debug_level(self, encode, caplog, capfd):
        path = encode("clip.ts", 40)
        damaged = bytearray(path.read_bytes())
        for place in range(4000, len(damaged), 700):
            damaged[place] ^= 0xFF
        path.write_bytes(damaged)

        with caplog.at_level(logging.DEBUG, logger="sitepose"), opened(path) as source:
            list(source)

        messages = [record for record in caplog.records if record.name == "sitepose.plugins.sources.ffmpeg_log"]
        assert messages
        assert {record.levelno for record in messages} == {logging.DEBUG}
        assert capfd.readouterr().err == ""
