"""What the sources of this folder have in common."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Self

from pydantic import Field, model_validator

from sitepose.core.structures import Frame
from sitepose.plugins.api import PluginSettings, SourceInfo


class SpanSettings(PluginSettings):
    """What is opened, and which part of it is given."""

    location: str
    """What to open."""
    start_s: float = Field(0.0, ge=0)
    """Seconds since the first frame at which to begin."""
    end_s: float | None = Field(None, gt=0)
    """Seconds since the first frame before which to end."""
    max_frames: int | None = Field(None, ge=1)
    """Frames after which to end."""

    @model_validator(mode="after")
    def _ends_after_its_start(self) -> Self:
        if self.end_s is not None and self.end_s <= self.start_s:
            raise ValueError(f"end_s must be greater than start_s, which is {self.start_s:g}")
        return self

    def span(self) -> str:
        """Return the chosen part in words, for messages.

        >>> SpanSettings(location="clip.mp4", start_s=3, end_s=4.5).span()
        'at or after 3 s and before 4.5 s'
        """
        until = "" if self.end_s is None else f" and before {self.end_s:g} s"
        return f"at or after {self.start_s:g} s{until}"


class IteratedSource:
    """A frame source on top of a generator; also a context manager.

    Close it from the thread that iterates, or after that thread has ended.

    Attributes:
        info: What is known before the first frame.
        damaged: Packets or files that could not be decoded, or only in part, so far.
    """

    def __init__(self, info: SourceInfo) -> None:
        self.info = info
        self.damaged = 0
        self._frames: Iterator[Frame] | None = None

    def frames(self) -> Iterator[Frame]:
        """Yield every frame; called once, at the first ``next``."""
        raise NotImplementedError

    def close(self) -> None:
        """End the iteration; calling it twice is fine."""
        generator, self._frames = self._frames, iter(())
        if generator is not None and hasattr(generator, "close"):
            generator.close()

    def __iter__(self) -> Iterator[Frame]:
        return self

    def __next__(self) -> Frame:
        if self._frames is None:
            self._frames = self.frames()
        return next(self._frames)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
