"""How long a camera may take for what."""

from __future__ import annotations

import pytest

from sitepose.plugins.sources.live.intake import Delivery, Intake
from sitepose.plugins.sources.live.packets import PacketHub
from sitepose.plugins.sources.live.rules import UNDECODED_S, Rules


class TestRules:
    RULES = Rules(stall_s=1.5, connect_timeout_s=10)

    def fault(self, now, *, interval_s=None, **delivery):
        state = Delivery(Intake(PacketHub(preroll_s=1)), 0, began_at=0.0, **delivery)
        return self.RULES.fault(state, interval_s, now)

    @pytest.mark.parametrize(
        ("now", "delivery", "kind"),
        [
            pytest.param(9.9, {}, None, id="still connecting"),
            pytest.param(10.1, {}, "unreachable", id="never connected"),
            pytest.param(21.4, {"active_at": 20.0, "picture_at": 20.0}, None, id="a short silence"),
            pytest.param(21.6, {"active_at": 20.0, "picture_at": 20.0}, "stalled", id="a long silence"),
            pytest.param(
                30.0 + UNDECODED_S, {"active_at": 30.0 + UNDECODED_S, "picture_at": 28.0}, "broken",
                id="packets without pictures",
            ),
            pytest.param(15.0, {"active_at": 15.0}, None, id="a long first group of pictures"),
        ],
    )  # fmt: skip
    def test_what_is_too_long(self, now, delivery, kind):
        fault = self.fault(now, **delivery)

        assert (fault and fault.kind) == kind

    def test_a_slow_camera_is_given_three_intervals(self):
        times = {"active_at": 10.0, "picture_at": 10.0}

        assert self.fault(12.0, interval_s=1.0, **times) is None
        assert self.fault(13.1, interval_s=1.0, **times).kind == "stalled"

    def test_who_slept_has_seen_no_silence(self):
        state = Delivery(Intake(PacketHub(preroll_s=1)), 0, began_at=0.0, active_at=10.0, picture_at=10.0)

        assert self.RULES.fault(state, None, 61.0, awake_since=60.0) is None
        assert self.RULES.fault(state, None, 61.6, awake_since=60.0).kind == "stalled"
        assert self.RULES.fault(state, None, 61.0).kind == "stalled"
