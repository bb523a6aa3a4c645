from __future__ import annotations

import numpy as np
import pytest

from sitepose.core.structures import Frame, Poses
from sitepose.tracking.appearance import NEUTRAL, ColorHistogram, Looks
from sitepose.tracking.trackers.oks_sort import OksSort, OksSortSettings

RED, BLUE = (220, 30, 30), (30, 30, 220)
BOXES = np.float32([[20, 20, 60, 120], [90, 20, 130, 120]])


def dressed(index: int, *colors: tuple[int, int, int]) -> Frame:
    """Return a frame with somebody in each place, dressed in a colour."""
    image = np.full((140, 200, 3), 128, np.uint8)
    for (x1, y1, x2, y2), color in zip(BOXES.astype(int), colors, strict=True):
        image[y1:y2, x1:x2] = color
    return Frame(image, index, index / 25)


class TestColorHistogram:
    def test_equal_colours_are_alike_and_others_are_not(self, make_people):
        people = make_people(BOXES, np.full(2, 0.9))
        before = ColorHistogram().describe(dressed(0, RED, BLUE), people)
        after = ColorHistogram().describe(dressed(1, BLUE, RED), people)
        assert before @ after.T == pytest.approx(np.array([[0, 1], [1, 0]]), abs=1e-5)

    def test_people_outside_the_frame_look_like_nothing(self, make_people):
        outside = make_people(BOXES + 500, np.full(2, 0.9))
        assert not ColorHistogram().describe(dressed(0, RED, BLUE), outside).any()
        assert ColorHistogram().describe(dressed(0, RED, BLUE), Poses.empty(17)).shape == (0, 64)


class TestLooks:
    def test_forgets_those_that_do_not_live(self):
        looks = Looks(ColorHistogram())
        looks.remember(np.array([1, 2]), np.eye(64, dtype=np.float32)[:2], living=np.array([2]))
        likeness = looks.likeness(np.array([1, 2]), np.eye(64, dtype=np.float32)[:2])
        assert likeness == pytest.approx(np.float32([[NEUTRAL, NEUTRAL], [0, 1]]))


class TestTrackersWithAppearance:
    def test_is_off_by_default(self, coco17):
        assert not OksSort(coco17).needs_pixels
        assert OksSort(coco17, OksSortSettings(appearance="color")).needs_pixels

    def test_tells_apart_whom_motion_cannot(self, coco17, make_people):
        tracker = OksSort(coco17, OksSortSettings(appearance="color", appearance_weight=0.5, max_lost_s=5))
        for i in range(10):
            before = tracker.update(dressed(i, RED, BLUE), make_people(BOXES, np.full(2, 0.9)))
        # Half a second later one of them is back, half way between where both were.
        image = np.full((140, 200, 3), 128, np.uint8)
        image[20:120, 55:95] = BLUE
        somebody = make_people(np.float32([[55, 20, 95, 120]]), np.full(1, 0.9))
        after = tracker.update(Frame(image, 22, 22 / 25), somebody)
        blue = before.track_ids[np.argmax(before.boxes[:, 0])]
        assert after.track_ids[after.observed].tolist() == [blue]
