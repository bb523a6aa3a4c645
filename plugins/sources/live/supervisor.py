"""Keeps a source running: one connection after the other, watched by our own clock."""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections.abc import Callable
from random import Random
from typing import Protocol

from sitepose.core.errors import SiteposeError
from sitepose.plugins.sources.live.backoff import Backoff
from sitepose.plugins.sources.live.events import (
    ClockJumped,
    Closed,
    Connecting,
    ConnectionFault,
    Failed,
    Listener,
    Playing,
    Reconnecting,
    SourceEvent,
    Stalled,
    State,
)
from sitepose.plugins.sources.live.intake import Delivery, Intake
from sitepose.plugins.sources.live.packets import StreamFormat
from sitepose.plugins.sources.live.rules import Rules
from sitepose.plugins.sources.live.secrets import Secrets

TICK_S = 0.05
"""How often a connection is looked at."""

STOP_S = 0.8
"""How long a connection may take to end; then it is left to itself, and what it delivers is ignored."""

STEADY_S = 5.0
"""A connection that has played for so long was a success: the next back-off begins anew."""

ASLEEP_S = 1.0
"""Two looks so far apart: the computer slept, or the process was stopped, and the camera is not to blame."""

EXPLAIN_S = 8.0
"""How long a fault waits to be explained: a name that cannot be looked up takes the longest."""

Explain = Callable[[ConnectionFault], ConnectionFault]

_log = logging.getLogger(__name__)


class Connection(Protocol):
    """One connection to a camera, from its beginning to its end."""

    def run(self) -> None:
        """Deliver until the camera ends or :meth:`stop` is called.

        Raises:
            ConnectionFault: Why it ended.
        """

    def stop(self) -> None:
        """Ask :meth:`run` to return; from any thread."""


