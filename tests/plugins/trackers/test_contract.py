"""What every registered tracker promises, ours and those of other packages."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import numpy as np
import pytest

from sitepose.core.settings import check
from sitepose.core.skeleton import load_skeleton
from sitepose.core.structures import UNTRACKED, Frame, Poses
from sitepose.models.runtimes.workers import Workers
from sitepose.plugins.api import PluginContext, Tracker
from sitepose.plugins.registry import BUILT_IN, load_plugin

COCO17 = load_skeleton("coco17")
TRACKERS = sorted(set(BUILT_IN["tracker"]) - {"none"})
PACKAGE = {"botsort", "bytetrack", "cbiou", "ocsort"}
ENDS_OF_TRACKS = 133
"""Bytes a frame for the first and last sightings of everybody."""
SETTINGS = {"poseflow-naive": {"features": 200}}
IMAGE = np.kron(np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8), np.ones((4, 4, 1), np.uint8))


def make(name: str) -> Tracker:
    if name in PACKAGE:
        pytest.importorskip("trackers", reason="needs the package trackers: pip install 'sitepose[trackers]'")
    plugin = load_plugin("tracker", name)
    settings = check(plugin.Settings, SETTINGS.get(name, {}), where=name)
    with Workers(1) as workers:
        return plugin(settings, PluginContext(workers=workers, skeleton=COCO17))


def frame(index: int, *, seconds: float | None = None) -> Frame:
    return Frame(IMAGE, index=index, timestamp=index / 25 if seconds is None else seconds)


def people(*lefts: float, score: float = 0.9) -> Poses:
    boxes = np.float32([[x, 20, x + 20, 80] for x in lefts]).reshape(-1, 4)
    scores = np.full(len(lefts), score)
    keypoints = np.linspace(boxes[:, :2] + 2, boxes[:, 2:] - 2, 17, axis=1)
    return Poses(keypoints, np.tile(scores[:, None], (1, 17)), boxes, scores, scores)


def observed(poses: Poses) -> Poses:
    return poses[poses.observed]


@pytest.fixture(params=TRACKERS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def tracker(name: str) -> Tracker:
    return make(name)


def walk(tracker: Tracker, frames: int, *, first: int = 0) -> Poses:
    """Let two people walk apart; return the last answer."""
    said = Poses.empty(17)
    for i in range(first, first + frames):
        said = tracker.update(frame(i), people(30 - 0.2 * i, 80 + 0.2 * i))
    return said


class TestEveryTracker:
    def test_is_a_tracker(self, tracker):
        assert isinstance(tracker, Tracker)

    def test_nobody_is_a_normal_case(self, tracker):
        for i in range(5):
            said = tracker.update(frame(i), Poses.empty(17))
            assert len(said) == 0
            assert said.keypoints.shape == (0, 17, 2)
        assert all(len(poses) == 0 for _, poses in tracker.finish())

    def test_names_people_by_int64_once_in_a_frame(self, tracker):
        said = observed(walk(tracker, 10))
        assert said.track_ids.dtype == np.int64
        assert len(said) == 2
        assert len(set(said.track_ids.tolist())) == 2
        assert (said.track_ids != UNTRACKED).all()

    def test_keeps_names_while_people_walk_and_empty_frames_pass(self, tracker):
        before = observed(walk(tracker, 10))
        for i in range(10, 13):
            tracker.update(frame(i), Poses.empty(17))
        after = observed(walk(tracker, 6, first=13))
        assert after.track_ids.tolist() == before.track_ids.tolist()

    def test_keeps_names_across_dropped_frames(self, tracker):
        before = observed(walk(tracker, 10))
        after = observed(walk(tracker, 6, first=16))
        assert after.track_ids.tolist() == before.track_ids.tolist()

    def test_keeps_names_across_a_pause_of_the_source(self, tracker):
        before = observed(walk(tracker, 10))
        said = Poses.empty(17)
        for i in range(10, 16):
            # The stamps stood still for half a second, and so did the people.
            said = tracker.update(frame(i, seconds=i / 25 + 0.5), people(28, 82))
        assert observed(said).track_ids.tolist() == before.track_ids.tolist()

    def test_reports_what_was_seen_and_not_something_else(self, tracker):
        walk(tracker, 10)
        given = people(28, 82)
        said = observed(tracker.update(frame(10), given))
        order = np.argsort(said.boxes[:, 0])
        assert said.boxes[order] == pytest.approx(given.boxes)
        assert said.keypoints[order] == pytest.approx(given.keypoints)

    def test_does_not_change_what_it_was_given(self, tracker):
        given = people(30, 80)
        boxes = given.boxes.copy()
        tracker.update(frame(0), given)
        assert (given.boxes == boxes).all()
        assert (given.track_ids == UNTRACKED).all()

    def test_gives_the_same_answers_after_a_reset_as_when_new(self, tracker, name):
        def answers(one: Tracker) -> list[tuple[list[int], list[float]]]:
            said = [one.update(frame(i), poses) for i, poses in enumerate(_crowd(60))]
            said += [poses for _, poses in one.finish()]
            return [(poses.track_ids.tolist(), poses.boxes.ravel().tolist()) for poses in said]

        first = answers(tracker)
        tracker.reset()
        assert answers(tracker) == first
        assert answers(make(name)) == first

    def test_corrections_come_by_ascending_index_once_each(self, tracker):
        for i, poses in enumerate(_crowd(40)):
            tracker.update(frame(2 * i), poses)
        indices = [index for index, _ in tracker.finish()]
        assert indices == sorted(set(indices))
        assert set(indices) <= set(range(0, 80, 2))

    @pytest.mark.slow
    def test_memory_does_not_grow_while_people_come_and_go(self, tracker, name):
        sizes = {}
        # Those that look at pixels take milliseconds a frame: fewer frames tell the same of them.
        frames = 750 if tracker.needs_pixels else 2000
        for i, poses in enumerate(_crowd(frames)):
            tracker.update(frame(i), poses)
            if i in (frames // 5, frames - 1):
                sizes[i] = _size(tracker)
        first, last = sizes.values()
        # Poses and frames would be many times that; poseflow-offline keeps the two ends of every track.
        assert last <= 1.5 * first + ENDS_OF_TRACKS * frames * (name == "poseflow-offline")


def _crowd(frames: int) -> Iterator[Poses]:
    """Up to three people at a time, each there for two seconds, one in ten detections missed."""
    rng = np.random.default_rng(3)
    for i in range(frames):
        lefts = [(10 + 40 * lane + (i % 50) * 0.3) for lane in range(3) if (i // 50 + lane) % 4]
        yield people(*(x for x in lefts if rng.random() > 0.1), score=0.85)


def _size(tracker: object) -> int:
    """Return the bytes of all arrays and containers that an object holds."""
    seen: set[int] = set()
    total, waiting = 0, [tracker]
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen or isinstance(thing, (type, type(gc))) or callable(thing):
            continue
        seen.add(id(thing))
        total += thing.nbytes if isinstance(thing, np.ndarray) else 64
        waiting += gc.get_referents(thing)
        waiting += [
            getattr(thing, slot) for slot in getattr(type(thing), "__slots__", ()) if hasattr(thing, slot)
        ]
    return total


class TestNone:
    def test_hands_everybody_on_unchanged(self):
        plugin = load_plugin("tracker", "none")
        with Workers(1) as workers:
            tracker = plugin(plugin.Settings(), PluginContext(workers=workers))
        given = people(30, 80)
        assert tracker.update(frame(0), given) is given
        assert list(tracker.finish()) == []
