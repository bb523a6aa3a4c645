"""From any thread into the window's: one event at most is on its way, however often it is asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable

from qtpy.QtCore import QObject, Qt, Signal


class Wakeup(QObject):
    """Calls a function in the window's thread. Remembers whether a call is on its way.

    Args:
        function: What to call.
    """

    _asked = Signal()

    def __init__(self, function: Callable[[], None]) -> None:
        super().__init__()
        self._function = function
        self._pending = False
        self._lock = threading.Lock()
        self._asked.connect(self._call, Qt.ConnectionType.QueuedConnection)

    def ask(self) -> None:
        """Have the function called soon; from any thread."""
        with self._lock:
            if self._pending:
                return
            self._pending = True
        self._asked.emit()

    def _call(self) -> None:
        with self._lock:
            self._pending = False
        self._function()
