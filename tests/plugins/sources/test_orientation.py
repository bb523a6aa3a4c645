from __future__ import annotations

import numpy as np
import pytest

from sitepose.plugins.sources.orientation import Orientation, orientation_of, upright, upright_size

ONE = 1 << 16

ALL = {
    "upright": ((1, 0, 0, 1), lambda image: image),
    "90 degrees to the left": ((0, -1, 1, 0), lambda image: np.rot90(image, 1)),
    "upside down": ((-1, 0, 0, -1), lambda image: np.rot90(image, 2)),
    "90 degrees to the right": ((0, 1, -1, 0), lambda image: np.rot90(image, 3)),
    "mirrored": ((-1, 0, 0, 1), lambda image: image[:, ::-1]),
    "mirrored top to bottom": ((1, 0, 0, -1), lambda image: image[::-1]),
    "transposed": ((0, 1, 1, 0), lambda image: image.transpose(1, 0, 2)),
    "transposed the other way": ((0, -1, -1, 0), lambda image: image[::-1, ::-1].transpose(1, 0, 2)),
}


def display_matrix(a, b, c, d):
    return np.array([a * ONE, b * ONE, 0, c * ONE, d * ONE, 0, 0, 0, 1 << 30], np.int32)


class TestUpright:
    @pytest.mark.parametrize(("corner", "turn"), ALL.values(), ids=ALL.keys())
    def test_turns_as_the_matrix_says(self, corner, turn):
        image = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
        orientation = orientation_of(display_matrix(*corner))

        turned = upright(image, orientation)

        assert (turned == turn(image)).all()
        assert upright_size((7, 5), orientation) == (turned.shape[1], turned.shape[0])

    @pytest.mark.parametrize("corner", [corner for corner, _ in ALL.values()], ids=ALL.keys())
    def test_moves_each_point_by_the_matrix(self, corner):
        a, b, c, d = corner
        image = np.zeros((5, 7, 3), np.uint8)
        image[1, 2] = 255

        turned = upright(image, orientation_of(display_matrix(*corner)))

        corners = np.array([(a * x + c * y, b * x + d * y) for x in (0, 6) for y in (0, 4)])
        expected = np.array([a * 2 + c * 1, b * 2 + d * 1]) - corners.min(axis=0)
        assert np.argwhere(turned[..., 0]).tolist() == [expected[::-1].tolist()]

    def test_takes_the_nearest_quarter_turn(self):
        slanted = orientation_of(np.array([6000, -60000, 0, 60000, 6000, 0, 0, 0, 1 << 30], np.int32))

        assert slanted == Orientation(transposed=True, flipped_y=True)

    def test_gives_an_upright_image_back_as_it_is(self):
        image = np.zeros((4, 4, 3), np.uint8)

        assert upright(image, Orientation()) is image
