from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sitepose.models.heatmaps import decode, encode, find_highest, find_peaks

CODECS = ["argmax", "quarter", "dark", "udp-dark"]
INPUT_PIXELS_PER_CELL = 4


def heatmaps_of(*maps):
    """Stack maps of one person, shape (1, K, H, W)."""
    return np.stack(maps)[None].astype(np.float32)


@pytest.fixture(scope="module")
def gaussians():
    """2000 keypoints at random places and their ideal heatmaps, 64x48 with sigma 2."""
    points = np.random.default_rng(0).uniform([6, 6], [41, 57], (2000, 1, 2)).astype(np.float32)
    return points, encode(points, size_wh=(48, 64), sigma=2)


def mean_error(points, heatmaps, codec):
    found = decode(heatmaps, codec=codec).positions[:, :, 0]
    return INPUT_PIXELS_PER_CELL * np.linalg.norm(found - points, axis=-1).mean()


class TestAccuracy:
    @pytest.mark.parametrize(
        ("codec", "expected"),
        [
            pytest.param("argmax", 1.54, id="argmax"),
            pytest.param("quarter", 0.76, id="quarter"),
            pytest.param("dark", 0.0009, id="dark"),
        ],
    )
    def test_on_ideal_gaussians_is_what_the_papers_say(self, gaussians, codec, expected):
        assert mean_error(*gaussians, codec) == pytest.approx(expected, rel=0.05)

    @pytest.mark.parametrize(
        ("codec", "expected"),
        [
            pytest.param("quarter", 1.00, id="quarter"),
            pytest.param("dark", 0.12, id="dark"),
            pytest.param("udp-dark", 0.12, id="udp-dark"),
        ],
    )
    def test_under_noise_of_three_percent(self, gaussians, codec, expected):
        points, heatmaps = gaussians
        noise = np.random.default_rng(1).normal(0, 0.03, heatmaps.shape).astype(np.float32)
        assert mean_error(points, heatmaps + noise, codec) == pytest.approx(expected, rel=0.05)

    @settings(max_examples=60, deadline=None)
    @given(
        x=st.floats(10, 22, width=32),
        y=st.floats(10, 30, width=32),
        sigma=st.sampled_from([1.0, 1.5, 2.0, 3.0]),
        codec=st.sampled_from(CODECS),
    )
    def test_decoding_undoes_encoding(self, x, y, sigma, codec):
        point = np.float32([[[x, y]]])
        peaks = decode(encode(point, size_wh=(32, 40), sigma=sigma), codec=codec, sigma=sigma)
        bound = {"argmax": 0.71, "quarter": 0.5}.get(codec, 0.05)
        assert np.linalg.norm(peaks.positions[0, 0, 0] - point[0, 0]) <= bound
        assert peaks.scores[0, 0, 0] >= 0.5

    @pytest.mark.parametrize("codec", CODECS)
    @pytest.mark.parametrize("corner", [(0, 0), (47, 0), (0, 63), (47, 63)], ids=str)
    def test_a_peak_in_the_corner_stays_in_the_map(self, codec, corner):
        heatmaps = encode(np.float32([[corner]]), size_wh=(48, 64), sigma=2)
        found = decode(heatmaps, codec=codec).positions[0, 0, 0]
        np.testing.assert_allclose(found, corner, atol=0.6)


