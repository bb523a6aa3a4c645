"""The threads of a run: order, bounds, errors, stopping."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from sitepose.app.pipeline.runner import Runner, Stage, Work
from sitepose.core.errors import PipelineError, SiteposeError, SourceError
from sitepose.core.structures import Frame


def frames(count, *, height=4, width=4):
    for index in range(count):
        yield Frame(np.zeros((height, width, 3), np.uint8), index, index / 10)


def nothing(work: Work) -> None:
    del work


def indices(runner, source):
    return [work.frame.index for work in runner.run(source)]


def until_it_breaks(runner, source):
    """Return the indices that came out, and what ended it."""
    seen = []
    try:
        seen.extend(work.frame.index for work in runner.run(source))
    except SiteposeError as error:
        return seen, error
    return seen, None


class TestRunner:
    @pytest.mark.parametrize("lanes", [1, 2, 5])
    def test_frames_leave_in_the_order_in_which_they_came(self, lanes):
        def dawdle(work):
            time.sleep(0.002 if work.frame.index % 3 == 0 else 0)

        runner = Runner([Stage("slow", dawdle, lanes), Stage("next", nothing)])

        assert indices(runner, frames(60)) == list(range(60))

    def test_a_source_without_frames_gives_none(self):
        assert indices(Runner([Stage("any", nothing, 3)]), frames(0)) == []

    def test_every_lane_is_used_at_once(self):
        both = threading.Barrier(2, timeout=5)

        def meet(work):
            both.wait()

        assert indices(Runner([Stage("meet", meet, 2)]), frames(4)) == [0, 1, 2, 3]

    def test_every_stage_is_timed(self):
        work = next(Runner([Stage("a", nothing), Stage("b", nothing, 2)]).run(frames(1)))

        assert list(work.timings) == ["decode", "a", "b"]

    @pytest.mark.parametrize("lanes", [1, 3])
    def test_a_failing_stage_ends_the_run_after_every_earlier_frame(self, lanes):
        def fail(work):
            if work.frame.index == 7:
                raise ZeroDivisionError("division by zero")

        seen = []
        before = threading.active_count()
        with pytest.raises(
            PipelineError, match=r"^pose failed at frame 7: ZeroDivisionError: division"
        ) as caught:
            seen.extend(
                work.frame.index
                for work in Runner([Stage("pose", fail, lanes), Stage("write", nothing)]).run(frames(100))
            )

        assert isinstance(caught.value.__cause__, ZeroDivisionError)
        assert threading.active_count() == before

    def test_frames_before_a_failure_come_out(self):
        def fail(work):
            if work.frame.index == 7:
                raise ValueError("bad")

        seen, error = until_it_breaks(Runner([Stage("pose", fail, 3)]), frames(100))

        assert seen == list(range(7))
        assert isinstance(error, PipelineError)

    @pytest.mark.parametrize("lanes", [1, 3])
    def test_no_later_stage_sees_what_comes_after_a_failure(self, lanes):
        def fail(work):
            if work.frame.index == 7:
                raise ValueError("bad")

        written = []
        stages = [Stage("pose", fail, lanes), Stage("write", lambda work: written.append(work.frame.index))]
        for _ in range(20):
            written.clear()
            until_it_breaks(Runner(stages), frames(16))
            assert written == list(range(7))

    def test_a_source_that_breaks_keeps_its_good_frames(self):
        def broken():
            yield from frames(5)
            raise SourceError("clip.mp4 ends in the middle")

        seen, error = until_it_breaks(Runner([Stage("any", nothing)]), broken())

        assert seen == [0, 1, 2, 3, 4]
        assert isinstance(error, SourceError)

    def test_stopping_finishes_what_is_in_flight(self):
        def endless():
            index = 0
            while True:
                yield Frame(np.zeros((4, 4, 3), np.uint8), index, float(index))
                index += 1

        runner = Runner([Stage("any", nothing)])
        seen = []
        for work in runner.run(endless()):
            seen.append(work.frame.index)
            if len(seen) == 10:
                runner.stop()

        assert seen == list(range(len(seen)))
        assert 10 <= len(seen) <= 60

    def test_leaving_early_ends_every_thread(self):
        before = threading.active_count()
        run = Runner([Stage("any", nothing, 2)]).run(frames(1000))
        next(run)
        assert threading.active_count() > before
        run.close()

        assert threading.active_count() == before

    def test_what_is_in_flight_is_bounded_in_bytes(self):
        inside = 0
        most = 0
        lock = threading.Lock()

        def source():
            nonlocal inside, most
            for frame in frames(50, height=100, width=100):
                with lock:
                    inside += 1
                    most = max(most, inside)
                yield frame

        def slow(work):
            time.sleep(0.001)

        for _ in Runner([Stage("slow", slow)], max_bytes=4 * 30_000).run(source()):
            with lock:
                inside -= 1

        # Four fit; one more is decoded and waits at the gate, and one is with us.
        assert most <= 6

    def test_a_frame_larger_than_the_bound_still_gets_through(self):
        assert indices(Runner([Stage("any", nothing)], max_bytes=10), frames(3)) == [0, 1, 2]
