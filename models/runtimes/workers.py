"""The threads that run networks, shared by every network of a pipeline.

On a CPU the best throughput comes from as many single-thread inferences at once as there are cores, whichever
network they belong to. So there is one set of workers, and detector and pose network feed it together.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Workers:
    """A fixed number of named threads; tasks start in the order in which they were handed in.

    Remembers for each thread that calls :meth:`map` how long it has waited and how long its tasks took.
    """

    def __init__(self, threads: int = 0) -> None:
        self.threads = threads if threads > 0 else available_threads()
        self._executor = ThreadPoolExecutor(self.threads, thread_name_prefix="inference")
        self._callers = threading.local()

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """Return ``[function(item) for item in items]``, run in parallel; the first exception is raised.

        >>> with Workers(2) as workers:
        ...     workers.map(lambda x: x * x, [1, 2, 3])
        [1, 4, 9]
        """
        started = time.perf_counter()
        futures = [self._executor.submit(_timed, function, item) for item in items]
        results = [future.result() for future in futures]
        waited = time.perf_counter() - started
        worked = sum(seconds for _, seconds in results)
        self._callers.balance = getattr(self._callers, "balance", 0.0) + worked - waited
        return [result for result, _ in results]

    def take_balance(self) -> float:
        """Return what to add to a caller's elapsed seconds to get its seconds of work, and start anew.

        It is the time that the calling thread's tasks took, less the time that it waited for them: negative
        where others kept the workers busy, positive where tasks ran side by side.
        """
        balance: float = getattr(self._callers, "balance", 0.0)
        self._callers.balance = 0.0
        return balance

    def close(self) -> None:
        """Wait for running tasks and end the threads; calling it twice is fine."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def available_threads() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _timed(function: Callable[[T], R], item: T) -> tuple[R, float]:
    """Return a task's result and how long it took."""
    started = time.perf_counter()
    result = function(item)
    return result, time.perf_counter() - started
