from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitepose.plugins.sources.timeline import Timeline

TENTHS = Fraction(1, 10)
RATE = Fraction(10)


class TestTimeline:
    @pytest.mark.parametrize(
        ("stamps", "seconds"),
        [
            pytest.param([], [], id="nothing"),
            pytest.param([70, 71, 73], [0.0, 0.1, 0.3], id="a start offset"),
            pytest.param([0, 2, 1, 3], [0.0, 0.2, 0.2, 0.3], id="jitter"),
            pytest.param([5, 5, 5, 6], [0.0, 0.0, 0.0, 0.1], id="equal stamps"),
            pytest.param([0, 1, 100], [0.0, 0.1, 10.0], id="a gap"),
            pytest.param([90, 91, 0, 1, 2], [0.0, 0.1, 0.2, 0.3, 0.4], id="a clock set anew"),
            pytest.param([None, None, None], [0.0, 0.1, 0.2], id="no stamps"),
            pytest.param([None, 40, None, 43], [0.0, 0.1, 0.2, 0.4], id="some stamps"),
            pytest.param([-3, -2, 0], [0.0, 0.1, 0.3], id="below zero"),
        ],
    )
    def test_gives_seconds_since_the_first_frame(self, stamps, seconds):
        timeline = Timeline(RATE)

        assert [timeline.seconds(stamp, TENTHS) for stamp in stamps] == pytest.approx(seconds)

    @given(
        st.lists(st.none() | st.integers(-(2**40), 2**40), max_size=50),
        st.sampled_from([None, RATE, Fraction(1, 7)]),
    )
    def test_never_goes_back(self, stamps, rate):
        timeline = Timeline(rate)

        seconds = [timeline.seconds(stamp, Fraction(1, 90000)) for stamp in stamps]

        assert seconds[:1] in ([], [0.0])
        assert all(a <= b for a, b in pairwise(seconds))

    def test_is_exact_after_days(self):
        timeline = Timeline(Fraction(30000, 1001))
        timeline.seconds(0, Fraction(1, 30000))

        assert timeline.seconds(1001 * 10**7, Fraction(1, 30000)) == 1001 * 10**7 / 30000
