from __future__ import annotations

import numpy as np
import pytest

from sitepose.core.errors import WeightsError
from sitepose.core.skeleton import load_skeleton
from sitepose.models.movenet import MoveNetHead

COCO17 = load_skeleton("coco17")
SIZE = 256
CELLS = 64
STRIDE = SIZE / CELLS
RISING = 6.0
"""Logit at the place of a keypoint or centre."""


def heads_of(*people, heights=None):
    """What a perfect network says of people, each (17, 2) in pixels."""
    heights = heights or [RISING] * len(people)
    grid = np.stack(np.meshgrid(np.arange(CELLS), np.arange(CELLS)), axis=-1)
    corners = [(person + 0.5) / STRIDE for person in people]
    middles = [np.floor(corner.mean(axis=0)) for corner in corners]
    heat = np.full((17, CELLS, CELLS), -20.0)
    center = np.full((1, CELLS, CELLS), -20.0)
    regress, offset = np.zeros((2, 17, 2, CELLS, CELLS))
    nearest = np.full((17, CELLS, CELLS), np.inf)
    for corner, middle, height in zip(corners, middles, heights, strict=True):
        center[0] = np.maximum(center[0], height - ((grid - middle) ** 2).sum(axis=-1))
        close = ((grid - middle) ** 2).sum(axis=-1) <= 9
        for k in range(17):
            away = ((grid - np.floor(corner[k])) ** 2).sum(axis=-1)
            heat[k] = np.maximum(heat[k], height - away)
            ways = (corner[k] - grid)[..., ::-1].transpose(2, 0, 1)
            regress[k][:, close] = ways[:, close]
            offset[k][:, away < nearest[k]] = ways[:, away < nearest[k]]
            nearest[k] = np.minimum(nearest[k], away)
    shape = (1, 34, CELLS, CELLS)
    arrays = (heat[None], regress.reshape(shape), center[None], offset.reshape(shape))
    return [array.astype(np.float32) for array in arrays]


def someone(x, y, seed=0):
    """Keypoints around a place, in pixels."""
    return np.random.default_rng(seed).uniform([x - 35, y - 60], [x + 35, y + 60], (17, 2))


@pytest.fixture
def head():
    return MoveNetHead(COCO17, (SIZE, SIZE), sigma=1.0, max_peaks=3, floor=0.1)


class TestDecoding:
    def test_finds_a_person_to_a_fraction_of_a_pixel(self, head):
        person = someone(128, 128)
        peaks = head.decode(heads_of(person))
        np.testing.assert_allclose(peaks.positions[0, :, 0], person, atol=0.01)
        assert (peaks.scores[0, :, 0] > 0.98).all()
        assert np.isnan(peaks.positions[0, :, 1:]).all()

    def test_takes_the_person_in_the_middle_though_another_is_clearer(self, head):
        meant, other = someone(132, 124, seed=1), someone(220, 140, seed=2)
        peaks = head.decode(heads_of(meant, other, heights=[2.0, 8.0]))
        np.testing.assert_allclose(peaks.positions[0, :, 0], meant, atol=0.01)

    def test_keeps_the_other_person_as_the_second_candidate(self, head):
        meant, other = someone(128, 128, seed=1), someone(215, 128, seed=2)
        peaks = head.decode(heads_of(meant, other))
        apart = (np.abs(np.floor((meant + 0.5) / STRIDE) - np.floor((other + 0.5) / STRIDE)) > 2).any(axis=1)
        np.testing.assert_allclose(peaks.positions[0, apart, 1], other[apart], atol=0.01)

    def test_nobody_gives_nobody(self, head):
        peaks = head.decode([array[:0] for array in heads_of(someone(128, 128))])
        assert peaks.positions.shape == (0, 17, 3, 2)
        assert peaks.scores.shape == (0, 17, 3)

    def test_a_picture_without_people_gives_low_scores_and_finite_places(self, head):
        peaks = head.decode(heads_of())
        assert np.isfinite(peaks.positions[:, :, 0]).all()
        assert peaks.scores.max() < 1e-6

    def test_extreme_logits_overflow_nothing(self, head):
        heads = heads_of(someone(128, 128))
        heads[0] *= 1e4
        assert np.isfinite(head.decode(heads).scores).all()

    def test_knows_the_spread_of_a_response(self, head):
        assert head.spread(heads_of()) == STRIDE


class TestFlip:
    def test_the_mirror_image_of_a_person_gives_the_same_heads(self, head):
        person = someone(120, 128)
        mirrored = person[COCO17.flip_indices].copy()
        mirrored[:, 0] = SIZE - 1 - mirrored[:, 0]
        plain = heads_of(person)
        both = head.merge(plain, heads_of(mirrored))
        np.testing.assert_allclose(both[0], plain[0], atol=1e-3)
        np.testing.assert_allclose(head.decode(both).positions[0, :, 0], person, atol=0.01)


class TestOtherNetworks:
    def test_with_other_keypoints_are_refused(self, head):
        heads = heads_of()
        with pytest.raises(WeightsError, match=r"expected \(N, 17, H, W\)"):
            head.decode([heads[0][:, :14], *heads[1:]])

    def test_with_other_heads_are_refused(self, head):
        heads = heads_of()
        with pytest.raises(WeightsError, match="outputs have shapes"):
            head.decode([heads[0], heads[1], heads[2], heads[3][:, :10]])
