"""A part of a video is exactly that part, wherever its key frames are."""

from __future__ import annotations

import hashlib
import random
from fractions import Fraction

import pytest

from sitepose.core.errors import SourceError
from sitepose.plugins.sources.reader import VideoReader

MILLISECONDS = Fraction(1, 1000)
FRAMES = 300
SEEKS = 60

VARIABLE = {"time_base": MILLISECONDS}
X264 = {"preset": "veryfast", "g": "40", "bf": "3", "sc_threshold": "0"}

FILES = {
    "mp4": ("vfr.mp4", {}),
    "matroska": ("vfr.mkv", {}),
    "matroska, open groups": ("open.mkv", {"options": {**X264, "x264-params": "open-gop=1"}}),
    "mp4, open groups": ("open.mp4", {"options": {**X264, "x264-params": "open-gop=1"}}),
    "transport stream": ("vfr.ts", {}),
    "mp4 in fragments": ("frag.mp4", {"container_options": {"movflags": "frag_keyframe+empty_moov"}}),
    "webm": ("vfr.webm", {"codec": "libvpx-vp9", "options": {"cpu-used": "8", "g": "60"}}),
    "hevc": (
        "hevc.mkv",
        {"codec": "libx265", "options": {"x265-params": "keyint=40:log-level=none", "preset": "ultrafast"}},
    ),
}


def content(frame):
    return hashlib.sha256(frame.image.tobytes()).hexdigest()


@pytest.fixture(params=FILES.values(), ids=FILES.keys())
def film(request, encode, read):
    """A file of variable frame rate: its path and, in order, the time and content of each frame."""
    name, settings = request.param
    chance = random.Random(7)
    pts = [0]
    while len(pts) < FRAMES:
        pts.append(pts[-1] + chance.choice((33, 34, 40, 100, 500)))
    path = encode(name, FRAMES, pts=pts, **{**VARIABLE, "options": X264, **settings})
    frames, fault = read(path)
    assert fault is None
    assert len(frames) == FRAMES
    return path, [(frame.timestamp, frame.pts, content(frame)) for frame in frames]


class TestAPartOfAVideo:
    def test_begins_and_ends_at_exactly_the_right_frames(self, film, read):
        path, whole = film
        chance = random.Random(11)
        wrong = []

        for _ in range(SEEKS):
            start, end = sorted(chance.uniform(0, whole[-1][0]) for _ in range(2))
            end = min(end, start + 1.5)
            expected = [frame for frame in whole if start <= frame[0] < end]
            try:
                found, _ = read(path, start_s=start, end_s=end)
            except SourceError:
                found = []
            if [(frame.timestamp, frame.pts, content(frame)) for frame in found] != expected:
                wrong.append((start, end))

        assert wrong == []

    def test_that_begins_at_a_frame_begins_with_it(self, film, read):
        path, whole = film

        for place in (1, 39, 40, 41, 79, 80, 81, 150, FRAMES - 1):
            frames, _ = read(path, start_s=whole[place][0], max_frames=2)

            assert [(f.timestamp, f.pts, content(f)) for f in frames] == whole[place : place + 2]
            assert [frame.index for frame in frames] == list(range(len(frames)))


class TestAPartThatIsNotThere:
    def test_is_told_in_one_line(self, encode, read):
        path = encode("clip.mp4", 25)

        frames, fault = read(path, start_s=5.0)

        assert frames == []
        assert str(fault) == f"{path}: has no frame at or after 5 s"

    def test_between_two_frames_is_told_too(self, encode, read):
        _, fault = read(encode("clip.mkv", 25), start_s=0.05, end_s=0.07)

        assert "has no frame at or after 0.05 s and before 0.07 s" in str(fault)


class TestSeeking:
    @pytest.mark.parametrize("name", ["long.mp4", "long.mkv"])
    def test_begins_near_where_it_is_to_begin(self, encode, name):
        reader = VideoReader(encode(name, 400, options=X264))
        per_second = int(1 / reader.stream.time_base)

        first = next(reader.pictures_from(12 * per_second))
        reader.close()

        assert 8 * per_second < first.pts <= 12 * per_second

    def test_begins_at_the_beginning_where_there_is_no_index(self, encode):
        reader = VideoReader(encode("long.ts", 100))

        first = next(reader.pictures())
        again = next(reader.pictures_from(first.pts + 3 * 90000))
        reader.close()

        assert again.pts == first.pts
