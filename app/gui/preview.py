"""A look at a source before it is opened, beside the window's thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from sitepose.app.gui.screen import fit, scaled
from sitepose.app.live.capture import Capture
from sitepose.app.live.events import LiveEvent
from sitepose.app.live.inputs import source_opener, source_secrets
from sitepose.app.logs import keep_out_of_logs
from sitepose.core.errors import SiteposeError
from sitepose.core.structures import Frame, ImageArray
from sitepose.plugins.api import FrameSource


class Preview:
    """Shows one source at a time. Remembers its newest picture, what it says, and whether old ones are closed.

    Args:
        size_wh: Of the picture at most, in pixels of the device.
        wake: Called when there is something new, from any thread.
    """

    def __init__(self, size_wh: tuple[int, int], wake: Callable[[], None]) -> None:
        self._size = size_wh
        self._wake = wake
        self._capture: Capture | None = None
        self._closing: set[Capture] = set()
        self._picture: ImageArray | None = None
        self._message = ""

    @property
    def picture(self) -> ImageArray | None:
        """The newest picture, BGRA, shape (H, W, 4); None before the first."""
        return self._picture

    @property
    def message(self) -> str:
        """What the source says, in one line, without any login; empty while nothing is chosen."""
        return self._message

    @property
    def idle(self) -> bool:
        """Whether nothing is shown, and all that was is closed: then a camera is free for others."""
        return self._capture is None and not self._closing

    def show(self, location: str, **settings: Any) -> None:
        """Show a source in place of the one before; returns at once.

        Args:
            location: As on the command line.
            settings: Login and transport of a network camera, or a pipeline.
        """
        self.stop()
        try:
            secrets = source_secrets(location, **settings)
        except SiteposeError as error:
            self._message = str(error)
            self._wake()
            return
        keep_out_of_logs(secrets)
        self._message = "connecting"

        def opened(listener: Callable[[Any], None]) -> FrameSource:
            return source_opener(location, **settings)(listener)  # libraries are imported beside the window

        def tell(event: LiveEvent) -> None:
            if self._capture is capture:
                self._message = " ".join(secrets.redact(event.message).split())
                self._wake()

        def deliver(_: str, frame: Frame) -> None:
            if self._capture is capture:
                self._picture = scaled(frame.image, fit(frame.size_wh, self._size))
                self._wake()

        capture = self._capture = Capture("preview", opened, deliver, tell)
        capture.start()

    def stop(self) -> None:
        """Show nothing; the source is closed in the background, after which :attr:`idle` is true."""
        capture, self._capture = self._capture, None
        self._picture, self._message = None, ""
        if capture is not None:
            self._closing.add(capture)
            threading.Thread(target=self._close, args=(capture,), name="close preview", daemon=True).start()

    def _close(self, capture: Capture) -> None:
        capture.ask_to_stop()
        self._closing.discard(capture)
        self._wake()
