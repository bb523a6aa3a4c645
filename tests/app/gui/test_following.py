"""Whom the user follows, and how the picture follows them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from sitepose.app.gui.following import Following, follow_in_all
from sitepose.app.gui.screen import Screen
from sitepose.app.gui.views.people import person_at
from sitepose.app.gui.zoom import Zoom


def in_both(view, ids):
    """Return the view with the same people in lane B, where they have other numbers."""
    result = view.results["A"]
    poses = result.tracked.poses.replace(track_ids=np.array(ids, np.int64))
    tracked = dataclasses.replace(result.tracked, poses=poses)
    other = dataclasses.replace(result, lane="B", tracked=tracked)
    return dataclasses.replace(view, results={"A": result, "B": other})


class TestFollowing:
    def test_somebody_has_another_number_in_the_other_pipeline(self, make_view):
        following = follow_in_all("cam", "A", 2, ("A", "B"), in_both(make_view(3), [7, 8, 9]))

        assert (following.track_id("cam", "A"), following.track_id("cam", "B")) == (2, 8)
        assert following.track_id("yard", "A") is None

    @pytest.mark.parametrize("ids", [[-1, -1, -1], [4, -1, 5]], ids=["no tracks", "not this one"])
    def test_nobody_is_followed_where_nobody_matches(self, make_view, ids):
        following = follow_in_all("cam", "A", 2, ("A", "B"), in_both(make_view(3), ids))

        assert following.track_ids == {"A": 2}

    def test_without_a_picture_it_is_this_pipeline_alone(self):
        assert follow_in_all("cam", "B", 1, ("A", "B"), None).track_ids == {"B": 1}

    def test_nobody_is_false(self):
        assert not Following()


class TestZoom:
    @pytest.mark.parametrize("pane_wh", [(900, 600), (300, 600)])
    def test_the_person_is_in_the_middle_and_the_part_has_the_form_of_the_pane(self, pane_wh):
        zoom = Zoom()
        zoom.follow(1)
        region = zoom.region((640, 480), pane_wh, 1.0, person([300, 200, 340, 280]))
        middle = region.x + region.width / 2, region.y + region.height / 2

        assert region.width / region.height == pytest.approx(pane_wh[0] / pane_wh[1])
        assert middle == pytest.approx((320.5, 240.5))
        assert region.height >= 1.7 * 80 - 0.01

    @pytest.mark.parametrize("box", [[0, 0, 40, 90], [600, 400, 639, 479], [-30, -20, 700, 500]])
    def test_the_part_stays_within_the_frame(self, box):
        zoom = Zoom()
        zoom.follow(1)
        region = zoom.region((640, 480), (900, 600), 1.0, person(box))

        assert min(region.x, region.y) >= 0
        assert (region.x + region.width, region.y + region.height) <= (640.01, 480.01)

    def test_nobody_shows_everything(self, make_view):
        assert Zoom().region((640, 480), (900, 600), 1.0, make_view(2).results["A"].tracked.poses) is None

    def test_it_glides_and_then_stands(self):
        zoom = Zoom()
        zoom.follow(1)
        first = zoom.region((1920, 1080), (960, 540), 0.0, person([100, 100, 200, 400]))
        places = [
            zoom.region((1920, 1080), (960, 540), n / 30, person([900, 100, 1000, 400])).x
            for n in range(1, 121)
        ]
        steps = np.diff([first.x, *places])

        assert (steps >= 0).all()
        assert steps.max() < 120
        assert places[-1] == pytest.approx(950.5 - 1.7 * 300 * 16 / 9 / 2, abs=1)

    def test_whoever_is_gone_for_long_gives_the_whole_picture_back(self):
        zoom = Zoom()
        zoom.follow(1)
        shown = [zoom.region((640, 480), (640, 480), 0.0, person([10, 10, 60, 90]))]
        shown += [zoom.region((640, 480), (640, 480), at, None) for at in (1.0, 1.9, 2.5)]

        assert [region is not None for region in shown] == [True, True, True, False]


class TestScreen:
    def test_a_click_on_the_magnified_person_is_theirs(self, make_view):
        screen = Screen("cam", "A")
        screen.resize(320, 480)
        screen.show(make_view(4))
        screen.zoom_to(3)
        picture = screen.picture
        box = picture.result.tracked.poses.boxes[2]
        middle = ((box[:2] + box[2:]) / 2 + 0.5 - picture.origin) * picture.scale

        assert picture.scale > 0.5  # at which all of it would fit
        assert person_at(picture, *middle) == 3
        screen.zoom_to(None)
        assert (screen.picture.scale, screen.picture.origin) == (0.5, (0.0, 0.0))

    def test_trails_begin_anew_after_a_jump_and_after_a_switch(self, make_view):
        screen = Screen("cam", "A")
        lengths = [len(screen.show(make_view(1, index=n)).trails[1]) for n in (30, 33, 36, 3, 6)]
        screen.forget_trails()
        lengths.append(len(screen.show(make_view(1, index=9)).trails[1]))

        assert lengths == [1, 2, 3, 1, 2, 1]

    def test_pixels_are_where_their_keypoints_are_painted(self, make_view):
        view = make_view(4)
        image = np.zeros((480, 640, 3), np.uint8)
        image[200:209, 300:309] = 255  # its centre is at (304, 204)
        view = dataclasses.replace(view, frame=dataclasses.replace(view.frame, image=image))
        screen = Screen("cam", "A")
        screen.resize(330, 480)
        screen.zoom_to(2)
        picture = screen.show(view)
        ys, xs = np.nonzero(picture.pixels[..., 0] > 127)
        expected = (np.array([304, 204]) + 0.5 - picture.origin) * picture.scale

        assert [xs.mean() + 0.5, ys.mean() + 0.5] == pytest.approx(expected, abs=0.6)


def person(box):
    from sitepose.core.structures import Poses

    box = np.float32([box])
    centre = (box[:, :2] + box[:, 2:]) / 2
    return Poses(
        keypoints=np.repeat(centre[:, None], 17, axis=1),
        keypoint_scores=np.ones((1, 17), np.float32),
        boxes=box,
        box_scores=np.ones(1, np.float32),
        scores=np.ones(1, np.float32),
        track_ids=np.array([1]),
    )
