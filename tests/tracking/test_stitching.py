from __future__ import annotations

import numpy as np
import pytest

from sitepose.core.structures import Poses
from sitepose.tracking.spool import FrameSpool
from sitepose.tracking.stitching import MEMORY_S, TrackEnds, stitch


def walk(x: float, velocity: float, times, *, height: float = 100, feet: float = 200) -> TrackEnds:
    ends = TrackEnds()
    for time in times:
        left = x + velocity * time
        ends.add(float(time), np.float32([left, feet - height, left + 40, feet]))
    return ends


EARLY, LATE = np.arange(0, 1, 0.04), np.arange(2, 3, 0.04)
RULES = {"max_gap_s": 2.5, "min_affinity": 0.4}


class TestStitch:
    def test_joins_a_walk_that_was_hidden(self):
        assert stitch({1: walk(0, 60, EARLY), 2: walk(0, 60, LATE)}, **RULES) == {2: 1}

    def test_two_people_who_cross_unseen_keep_apart(self):
        tracks = {
            1: walk(0, 60, EARLY),
            2: walk(180, -60, EARLY),
            3: walk(180, -60, LATE),
            4: walk(0, 60, LATE),
        }
        assert stitch(tracks, **RULES) == {4: 1, 3: 2}

    @pytest.mark.parametrize(
        "later",
        [
            pytest.param(walk(400, 60, LATE), id="elsewhere"),
            pytest.param(walk(0, 60, LATE, height=170), id="much taller"),
            pytest.param(walk(0, 60, LATE + 5), id="too late"),
            pytest.param(walk(0, 60, np.arange(0.5, 1.5, 0.04)), id="both seen at once"),
        ],
    )
    def test_leaves_others_alone(self, later):
        assert stitch({1: walk(0, 60, EARLY), 2: later}, **RULES) == {}

    def test_nobody_and_somebody_seen_once(self):
        assert stitch({}, **RULES) == {}
        assert stitch({1: walk(0, 0, [0.0]), 2: walk(0, 0, [0.4])}, **RULES) == {2: 1}

    def test_remembers_only_the_ends_of_a_track(self):
        ends = walk(0, 1, np.arange(0, 100, 0.04))
        assert len(ends.first) + len(ends.last) <= 2 * (MEMORY_S / 0.04 + 2)
        assert (ends.began, ends.sightings) == (0, 2500)


class TestFrameSpool:
    def test_gives_back_what_it_was_given(self, make_people):
        people = make_people(np.float32([[0, 0, 20, 50]]), np.ones(1)).replace(track_ids=np.array([3]))
        spool = FrameSpool()
        spool.append(0, people)
        spool.append(5, Poses.empty(17))
        (first, back), (second, nobody) = list(spool)
        assert (first, second) == (0, 5)
        assert (back.keypoints == people.keypoints).all()
        assert back.track_ids.tolist() == [3]
        assert len(nobody) == 0
