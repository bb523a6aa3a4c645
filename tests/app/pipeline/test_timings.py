"""Percentiles in constant memory."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitepose.app.pipeline.timings import Histogram, Timings


class TestHistogram:
    @given(st.lists(st.floats(1e-5, 100), min_size=1, max_size=200), st.sampled_from([0.5, 0.95]))
    def test_quantiles_are_within_one_bin_of_the_sorted_list(self, durations, share):
        histogram = Histogram()
        for duration in durations:
            histogram.add(duration)

        exact = np.quantile(durations, share, method="inverted_cdf")

        assert histogram.quantile(share) == pytest.approx(exact, rel=0.05)

    def test_nothing_added_is_zero(self):
        assert Histogram().summary() == {"p50_ms": 0.0, "p95_ms": 0.0, "mean_ms": 0.0, "count": 0}

    @pytest.mark.parametrize("duration", [0.0, 1e-9, 1e5])
    def test_durations_beyond_the_bins_are_counted(self, duration):
        histogram = Histogram()
        histogram.add(duration)

        assert histogram.summary()["count"] == 1


class TestTimings:
    def test_stages_keep_the_order_in_which_they_were_seen(self):
        timings = Timings()
        timings.add({"decode": 0.001, "detect": 0.01})
        timings.add({"decode": 0.001, "detect": 0.01, "pose": 0.02})

        assert list(timings.summary()) == ["decode", "detect", "pose"]
        assert timings.summary()["detect"]["count"] == 2
