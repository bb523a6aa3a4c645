"""Poses as JSON lines to other programs: standard output, WebSocket, UDP.

The lines are those of ``poses.jsonl``. Whoever connects to the WebSocket gets the header first, then the frames
from then on. A listener that is too slow misses frames, which are counted; it never holds up the run.
"""

from __future__ import annotations

import logging
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Protocol
from urllib.parse import SplitResult, urlsplit

from sitepose.core.errors import ConfigError, RecordingError
from sitepose.core.formats.poses_lines import (
    PoseRecord,
    PosesEnd,
    PosesHeader,
    end_line,
    header_line,
    record_line,
)

if TYPE_CHECKING:
    from websockets.sync.server import Server, ServerConnection

_log = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"

LARGEST_DATAGRAM = 65_507
"""Bytes that fit into one UDP packet over IPv4."""

CLOSE_TIMEOUT_S = 1
"""How long the end of a run waits for listeners that do not take their last lines."""

LINES_PER_LISTENER = 64
"""Frames kept for a slow WebSocket listener: two seconds of video."""


class Channel(Protocol):
    """One way out. The header comes first, and again for whoever joins later."""

    def send(self, line: str) -> None:
        """Pass one line on; never waits for a listener."""

    def close(self) -> None:
        """End it; calling it twice is fine."""


class Publisher:
    """Sends header, frames and end to every channel.

    Args:
        targets: ``-``, ``ws://[HOST]:PORT`` or ``udp://HOST:PORT``; a host left out is this machine alone.
        header: First line.

    Raises:
        ConfigError: A target is none of these.
        RecordingError: A port cannot be opened.
    """

    def __init__(self, targets: tuple[str, ...], header: PosesHeader) -> None:
        first = header_line(header)
        with ExitStack() as opened:
            self._channels = [_open(target, first) for target in targets]
            for channel in self._channels:
                opened.callback(channel.close)
            self._closers = opened.pop_all()
        self._send(first)

    def publish(self, record: PoseRecord) -> None:
        """Send one frame."""
        self._send(record_line(record))

    def end(self, *, frames: int, dropped: int) -> None:
        """Send the last line."""
        self._send(end_line(PosesEnd(frames, dropped)))

    def close(self) -> None:
        """End every channel; calling it twice is fine."""
        self._closers.close()

    def __enter__(self) -> Publisher:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _send(self, line: str) -> None:
        for channel in self._channels:
            channel.send(line)


def check_target(target: str) -> SplitResult:
    """Return the parts of a target.

    Raises:
        ConfigError: It is not ``-``, ``ws://[HOST]:PORT`` or ``udp://HOST:PORT``.
    """
    parts = urlsplit(target)
    try:
        port = parts.port
    except ValueError:
        port = None
    if target != "-" and (parts.scheme not in ("ws", "udp") or port is None):
        raise ConfigError(f"--publish {target!r}: expected -, ws://127.0.0.1:PORT or udp://HOST:PORT")
    return parts


def _open(target: str, header: str) -> Channel:
    parts = check_target(target)
    if target == "-":
        return _StandardOutput()
    opener: Callable[[], Channel]
    host, port = parts.hostname or LOOPBACK, parts.port or 0
    opener = (
        (lambda: _WebSocket(host, port, header)) if parts.scheme == "ws" else (lambda: _Datagrams(host, port))
    )
    try:
        return opener()
    except OSError as error:
        raise RecordingError(f"--publish {target}: {error.strerror or error}") from error


class _StandardOutput:
    def send(self, line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    def close(self) -> None:
        pass


class _Datagrams:
    """A packet for each line; remembers whether it has complained of a line that is too long."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        family = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0][0]
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._complained = False

    def send(self, line: str) -> None:
        packet = line.encode(errors="backslashreplace")
        if len(packet) > LARGEST_DATAGRAM:
            if not self._complained:
                _log.warning("a frame of %d bytes does not fit into a UDP packet and is not sent", len(packet))
            self._complained = True
            return
        try:
            self._socket.sendto(packet, self._target)
        except OSError as error:
            # Nobody need listen: a refused packet is reported by the next one on loopback.
            _log.debug("UDP packet not sent: %s", error)

    def close(self) -> None:
        self._socket.close()


class _WebSocket:
    """A server with a bounded queue of lines for each listener."""

    def __init__(self, host: str, port: int, header: str) -> None:
        from websockets.sync.server import serve

        self._header = header
        self._listeners: set[_Listener] = set()
        self._lock = threading.Lock()
        self._server: Server = serve(self._serve, host, port)
        self._thread = threading.Thread(target=self._server.serve_forever, name="publish")
        self._thread.start()

    def send(self, line: str) -> None:
        with self._lock:
            for listener in self._listeners:
                listener.put(line)

    def close(self) -> None:
        with self._lock:
            listeners = tuple(self._listeners)
        for listener in listeners:
            listener.finish()
        deadline = time.monotonic() + CLOSE_TIMEOUT_S
        for listener in listeners:
            listener.leave(max(deadline - time.monotonic(), 0))
        # Last, because it waits for the handlers of every connection.
        self._server.shutdown()
        self._thread.join()

    def _serve(self, connection: ServerConnection) -> None:
        listener = _Listener(connection)
        with self._lock:
            self._listeners.add(listener)
        try:
            connection.send(self._header)
            listener.forward()
        finally:
            with self._lock:
                self._listeners.discard(listener)


class _Listener:
    """The lines that one connection has yet to get; the oldest give way to new ones."""

    def __init__(self, connection: ServerConnection) -> None:
        self._connection = connection
        self._missed = 0
        self._lines: deque[str] = deque(maxlen=LINES_PER_LISTENER)
        self._finished = False
        self._gone = threading.Event()
        self._changed = threading.Condition()

    def put(self, line: str) -> None:
        with self._changed:
            self._missed += len(self._lines) == LINES_PER_LISTENER
            self._lines.append(line)
            self._changed.notify()

    def finish(self) -> None:
        with self._changed:
            self._finished = True
            self._changed.notify()

    def leave(self, timeout_s: float) -> None:
        """Wait until the last line is out; where that takes too long, hang up."""
        if not self._gone.wait(timeout_s):
            with suppress(OSError):
                self._connection.socket.shutdown(socket.SHUT_RDWR)
            self._gone.wait()

    def forward(self) -> None:
        """Send lines until there are no more to come, or the other end has gone."""
        from websockets.exceptions import ConnectionClosed

        try:
            while (line := self._next()) is not None:
                self._connection.send(line)
        except ConnectionClosed:
            _log.debug("a WebSocket listener has left")
        finally:
            if self._missed:
                _log.warning("a WebSocket listener was too slow for %d frames", self._missed)
            self._gone.set()

    def _next(self) -> str | None:
        with self._changed:
            self._changed.wait_for(lambda: self._lines or self._finished)
            return self._lines.popleft() if self._lines else None
