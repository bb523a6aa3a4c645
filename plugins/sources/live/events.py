"""What happens to a live source, as it is told to whoever listens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from sitepose.core.errors import SourceError
from sitepose.plugins.sources.live.packets import StreamFormat

State = Literal["connecting", "playing", "stalled", "reconnecting", "failed", "closed"]

SceneKind = Literal["moved", "refocused", "infrared", "colour"]

FaultKind = Literal["ended", "unreachable", "refused", "unsupported", "stalled", "broken"]


class ConnectionFault(SourceError):
    """A connection has come to its end; the message holds no secret.

    Args:
        kind: ``ended`` (the camera closed it), ``unreachable``, ``refused`` (wrong user or password),
            ``unsupported`` (a codec or library is missing), ``stalled`` (silence) or ``broken`` (all else).
        message: One line for people.
    """

    def __init__(self, kind: FaultKind, message: str) -> None:
        super().__init__(message)
        self.kind: FaultKind = kind


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceEvent:
    """Something that happened to a source.

    Attributes:
        source_id: Name of the source, without credentials.
        at: ``time.monotonic()`` at which it happened.
        wall: ``time.time()`` at which it happened.
    """

    source_id: str
    at: float
    wall: float

    @property
    def state(self) -> State | None:
        """The state that the source is in from now on; None where it stays in its own."""
        return None

    @property
    def topic(self) -> str:
        """What it is about, in one word: the ``kind`` of its line in ``events.jsonl``."""
        return self.state or "source"

    @property
    def message(self) -> str:
        """One line for people."""
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connecting(SourceEvent):
    """A connection is being made."""

    attempt: int

    @property
    def state(self) -> State:
        """``connecting``."""
        return "connecting"

    @property
    def message(self) -> str:
        """One line for people."""
        return "connecting" if self.attempt == 0 else f"connecting, attempt {self.attempt + 1}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Playing(SourceEvent):
    """The first picture of a connection has come, or the first of another size or codec."""

    stream: StreamFormat

    @property
    def state(self) -> State:
        """``playing``."""
        return "playing"

    @property
    def message(self) -> str:
        """One line for people."""
        width, height = self.stream.size_wh
        rate = f" at {float(self.stream.frame_rate):g} fps" if self.stream.frame_rate else ""
        return f"playing {self.stream.codec} {width}x{height}{rate}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stalled(SourceEvent):
    """Nothing has come for too long."""

    silent_s: float

    @property
    def state(self) -> State:
        """``stalled``."""
        return "stalled"

    @property
    def message(self) -> str:
        """One line for people."""
        return f"no picture for {self.silent_s:.1f} s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconnecting(SourceEvent):
    """A connection has ended; the next one begins after a wait."""

    reason: str
    kind: FaultKind
    delay_s: float

    @property
    def state(self) -> State:
        """``reconnecting``."""
        return "reconnecting"

    @property
    def message(self) -> str:
        """One line for people."""
        return f"{self.reason}; next attempt in {self.delay_s:.1f} s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed(SourceEvent):
    """Something that trying again at once will not mend: a wrong password, a missing codec."""

    reason: str
    kind: FaultKind
    delay_s: float

    @property
    def state(self) -> State:
        """``failed``."""
        return "failed"

    @property
    def message(self) -> str:
        """One line for people."""
        return f"{self.reason}; the next attempt is in {self.delay_s:.0f} s"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockJumped(SourceEvent):
    """The camera set its clock: its stamps moved by much more than time has passed."""

    by_s: float

    @property
    def message(self) -> str:
        """One line for people."""
        return f"the camera's clock jumped by {self.by_s:+.1f} s"


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneChanged(SourceEvent):
    """The camera was moved, refocused, or switched between colour and infrared."""

    change: SceneKind
    text: str

    @property
    def topic(self) -> str:
        """``moved``, ``refocused``, ``infrared`` or ``colour``."""
        return self.change

    @property
    def message(self) -> str:
        """One line for people."""
        return self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed(SourceEvent):
    """The source was closed by us."""

    @property
    def state(self) -> State:
        """``closed``."""
        return "closed"

    @property
    def message(self) -> str:
        """One line for people."""
        return "closed"


Listener = Callable[[SourceEvent], None]
"""Is told of events, in the source's own threads: be quick, and hand on what takes time."""
