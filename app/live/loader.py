"""Loads parts in the background, one wish at a time, and closes those that nobody uses any more."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable

from sitepose.app.choices import Progress
from sitepose.app.config import RunConfig
from sitepose.app.live.parts import LiveParts, Loaded
from sitepose.core.errors import SiteposeError

CLOSE_S = 1.0
"""How long closing waits for a part that is being loaded; later, the loader closes what comes of it."""

_log = logging.getLogger(__name__)

Load = Callable[[RunConfig, LiveParts | None, Progress], LiveParts]
"""``(config, the parts in use, progress) -> the new parts``."""


class BackgroundLoader:
    """Remembers the newest wish and the parts that were loaded last. A wish that a newer one overtakes is lost.

    Args:
        name: Of the thread.
        load: Loads.
        accept: Puts new parts to use, in the loader's thread. It answers when the old ones are out of use, or
            says why it will not have the new ones.
        failed: Told why a wish cannot be had, in the loader's thread.
        progress: Told while weights are fetched.
    """

    def __init__(
        self,
        name: str,
        load: Load,
        *,
        accept: Callable[[LiveParts], str],
        failed: Callable[[RunConfig, str], None],
        progress: Progress,
    ) -> None:
        self._load = load
        self._accept = accept
        self._failed = failed
        self._progress = progress
        self._parts: LiveParts | None = None
        self._wish: RunConfig | None = None
        self._busy = False
        self._closed = False
        self._changed = threading.Condition()
        # Not a daemon: a program that ends inside a library's C++ code is aborted.
        self._thread = threading.Thread(target=self._run, name=name)

    @property
    def busy(self) -> bool:
        """Whether a wish is open or being loaded."""
        with self._changed:
            return self._busy or self._wish is not None

    def start(self) -> None:
        """Begin to serve wishes."""
        self._thread.start()

    def ask(self, config: RunConfig) -> None:
        """Wish for the parts of a configuration."""
        with self._changed:
            self._wish = config
            self._changed.notify_all()

    def close(self) -> None:
        """Close every part; nobody may use them any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(CLOSE_S)
        if self._thread.is_alive():
            doing = "loaded; it is closed as soon as it is there" if self._busy else "closed"
            _log.warning("a part is still being %s", doing)

    def wait(self, timeout_s: float) -> bool:
        """Wait until no wish is open; return whether that is so."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            return self._changed.wait_for(
                lambda: self._closed or not (self._busy or self._wish), max(0.0, deadline - time.monotonic())
            )

    def _run(self) -> None:
        while (config := self._next()) is not None:
            self._serve(config)
            with self._changed:
                self._busy = False
                self._changed.notify_all()
        _close(self._parts.loaded() if self._parts else ())

    def _next(self) -> RunConfig | None:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._wish is not None)
            if self._closed:
                return None
            config, self._wish = self._wish, None
            self._busy = True
            return config

    def _progress_or_end(self, name: str, done: int, total: int | None) -> None:
        """Pass on how far a download has come; end it where nobody waits for it any more."""
        if self._closed:
            raise _EndedError(f"{name}: ended, because the program ends")
        self._progress(name, done, total)

    def _serve(self, config: RunConfig) -> None:
        try:
            parts = self._load(config, self._parts, self._progress_or_end)
        except SiteposeError as error:
            _log.debug("a part cannot be loaded", exc_info=True)
            self._failed(config, str(error))
            return
        except Exception as error:  # noqa: BLE001  the edge of a thread: the old parts go on
            _log.exception("a part cannot be loaded")
            self._failed(config, f"{type(error).__name__}: {error}")
            return
        refusal = "" if self._closed else self._accept(parts)
        if refusal:
            self._failed(config, refusal)
            _close(_only_in(parts, self._parts))
        else:
            old, self._parts = self._parts, parts
            _close(_only_in(old, parts))


class _EndedError(SiteposeError):
    """Nobody waits for a download any more."""


def _only_in(parts: LiveParts | None, others: LiveParts | None) -> list[Loaded]:
    kept = others.loaded() if others is not None else []
    return [part for part in parts.loaded() if part not in kept] if parts is not None else []


def _close(parts: Iterable[Loaded]) -> None:
    for part in parts:
        try:
            part.close()
        except Exception:  # noqa: BLE001  the edge of a plug-in: the others are closed all the same
            _log.warning("a part cannot be closed", exc_info=True)
