"""What the supervisor does with connections that stall, end, are refused, hang, or come back."""

from __future__ import annotations

import threading
import time
from fractions import Fraction
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitepose.plugins.sources.live.backoff import FIRST_DELAY_S, JITTER, LONGEST_DELAY_S, Backoff
from sitepose.plugins.sources.live.events import (
    Closed,
    Connecting,
    ConnectionFault,
    Failed,
    Playing,
    Reconnecting,
    Stalled,
)
from sitepose.plugins.sources.live.intake import NANOSECOND, Arrival, Intake
from sitepose.plugins.sources.live.packets import PacketHub, StreamFormat
from sitepose.plugins.sources.live.rules import Rules
from sitepose.plugins.sources.live.secrets import Secrets
from sitepose.plugins.sources.live.supervisor import STOP_S, Supervisor

STREAM = StreamFormat("raw", (8, 4), Fraction(100))
QUICK = Rules(stall_s=0.2, connect_timeout_s=0.3, retry_s=(0.02, 0.05), retry_failed_s=60)


class Picture:
    def to_rgb(self):
        return np.zeros((4, 8, 3), np.uint8)


class FakeConnection:
    """Delivers some frames at 100 a second, then ends as it is told to."""

    def __init__(self, delivery, frames, then):
        self.delivery, self.frames, self.then = delivery, frames, then
        self.stopped = threading.Event()

    def run(self):
        for n in range(self.frames):
            if self.stopped.wait(0.01):
                return
            arrival = Arrival(n * 10_000_000, NANOSECOND, time.monotonic())
            self.delivery.picture(arrival, Picture(), STREAM)
        if self.then == "resize":
            later = Arrival(self.frames * 10_000_000, NANOSECOND, time.monotonic())
            self.delivery.picture(later, Picture(), StreamFormat("raw", (4, 2)))
            self.stopped.wait(0.1)
        if isinstance(self.then, Exception):
            raise self.then
        if self.then == "silence":
            self.stopped.wait(30)
        if self.then == "hang":
            self.stopped.wait(30)
            time.sleep(1.5 * STOP_S)
            self.delivery.picture(Arrival(0, NANOSECOND, 0.0), Picture(), STREAM)

    def stop(self):
        self.stopped.set()


@pytest.fixture
def supervise():
    """Runs a supervisor over a list of ``(frames, then)``; the last one repeats."""
    started = []

    def start(*plans, rules=QUICK, secrets=None):
        events, plans = [], list(plans)
        intake = Intake(PacketHub(preroll_s=1))

        def connect(delivery):
            plan = plans.pop(0) if len(plans) > 1 else plans[0]
            return FakeConnection(delivery, *plan)

        supervisor = Supervisor("camera", intake, connect, rules, secrets or Secrets())
        supervisor.listen(events.append)
        supervisor.start()
        started.append(supervisor)
        return supervisor, events, intake

    yield start
    for supervisor in started:
        supervisor.stop(3)


def kinds(events):
    return [type(event) for event in events]


