"""What a picture shows of its people."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sitepose.app.rendering.draw import draw_poses
from sitepose.app.rendering.palette import LEFT, RIGHT, track_color
from sitepose.app.rendering.style import DrawStyle, sizes_for
from sitepose.core.skeleton import load_skeleton, skeleton_names
from sitepose.core.structures import Poses, concatenate

GREY = 128
ONLY_BODY = DrawStyle(boxes=False, labels=False)
ONLY_BOX = DrawStyle(skeletons=False, labels=False)


def canvas(width=640, height=480):
    return np.full((height, width, 3), GREY, np.uint8)


def has_color(image, color, tolerance=12):
    return (np.abs(image.astype(int) - color) <= tolerance).all(axis=-1)


def touched(image):
    return (image != GREY).any(axis=-1)


class TestThePicture:
    def test_given_is_left_as_it_is(self, person, coco):
        image = canvas()

        drawn = draw_poses(image, person(300, 100, 300), coco)

        assert (image == GREY).all()
        assert touched(drawn).any()
        assert drawn.flags.writeable

    def test_may_be_read_only(self, person, coco):
        image = canvas()
        image.flags.writeable = False

        assert touched(draw_poses(image, person(300, 100, 300), coco)).any()

    def test_can_be_drawn_upon_itself_or_into_another(self, person, coco):
        poses, expected = person(300, 100, 300), draw_poses(canvas(), person(300, 100, 300), coco)
        image, other = canvas(), np.zeros((480, 640, 3), np.uint8)

        assert draw_poses(image, poses, coco, out=image) is image
        assert draw_poses(canvas(), poses, coco, out=other) is other
        assert (image == expected).all()
        assert (other == expected).all()

    def test_can_be_part_of_a_larger_one(self, person, coco):
        whole = canvas(660, 500)

        draw_poses(canvas(), person(300, 100, 300), coco, out=whole[:480, :640])

        assert (whole[:480, :640] == draw_poses(canvas(), person(300, 100, 300), coco)).all()
        assert (whole[480:] == GREY).all()
        assert (whole[:, 640:] == GREY).all()

    def test_of_the_wrong_shape_to_draw_into_is_refused(self, person, coco):
        with pytest.raises(ValueError, match=r"expected a writable array of shape \(480, 640, 3\)"):
            draw_poses(canvas(), person(300, 100, 300), coco, out=np.zeros((10, 10, 3), np.uint8))

    def test_without_people_is_the_same(self, coco):
        assert (draw_poses(canvas(), Poses.empty(17), coco) == GREY).all()


class TestSkeletons:
    def test_put_every_keypoint_in_its_place_in_the_colour_of_its_side(self, person, coco):
        poses = person(300, 60, 360)

        drawn = draw_poses(canvas(), poses, coco, style=ONLY_BODY)

        for name, (x, y) in zip(coco.keypoint_names, poses.keypoints[0], strict=True):
            if "left" in name or "right" in name:
                color = LEFT if "left" in name else RIGHT
                assert has_color(drawn[round(float(y)), round(float(x))], color), name

    def test_tell_left_from_right_without_colour(self, person, coco):
        poses = person(300, 60, 360)
        amounts = []
        for limbs in ([7, 9, 13, 15], [8, 10, 14, 16]):
            shown = poses.replace(keypoint_scores=np.isin(np.arange(17), limbs)[None].astype(np.float32))
            amounts.append(touched(draw_poses(canvas(1920, 1440), shown, coco, style=ONLY_BODY)).sum())

        assert amounts[0] > 1.02 * amounts[1] or amounts[1] > 1.02 * amounts[0]

    def test_have_a_thick_left_side(self, person, coco):
        poses = person(900, 60, 1300)
        drawn = draw_poses(canvas(1920, 1440), poses, coco, style=ONLY_BODY)
        shins = {LEFT: (13, 15), RIGHT: (14, 16)}

        widths = []
        for color, ends in shins.items():
            y = round(float(poses.keypoints[0, ends, 1].mean()))
            widths.append(has_color(drawn[y], color, 40).sum())

        assert widths[0] >= widths[1] + 2

    def test_leave_out_keypoints_that_score_low_and_their_edges(self, person, coco):
        scores = np.full(17, 0.9, np.float32)
        scores[coco.index("left_wrist")] = 0.1
        poses = person(300, 60, 360, keypoint_scores=scores)
        x, y = np.round(poses.keypoints[0, coco.index("left_wrist")]).astype(int)

        drawn = draw_poses(canvas(), poses, coco, style=ONLY_BODY)
        strict = draw_poses(
            canvas(), poses, coco, style=DrawStyle(boxes=False, min_keypoint_score=0.95, labels=False)
        )

        assert not touched(drawn)[y - 4 : y + 5, x - 4 : x + 5].any()
        assert not touched(strict).any()

    @pytest.mark.parametrize("name", skeleton_names())
    def test_of_every_kind_can_be_drawn(self, name):
        skeleton = load_skeleton(name)
        chance = np.random.default_rng(0)
        count = skeleton.num_keypoints
        poses = Poses(
            keypoints=chance.uniform(50, 400, (2, count, 2)).astype(np.float32),
            keypoint_scores=np.ones((2, count), np.float32),
            boxes=np.array([[40, 40, 410, 410], [45, 45, 400, 400]], np.float32),
            box_scores=np.ones(2, np.float32),
            scores=np.ones(2, np.float32),
        )

        drawn = touched(draw_poses(canvas(), poses, skeleton, style=ONLY_BODY))

        at = np.round(poses.keypoints).astype(int)
        assert drawn[at[..., 1], at[..., 0]].all()

    def test_of_distant_people_do_not_cover_them(self, person, coco):
        drawn = draw_poses(canvas(1920, 1080), person(900, 300, 60), coco, style=ONLY_BODY)

        assert touched(drawn)[300:360, 879:921].mean() < 0.4


class TestBoxes:
    def test_end_where_the_box_ends(self, coco, person):
        poses = person(300, 100, 200).replace(boxes=np.array([[99.5, 49.5, 299.5, 249.5]], np.float32))

        rows, columns = np.nonzero(touched(draw_poses(canvas(), poses, coco, style=ONLY_BOX)))

        assert (columns.min(), rows.min(), columns.max(), rows.max()) == (100, 50, 299, 249)

    def test_have_the_colour_of_the_track(self, coco, person):
        for track_id in (0, 7, 123456789):
            drawn = draw_poses(canvas(), person(300, 100, 200, track_id=track_id), coco, style=ONLY_BOX)

            assert has_color(drawn[touched(drawn)], track_color(track_id), 0).all()

    def test_of_people_without_evidence_have_gaps_and_thin_lines(self, coco, person):
        seen, carried = (
            touched(
                draw_poses(canvas(1280, 960), person(300, 100, 400, observed=observed), coco, style=ONLY_BOX)
            ).sum()
            for observed in (True, False)
        )
        bodies = [
            touched(
                draw_poses(canvas(1280, 960), person(300, 100, 400, observed=observed), coco, style=ONLY_BODY)
            ).sum()
            for observed in (True, False)
        ]

        assert 0 < carried < 0.6 * seen
        assert 0 < bodies[1] < 0.75 * bodies[0]

    def test_of_the_best_person_lie_on_top(self, coco, person):
        people = [person(300, 100, 200, track_id=1, score=0.9), person(300, 100, 200, track_id=2, score=0.3)]
        for order in (people, people[::-1]):
            drawn = draw_poses(canvas(), concatenate(order, num_keypoints=17), coco, style=ONLY_BOX)

            assert has_color(drawn[touched(drawn)], track_color(1), 0).all()


class TestAnythingAtAll:
    @settings(max_examples=60, deadline=None)
    @given(
        numbers=hnp.arrays(
            np.float32,
            (3, 19, 2),
            elements=st.floats(width=32, allow_nan=True, allow_infinity=True)
            | st.floats(-1000, 1000, width=32),
        ),
        observed=st.lists(st.booleans(), min_size=3, max_size=3),
        size=st.tuples(st.integers(1, 400), st.integers(1, 300)),
    )
    def test_is_survived(self, numbers, observed, size):
        poses = Poses(
            keypoints=numbers[:, :17],
            keypoint_scores=np.ones((3, 17), np.float32),
            boxes=numbers[:, 17:].reshape(3, 4),
            box_scores=np.ones(3, np.float32),
            scores=np.ones(3, np.float32),
            track_ids=np.array([0, 2**60, -1]),
            observed=np.array(observed),
        )

        drawn = draw_poses(canvas(*size), poses, load_skeleton("coco17"), style=DrawStyle(scores=True))

        assert drawn.shape == (size[1], size[0], 3)


class TestSizes:
    @pytest.mark.parametrize(
        ("width", "height"), [(320, 240), (640, 480), (1280, 720), (1920, 1080), (3840, 2160)]
    )
    def test_of_letters_can_be_read_at_any_resolution(self, width, height):
        letters = 21 * sizes_for(width, height).font_scale

        assert letters >= 8  # below, letters of this font run together
        assert 0.015 <= letters / height <= 0.04  # on a screen of any size

    def test_grow_with_the_frame_and_with_the_wish(self):
        lines = [sizes_for(w, w * 9 // 16).line for w in (320, 640, 1280, 1920, 3840)]

        assert lines == sorted(lines)
        assert lines[0] == 1
        assert lines[-1] >= 5
        assert sizes_for(640, 480, 2.0).font_scale == pytest.approx(2 * sizes_for(640, 480).font_scale)
