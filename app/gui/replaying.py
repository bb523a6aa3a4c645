"""The controls of a recording that plays."""

from __future__ import annotations

from collections.abc import Callable

from sitepose.app.gui.model import SessionModel
from sitepose.app.live.engine import LiveEngine
from sitepose.app.live.replay import Position, Replay


class ReplayDesk:
    """Controls the current source where it is a recording; nothing happens where it is a camera.

    Args:
        model: Which source is the current one.
        engine: Where it plays.
        show: Shows where it stands.
    """

    def __init__(self, model: SessionModel, engine: LiveEngine, show: Callable[[], None]) -> None:
        self._model = model
        self._engine = engine
        self._show = show

    @property
    def position(self) -> Position | None:
        """Where the recording stands; None for a camera."""
        replay = self._replay
        return None if replay is None else replay.position

    def pause(self) -> None:
        """Let it stand still, or go on."""
        if (replay := self._replay) is not None:
            replay.play(not replay.position.playing)
            self._show()

    def step(self, frames: int) -> None:
        """Go so many frames further; negative goes back."""
        if (replay := self._replay) is not None:
            replay.step(frames)
            self._show()

    def skip(self, seconds: float) -> None:
        """Go so many seconds further."""
        if (replay := self._replay) is not None:
            replay.seek(replay.position.timestamp + seconds)
            self._show()

    def seek_frame(self, number: int) -> None:
        """Go to a frame."""
        if (replay := self._replay) is not None:
            replay.seek_frame(number)

    def speed(self, factor: float) -> None:
        """Play so many times as fast as now."""
        if (replay := self._replay) is not None:
            replay.set_speed(replay.position.speed * factor)
            self._show()

    @property
    def _replay(self) -> Replay | None:
        source = self._engine.source(self._model.current)
        return source if isinstance(source, Replay) else None
