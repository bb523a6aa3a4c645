"""``overlay.mp4``: when frames are shown, what they look like, and what is left after a mishap."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction

import av
import numpy as np
import pytest

from sitepose.app.outputs.overlay import OverlayWriter
from sitepose.app.rendering.palette import LEFT, RIGHT, track_color
from sitepose.app.rendering.style import DrawStyle
from sitepose.core.errors import RecordingError
from sitepose.core.skeleton import load_skeleton
from sitepose.core.structures import Frame, Poses
from sitepose.plugins.sources.endings import missing_bytes
from sitepose.plugins.sources.synthetic import SyntheticSource
from sitepose.plugins.sources.video import VideoFile

COCO = load_skeleton("coco17")
NOBODY = Poses.empty(17)
PLAIN = DrawStyle(header=False)


def frame(index, seconds, color=(90, 90, 90), size_wh=(160, 96)):
    return Frame(np.full((size_wh[1], size_wh[0], 3), color, np.uint8), index, seconds)


def written(path, frames, size_wh=(160, 96), style=PLAIN):
    with OverlayWriter(path, size_wh=size_wh, skeleton=COCO, frame_rate=Fraction(25), style=style) as overlay:
        for one in frames:
            overlay.write(one, NOBODY)
    return path


def read(path):
    with VideoFile(VideoFile.Settings(location=str(path))) as source:
        return list(source)


def boxes_of(path):
    """Return the kinds of the file's top-level boxes."""
    data, kinds, place = path.read_bytes(), [], 0
    while place < len(data):
        kinds.append(data[place + 4 : place + 8].decode())
        place += int.from_bytes(data[place : place + 4], "big")
    return kinds


class TestTime:
    @pytest.mark.parametrize(
        ("seconds", "shown"),
        [
            pytest.param([i / 25 for i in range(30)], [i / 25 for i in range(30)], id="constant rate"),
            pytest.param([0, 0.033, 0.5, 0.54, 3.0], [0, 0.033, 0.5, 0.54, 3.0], id="variable rate"),
            pytest.param([10.0, 10.04, 10.08], [0, 0.04, 0.08], id="from the middle of a video"),
            pytest.param([0, 0.04, 0.04, 0.04, 0.08], [0, 0.04, 0.04, 0.04, 0.08], id="equal stamps"),
            pytest.param(
                [i * 1001 / 30000 for i in range(20)], [i * 1001 / 30000 for i in range(20)], id="NTSC"
            ),
            pytest.param([0.0], [0.0], id="one frame"),
        ],
    )
    def test_is_that_of_the_frames(self, tmp_path, seconds, shown):
        path = written(tmp_path / "overlay.mp4", [frame(i, s) for i, s in enumerate(seconds)])

        assert [one.timestamp for one in read(path)] == pytest.approx(shown, abs=1e-4)

    def test_of_the_last_frame_is_as_long_as_the_others(self, tmp_path):
        path = written(tmp_path / "overlay.mp4", [frame(i, i / 25) for i in range(50)])

        with av.open(str(path)) as container:
            assert container.duration / 1e6 == pytest.approx(2.0, abs=1e-3)
            assert container.streams.video[0].average_rate == 25


