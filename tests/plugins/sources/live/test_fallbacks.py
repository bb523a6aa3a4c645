"""The sources that work without GStreamer, and that all give the same pictures."""

from __future__ import annotations

import av
import cv2
import numpy as np
import pytest

from sitepose.core.errors import PluginError, SourceError
from sitepose.plugins.sources.live import choose, gst_library
from sitepose.plugins.sources.live.annexb import has_start_codes, with_lengths
from sitepose.plugins.sources.live.choose import live_settings, open_live
from sitepose.plugins.sources.live.events import Stalled
from sitepose.plugins.sources.live.libav import PyAvSource
from sitepose.plugins.sources.live.opencv import OpenCvConnection, OpenCvSource
from sitepose.plugins.sources.live.pictures import Plane, RawConverter, RawFormat


def sequences(frames):
    from benchmarks.camera import barcode

    return [stamp.sequence for frame in frames if (stamp := barcode.read(frame.image)) is not None]


class TestNetworkCameras:
    @pytest.mark.parametrize("backend", ["pyav", "opencv"])
    def test_mjpeg_over_http(self, http_camera, live, take, collector, backend):
        source = live(http_camera(user="u", password="p@w").url_with("u:p%40w"), backend=backend)
        source.attach(collector)
        frames = take(source, 30)
        numbers = sequences(frames)

        assert len(numbers) == 30
        assert (np.diff(numbers) == np.diff([frame.index for frame in frames])).all()
        assert collector.packets[0].keyframe

    @pytest.mark.parametrize("codec", ["h264", "h265"])
    def test_rtsp_through_pyav_can_be_recorded(self, rtsp_camera, live, take, collector, codec, wait_until):
        source = live(rtsp_camera(codec=codec).url, backend="pyav")
        source.attach(collector)
        frames = take(source, 30)
        places = {packet.timestamp: packet.index for packet in collector.packets}

        assert len(sequences(frames)) == 30
        assert collector.packets[0].format.private[:1] == b"\x01"
        assert all(places[frame.timestamp] == frame.index for frame in frames)

    def test_rtsp_through_opencv_is_encoded_again_for_a_recording(
        self, rtsp_camera, live, take, collector, wait_until
    ):
        source = live(rtsp_camera().url, backend="opencv")
        take(source, 5)
        source.attach(collector)
        wait_until(lambda: len(collector.packets) > 20 and next(source))

        assert collector.packets[0].format.codec == "h264"
        assert collector.packets[0].keyframe

    def test_the_first_keyframe_is_not_lost(self, rtsp_camera, live, take):
        source = live(rtsp_camera(gop=300).url, backend="pyav")  # the next one is ten seconds away

        assert take(source, 1)[0].index < 60

    def test_a_stall_is_seen_by_our_own_watch(self, own_camera, live, take, wait_until):
        camera = own_camera()
        source = live(camera.url, backend="pyav", stall_s=0.7)
        take(source, 5)
        camera.freeze()
        wait_until(lambda: [event for event in source.events if isinstance(event, Stalled)])
        camera.thaw()

        assert next(event for event in source.events if isinstance(event, Stalled)).silent_s < 1.2
        take(source, 3)

    def test_a_file_is_looped(self, live, take, video_file):
        path, count, _ = video_file
        frames = take(live(f"loop:{path}", backend="pyav"), count + 5)

        assert (np.diff([frame.index for frame in frames]) > 0).all()
        assert (np.diff([frame.timestamp for frame in frames]) > 0).all()


class TestLocalCameras:
    def test_opencv_reads_a_device(self, live, take, video_file, collector, monkeypatch, wait_until):
        def video_in_place_of_a_device(_connection):
            return cv2.VideoCapture(str(video_file[0]))

        monkeypatch.setattr(OpenCvConnection, "_capture", video_in_place_of_a_device)
        source = live("/dev/video0", backend="opencv", encode_always=True)
        source.attach(collector)
        wait_until(lambda: len(collector.packets) >= 20)

        assert collector.packets[0].format.size_wh == (128, 96)

    def test_a_device_that_is_not_there_is_waited_for(self, live, wait_until):
        source = live("/dev/video99", backend="opencv")
        wait_until(lambda: source.stats.reconnects >= 1)

        assert "there is no /dev/video99" in source.events[1].message


