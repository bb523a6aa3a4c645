"""What takes too long for the window's thread: done beside it, answered in it."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sitepose.core.errors import SiteposeError

_log = logging.getLogger(__name__)

Answer = Callable[[Any], None]


class Tasks:
    """One thread that does one thing after the other. Remembers the answers that nobody has heard yet.

    Args:
        wake: Asks the window's thread to call :meth:`answer` soon.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="window task")
        self._answers: deque[tuple[Answer, Any]] = deque()

    def run(
        self,
        task: Callable[[], Any],
        done: Answer = lambda _: None,
        failed: Answer = lambda error: _log.warning("%s", error),
    ) -> None:
        """Do something beside the window.

        Args:
            task: What to do.
            done: Told what came of it, in the window's thread.
            failed: Told the error, in the window's thread.
        """
        self._executor.submit(self._do, task, done, failed)

    def answer(self) -> None:
        """Hand on what has come of tasks; in the window's thread."""
        while self._answers:
            tell, result = self._answers.popleft()
            tell(result)

    def close(self) -> None:
        """Finish what was begun, and end the thread."""
        self._executor.shutdown(wait=True)
        self.answer()

    def _do(self, task: Callable[[], Any], done: Answer, failed: Answer) -> None:
        try:
            self._answers.append((done, task()))
        except SiteposeError as error:
            self._answers.append((failed, error))
        except Exception as error:  # noqa: BLE001  the edge of a thread: it goes to the window
            _log.exception("a task of the window failed")
            self._answers.append((failed, error))
        self._wake()