class TestFaults:
    def test_silence_is_a_stall_and_the_next_connection_follows(self, supervise, wait_until):
        supervisor, events, intake = supervise((20, "silence"), (10**6, "silence"))
        wait_until(lambda: kinds(events).count(Playing) == 2)

        assert kinds(events) == [Connecting, Playing, Stalled, Reconnecting, Connecting, Playing]
        assert QUICK.stall_s < events[2].silent_s < 2.0
        assert supervisor.state == "playing"
        assert intake.stats().reconnects == 1

    def test_the_end_of_a_camera_is_a_fault(self, supervise, wait_until):
        _, events, _ = supervise((5, "end"), (10**6, "silence"))
        wait_until(lambda: kinds(events).count(Playing) == 2)

        assert [event.kind for event in events if isinstance(event, Reconnecting)] == ["ended"]

    def test_the_end_of_a_looped_file_is_none(self, supervise, wait_until):
        _, events, _ = supervise((5, "end"), rules=Rules(stall_s=1, connect_timeout_s=1, loops=True))
        wait_until(lambda: kinds(events).count(Playing) >= 3)

        assert Reconnecting not in kinds(events)

    def test_no_first_frame_in_time_is_a_fault(self, supervise, wait_until):
        _, events, _ = supervise((0, "silence"))
        wait_until(lambda: Reconnecting in kinds(events))

        assert "no picture within 0.3 s" in events[1].message

    def test_a_wrong_password_is_said_once_and_not_tried_again(self, supervise, wait_until):
        fault = ConnectionFault("refused", "the camera refuses the user or password")
        supervisor, events, _ = supervise((0, fault))
        wait_until(lambda: Failed in kinds(events))
        time.sleep(0.3)

        assert kinds(events) == [Connecting, Failed]
        assert supervisor.state == "failed"
        assert events[1].delay_s == QUICK.retry_failed_s

    def test_the_user_can_ask_for_the_next_attempt(self, supervise, wait_until):
        supervisor, events, _ = supervise((0, ConnectionFault("refused", "no")), (10**6, "silence"))
        wait_until(lambda: Failed in kinds(events))
        supervisor.retry_now()
        wait_until(lambda: Playing in kinds(events))

    def test_an_unexpected_error_is_a_fault_without_secrets(self, supervise, wait_until):
        error = RuntimeError("lost rtsp://root:s3cret@h/a")
        _, events, _ = supervise((0, error), secrets=Secrets.of_login("root", "s3cret"))
        wait_until(lambda: Reconnecting in kinds(events))

        assert events[1].message.startswith("RuntimeError: lost rtsp://***:***@h/a")

    def test_a_size_that_changes_in_mid_stream_is_told(self, supervise, wait_until):
        _, events, _ = supervise((10, "resize"), (10**6, "silence"))
        wait_until(lambda: kinds(events).count(Playing) == 3)

        assert [event.stream.size_wh for event in events if isinstance(event, Playing)][:2] == [(8, 4), (4, 2)]
        assert kinds(events)[:3] == [Connecting, Playing, Playing]

    def test_a_listener_that_fails_does_not_end_the_source(self, supervise, wait_until, caplog):
        supervisor, events, _ = supervise((5, "end"))
        supervisor.listen(lambda event: 1 / 0)
        wait_until(lambda: kinds(events).count(Playing) >= 3)

        assert "a listener failed" in caplog.text

    def test_who_listens_no_more_is_told_nothing_more(self, supervise, wait_until):
        supervisor, events, _ = supervise((10, "end"))
        heard = []
        supervisor.listen(heard.append)
        wait_until(lambda: heard)
        supervisor.unlisten(heard.append)
        count = len(heard)
        told = kinds(events).count(Playing)
        wait_until(lambda: kinds(events).count(Playing) > told + 1)

        assert len(heard) <= count + 1


class TestStopping:
    def test_ends_within_a_second_and_says_so(self, supervise, wait_until):
        supervisor, events, _ = supervise((10**6, "silence"))
        wait_until(lambda: Playing in kinds(events))
        began = time.monotonic()

        assert supervisor.stop(1.0)
        assert time.monotonic() - began < 1.0
        assert kinds(events)[-1] is Closed

    def test_a_wait_is_cut_short(self, supervise, wait_until):
        supervisor, events, _ = supervise((0, ConnectionFault("refused", "no")))
        wait_until(lambda: Failed in kinds(events))

        assert supervisor.stop(1.0)

    def test_a_connection_that_hangs_is_left_to_itself_and_ignored(self, supervise, wait_until, caplog):
        _, events, intake = supervise((5, "hang"), (10**6, "silence"))
        wait_until(lambda: kinds(events).count(Playing) == 2)
        # The hanging one wakes up, delivers, and ends.
        wait_until(lambda: [thread.name for thread in threading.enumerate()].count("capture camera") == 1)

        assert "does not end" in caplog.text
        assert intake.stats().reconnects == 1

    def test_stopping_before_it_was_started_is_fine(self):
        assert Supervisor("x", Intake(PacketHub(preroll_s=1)), FakeConnection, QUICK, Secrets()).stop(0.1)


class TestBackoff:
    @given(seed=st.integers(0, 2**32), failures=st.integers(1, 200))
    def test_grows_to_its_bound_with_some_jitter(self, seed, failures):
        backoff = Backoff(Random(seed))
        delays = [backoff.next() for _ in range(failures)]

        for n, delay in enumerate(delays):
            plain = FIRST_DELAY_S * 2 ** min(n, 16)
            assert (
                min(LONGEST_DELAY_S, plain * (1 - JITTER))
                <= delay
                <= min(LONGEST_DELAY_S, plain * (1 + JITTER))
            )

    def test_begins_anew_after_a_success(self):
        backoff = Backoff(Random(1))
        for _ in range(5):
            backoff.next()
        backoff.succeed()

        assert backoff.next() <= FIRST_DELAY_S * (1 + JITTER)
