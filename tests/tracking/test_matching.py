"""Assignment against scipy's, and against every possible one."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.optimize import linear_sum_assignment

from sitepose.tracking import matching
from sitepose.tracking.matching import LAP_FROM_ROWS, assign, assign_costs

SIZES = [(1, 1), (3, 7), (7, 3), (LAP_FROM_ROWS, LAP_FROM_ROWS), (80, 110), (110, 80), (60, 200), (200, 60)]


class TestAssign:
    @pytest.mark.parametrize("shape", SIZES, ids=str)
    def test_total_equals_scipy_whatever_solves_it(self, shape):
        similarities = np.random.default_rng(sum(shape)).random(shape)
        rows, columns = assign(similarities)
        expected = similarities[linear_sum_assignment(similarities, maximize=True)].sum()
        assert similarities[rows, columns].sum() == pytest.approx(expected)

    @pytest.mark.parametrize("shape", SIZES, ids=str)
    def test_total_above_the_gate_equals_scipy(self, shape):
        similarities = np.random.default_rng(sum(shape)).random(shape)
        rows, columns = assign(similarities, minimum=0.7)
        gated = np.maximum(similarities - 0.7, 0)
        expected = gated[linear_sum_assignment(gated, maximize=True)].sum()
        assert gated[rows, columns].sum() == pytest.approx(expected)
        assert (similarities[rows, columns] > 0.7).all()

    @pytest.mark.parametrize("shape", [(0, 0), (0, 5), (5, 0)], ids=str)
    def test_nobody_on_one_side_gives_no_pairs(self, shape):
        rows, columns = assign(np.empty(shape))
        assert rows.shape == columns.shape == (0,)

    def test_a_pair_at_the_gate_or_unknown_is_never_made(self):
        rows, columns = assign([[0.5, np.nan], [0.2, 0.6]], minimum=0.5)
        assert (rows.tolist(), columns.tolist()) == ([1], [1])

    def test_prefers_one_good_pair_over_two_that_hardly_pass(self):
        rows, columns = assign([[0.9, 0.35], [0.35, 0.0]], minimum=0.3)
        assert (rows.tolist(), columns.tolist()) == ([0], [0])

    @settings(deadline=None)
    @given(arrays(np.float64, array_shapes(min_dims=2, max_dims=2, max_side=4), elements=st.floats(-1, 1)))
    def test_no_other_matching_is_better(self, similarities):
        rows, columns = assign(similarities)
        assert len(set(columns.tolist())) == len(columns)
        assert (np.diff(rows) > 0).all()
        assert similarities[rows, columns].sum() == pytest.approx(_best_total(similarities))

    def test_large_matrices_work_without_lap(self, monkeypatch):
        similarities = np.random.default_rng(1).random((80, 90))
        with_lap = similarities[assign(similarities)].sum()
        monkeypatch.setattr(matching, "_has_lap", lambda: False)
        assert similarities[assign(similarities)].sum() == pytest.approx(with_lap)


class TestAssignCosts:
    @pytest.mark.parametrize("shape", SIZES, ids=str)
    def test_total_equals_scipy(self, shape):
        costs = np.random.default_rng(sum(shape)).random(shape)
        expected = costs[linear_sum_assignment(costs)].sum()
        assert costs[assign_costs(costs, maximum=2.0)].sum() == pytest.approx(expected)

    def test_costs_at_the_gate_or_infinite_are_never_paid(self):
        rows, columns = assign_costs([[1.0, np.inf], [0.1, 0.9]], maximum=1.0)
        assert (rows.tolist(), columns.tolist()) == ([1], [0])

    def test_refuses_a_gate_that_shuts_nothing_out(self):
        with pytest.raises(ValueError, match="maximum must be finite, not inf"):
            assign_costs([[1.0]], maximum=np.inf)


def _best_total(similarities):
    """The largest total of any matching, tried one by one."""
    weights = np.maximum(similarities, 0)
    if weights.shape[0] > weights.shape[1]:
        weights = weights.T
    rows = range(weights.shape[0])
    return max(
        sum(weights[i, j] for i, j in zip(rows, chosen, strict=True))
        for chosen in permutations(range(weights.shape[1]), weights.shape[0])
    )
