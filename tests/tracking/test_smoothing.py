from __future__ import annotations

import numpy as np
import pytest

from sitepose.core.structures import UNTRACKED, Frame, Poses
from sitepose.tracking.smoothing import OneEuroSettings, OneEuroSmoother
from sitepose.tracking.track_filters import butterworth, fill_gaps, median

IMAGE = np.zeros((2, 2, 3), np.uint8)
BOX = np.float32([[0, 0, 40, 100]])


def person(make_people, x: float, *, track_id: int = 1, score: float = 0.9) -> Poses:
    return make_people(BOX + np.float32([x, 0, x, 0]), np.array([score])).replace(
        track_ids=np.array([track_id])
    )


def run(smoother: OneEuroSmoother, moments) -> list[Poses]:
    return [smoother.update(Frame(IMAGE, i, time), poses) for i, (time, poses) in enumerate(moments)]


def jitter(frames: list[Poses]) -> float:
    """Mean second difference of the keypoints."""
    return float(np.abs(np.diff(np.stack([one.keypoints for one in frames]), 2, axis=0)).mean())


def walk(make_people, *, noise: float, step: float = 0.04, speed: float = 0.0, frames: int = 100):
    rng = np.random.default_rng(0)
    moments = []
    for i in range(frames):
        one = person(make_people, speed * i * step)
        shaken = one.keypoints + rng.normal(0, noise, one.keypoints.shape)
        moments.append((i * step, one.replace(keypoints=shaken)))
    return moments


class TestOneEuroSmoother:
    def test_calms_somebody_who_stands(self, make_people):
        moments = walk(make_people, noise=2)
        assert jitter(run(OneEuroSmoother(), moments)) < 0.35 * jitter([poses for _, poses in moments])

    def test_follows_somebody_who_runs(self, make_people):
        moments = walk(make_people, noise=0, speed=300)
        last = run(OneEuroSmoother(), moments)[-1]
        lag_s = (moments[-1][1].keypoints - last.keypoints)[0, :, 0].mean() / 300
        assert 0 < lag_s < 0.06

    def test_the_lag_is_of_seconds_and_not_of_frames(self, make_people):
        lags = []
        for step, frames in ((0.02, 200), (0.04, 100)):
            moments = walk(make_people, noise=0, speed=300, step=step, frames=frames)
            last = run(OneEuroSmoother(), moments)[-1]
            lags.append((moments[-1][1].keypoints - last.keypoints)[0, :, 0].mean())
        assert lags[0] == pytest.approx(lags[1], rel=0.35)

    def test_is_free_of_scale(self, make_people):
        """The same scene at twice the resolution gives the same picture at twice the resolution."""
        moments = walk(make_people, noise=2, speed=80)
        large = [
            (time, poses.replace(keypoints=poses.keypoints * 2, boxes=poses.boxes * 2))
            for time, poses in moments
        ]
        small = run(OneEuroSmoother(), moments)[-1]
        assert run(OneEuroSmoother(), large)[-1].keypoints == pytest.approx(small.keypoints * 2, abs=1e-3)

    @pytest.mark.parametrize("gap", [pytest.param(0.2, id="short"), pytest.param(0.8, id="long")])
    def test_begins_anew_after_a_long_gap_alone(self, make_people, gap):
        smoother = OneEuroSmoother(OneEuroSettings(max_gap_s=0.5, beta=0))
        run(smoother, walk(make_people, noise=0, frames=10))
        back = person(make_people, 30)
        smoothed = smoother.update(Frame(IMAGE, 99, 9 * 0.04 + gap), back)
        assert (np.abs(smoothed.keypoints - back.keypoints).max() < 1e-3) == (gap > 0.5)

    def test_weak_keypoints_and_untracked_people_stay_as_they_are(self, make_people):
        smoother = OneEuroSmoother()
        run(smoother, walk(make_people, noise=0, frames=10))
        weak = person(make_people, 30, score=0.1)
        assert (smoother.update(Frame(IMAGE, 10, 0.4), weak).keypoints == weak.keypoints).all()
        stranger = person(make_people, 60, track_id=UNTRACKED)
        assert (smoother.update(Frame(IMAGE, 11, 0.44), stranger).keypoints == stranger.keypoints).all()

    def test_keeps_people_apart_and_forgets_those_who_left(self, make_people):
        smoother = OneEuroSmoother()
        for i in range(300):
            smoother.update(Frame(IMAGE, i, i * 0.04), person(make_people, 5 * i, track_id=i))
        assert len(smoother._ids) <= 0.5 / 0.04 + 2

    def test_nobody(self):
        smoother = OneEuroSmoother()
        assert len(smoother.update(Frame(IMAGE, 0, 0.0), Poses.empty(17))) == 0


