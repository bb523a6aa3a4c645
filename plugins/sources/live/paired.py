"""Two streams of one camera as one source: the large one is recorded, the small one is looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

from sitepose.core.structures import Frame
from sitepose.plugins.api import SourceInfo
from sitepose.plugins.sources.live.address import CameraAddress
from sitepose.plugins.sources.live.choose import open_live
from sitepose.plugins.sources.live.events import Listener, SourceEvent, State
from sitepose.plugins.sources.live.intake import LiveStats
from sitepose.plugins.sources.live.packets import PacketSink
from sitepose.plugins.sources.live.settings import LiveSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamEvent(SourceEvent):
    """Something that happened to one of the streams."""

    stream: Literal["main", "sub"]
    event: SourceEvent

    @property
    def state(self) -> State | None:
        """The state of the stream."""
        return self.event.state

    @property
    def topic(self) -> str:
        """As of the event itself."""
        return self.event.topic

    @property
    def message(self) -> str:
        """One line for people."""
        return f"{self.stream} stream: {self.event.message}"


class PairedSource:
    """A camera with two streams. Frames and counters are those of ``sub``, packets those of ``main``.

    What lies between the clocks of the two is for the one who joins them to find out.

    Args:
        main: What is recorded; not decoded.
        sub: What is looked at.
        backend: As for :func:`~sitepose.plugins.sources.live.choose.open_live`.
        listener: Is told of every event of both.
    """

    def __init__(
        self,
        main: LiveSettings,
        sub: LiveSettings,
        *,
        backend: str = "auto",
        listener: Listener | None = None,
    ) -> None:
        self._listeners: dict[Any, tuple[Listener, Listener]] = {}
        ears = _ears(listener) if listener is not None else (None, None)
        # The main stream's keyframes are watched for a camera that is moved: one of the two is enough.
        self.main = open_live(main.model_copy(update={"decode": False}), backend=backend, listener=ears[0])
        self.sub = open_live(sub.model_copy(update={"watch_s": 0.0}), backend=backend, listener=ears[1])

    @property
    def address(self) -> CameraAddress:
        """Of the main stream."""
        return self.main.address

    @property
    def info(self) -> SourceInfo:
        """What is known of the sub stream; waits for its first picture."""
        return replace(self.sub.info, source_id=self.main.address.label)

    @property
    def stats(self) -> LiveStats:
        """Counters of the sub stream."""
        return self.sub.stats

    @property
    def damaged(self) -> int:
        """Pictures of the sub stream that arrived damaged or could not be converted so far."""
        return self.sub.damaged

    @property
    def state(self) -> State:
        """What the sub stream is doing, or the main stream where that has a fault."""
        return self.sub.state if self.main.state == "playing" else self.main.state

    def described(self) -> dict[str, Any]:
        """Return what others may read of the settings of both."""
        return {**self.main.settings.described(), "sub": self.sub.settings.described()}

    def listen(self, listener: Listener) -> None:
        """Tell a listener of every event of both from now on."""
        self._listeners[listener] = ears = _ears(listener)
        self.main.listen(ears[0])
        self.sub.listen(ears[1])

    def unlisten(self, listener: Listener) -> None:
        """Tell a listener nothing more; one that was never told anything is fine."""
        for source, ear in zip((self.main, self.sub), self._listeners.pop(listener, ()), strict=False):
            source.unlisten(ear)

    def retry_now(self) -> None:
        """Connect at once in place of waiting for the next attempt."""
        self.main.retry_now()
        self.sub.retry_now()

    def attach(self, sink: PacketSink, *, preroll_s: float | None = None) -> None:
        """Give a sink the packets of the main stream."""
        self.main.attach(sink, preroll_s=preroll_s)

    def detach(self, sink: PacketSink) -> None:
        """Give a sink nothing more."""
        self.main.detach(sink)

    def close(self) -> None:
        """Close both; calling it twice is fine."""
        self.sub.close()
        self.main.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Frame:
        """Return the newest frame of the sub stream."""
        return replace(next(self.sub), source_id=self.main.address.label)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _ears(listener: Listener) -> tuple[Listener, Listener]:
    def ear(stream: Literal["main", "sub"]) -> Callable[[SourceEvent], None]:
        def hear(event: SourceEvent) -> None:
            listener(
                StreamEvent(source_id=event.source_id, at=event.at, wall=event.wall, stream=stream, event=event)
            )

        return hear

    return ear("main"), ear("sub")
