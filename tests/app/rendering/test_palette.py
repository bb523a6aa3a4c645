from __future__ import annotations

from itertools import combinations

import numpy as np

from sitepose.app.rendering.palette import CENTER, LEFT, NOBODY, RIGHT, track_color

DEUTERANOPIA = np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]])
PROTANOPIA = np.array([[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]])
TRITANOPIA = np.array([[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]])
"""How the colour blind see linear RGB (Machado, Oliveira & Fernandes 2009, severity 1)."""


def seen_by(matrix, color):
    linear = (np.array(color) / 255) ** 2.2
    return np.clip(matrix @ linear, 0, 1) ** (1 / 2.2) * 255


class TestTrackColors:
    def test_stay_the_same_for_a_track(self):
        assert [track_color(i) for i in range(50)] == [track_color(i) for i in range(50)]

    def test_differ_between_tracks_that_are_seen_together(self):
        for a, b in combinations(range(12), 2):
            assert np.abs(np.subtract(track_color(a), track_color(b))).sum() > 40, (a, b)

    def test_differ_between_neighbours_in_number_for_the_colour_blind(self):
        for matrix in (DEUTERANOPIA, PROTANOPIA, TRITANOPIA):
            for a, b in [(a, a + step) for a in range(58) for step in (1, 2)]:
                assert np.abs(seen_by(matrix, track_color(a)) - seen_by(matrix, track_color(b))).max() > 40

    def test_of_nobody_is_grey(self):
        assert track_color(-1) == NOBODY


class TestSideColors:
    def test_differ_for_everybody(self):
        for matrix in (np.eye(3), DEUTERANOPIA, PROTANOPIA, TRITANOPIA):
            for a, b in combinations((LEFT, RIGHT, CENTER), 2):
                assert np.abs(seen_by(matrix, a) - seen_by(matrix, b)).max() > 60