class TestTheFile:
    def test_is_h264_that_every_player_shows_with_its_index_in_front(self, tmp_path):
        path = written(tmp_path / "overlay.mp4", [frame(i, i / 25) for i in range(60)])

        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            assert (stream.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert [kind for kind in boxes_of(path) if kind in ("moov", "moof", "mdat")] == ["moov", "mdat"]
        assert [entry.name for entry in tmp_path.iterdir()] == ["overlay.mp4"]

    def test_keeps_the_colours(self, tmp_path):
        colors = [
            (255, 0, 0),
            (0, 255, 0),
            (0, 0, 255),
            (255, 255, 255),
            (0, 0, 0),
            (200, 150, 100),
            (30, 90, 160),
        ]
        for height in (96, 720):
            path = written(
                tmp_path / "overlay.mp4",
                [frame(i, i / 25, color, (160, height)) for i, color in enumerate(colors)],
                (160, height),
            )

            shown = [one.image[height // 2, 80].astype(int) for one in read(path)]
            assert np.abs(np.array(shown) - colors).max() <= 6

    @pytest.mark.parametrize("size", [(161, 97), (160, 97), (161, 96), (160, 98), (1, 1), (3, 5)], ids=str)
    def test_of_an_odd_size_is_rounded_up(self, tmp_path, size):
        path = written(tmp_path / "overlay.mp4", [frame(i, i / 25, (0, 200, 0), size) for i in range(5)], size)

        shown = read(path)[4]
        assert shown.size_wh == (size[0] + size[0] % 2, size[1] + size[1] % 2)
        assert np.abs(shown.image.astype(int) - (0, 200, 0)).max() <= 8

    def test_takes_in_images_of_other_sizes(self, tmp_path):
        path = written(
            tmp_path / "overlay.mp4",
            [
                frame(0, 0.0, (200, 0, 0)),
                frame(1, 1.0, (0, 200, 0), (48, 96)),
                frame(2, 2.0, (0, 0, 200), (640, 200)),
            ],
        )

        first, tall, wide = (one.image for one in read(path))
        assert np.abs(first[48, 5].astype(int) - (200, 0, 0)).max() <= 8
        assert np.abs(tall[48, 80].astype(int) - (0, 200, 0)).max() <= 8
        assert tall[48, 10].max() <= 12
        assert np.abs(wide[48, 5].astype(int) - (0, 0, 200)).max() <= 8
        assert wide[5, 80].max() <= 12

    def test_shows_people_where_they_are(self, tmp_path):
        source = SyntheticSource(SyntheticSource.Settings(frames=10, people=2, width=640, height=480))
        path = tmp_path / "overlay.mp4"
        with OverlayWriter(path, size_wh=(640, 480), skeleton=COCO, frame_rate=Fraction(25)) as overlay:
            for one in source:
                overlay.write(one, source.truth(one.index))

        image, truth = read(path)[9].image.astype(int), source.truth(9)
        for person, keypoints in enumerate(truth.keypoints):
            for keypoint, color in ((9, LEFT), (10, RIGHT)):  # the wrists
                x, y = np.round(keypoints[keypoint]).astype(int)
                assert np.abs(image[y, x] - color).max() < 70
            x1, y1, x2, _ = np.round(truth.boxes[person]).astype(int)
            assert np.abs(image[y1, (x1 + x2) // 2] - track_color(person)).max() < 70

    def test_without_a_single_frame_does_no_harm(self, tmp_path):
        with OverlayWriter(tmp_path / "overlay.mp4", size_wh=(64, 48), skeleton=COCO):
            pass

        assert (tmp_path / "overlay.mp4").exists()

    def test_replaces_an_older_one(self, tmp_path):
        path = written(tmp_path / "overlay.mp4", [frame(i, i / 25) for i in range(60)])
        written(path, [frame(i, i / 25) for i in range(3)])

        assert len(read(path)) == 3


CHILD = """
import resource, signal, sys
from fractions import Fraction
from pathlib import Path
from sitepose.app.outputs.overlay import OverlayWriter
from sitepose.core.errors import RecordingError
from sitepose.plugins.sources.synthetic import SyntheticSource

path, limit = Path(sys.argv[1]), int(sys.argv[2])
if limit:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
source = SyntheticSource(SyntheticSource.Settings(frames=1000, width=320, height=240))
overlay = OverlayWriter(path, size_wh=(320, 240), skeleton=source._crowd.skeleton, frame_rate=Fraction(25))
try:
    for frame in source:
        overlay.write(frame, source.truth(frame.index))
        print(frame.index, flush=True)
except RecordingError as error:
    print("error:", error, flush=True)
overlay.close()
overlay.close()
print("closed", flush=True)
"""


class TestMishaps:
    def test_a_kill_costs_no_more_than_the_last_second(self, tmp_path):
        path = tmp_path / "overlay.mp4"
        with subprocess.Popen(
            [sys.executable, "-c", CHILD, str(path), "0"], stdout=subprocess.PIPE, text=True
        ) as child:
            while int(child.stdout.readline()) < 130:
                pass
            child.kill()

        with VideoFile(VideoFile.Settings(location=str(path))) as source:
            assert sum(1 for _ in source) >= 131 - 30  # a fragment of 25 frames, and what x264 holds back

    def test_a_full_disk_is_one_line_and_leaves_what_was_written(self, tmp_path):
        path = tmp_path / "overlay.mp4"

        answer = subprocess.run(
            [sys.executable, "-W", "error", "-c", CHILD, str(path), "150000"],
            capture_output=True,
            text=True,
            check=True,
        )

        *numbers, error, closed = answer.stdout.splitlines()
        assert error == f"error: {path}: cannot be written: file too large"
        assert closed == "closed"
        assert answer.stderr == ""
        frames = 0
        with VideoFile(VideoFile.Settings(location=str(path))) as source:
            try:
                for _ in source:
                    frames += 1
            except OSError:
                assert missing_bytes(path)
        assert frames >= len(numbers) - 30

    def test_a_disk_that_is_full_from_the_start_is_told_at_once(self):
        with pytest.raises(RecordingError, match=r"/dev/full: cannot be written: no space left on device"):
            OverlayWriter("/dev/full", size_wh=(64, 48), skeleton=COCO)

    def test_a_folder_that_is_not_there_is_told_at_once(self, tmp_path):
        with pytest.raises(RecordingError, match="cannot be written: no such file or directory"):
            OverlayWriter(tmp_path / "none" / "overlay.mp4", size_wh=(64, 48), skeleton=COCO)

    def test_nothing_can_be_written_after_closing(self, tmp_path):
        overlay = OverlayWriter(tmp_path / "overlay.mp4", size_wh=(64, 48), skeleton=COCO)
        overlay.close()
        overlay.close()

        with pytest.raises(RecordingError, match="is closed"):
            overlay.write(frame(0, 0.0, size_wh=(64, 48)), NOBODY)

    def test_an_index_that_cannot_be_put_in_front_leaves_a_file_that_plays(self, tmp_path, caplog):
        path = tmp_path / "overlay.mp4"
        (tmp_path / ".overlay.mp4.part").mkdir()

        written(path, [frame(i, i / 25) for i in range(40)])

        assert len(read(path)) == 40
        assert "its index is not in front" in caplog.text


class TestOtherEncoders:
    def test_are_taken_where_x264_is_missing(self, tmp_path, monkeypatch, caplog):
        monkeypatch.setattr(av, "codecs_available", av.codecs_available - {"libx264", "libopenh264"})

        path = written(tmp_path / "overlay.mp4", [frame(i, i / 25, (0, 200, 0)) for i in range(30)])

        with av.open(str(path)) as container:
            assert container.streams.video[0].name == "mpeg4"
        assert len(read(path)) == 30
        assert "has no libx264" in caplog.text
