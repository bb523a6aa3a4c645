from __future__ import annotations

import numpy as np
import pytest

from sitepose.core.errors import WeightsError
from sitepose.core.skeleton import load_skeleton
from sitepose.models.simcc import SimccHead

COCO17 = load_skeleton("coco17")
SIZE = (192, 256)
BINS_PER_PIXEL = 2


def rows(places, length, height=1.0):
    """Gaussians of half a pixel per bin, shape (1, K, bins)."""
    bins = np.arange(length * BINS_PER_PIXEL)
    return (height * np.exp(-((bins - np.asarray(places)[None, :, None] * BINS_PER_PIXEL) ** 2) / 72)).astype(
        np.float32
    )


@pytest.fixture
def points():
    return (np.random.default_rng(0).integers(20, 340, (17, 2)) / 2).astype(np.float32)


def test_finds_the_highest_bins(points):
    head = SimccHead(COCO17, SIZE)
    peaks = head.decode([rows(points[:, 0], SIZE[0], 0.9), rows(points[:, 1], SIZE[1], 0.7)])
    np.testing.assert_allclose(peaks.positions[0, :, 0], points, atol=1e-4)
    np.testing.assert_allclose(peaks.scores, 0.7, atol=1e-4)
    assert head.spread([]) is None


def test_gives_nothing_where_a_row_is_nowhere_above_zero(points):
    peaks = SimccHead(COCO17, SIZE).decode([rows(points[:, 0], SIZE[0]), np.zeros((1, 17, 512), np.float32)])
    assert np.isnan(peaks.positions).all()
    assert (peaks.scores == 0).all()


def test_mirrored_rows_fall_on_the_plain_ones(points):
    head = SimccHead(COCO17, SIZE)
    plain = [rows(points[:, 0], SIZE[0]), rows(points[:, 1], SIZE[1])]
    flipped = points[COCO17.flip_indices]
    mirrored = [rows(SIZE[0] - 1 - flipped[:, 0], SIZE[0]), rows(flipped[:, 1], SIZE[1])]
    both = head.merge(plain, mirrored)
    np.testing.assert_allclose(both[0], plain[0], atol=1e-4)
    np.testing.assert_allclose(both[1], plain[1], atol=1e-6)


def test_nobody_gives_nobody():
    peaks = SimccHead(COCO17, SIZE).decode(
        [np.empty((0, 17, 384), np.float32), np.empty((0, 17, 512), np.float32)]
    )
    assert peaks.positions.shape == (0, 17, 1, 2)


def test_another_number_of_keypoints_is_refused():
    with pytest.raises(WeightsError, match=r"\(1, 14, 384\), expected \(N, 17, bins\) for 'coco17'"):
        SimccHead(COCO17, SIZE).decode([np.zeros((1, 14, 384), np.float32), np.zeros((1, 14, 512), np.float32)])
