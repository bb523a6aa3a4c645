"""A recording that plays like a live source: pause, step, go to an exact frame, faster and slower."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from sitepose.app.live.clips import Clips, RecordedPoses, recorded_poses
from sitepose.core.errors import SourceError
from sitepose.core.structures import Frame, Poses
from sitepose.plugins.api import SourceInfo

SLOWEST, FASTEST = 0.1, 16.0
"""Limits of the speed."""

LONGEST_WAIT_S = 1.0
"""A gap in a recording is shown as a pause of this length."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a recording stands.

    Attributes:
        number: Of the frame that is shown, from 0.
        count: Frames of the recording.
        timestamp: Its second.
        duration: Second of the last frame.
        playing: Whether it goes on by itself.
        speed: 1 is the pace of the recording.
    """

    number: int
    count: int
    timestamp: float
    duration: float
    playing: bool
    speed: float


class Replay:
    """A frame source over a recording; its controls may be used from any thread. It ends when it is closed.

    Args:
        path: A video file, or the folder of a site session.
        poses: The recorded poses; None looks for them beside the recording.
        loop: Whether to begin again at the end, in place of standing there.

    Raises:
        SourceError: It cannot be opened.
        FormatError: Its description or its poses are damaged.
    """

    def __init__(self, path: Path, *, poses: Path | None = None, loop: bool = False) -> None:
        self._clips = Clips(path)
        self.recorded: RecordedPoses | None = recorded_poses(poses or path)
        self.damaged = 0
        self._loop = loop
        self._changed = threading.Condition()
        self._wanted: int | None = 0
        self._number = 0
        self._playing = True
        self._speed = 1.0
        self._due = 0.0
        self._closed = False
        self._decoding = threading.Lock()

    @property
    def info(self) -> SourceInfo:
        """What is known of the recording."""
        return SourceInfo(
            source_id=self._clips.path.name, size_wh=(0, 0), frame_count=len(self._clips.places), live=False
        )

    @property
    def position(self) -> Position:
        """Where it stands."""
        places = self._clips.places
        with self._changed:
            number = self._wanted if self._wanted is not None else self._number
            return Position(
                number,
                len(places),
                places[number].timestamp,
                places[-1].timestamp,
                self._playing,
                self._speed,
            )

    @property
    def left_out(self) -> tuple[str, ...]:
        """One line for each part of the recording that cannot be played."""
        return tuple(self._clips.left_out)

    def recorded_at(self, frame: Frame) -> Poses | None:
        """Return the people of one of its frames as they were recorded; None where nobody has looked."""
        return None if self.recorded is None else self.recorded.at(self._clips.places[frame.index])

    def play(self, playing: bool = True) -> None:
        """Go on, or stand still; at the end, playing begins anew."""
        with self._changed:
            if playing and self._number == len(self._clips.places) - 1 and self._wanted is None:
                self._wanted = 0
            self._playing = playing
            self._due = time.monotonic()
            self._changed.notify_all()

    def step(self, frames: int) -> None:
        """Stand still, so many frames further; negative goes back."""
        with self._changed:
            base = self._wanted if self._wanted is not None else self._number
            self._go(base + frames)
            self._playing = False

    def seek(self, seconds: float) -> None:
        """Go to the frame that is shown at a second."""
        with self._changed:
            self._go(self._clips.nearest(seconds))

    def seek_frame(self, number: int) -> None:
        """Go to a frame by its number."""
        with self._changed:
            self._go(number)

    def set_speed(self, speed: float) -> None:
        """Play faster or slower; 1 is the pace of the recording."""
        with self._changed:
            self._speed = min(FASTEST, max(SLOWEST, speed))
            self._due = time.monotonic()
            self._changed.notify_all()

    def close(self) -> None:
        """End the iteration, and close the files; from any thread, twice is fine."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        with self._decoding:
            self._clips.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Frame:
        """Return the next frame when its time has come; frames that cannot be decoded are counted."""
        while True:
            number = self._await()
            try:
                with self._decoding:
                    if self._closed:
                        raise StopIteration
                    return self._clips.frame(number)
            except SourceError:
                self.damaged += 1
                if self.damaged > len(self._clips.places):
                    raise

    def _go(self, number: int) -> None:
        self._wanted = min(max(number, 0), len(self._clips.places) - 1)
        self._changed.notify_all()

    def _await(self) -> int:
        """Wait until a frame is due, and return its number."""
        with self._changed:
            while not self._closed:
                if self._wanted is not None:
                    self._number, self._wanted = self._wanted, None
                    return self._shown()
                left = self._due - time.monotonic()
                if not self._playing:
                    self._changed.wait()
                elif left > 0:
                    self._changed.wait(left)
                elif self._number + 1 < len(self._clips.places):
                    self._number += 1
                    return self._shown()
                elif self._loop:
                    self._wanted = 0
                else:
                    self._playing = False
            raise StopIteration

    def _shown(self) -> int:
        """Note when the frame after this one is due; pictures that are late do not make up for it in a rush."""
        places, number = self._clips.places, self._number
        now = time.monotonic()
        if number + 1 < len(places):
            interval = (places[number + 1].timestamp - places[number].timestamp) / self._speed
            begin = self._due if abs(now - self._due) < interval else now
            self._due = begin + min(max(interval, 0.0), LONGEST_WAIT_S)
        return number
