"""Ways by which lines reach other programs: standard output, WebSocket, UDP.

A listener that is too slow misses frames, which are counted; it never holds up the run.
"""

from __future__ import annotations

import logging
import socket
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol
from urllib.parse import SplitResult, urlsplit

from sitepose.core.errors import ConfigError, RecordingError

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
    """One way out, for the lines of any number of sources. Nothing here ever waits for a listener."""

    def begin(self, source: str, header: str) -> None:
        """Send the first line of a source, now and to whoever joins before its end."""

    def send(self, line: str) -> None:
        """Send a frame."""

    def end(self, source: str, line: str) -> None:
        """Send the last line of a source; an empty one says nothing."""

    def close(self) -> None:
        """End it; calling it twice is fine."""


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


def open_channel(target: str) -> Channel:
    """Return a way out.

    Raises:
        ConfigError: The target is none.
        RecordingError: The port cannot be opened.
    """
    parts = check_target(target)
    if target == "-":
        return _StandardOutput()
    opener: Callable[[], Channel]
    host, port = parts.hostname or LOOPBACK, parts.port or 0
    opener = (lambda: _WebSocket(host, port)) if parts.scheme == "ws" else (lambda: _Datagrams(host, port))
    try:
        return opener()
    except OSError as error:
        raise RecordingError(f"--publish {target}: {error.strerror or error}") from error


class _Plain(ABC):
    """Every line alike."""

    def begin(self, source: str, header: str) -> None:
        del source
        self.send(header)

    def end(self, source: str, line: str) -> None:
        del source
        if line:
            self.send(line)

    @abstractmethod
    def send(self, line: str) -> None: ...


class _StandardOutput(_Plain):
    def send(self, line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    def close(self) -> None:
        pass


class _Datagrams(_Plain):
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
    """A server with a queue of lines for each listener. Remembers the first lines of what is going on."""

    def __init__(self, host: str, port: int) -> None:
        from websockets.sync.server import serve

        self._headers: dict[str, str] = {}
        self._listeners: set[_Listener] = set()
        self._lock = threading.Lock()
        self._server: Server = serve(self._serve, host, port)
        self._thread = threading.Thread(target=self._server.serve_forever, name="publish")
        self._thread.start()

    def begin(self, source: str, header: str) -> None:
        with self._lock:
            self._headers[source] = header
            self._put(header, keep=True)

    def send(self, line: str) -> None:
        with self._lock:
            self._put(line)

    def end(self, source: str, line: str) -> None:
        with self._lock:
            self._headers.pop(source, None)
            if line:
                self._put(line, keep=True)

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

    def _put(self, line: str, *, keep: bool = False) -> None:
        for listener in self._listeners:
            listener.put(line, keep=keep)

    def _serve(self, connection: ServerConnection) -> None:
        listener = _Listener(connection)
        with self._lock:
            for header in self._headers.values():
                listener.put(header, keep=True)
            self._listeners.add(listener)
        try:
            listener.forward()
        finally:
            with self._lock:
                self._listeners.discard(listener)


class _Listener:
    """The lines that one connection has yet to get; the oldest frames give way to new ones."""

    def __init__(self, connection: ServerConnection) -> None:
        self._connection = connection
        self._missed = 0
        self._lines: deque[tuple[str, bool]] = deque()
        self._finished = False
        self._gone = threading.Event()
        self._changed = threading.Condition()

    def put(self, line: str, *, keep: bool) -> None:
        """Take a line; one that is to be kept never gives way."""
        with self._changed:
            if len(self._lines) >= LINES_PER_LISTENER:
                self._give_way()
            self._lines.append((line, keep))
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
            return self._lines.popleft()[0] if self._lines else None

    def _give_way(self) -> None:
        oldest = next((place for place, (_, keep) in enumerate(self._lines) if not keep), None)
        if oldest is not None:
            del self._lines[oldest]
            self._missed += 1