class Supervisor:
    """Makes connections until it is stopped. Remembers the state, and the thread it runs in.

    Args:
        source_id: Name of the source, without credentials.
        intake: Where connections deliver to.
        connect: Makes a connection that delivers to what it is given.
        rules: What is too long, and what is done then.
        secrets: What no message may show.
        explain: Finds out why a connection gave nothing at all; may take seconds, and is not waited for longer.

    Attributes:
        state: What the source is doing.
        fault: Why the last connection ended; None before that.
        retry_at: Monotonic time of the next attempt, while one is waited for.
    """

    def __init__(
        self,
        source_id: str,
        intake: Intake,
        connect: Callable[[Delivery], Connection],
        rules: Rules,
        secrets: Secrets,
        explain: Explain = lambda fault: fault,
    ) -> None:
        self.state: State = "connecting"
        self.fault: ConnectionFault | None = None
        self.retry_at = 0.0
        self._source_id = source_id
        self._intake = intake
        self._connect = connect
        self._rules = rules
        self._secrets = secrets
        self._explain = explain
        first_s, longest_s = rules.retry_s
        self._backoff = Backoff(Random(), first_s=first_s, longest_s=longest_s)
        self._listeners: list[Listener] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"live {source_id}", daemon=True)

    def listen(self, listener: Listener) -> None:
        """Tell a listener of every event from now on."""
        self._listeners = [*self._listeners, listener]

    def unlisten(self, listener: Listener) -> None:
        """Tell a listener nothing more; one that was never told anything is fine."""
        self._listeners = [other for other in self._listeners if other != listener]

    def start(self) -> None:
        """Begin, in a thread of its own."""
        self._thread.start()

    def stop(self, timeout_s: float) -> bool:
        """End the connection and the thread; return whether they ended in time."""
        self._stopping.set()
        if self._thread.ident is not None and threading.current_thread() is not self._thread:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def retry_now(self) -> None:
        """Cut a wait short: the user has done something about the fault."""
        self.retry_at = 0.0

    def _run(self) -> None:
        attempt = 0
        while not self._stopping.is_set():
            self.tell(Connecting, attempt=attempt)
            delivery = self._intake.begin()
            fault = self._live_through(delivery)
            if (delivery.picture_at if self._rules.decodes else delivery.active_at) is None:
                fault = self._explained(fault)
            if self._stopping.is_set():
                break
            self.fault = fault
            steady = delivery.active_at is not None and delivery.active_at - delivery.began_at > STEADY_S
            looped = self._rules.loops and fault.kind == "ended" and delivery.active_at is not None
            if steady or looped:
                self._backoff.succeed()
                attempt = 0
            if not looped:
                attempt += 1
                self._wait_after(fault)
        self.tell(Closed)

    def _live_through(self, delivery: Delivery) -> ConnectionFault:
        """Run one connection to its end, and return why it ended."""
        ended: list[ConnectionFault] = []
        connection = self._connect(delivery)
        thread = threading.Thread(
            target=self._serve, args=(connection, ended), name=f"capture {self._source_id}", daemon=True
        )
        thread.start()
        fault = self._watch(delivery, thread)
        connection.stop()
        thread.join(STOP_S)
        delivery.close()
        if thread.is_alive():
            _log.warning("%s: the old connection does not end; it is left to itself", self._source_id)
        if fault is None:
            fault = ended[0] if ended else ConnectionFault("ended", "the camera ended the stream")
            self._tell_stall(fault, delivery)
        return fault

    def _watch(self, delivery: Delivery, thread: threading.Thread) -> ConnectionFault | None:
        """Look at a connection until it ends, we stop, or something takes too long, which is returned."""
        shown: StreamFormat | None = None
        looked_at = awake_since = time.monotonic()
        while not self._stopping.wait(TICK_S):
            now = time.monotonic()
            if now - looked_at > ASLEEP_S:  # it is we who were stopped: what came meanwhile is still to be read
                awake_since = now
            looked_at = now
            alive = thread.is_alive()
            shown = self._show(delivery, shown)
            if not alive:
                return None
            fault = self._rules.fault(delivery, self._intake.interval_s, now, awake_since)
            if fault is not None:
                self._tell_stall(fault, delivery)
                return fault
        return None

    def _explained(self, fault: ConnectionFault) -> ConnectionFault:
        """Return why nothing has come, as far as can be found out before somebody stops us."""
        found: list[ConnectionFault] = []
        thread = threading.Thread(
            target=self._find_out, args=(fault, found), name=f"explain {self._source_id}", daemon=True
        )
        thread.start()
        deadline = time.monotonic() + EXPLAIN_S
        while thread.is_alive() and time.monotonic() < deadline and not self._stopping.is_set():
            thread.join(TICK_S)
        return found[0] if found else fault

    def _find_out(self, fault: ConnectionFault, found: list[ConnectionFault]) -> None:
        try:
            found.append(self._explain(fault))
        except Exception:  # noqa: BLE001  the edge of a thread: what the library says is left
            _log.debug("%s", self._secrets.redact(traceback.format_exc()))

    def _tell_stall(self, fault: ConnectionFault, delivery: Delivery) -> None:
        if fault.kind == "stalled" and not self._stopping.is_set():
            self.tell(Stalled, silent_s=time.monotonic() - (delivery.active_at or delivery.began_at))

    def _show(self, delivery: Delivery, shown: StreamFormat | None) -> StreamFormat | None:
        """Tell of a stream that has begun or changed, and of clocks; return the stream that is now told of."""
        for jump in self._intake.take_jumps():
            self.tell(ClockJumped, by_s=jump)
        if delivery.stream is not None and (shown is None or delivery.stream.size_wh != shown.size_wh):
            self.tell(Playing, stream=delivery.stream)
            return delivery.stream
        return shown

    def _wait_after(self, fault: ConnectionFault) -> None:
        lasting = fault.kind in ("refused", "unsupported")
        delay = self._rules.retry_failed_s if lasting else self._backoff.next()
        self.retry_at = time.monotonic() + delay
        self.tell(Failed if lasting else Reconnecting, reason=str(fault), kind=fault.kind, delay_s=delay)
        while time.monotonic() < self.retry_at and not self._stopping.wait(TICK_S):
            pass

    def tell(self, event_type: type[SourceEvent], /, **details: object) -> None:
        """Tell every listener of an event that happens now."""
        event = event_type(source_id=self._source_id, at=time.monotonic(), wall=time.time(), **details)
        if event.state is not None:
            self.state = event.state
        _log.info("%s: %s", self._source_id, event.message)
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:  # noqa: BLE001  the edge of somebody else's part: the source goes on
                _log.exception("a listener failed on %r", event)

    def _serve(self, connection: Connection, ended: list[ConnectionFault]) -> None:
        """Run a connection in its thread, and leave the reason of its end."""
        try:
            connection.run()
        except ConnectionFault as fault:
            ended.append(fault)
        except Exception as error:  # noqa: BLE001  the edge of a thread: it goes to the one who waits
            _log.debug("%s", self._secrets.redact(traceback.format_exc()))
            reason = str(error) if isinstance(error, SiteposeError) else f"{type(error).__name__}: {error}"
            ended.append(ConnectionFault("broken", self._secrets.redact(reason)))
