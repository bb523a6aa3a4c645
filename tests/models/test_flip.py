from __future__ import annotations

import numpy as np
import pytest

from sitepose.core.skeleton import load_skeleton
from sitepose.models.flip import average_with_mirrored, mirror, mirror_heatmaps
from sitepose.models.heatmaps import decode, encode

COCO17 = load_skeleton("coco17")


@pytest.fixture
def points():
    """Keypoints of one person in input pixels of a 192x256 crop, shape (1, 17, 2)."""
    return np.random.default_rng(0).uniform([40, 40], [150, 210], (1, 17, 2)).astype(np.float32)


def in_mirror(points):
    mirrored = points[:, COCO17.flip_indices].copy()
    mirrored[..., 0] = 191 - mirrored[..., 0]
    return mirrored


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
def test_mirroring_twice_is_the_identity(layout):
    batch = np.random.default_rng(0).random((2, 3, 4, 3), dtype=np.float32)
    np.testing.assert_array_equal(mirror(mirror(batch, layout=layout), layout=layout), batch)


def test_mirrors_left_and_right_in_either_layout():
    batch = np.arange(24, dtype=np.float32).reshape(1, 2, 3, 4)
    np.testing.assert_array_equal(mirror(batch)[0, 0, 0], [3, 2, 1, 0])
    last = mirror(batch.transpose(0, 2, 3, 1), layout="nhwc").transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(last, mirror(batch))


@pytest.mark.parametrize(
    ("steps", "shift", "tolerance"),
    [
        # Unbiased: W - 1 pixels on W - 1 cells, so that mirrored cells fall on cells.
        pytest.param((191 / 47, 255 / 63), False, 0.02, id="udp, not shifted"),
        # Biased: cell j on pixel 4 j; mirrored cells lie 3/4 of a cell off, one cell is the nearest.
        pytest.param((4, 4), True, 0.26, id="classic, shifted"),
    ],
)
def test_mirrored_heatmaps_fall_on_the_plain_ones(points, steps, shift, tolerance):
    steps = np.float32(steps)
    mirrored = encode(in_mirror(points) / steps, size_wh=(48, 64), sigma=2)
    back = mirror_heatmaps(mirrored, COCO17.flip_indices, shift=shift)
    found = decode(back, codec="dark").positions[:, :, 0]
    np.testing.assert_allclose(found, points / steps, atol=tolerance)


def test_averaging_with_a_perfect_mirror_image_changes_nothing(points):
    steps = np.float32([191 / 47, 255 / 63])
    plain, mirrored = (encode(p / steps, size_wh=(48, 64), sigma=2) for p in (points, in_mirror(points)))
    both = average_with_mirrored(plain, mirrored, COCO17.flip_indices, shift=False)
    np.testing.assert_allclose(both, plain, atol=1e-4)


def test_nobody_is_mirrored_to_nobody():
    empty = np.empty((0, 17, 64, 48), np.float32)
    assert average_with_mirrored(empty, empty, COCO17.flip_indices, shift=True).shape == empty.shape
