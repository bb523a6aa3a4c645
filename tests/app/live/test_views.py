"""Frames and results put together: what is gone is left out, what stands still is shown again."""

from __future__ import annotations

import pytest

from sitepose.app.live.results import LiveResult
from sitepose.app.live.views import FIRST, RECORDED, SECOND, Views
from sitepose.core.structures import Poses, TrackedFrame


@pytest.fixture
def views():
    views = Views()
    views.begin_source("cam")
    views.begin_lane(FIRST)
    views.begin_lane(SECOND)
    return views


@pytest.fixture
def result(fakes):
    """Returns the result of a lane for a frame."""

    def make(lane, frame, source="cam"):
        return LiveResult(source, lane, TrackedFrame(frame, Poses.empty(17)), fakes.COCO17, 0.0)

    return make


class TestViews:
    def test_a_frame_comes_with_the_newest_result_of_each_lane(self, views, result, fakes):
        old, new = fakes.picture(0), fakes.picture(3)
        for lane, frame in ((SECOND, old), (FIRST, old), (FIRST, new)):
            views.keep(result(lane, frame), stands=False)
        view = views.show("cam", fakes.picture(6), None)

        assert {lane: found.tracked.frame.index for lane, found in view.results.items()} == {
            FIRST: 3,
            SECOND: 0,
        }
        assert list(view.results) == [FIRST, SECOND]
        assert view.age_s() == pytest.approx(0.1)
        assert views.get("cam") is view

    def test_people_of_a_recording_are_a_result_of_their_frame_alone(self, views, result, fakes):
        first = views.show("cam", fakes.picture(0), result(RECORDED, fakes.picture(0)))
        second = views.show("cam", fakes.picture(1), None)

        assert RECORDED in first.results
        assert RECORDED not in second.results

    def test_what_comes_late_is_left_out(self, views, result, fakes):
        frame = fakes.picture(0)
        views.show("cam", frame, None)
        views.end_lane(SECOND)
        views.keep(result(SECOND, frame), stands=True)
        views.keep(result(FIRST, frame, source="other"), stands=True)

        assert views.get("cam").results == {}
        views.end_source("cam")
        assert views.show("cam", frame, None) is None
        assert views.keep(result(FIRST, frame), stands=True) is None
        assert views.get("cam") is None

    def test_a_source_that_comes_back_begins_without_old_results(self, views, result, fakes):
        views.keep(result(FIRST, fakes.picture(0)), stands=False)
        views.end_source("cam")
        views.begin_source("cam")

        assert views.show("cam", fakes.picture(1), None).results == {}

    @pytest.mark.parametrize("stands", [False, True])
    def test_only_a_frame_that_stands_still_is_shown_again(self, views, result, fakes, stands):
        frame = fakes.picture(0)
        views.show("cam", frame, None)
        again = views.keep(result(FIRST, frame), stands=stands)

        assert (again is not None) is stands
        assert views.keep(result(FIRST, fakes.picture(0)), stands=True) is None  # of another frame

    def test_one_looked_at_anew_says_nothing_about_latency(self, views, fakes):
        views.begin_source("empty")
        views.show("cam", fakes.picture(4), None)
        (view,) = views.anew(["cam", "empty", "gone"])

        assert (view.frame.index, view.frame.captured_at) == (4, 0.0)
        assert views.get("cam") is view