class TestOutspokenLibraries:
    @pytest.mark.parametrize("name", ["OPENCV_FFMPEG_DEBUG", "OPENCV_FFMPEG_LOGLEVEL"])
    @pytest.mark.parametrize("location", ["rtsp://u:p@127.0.0.1:1/a", "rtsp://127.0.0.1:1/a?token=t0ken"])
    def test_opencv_is_not_told_secrets_that_it_would_print(self, monkeypatch, name, location):
        monkeypatch.setenv(name, "56")

        with pytest.raises(SourceError, match=f"{name} would print the password"):
            open_live(live_settings(location), backend="opencv")


class TestChoice:
    @pytest.fixture
    def no_gstreamer(self, monkeypatch):
        def missing():
            raise PluginError("GStreamer is not installed for Python; run scripts/setup-live.sh")

        monkeypatch.setattr(choose, "load_gstreamer", missing)
        monkeypatch.setattr(gst_library, "has_gstreamer", lambda: False)

    @pytest.mark.parametrize(
        ("location", "expected"),
        [
            pytest.param("rtsp://127.0.0.1:1/a", PyAvSource, id="network camera"),
            pytest.param("0", OpenCvSource, id="local camera"),
        ],
    )
    def test_without_gstreamer_something_else_is_taken(self, no_gstreamer, location, expected):
        with open_live(live_settings(location)) as source:
            assert type(source) is expected

    def test_what_only_gstreamer_can_says_what_to_install(self, no_gstreamer):
        with pytest.raises(PluginError, match=r"setup-live\.sh"):
            open_live(live_settings("test:"))

    @pytest.mark.parametrize(
        ("location", "backend"),
        [
            pytest.param("0", "pyav", id="PyAV has no devices"),
            pytest.param("test:", "opencv", id="OpenCV has no patterns"),
            pytest.param("0", "vlc", id="unknown"),
        ],
    )
    def test_a_wrong_choice_is_an_error(self, location, backend):
        with pytest.raises(SourceError):
            open_live(live_settings(location), backend=backend)

    def test_nothing_at_all_is_an_error_when_patience_ends(self, live):
        source = live("rtsp://127.0.0.1:1/a", backend="pyav", give_up_s=0.3)
        with pytest.raises(SourceError, match=r"127\.0\.0\.1:1/a: "):
            next(source)

    def test_info_says_why_there_is_none(self, live):
        source = live("rtsp://127.0.0.1:1/a", backend="pyav", connect_timeout_s=0.5)
        with pytest.raises(SourceError, match=r"127\.0\.0\.1:1/a: "):
            _ = source.info


