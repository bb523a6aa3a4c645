"""Poses as JSON lines to other programs.

The lines are those of ``poses.jsonl``. Whoever connects to the WebSocket gets the header first, then the frames
from then on. Several cameras share one way out: each of their lines says whose it is.
"""

from __future__ import annotations

import json
import threading
from contextlib import ExitStack
from dataclasses import replace

from sitepose.app.outputs.channels import Channel, check_target, open_channel
from sitepose.core.formats.poses_lines import (
    PoseRecord,
    PosesEnd,
    PosesHeader,
    end_line,
    header_line,
    record_line,
)


class Broadcast:
    """Every way out of a run, for all of its sources. Remembers what is open, and which sources are on air.

    Args:
        targets: ``-``, ``ws://[HOST]:PORT`` or ``udp://HOST:PORT``; a host left out is this machine alone.

    Raises:
        ConfigError: A target is none of these.
    """

    def __init__(self, targets: tuple[str, ...]) -> None:
        for target in targets:
            check_target(target)
        self._targets = targets
        self._channels: list[Channel] | None = None
        self._closers = ExitStack()
        self._lock = threading.Lock()

    def open(self) -> list[Channel]:
        """Return every channel; opened by the first who asks.

        Raises:
            RecordingError: A port cannot be opened.
        """
        with self._lock:
            if self._channels is None:
                with ExitStack() as opened:
                    self._channels = [self._opened(target, opened) for target in self._targets]
                    self._closers = opened.pop_all()
            return self._channels

    def programme(self, header: PosesHeader, *, source: str = "") -> Programme:
        """Put a source on air.

        Args:
            header: Its first line.
            source: Its name, which each of its lines is to carry; empty where there is no other source.

        Raises:
            RecordingError: A port cannot be opened.
        """
        return Programme(self.open(), header, source)

    def close(self) -> None:
        """End every channel; calling it twice is fine."""
        with self._lock:
            self._channels = []
            closers, self._closers = self._closers, ExitStack()
        closers.close()

    @staticmethod
    def _opened(target: str, opened: ExitStack) -> Channel:
        channel = open_channel(target)
        opened.callback(channel.close)
        return channel


class Programme:
    """What one source sends. Use :meth:`Broadcast.programme`."""

    def __init__(self, channels: list[Channel], header: PosesHeader, source: str) -> None:
        self._channels = channels
        self._source = source
        self._on_air = True
        # Two cameras may call themselves the same.
        first = header_line(replace(header, source=source) if source else header)
        for channel in channels:
            channel.begin(source, first)

    def publish(self, record: PoseRecord) -> None:
        """Send one frame."""
        line = self._named(record_line(record))
        for channel in self._channels:
            channel.send(line)

    def end(self, *, frames: int, dropped: int) -> None:
        """Send the last line."""
        self._leave(self._named(end_line(PosesEnd(frames, dropped))))

    def close(self) -> None:
        """Go off air; calling it twice is fine."""
        self._leave("")

    def __enter__(self) -> Programme:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _leave(self, line: str) -> None:
        if self._on_air:
            for channel in self._channels:
                channel.end(self._source, line)
        self._on_air = False

    def _named(self, line: str) -> str:
        return f'{{"source":{json.dumps(self._source)},{line[1:]}' if self._source else line


class Publisher:
    """Sends header, frames and end of a single source to every channel.

    Args:
        targets: As for :class:`Broadcast`.
        header: First line.

    Raises:
        ConfigError: A target is none.
        RecordingError: A port cannot be opened.
    """

    def __init__(self, targets: tuple[str, ...], header: PosesHeader) -> None:
        self._broadcast = Broadcast(targets)
        self._programme = self._broadcast.programme(header)

    def publish(self, record: PoseRecord) -> None:
        """Send one frame."""
        self._programme.publish(record)

    def end(self, *, frames: int, dropped: int) -> None:
        """Send the last line."""
        self._programme.end(frames=frames, dropped=dropped)

    def close(self) -> None:
        """End every channel; calling it twice is fine."""
        self._broadcast.close()

    def __enter__(self) -> Publisher:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
