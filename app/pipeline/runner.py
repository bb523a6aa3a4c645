"""The threads of a run: one per stage, joined by queues, with one bound on what is in flight.

Frames leave in the order in which they came, whatever the number of lanes. A frame is one :class:`Work`, owned
by one thread at a time. What a stage raises ends the run after every earlier frame has come out.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import SimpleQueue

from sitepose.app.pipeline.budget import FrameBudget
from sitepose.core.errors import PipelineError, SiteposeError
from sitepose.core.structures import Detections, Frame, PoseCandidates, Poses
from sitepose.plugins.registry import brief

MAX_BYTES_IN_FLIGHT = 128 << 20
"""Pixels held by a run at once: twenty frames of full HD."""

MAX_FRAMES_IN_FLIGHT = 16
"""Enough that no stage waits for another; more would only cost memory."""


@dataclass(slots=True)
class Work:
    """A frame on its way through the stages, which fill in what they find.

    Attributes:
        frame: The picture and its stamps.
        timings: Seconds of work by stage; waiting for a free worker does not count.
        detections: Filled in by the detector.
        candidates: Filled in by the pose network.
        poses: Filled in by the pose-NMS, then by the tracker.
        asked: Whether the detector is asked about this frame.
    """

    frame: Frame
    timings: dict[str, float] = field(default_factory=dict)
    detections: Detections | None = None
    candidates: PoseCandidates | None = None
    poses: Poses | None = None
    asked: bool = True


@dataclass(frozen=True, slots=True)
class Stage:
    """A step of the pipeline.

    Attributes:
        name: Name of the step, of its thread and of its row in the report.
        function: Fills in its part of the work. With several lanes it must not keep state between frames.
        lanes: Frames that it may work on at once.
        balance: What to add to the seconds that a call took to get its seconds of work, where the work was
            done by other threads: see :meth:`sitepose.models.runtimes.workers.Workers.take_balance`.
        abandon: Called at the end of a run, when nothing comes out any more: a function that waits for later
            stages must then return.
    """

    name: str
    function: Callable[[Work], None]
    lanes: int = 1
    balance: Callable[[], float] = float
    abandon: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class _End:
    """The last thing in every queue."""

    error: BaseException | None = None


_Queue = SimpleQueue["Future[Work] | _End"]


class Runner:
    """Runs frames through stages; remembers only what is in flight.

    Args:
        stages: The steps, in order.
        max_bytes: Bound on the pixels in flight.
        max_frames: Bound on the frames in flight.
    """

    def __init__(
        self,
        stages: Iterable[Stage],
        *,
        max_bytes: int = MAX_BYTES_IN_FLIGHT,
        max_frames: int = MAX_FRAMES_IN_FLIGHT,
    ) -> None:
        self._stages = tuple(stages)
        self._budget = FrameBudget(max_bytes, max_frames)
        self._aborted = threading.Event()
        self._stopping = False

    def stop(self) -> None:
        """Take no more frames from the source; those in flight still come out.

        Safe in a signal handler: it takes no lock, which the interrupted thread might hold.
        """
        self._stopping = True

    def run(self, frames: Iterable[Frame]) -> Iterator[Work]:
        """Yield each frame with what the stages found, in order.

        Raises:
            PipelineError: A stage failed; its exception is the cause.
            SiteposeError: The source failed, in its own words.
        """
        queues: list[_Queue] = [SimpleQueue() for _ in range(len(self._stages) + 1)]
        threads = [threading.Thread(target=self._feed, args=(frames, queues[0]), name="decode")]
        for i, stage in enumerate(self._stages):
            arguments = (stage, queues[i], queues[i + 1])
            threads.append(threading.Thread(target=self._serve, args=arguments, name=stage.name))
        for thread in threads:
            thread.start()
        try:
            yield from self._drain(queues[-1])
        finally:
            self._aborted.set()
            self._budget.close()
            for stage in self._stages:
                if stage.abandon is not None:
                    stage.abandon()
            for thread in threads:
                thread.join()

    def _feed(self, frames: Iterable[Frame], queue: _Queue) -> None:
        error: BaseException | None = None
        try:
            started = time.perf_counter()
            for frame in frames:
                decoded = time.perf_counter()
                if self._stopping or not self._budget.acquire(frame.image.nbytes):
                    break
                future: Future[Work] = Future()
                future.set_result(Work(frame, {"decode": decoded - started}))
                queue.put(future)
                started = time.perf_counter()
        except SiteposeError as reason:
            error = reason
        except Exception as reason:  # noqa: BLE001  the edge of a thread: it goes to the one who waits
            error = _chain(f"the source failed: {brief(reason)}", reason)
        queue.put(_End(error))

    def _serve(self, stage: Stage, source: _Queue, sink: _Queue) -> None:
        failed = False
        with ThreadPoolExecutor(stage.lanes, thread_name_prefix=stage.name) as lanes:
            while isinstance(item := source.get(), Future):
                # Nothing comes after a frame that failed: a later one must not be tracked or written.
                if failed:
                    continue
                if stage.lanes == 1:
                    item = _done(stage, item, self._aborted)
                    failed = not _good(item)
                else:
                    failed = not _good(item)
                    item = item if failed else lanes.submit(_work, stage, item.result(), self._aborted)
                sink.put(item)
            sink.put(item)

    def _drain(self, queue: _Queue) -> Iterator[Work]:
        while isinstance(item := queue.get(), Future):
            work = item.result()
            yield work
            self._budget.release(work.frame.image.nbytes)
        if item.error is not None:
            raise item.error


def _done(stage: Stage, item: Future[Work], aborted: threading.Event) -> Future[Work]:
    """Return the stage's own result as a finished future, or the failure that came in."""
    if not _good(item):
        return item
    result: Future[Work] = Future()
    try:
        result.set_result(_work(stage, item.result(), aborted))
    except PipelineError as error:
        result.set_exception(error)
    return result


def _good(item: Future[Work]) -> bool:
    return item.exception() is None


def _work(stage: Stage, work: Work, aborted: threading.Event) -> Work:
    if aborted.is_set():
        return work
    stage.balance()
    started = time.perf_counter()
    try:
        stage.function(work)
    except Exception as error:  # the edge of a stage: whatever it is ends the run with one line
        reason = str(error) if isinstance(error, SiteposeError) else brief(error)
        raise _chain(f"{stage.name} failed at frame {work.frame.index}: {reason}", error) from error
    work.timings[stage.name] = max(time.perf_counter() - started + stage.balance(), 0.0)
    return work


def _chain(message: str, cause: BaseException) -> PipelineError:
    error = PipelineError(message)
    error.__cause__ = cause
    return error