class TestFurtherPeaks:
    def test_come_best_first_with_nothing_after_the_last(self):
        one, other, third = (
            encode(np.float32([place]), size_wh=(48, 64), sigma=2)[0] for place in ((10, 12), (30, 40), (40, 8))
        )
        peaks = decode(heatmaps_of(0.5 * one + 0.9 * other, third), codec="dark", max_peaks=3)
        np.testing.assert_allclose(peaks.positions[0, 0, :2], [[30, 40], [10, 12]], atol=0.05)
        np.testing.assert_allclose(peaks.scores[0, 0], [0.9, 0.5, 0], atol=0.01)
        np.testing.assert_allclose(peaks.positions[0, 1, 0], [40, 8], atol=0.05)
        assert np.isnan(peaks.positions[0, 0, 2]).all()
        assert np.isnan(peaks.positions[0, 1, 1:]).all()

    def test_need_the_floor_but_the_first_does_not(self):
        low = 0.04 * encode(np.float32([(10, 12)]), size_wh=(48, 64), sigma=2)[0]
        lower = 0.03 * encode(np.float32([(30, 40)]), size_wh=(48, 64), sigma=2)[0]
        peaks = decode(heatmaps_of(low + lower), codec="argmax", max_peaks=3, floor=0.1)
        np.testing.assert_allclose(peaks.positions[0, 0, 0], [10, 12])
        np.testing.assert_allclose(peaks.scores[0, 0], [0.04, 0, 0], atol=1e-3)

    def test_on_a_plateau_are_one(self):
        plateau = np.zeros((64, 48), np.float32)
        plateau[20:22, 10:13] = 0.7
        peaks = decode(heatmaps_of(plateau), codec="argmax", max_peaks=3)
        np.testing.assert_allclose(peaks.scores[0, 0], [0.7, 0, 0])

    def test_at_the_border_count(self):
        maps = np.zeros((64, 48), np.float32)
        maps[0, 0], maps[63, 47], maps[30, 0] = 0.9, 0.8, 0.7
        peaks = decode(heatmaps_of(maps), codec="argmax", max_peaks=3)
        assert peaks.positions[0, 0].tolist() == [[0, 0], [47, 63], [0, 30]]

    def test_are_those_that_a_search_cell_by_cell_finds(self):
        maps = np.random.default_rng(0).random((6, 20, 16), dtype=np.float32)
        cells = find_peaks(maps, first=find_highest(maps), max_peaks=10_000, floor=0.1)
        found = set(zip(cells.maps.tolist(), cells.y.tolist(), cells.x.tolist(), strict=True))
        expected = {
            (n, y, x)
            for n, y, x in np.ndindex(maps.shape)
            if maps[n, y, x] > 0.1
            and maps[n, y, x] == maps[n, max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2].max()
        }
        assert found == expected

    @pytest.mark.parametrize("codec", CODECS)
    def test_leave_the_first_as_it_is_alone(self, codec):
        heatmaps = np.random.default_rng(2).random((3, 17, 16, 12), dtype=np.float32)
        alone, several = (decode(heatmaps, codec=codec, max_peaks=count) for count in (1, 3))
        np.testing.assert_array_equal(alone.positions[:, :, 0], several.positions[:, :, 0])
        np.testing.assert_array_equal(alone.scores[:, :, 0], several.scores[:, :, 0])


class TestOddMaps:
    @pytest.mark.parametrize("codec", CODECS)
    @pytest.mark.parametrize("max_peaks", [1, 3])
    @pytest.mark.parametrize(
        "value",
        [
            pytest.param(0.0, id="empty"),
            pytest.param(-1.0, id="negative"),
            pytest.param(np.nan, id="not a number"),
        ],
    )
    def test_without_a_response_give_nothing(self, codec, max_peaks, value):
        peaks = decode(np.full((2, 3, 16, 12), value, np.float32), codec=codec, max_peaks=max_peaks)
        assert np.isnan(peaks.positions).all()
        assert (peaks.scores == 0).all()

    @pytest.mark.parametrize("codec", CODECS)
    def test_of_one_value_everywhere_give_a_finite_place(self, codec):
        peaks = decode(np.ones((1, 1, 16, 12), np.float32), codec=codec)
        assert np.isfinite(peaks.positions).all()

    @pytest.mark.parametrize("codec", CODECS)
    @pytest.mark.parametrize("max_peaks", [1, 3])
    def test_of_nobody_give_nobody(self, codec, max_peaks):
        peaks = decode(np.empty((0, 17, 64, 48), np.float32), codec=codec, max_peaks=max_peaks)
        assert peaks.positions.shape == (0, 17, max_peaks, 2)

    def test_above_one_score_one(self):
        assert decode(np.full((1, 1, 4, 4), 1.2, np.float32), codec="argmax").scores.item() == 1

    def test_are_not_changed(self):
        heatmaps = np.random.default_rng(0).random((1, 2, 16, 12), dtype=np.float32)
        before = heatmaps.copy()
        decode(heatmaps, codec="dark", max_peaks=3)
        np.testing.assert_array_equal(heatmaps, before)


def test_encoding_a_missing_keypoint_gives_an_empty_map():
    heatmaps = encode(np.float32([[np.nan, np.nan], [3, 4]]), size_wh=(12, 16), sigma=2)
    assert heatmaps[0].max() == 0
    assert heatmaps[1, 4, 3] == 1
