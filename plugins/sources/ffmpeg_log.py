"""FFmpeg's own messages, sent to our log at debug level; PyAV drops them otherwise."""

from __future__ import annotations

import logging

import av.logging

_log = logging.getLogger(__name__)


class _Forward(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        _log.debug("%s: %s", record.name.removeprefix("libav."), record.getMessage())


def forward_ffmpeg_messages() -> None:
    """Let FFmpeg's errors through if somebody listens to debugging; calling it again changes nothing.

    PyAV hands them to the logger ``libav``, which passes them on to ours.
    """
    libav = logging.getLogger("libav")
    if not _log.isEnabledFor(logging.DEBUG) or any(isinstance(handler, _Forward) for handler in libav.handlers):
        return
    libav.addHandler(_Forward())
    libav.propagate = False
    av.logging.set_level(av.logging.ERROR)