def coloured(size_wh):
    """Return a picture of large coloured fields, so that subsampled chroma does not matter."""
    width, height = size_wh
    colours = np.array(
        [[200, 40, 40], [40, 180, 60], [50, 60, 200], [230, 220, 50], [128] * 3, [20] * 3], np.uint8
    )
    fields = np.kron(colours.reshape(2, 3, 3), np.ones((height // 2, width // 3, 1))).astype(np.uint8)
    return fields, [
        (height // 4 + y * height // 2, width // 6 + x * width // 3) for y in (0, 1) for x in range(3)
    ]


class TestColours:
    @pytest.fixture
    def clip(self, tmp_path):
        """Writes a clip of one coloured picture: ``clip(size, colorspace, range)``."""

        def write(size_wh, colorspace, color_range, *, codec="libx264", pixels="yuv420p"):
            image, points = coloured(size_wh)
            path = tmp_path / ("clip.mkv" if codec == "libx264" else "clip.avi")
            with av.open(str(path), "w") as output:
                options = {"crf": "5"} if codec == "libx264" else {"q:v": "2"}
                stream = output.add_stream(codec, rate=25, options=options)
                stream.width, stream.height = size_wh
                stream.pix_fmt = pixels
                stream.codec_context.color_range = color_range
                if colorspace is not None:
                    stream.codec_context.colorspace = colorspace
                for _ in range(10):
                    frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(
                        format=pixels,
                        dst_colorspace=colorspace or (5 if size_wh[1] <= 576 else 1),
                        dst_color_range=color_range,
                    )
                    output.mux(stream.encode(frame))
                output.mux(stream.encode())
            return path, image, points

        return write

    @pytest.mark.parametrize(
        ("size_wh", "colorspace", "color_range", "settings"),
        [
            pytest.param((384, 288), 5, 1, {}, id="BT.601"),
            pytest.param((384, 288), 1, 1, {}, id="BT.709 in a small picture"),
            pytest.param((384, 288), None, 1, {}, id="a small picture that does not say"),
            pytest.param((960, 720), None, 1, {}, id="a large picture that does not say"),
            pytest.param((384, 288), 1, 2, {}, id="full range"),
            pytest.param((384, 288), None, 2, {"codec": "mjpeg", "pixels": "yuvj420p"}, id="MJPEG"),
        ],
    )
    def test_gstreamer_and_pyav_give_the_colours_that_were_put_in(
        self, gstreamer, clip, live, take, size_wh, colorspace, color_range, settings
    ):
        path, image, points = clip(size_wh, colorspace, color_range, **settings)
        one, other = (
            {frame.index: frame.image for frame in take(live(f"loop:{path}", backend=name), 6)}
            for name in ("gstreamer", "pyav")
        )
        both = one.keys() & other.keys()  # frames of one picture differ a little by their place in the file

        assert both
        for number in both:
            for point in points:
                assert np.abs(one[number][point].astype(int) - image[point]).max() <= 6
            assert np.abs(one[number].astype(int) - other[number]).max() <= 2

    def test_opencv_agrees_for_what_says_nothing(self, clip, live, take, monkeypatch):
        path, image, points = clip((384, 288), None, 1)
        monkeypatch.setattr(OpenCvConnection, "_capture", lambda _: cv2.VideoCapture(str(path)))
        picture = take(live("/dev/video0", backend="opencv"), 1)[0].image

        assert all(np.abs(picture[point].astype(int) - image[point]).max() <= 6 for point in points)


class TestMemoryLayouts:
    @pytest.mark.parametrize("width", [pytest.param(64, id="even"), pytest.param(1918 // 7, id="odd width")])
    @pytest.mark.parametrize("padding", [0, 3])
    def test_padded_lines_are_not_sheared(self, width, padding):
        height, stride = 6, width * 3 + padding
        image = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
        lines = np.zeros((height, stride), np.uint8)
        lines[:, : width * 3] = image.reshape(height, -1)
        layout = RawFormat("rgb24", (width, height), (Plane(5, stride),), "bt709", "full")

        assert (RawConverter()(bytes(5) + lines.tobytes(), layout) == image).all()

    def test_too_little_data_is_an_error_not_a_crash(self):
        layout = RawFormat(
            "yuv420p", (64, 48), (Plane(0, 64), Plane(3072, 32), Plane(3840, 32)), "bt601", "full"
        )

        with pytest.raises(ValueError, match="too short"):
            RawConverter()(bytes(4000), layout)


class TestStartCodes:
    def test_units_get_their_lengths_and_delimiters_go(self):
        data = bytes.fromhex("00000001 09f0 00000001 6742 000001 68ce 00000001 6588840000")

        assert with_lengths(data, "h264").hex() == "000000026742" + "0000000268ce" + "00000003658884"

    @pytest.mark.parametrize(
        ("data", "expected"),
        [
            pytest.param("000001", True, id="three bytes"),
            pytest.param("00000001", True, id="four bytes"),
            pytest.param("01640028", False, id="avcC"),
            pytest.param("", False, id="nothing"),
        ],
    )
    def test_are_told_from_lengths(self, data, expected):
        assert has_start_codes(bytes.fromhex(data)) is expected
