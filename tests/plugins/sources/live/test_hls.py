"""Video in pieces: several seconds come at once, and are shown at their own pace."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitepose.plugins.sources.live.choose import live_settings
from sitepose.plugins.sources.live.pace import Pace
from sitepose.plugins.sources.live.settings import SEGMENT_S

SECONDS = 3


class TestLive:
    @pytest.mark.parametrize("backend", ["gstreamer", "pyav"])
    def test_is_shown_evenly_and_is_never_taken_for_silent(self, gstreamer, live_hls, live, take, backend):
        source = live(live_hls, backend=backend, stall_s=0.2)
        frames = take(source, SECONDS * 25)
        arrived = np.diff([frame.captured_at for frame in frames])

        assert [event.topic for event in source.events] == ["connecting", "playing"]
        assert arrived.sum() > 0.8 * SECONDS
        assert np.median(arrived) > 0.02
        assert source.stats.dropped["busy"] < 10

    def test_a_login_is_given_for_every_piece(self, hls_server, live, take):
        source = live(hls_server("u:p"))

        assert take(source, 30)[-1].image.shape == (96, 128, 3)

    @pytest.mark.parametrize(
        ("location", "expected"),
        [
            pytest.param("http://h/live.m3u8?x=1", SEGMENT_S, id="HLS"),
            pytest.param("http://h/live.mjpg", 1.5, id="MJPEG"),
            pytest.param("rtsp://h/live.m3u8", 1.5, id="RTSP"),
        ],
    )
    def test_silence_between_pieces_is_usual(self, location, expected):
        assert live_settings(location).silence_s == expected


class TestPace:
    @given(stamps=st.lists(st.integers(0, 10**6), min_size=1, max_size=20).map(sorted), late=st.floats(0, 100))
    def test_what_is_read_at_once_is_due_at_its_stamps(self, stamps, late):
        pace = Pace(Fraction(1, 1000), float("inf"))
        waits = [pace.wait_s(stamp, 50.0) for stamp in stamps]

        assert np.allclose(waits, (np.array(stamps) - stamps[0]) / 1000)
        assert pace.wait_s(stamps[-1], 50.0 + waits[-1] + late) == 0

    def test_stamps_that_begin_anew_are_not_waited_for(self):
        pace = Pace(Fraction(1, 25), 10.0)
        pace.wait_s(1_000_000, 5.0)

        assert pace.wait_s(3, 6.0) == 0.0
        assert pace.wait_s(28, 6.5) == pytest.approx(0.5)
