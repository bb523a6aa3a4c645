"""The test pattern: what it says about itself is what can be seen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sitepose.core.errors import SourceError
from sitepose.plugins.sources.figures import Crowd
from sitepose.plugins.sources.synthetic import SyntheticSource


def opened(**values):
    return SyntheticSource(SyntheticSource.Settings(**values))


class TestSyntheticSource:
    def test_gives_the_frames_that_were_asked_for(self):
        with opened(width=320, height=240, frames=40, frame_rate=20) as source:
            frames = list(source)

        assert source.info.frame_count == len(frames) == 40
        assert [frame.index for frame in frames] == list(range(40))
        assert [frame.timestamp for frame in frames] == [i / 20 for i in range(40)]
        assert {frame.size_wh for frame in frames} == {(320, 240)}

    def test_gives_a_part_with_its_true_indices(self):
        with opened(start_s=1.0, end_s=1.2) as source:
            assert [frame.index for frame in source] == [25, 26, 27, 28, 29]
        with opened(start_s=1.0, max_frames=2) as source:
            assert [frame.index for frame in source] == [25, 26]

    def test_has_no_end_if_none_is_wanted(self):
        with opened(frames=None) as source:
            assert source.info.frame_count is None
            assert [next(source).index for _ in range(300)][-1] == 299

    def test_refuses_a_part_that_is_not_there(self):
        with pytest.raises(SourceError, match="has no frame at or after 100 s"):
            opened(frames=50, start_s=100)

    def test_looks_the_same_whenever_it_is_asked(self):
        first, second = opened(seed=4), opened(seed=4)
        list(second)

        assert (first.image(17) == second.image(17)).all()
        assert (first.image(17) != opened(seed=5).image(17)).any()

    def test_shows_an_empty_scene(self):
        source = opened(people=0)

        assert len(source.truth(5)) == 0
        assert (source.image(5) == source.image(6)).all()

    @pytest.mark.parametrize("index", [0, 13, 77])
    def test_knows_where_its_people_are(self, index):
        alone, empty = opened(people=1, seed=2), opened(people=0, seed=2)
        changed = np.argwhere((alone.image(index) != empty.image(index)).any(axis=2))

        top, left = changed.min(axis=0)
        bottom, right = changed.max(axis=0)

        assert np.abs(alone.truth(index).boxes[0] - (left, top, right, bottom)).max() <= 2

    def test_draws_every_keypoint_on_its_person(self):
        alone, empty = opened(people=1, seed=2), opened(people=0, seed=2)
        for index in range(0, 60, 7):
            drawn = (alone.image(index) != empty.image(index)).any(axis=2)
            points = np.round(alone.truth(index).keypoints[0]).astype(int)

            assert drawn[points[:, 1], points[:, 0]].all()

    def test_keeps_everybodys_identity(self):
        source = opened(people=5)
        centers = np.stack([source.truth(i).boxes.reshape(-1, 2, 2).mean(axis=1) for i in range(200)])

        assert (source.truth(199).track_ids == np.arange(5)).all()
        assert np.abs(np.diff(centers, axis=0)).max() < 0.05 * 480  # nobody jumps


class TestCrowd:
    @settings(max_examples=40, deadline=None)
    @given(
        people=st.integers(0, 12),
        size=st.tuples(st.integers(160, 2000), st.integers(120, 1200)),
        index=st.integers(0, 10**7),
        seed=st.integers(0, 1000),
    )
    def test_is_whole_and_in_the_frame(self, people, size, index, seed):
        width, height = size
        poses = Crowd(people, (max(width, height), height), 25, seed).at(index)

        assert len(poses) == people
        assert (poses.keypoints >= poses.boxes[:, None, :2] - 1e-2).all()
        assert (poses.keypoints <= poses.boxes[:, None, 2:] + 1e-2).all()
        assert (poses.boxes >= -0.5).all()
        assert (poses.boxes[:, 2] <= max(width, height)).all()
        assert (poses.boxes[:, 3] <= height).all()

    def test_has_left_on_the_left_of_the_person_who_faces_us(self):
        poses = Crowd(3, (640, 480), 25).at(0)
        skeleton = Crowd(3, (640, 480), 25).skeleton

        for part in ("shoulder", "hip", "eye", "ear"):
            left, right = skeleton.index(f"left_{part}"), skeleton.index(f"right_{part}")
            assert (poses.keypoints[:, left, 0] > poses.keypoints[:, right, 0]).all()
