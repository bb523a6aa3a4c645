from __future__ import annotations

import numpy as np

from sitepose.app.rendering.draw import draw_poses
from sitepose.app.rendering.palette import track_color
from sitepose.app.rendering.style import DrawStyle, sizes_for
from sitepose.app.rendering.trails import Trails
from sitepose.core.structures import Poses


def drawn(trails):
    image = np.zeros((480, 640, 3), np.uint8)
    trails.draw(image, sizes_for(640, 480))
    return image


class TestTrails:
    def test_follow_the_feet_of_a_track_in_its_colour(self, person):
        trails = Trails(seconds=10)
        for step in range(20):
            trails.add(step / 10, person(100 + 20 * step, 100, 200, track_id=5))

        image = drawn(trails)

        assert image[299:302, 110:470].any(axis=(0, 2)).all()
        assert (image[300, 300:470] == track_color(5)).all()

    def test_are_forgotten(self, person):
        trails = Trails(seconds=1)
        for step in range(40):
            trails.add(step / 10, person(100 + 10 * step, 100, 200))

        image = drawn(trails)
        columns = np.nonzero(image.any(axis=(0, 2)))[0]
        assert columns.min() >= 100 + 10 * 28
        trails.add(100.0, Poses.empty(17))
        assert not drawn(trails).any()

    def test_need_an_identity_and_evidence(self, person):
        trails = Trails(seconds=10)
        for step in range(10):
            trails.add(step / 10, person(100 + 20 * step, 100, 200, track_id=-1))
            trails.add(step / 10, person(100 + 20 * step, 100, 200, track_id=3, observed=False))

        assert not drawn(trails).any()

    def test_lie_beneath_the_people(self, person, coco):
        trails = Trails(seconds=10)
        for step in range(10):
            trails.add(step / 10, person(100 + 20 * step, 100, 200, track_id=5))
        image = np.zeros((480, 640, 3), np.uint8)

        both = draw_poses(
            image, person(200, 100, 200, track_id=5), coco, trails=trails, style=DrawStyle(labels=False)
        )
        alone = draw_poses(image, person(200, 100, 200, track_id=5), coco, style=DrawStyle(labels=False))

        assert (both[alone.any(axis=2)] != 0).any(axis=1).all()
        assert both.any(axis=2).sum() > alone.any(axis=2).sum()
