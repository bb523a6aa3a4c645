from __future__ import annotations

import numpy as np
import pytest

from sitepose.core.structures import Frame
from sitepose.tracking.clock import ASSUMED_INTERVAL_S, FrameClock

IMAGE = np.zeros((2, 2, 3), np.uint8)


@pytest.mark.parametrize(
    ("stamps", "elapsed"),
    [
        pytest.param([(0, 0.0), (1, 0.04), (2, 0.08)], [0, 0.04, 0.04], id="even"),
        pytest.param([(7, 0.28), (12, 0.48), (13, 3.5)], [0, 0.2, 3.02], id="dropped frames and a pause"),
        pytest.param(
            [(0, 0.0), (1, 0.0), (4, 0.0)], [0, ASSUMED_INTERVAL_S, 3 * ASSUMED_INTERVAL_S], id="no stamps"
        ),
    ],
)
def test_time_between_frames_is_what_their_stamps_say(stamps, elapsed):
    clock = FrameClock()
    said = [clock.advance(Frame(IMAGE, index=index, timestamp=time)) for index, time in stamps]
    assert said == pytest.approx(elapsed)
    assert clock.now == pytest.approx(sum(elapsed))
