from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from sitepose.app.rendering.labels import Labels, draw_header, text_size
from sitepose.app.rendering.palette import ink_on, track_color
from sitepose.app.rendering.style import sizes_for

SIZE = (640, 480)


def labels():
    return Labels(np.zeros((SIZE[1], SIZE[0], 3), np.uint8), sizes_for(*SIZE))


def box(*edges):
    return np.array(edges, np.float32)


class TestLabels:
    @pytest.mark.parametrize(
        "edges",
        [
            pytest.param((100, 100, 200, 300), id="in the middle"),
            pytest.param((0, 0, 50, 50), id="top left corner"),
            pytest.param((600, 0, 639, 50), id="top right corner"),
            pytest.param((600, 440, 639, 479), id="bottom right corner"),
            pytest.param((-300, -300, 900, 900), id="larger than the frame"),
            pytest.param((-400, 100, -300, 200), id="left of the frame"),
            pytest.param((200, 900, 300, 1000), id="below the frame"),
        ],
    )
    def test_are_never_off_the_frame(self, edges):
        written = labels()

        written.write("12345  0.99", box(*edges), (255, 255, 255))

        x, y, width, height = written.taken[0]
        assert x >= 0
        assert y >= 0
        assert x + width <= SIZE[0]
        assert y + height <= SIZE[1]
        assert written.image[y : y + height, x : x + width].any()

    def test_stand_above_the_box_where_there_is_room(self):
        written = labels()

        written.write("7", box(100, 100, 200, 300), (255, 255, 255))

        x, y, _, height = written.taken[0]
        assert (x, y + height) == (100, 100)

    def test_do_not_cover_each_other_where_there_is_room(self):
        written = labels()
        for number in range(6):
            written.write(str(number), box(100, 100, 300, 300), track_color(number))

        for (ax, ay, aw, ah), (bx, by, bw, bh) in combinations(written.taken, 2):
            assert ax + aw <= bx or bx + bw <= ax or ay + ah <= by or by + bh <= ay

    def test_are_written_all_the_same_where_there_is_none(self):
        written = labels()
        for number in range(20):
            written.write(str(number), box(100, 100, 120, 120), track_color(number))

        assert len(written.taken) == 20

    def test_are_readable_on_every_colour(self):
        for track_id in range(200):
            ground, ink = np.array(track_color(track_id)), np.array(ink_on(track_color(track_id)))

            assert abs(float((ground - ink) @ (0.299, 0.587, 0.114))) > 100


class TestHeader:
    def test_is_written_on_a_darkened_strip(self):
        image = np.full((480, 640, 3), 200, np.uint8)

        draw_header(image, "0.40 s  #10  8 people")

        width, height, _ = text_size("0.40 s  #10  8 people", sizes_for(640, 480))
        assert (image[height:] == 200).all()
        assert (image[:, width:] == 200).all()
        assert image[0, 0].tolist() == [70, 70, 70]
        assert image[:height, :width].max() > 240

    def test_is_cut_off_where_it_does_not_fit(self):
        image = np.zeros((20, 30, 3), np.uint8)

        draw_header(image, "a line that is much longer than this picture is wide")

        assert image.any()
