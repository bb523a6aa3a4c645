"""Intervals: as wide as they should be, the same for both sides, and AP of images drawn anew."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitepose.core.formats.coco import read_coco, read_coco_results
from sitepose.core.skeleton import load_skeleton
from sitepose.models.metrics.bootstrap import Interval, bootstrap, mean_of, paired_difference
from sitepose.models.metrics.keypoints import evaluate_keypoints


@pytest.fixture(scope="module")
def evaluations(data):
    """Two sets of real results on the same real images."""
    truth = read_coco(data / "coco" / "person_keypoints.json")
    return truth, *(
        read_coco_results(data / "coco" / f"keypoints_{boxes}_tinypose256.json")
        for boxes in ("gtbox", "picodet320")
    )


class TestBootstrap:
    def test_the_same_seed_gives_the_same_interval(self):
        values = np.random.default_rng(0).normal(size=30)
        assert bootstrap(mean_of(values), 30, seed=4) == bootstrap(mean_of(values), 30, seed=4)
        assert bootstrap(mean_of(values), 30, seed=4) != bootstrap(mean_of(values), 30, seed=5)

    def test_the_interval_of_a_mean_is_that_of_theory(self):
        values = np.random.default_rng(1).normal(5, 2, size=400)
        found = bootstrap(mean_of(values), 400, resamples=4000)
        half = 1.96 * values.std() / np.sqrt(400)
        assert found.value == pytest.approx(values.mean())
        assert [found.low, found.high] == pytest.approx([values.mean() - half, values.mean() + half], abs=0.03)

    def test_holds_the_truth_about_as_often_as_it_says(self):
        rng = np.random.default_rng(2)
        held = [
            found.low <= 0 <= found.high
            for found in (
                bootstrap(mean_of(rng.normal(size=60)), 60, resamples=300, seed=i) for i in range(300)
            )
        ]
        assert 0.9 <= np.mean(held) <= 0.985

    @given(st.lists(st.floats(-100, 100), min_size=1, max_size=20))
    def test_lies_within_the_values(self, values):
        found = bootstrap(mean_of(values), len(values), resamples=50)
        assert min(values) - 1e-9 <= found.low <= found.high <= max(values) + 1e-9

    def test_nothing_to_draw_from_is_refused(self):
        with pytest.raises(ValueError, match="there are no images or sequences to draw from"):
            bootstrap(mean_of([]), 0)

    def test_draws_that_say_nothing_are_left_out(self):
        found = bootstrap(lambda counts: 1.0 if counts[0] else float("nan"), 2)
        assert (found.low, found.high) == (1, 1)


class TestPairedDifference:
    def test_of_a_thing_with_itself_is_nothing(self):
        values = np.random.default_rng(3).normal(size=20)
        found = paired_difference(mean_of(values), mean_of(values), 20)
        assert (found.value, found.low, found.high) == (0, 0, 0)
        assert not found.excludes_zero

    def test_sees_a_small_gain_that_two_intervals_would_hide(self):
        rng = np.random.default_rng(4)
        base = rng.normal(0, 10, 50)
        better = base + 0.5 + rng.normal(0, 0.1, 50)
        found = paired_difference(mean_of(better), mean_of(base), 50)
        apart = [bootstrap(mean_of(values), 50) for values in (better, base)]
        assert found.excludes_zero
        assert apart[0].low < apart[1].high

    @pytest.mark.parametrize(
        ("low", "high", "excludes"),
        [(0.1, 0.2, True), (-0.2, -0.1, True), (-0.1, 0.1, False), (0.0, 0.1, False)],
    )
    def test_excludes_zero_when_both_ends_are_on_one_side(self, low, high, excludes):
        assert Interval(value=0, low=low, high=high, units=1, resamples=1).excludes_zero is excludes

    def test_of_two_average_precisions_on_real_images(self, evaluations):
        truth, first, second = evaluations
        tables = [
            evaluate_keypoints(truth, results, load_skeleton("coco17")).matches for results in (first, second)
        ]
        found = paired_difference(
            tables[0].average_precision, tables[1].average_precision, len(truth.images), resamples=300
        )
        assert found.value == pytest.approx(0.5881 - 0.5211, abs=2e-4)
        assert 0 < found.low < found.value < found.high < 0.2


class TestImagesDrawnAnew:
    def test_ap_with_weights_is_the_ap_of_images_copied_as_often(self, evaluations):
        truth, results, _ = evaluations
        coco17 = load_skeleton("coco17")
        table = evaluate_keypoints(truth, results, coco17).matches
        rng = np.random.default_rng(7)
        weights = rng.multinomial(len(truth.images), np.full(len(truth.images), 1 / len(truth.images)))
        assert table.average_precision(weights) == pytest.approx(
            evaluate_keypoints(*copied(truth, results, weights), coco17).scores.ap, abs=2e-3
        )

    def test_images_that_weigh_nothing_do_not_count(self, evaluations):
        truth, results, _ = evaluations
        table = evaluate_keypoints(truth, results, load_skeleton("coco17")).matches
        half = (np.arange(len(truth.images)) % 2).astype(np.float64)
        only = copied(truth, results, half.astype(np.int64))
        assert table.average_precision(half) == pytest.approx(
            evaluate_keypoints(*only, load_skeleton("coco17")).scores.ap, abs=1e-9
        )


def copied(truth, results, weights):
    """The labels and results with each image copied as often as its weight says."""
    rows = np.repeat(np.arange(len(weights)), weights)
    people, by_image, reported = [], truth.rows_by_image(), results.rows_by_image()
    images, image_rows, ids, reports = [], [], [], []
    for new, row in enumerate(rows):
        image = truth.images[row]
        images.append(dataclasses.replace(image, image_id=new))
        people += by_image[row].tolist()
        image_rows += [new] * len(by_image[row])
        mine = reported.get(image.image_id, np.zeros(0, np.int64)).tolist()
        reports += mine
        ids += [new] * len(mine)
    chosen = dataclasses.replace(
        truth.select(people), images=tuple(images), image_rows=np.array(image_rows, np.int64)
    )
    names = ("scores", "boxes", "keypoints", "keypoint_scores", "track_ids")
    fields = {name: getattr(results, name)[reports] for name in names}
    return chosen, dataclasses.replace(results, image_ids=tuple(ids), **fields)