class TestFillGaps:
    def test_puts_people_on_the_line_between_two_sightings_by_true_time(self, make_people):
        times = (0.0, 0.1, 0.4, 0.5)
        frames = [person(make_people, 0), Poses.empty(17), Poses.empty(17), person(make_people, 50)]
        filled = fill_gaps(list(zip(times, frames, strict=True)), max_gap_s=1)
        assert [one.boxes[0, 0] for one in filled] == pytest.approx([0, 10, 40, 50])
        assert [one.observed.tolist() for one in filled] == [[True], [False], [False], [True]]

    def test_replaces_people_that_a_tracker_carried(self, make_people):
        guess = person(make_people, 99).replace(observed=np.array([False]))
        filled = fill_gaps([(0, person(make_people, 0)), (1, guess), (2, person(make_people, 20))], max_gap_s=3)
        assert filled[1].boxes[:, 0].tolist() == [10]

    def test_leaves_long_gaps_open(self, make_people):
        moments = [(0, person(make_people, 0)), (5, Poses.empty(17)), (9, person(make_people, 50))]
        assert len(fill_gaps(moments, max_gap_s=1)[1]) == 0

    def test_nobody(self):
        assert fill_gaps([], max_gap_s=1) == []
        assert len(fill_gaps([(0.0, Poses.empty(17))], max_gap_s=1)[0]) == 0


class TestWholeTrackFilters:
    @pytest.mark.parametrize(
        ("smooth", "left"),
        [
            pytest.param(lambda moments: butterworth(moments, cutoff_hz=3), 0.1, id="butterworth"),
            pytest.param(lambda moments: median(moments, window_s=0.3), 0.6, id="median"),
        ],
    )
    def test_calm_without_delay(self, make_people, smooth, left):
        moments = walk(make_people, noise=2, speed=100)
        smoothed = smooth(moments)
        assert jitter(smoothed) < left * jitter([poses for _, poses in moments])
        error = np.stack([one.keypoints for one in smoothed]) - np.stack(
            [person(make_people, 100 * time).keypoints for time, _ in moments]
        )
        assert np.abs(error[20:-20].mean()) < 0.5

    def test_median_removes_a_single_outlier_entirely(self, make_people):
        moments = walk(make_people, noise=0, frames=30)
        wrong = moments[15][1].keypoints + 40
        moments[15] = (moments[15][0], moments[15][1].replace(keypoints=wrong))
        assert median(moments, window_s=0.2)[15].keypoints == pytest.approx(moments[14][1].keypoints, abs=1e-3)

    def test_weak_keypoints_stay_as_they_are_and_do_not_count(self, make_people):
        moments = walk(make_people, noise=0, frames=30)
        weak = moments[15][1]
        scores = weak.keypoint_scores.copy()
        scores[0, 3] = 0.05
        keypoints = weak.keypoints.copy()
        keypoints[0, 3] += 500
        moments[15] = (moments[15][0], weak.replace(keypoints=keypoints, keypoint_scores=scores))
        smoothed = butterworth(moments, cutoff_hz=3)
        assert smoothed[15].keypoints[0, 3] == pytest.approx(keypoints[0, 3])
        assert smoothed[14].keypoints == pytest.approx(moments[14][1].keypoints, abs=0.1)

    def test_a_frame_rate_too_low_for_the_filter_changes_nothing(self, make_people):
        moments = walk(make_people, noise=2, step=0.5, frames=20)
        assert butterworth(moments, cutoff_hz=3)[7].keypoints == pytest.approx(
            moments[7][1].keypoints, abs=1e-3
        )

    def test_nobody(self):
        assert butterworth([], cutoff_hz=3) == []
        assert len(median([(0.0, Poses.empty(17))], window_s=0.2)[0]) == 0
