from __future__ import annotations

import numpy as np
import pytest

from sitepose.tracking.motion import BoxMotion

BOX = np.float32([[100, 100, 140, 200]])
RIGHT = np.float32([[10, 0, 10, 0]])


def walked(motion: BoxMotion, steps: int, *, seconds: float, pixels_per_s: float = 50) -> np.ndarray:
    """Let somebody walk to the right, seen at every step; return the last box."""
    box = BOX
    motion.add(box)
    for _ in range(steps):
        box = box + RIGHT / 10 * pixels_per_s * seconds
        motion.predict(seconds, np.zeros(1, np.bool_))
        motion.correct(np.array([0]), box, spread=np.ones(1), gaps=np.full(1, seconds))
    return box


class TestBoxMotion:
    @pytest.mark.parametrize("seconds", [0.02, 0.04, 0.1], ids=["50 fps", "25 fps", "10 fps"])
    def test_learns_the_speed_in_pixels_a_second_at_any_frame_rate(self, seconds):
        motion = BoxMotion()
        walked(motion, round(1.5 / seconds), seconds=seconds)
        assert motion.velocities[0] == pytest.approx([50, 0], abs=6)

    def test_predicts_across_dropped_frames_as_across_so_many_single_steps(self):
        at_once, step_by_step = BoxMotion(), BoxMotion()
        for motion in (at_once, step_by_step):
            walked(motion, 30, seconds=0.04)
        at_once.predict(0.4, np.zeros(1, np.bool_))
        for _ in range(10):
            step_by_step.predict(0.04, np.zeros(1, np.bool_))
        assert at_once.boxes == pytest.approx(step_by_step.boxes, abs=0.01)
        assert at_once.center_variances == pytest.approx(step_by_step.center_variances, rel=1e-6)

    def test_works_the_speed_out_anew_after_a_gap(self):
        motion = BoxMotion()
        box = walked(motion, 30, seconds=0.04)
        for _ in range(25):
            motion.predict(0.04, np.ones(1, np.bool_))
        # Out of sight they turned round: they are seen where they were a second ago.
        motion.correct(np.array([0]), box - RIGHT * 3, spread=np.ones(1), gaps=np.ones(1))
        assert motion.velocities[0, 0] == pytest.approx(-30, abs=12)

    def test_people_out_of_sight_keep_their_size(self):
        motion = BoxMotion()
        motion.add(BOX)
        for step in range(10):
            motion.predict(0.04, np.zeros(1, np.bool_))
            grown = BOX + np.float32([[-1, -2, 1, 2]]) * step
            motion.correct(np.array([0]), grown, spread=np.ones(1), gaps=np.full(1, 0.04))
        motion.predict(0.04, np.ones(1, np.bool_))
        before = motion.boxes
        for _ in range(25):
            motion.predict(0.04, np.ones(1, np.bool_))
        assert np.diff(motion.boxes.reshape(2, 2), axis=0) == pytest.approx(
            np.diff(before.reshape(2, 2), axis=0), abs=1e-3
        )

    def test_moves_along_with_the_camera(self):
        motion = BoxMotion()
        walked(motion, 30, seconds=0.04)
        before = motion.boxes
        motion.warp(np.array([[1.0, 0, 7], [0, 1.0, -3]]))
        assert motion.boxes == pytest.approx(before + np.float32([[7, -3, 7, -3]]), abs=1e-3)

    def test_is_surer_the_longer_somebody_is_seen_and_less_sure_out_of_sight(self):
        motion = BoxMotion()
        motion.add(BOX)
        first = motion.center_variances.copy()
        walked(motion, 0, seconds=0.04)
        motion.keep(np.array([True, False]))
        for _ in range(20):
            motion.predict(0.04, np.zeros(1, np.bool_))
            motion.correct(np.array([0]), BOX, spread=np.ones(1), gaps=np.full(1, 0.04))
        seen = motion.center_variances.copy()
        motion.predict(1.0, np.ones(1, np.bool_))
        assert (seen < first).all()
        assert (motion.center_variances > seen).all()

    def test_works_with_nobody(self):
        motion = BoxMotion()
        motion.predict(1.0, np.zeros(0, np.bool_))
        motion.correct(np.zeros(0, np.intp), np.zeros((0, 4), np.float32), spread=np.zeros(0), gaps=np.zeros(0))
        motion.warp(np.eye(3)[:2])
        assert motion.boxes.shape == (0, 4)
