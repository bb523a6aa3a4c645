"""Video files of any kind that FFmpeg reads, GIF included."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
from pydantic import Field

from sitepose.core.errors import SourceError
from sitepose.core.structures import Frame
from sitepose.plugins.api import PluginContext, SourceInfo
from sitepose.plugins.sources.base import IteratedSource, SpanSettings
from sitepose.plugins.sources.colour import RgbConverter
from sitepose.plugins.sources.orientation import orientation_of_picture, upright, upright_size
from sitepose.plugins.sources.reader import VideoReader
from sitepose.plugins.sources.timeline import Timeline

_log = logging.getLogger(__name__)


class VideoFile(IteratedSource):
    """The frames of a video file, each with the container's own stamp.

    ``index`` counts the frames that are given, from 0, also after ``start_s``; ``pts`` and ``timestamp``
    (seconds since the first frame of the file) say where in the file a frame is. Pixels are taken as stored: a
    sample aspect ratio is told of in the log and not applied.

    Raises:
        SourceError: The file cannot be opened, or nothing in it can be decoded.
    """

    class Settings(SpanSettings):
        """Which file, and which part of it."""

        decoder_threads: int = Field(1, ge=1, le=16)
        """Threads that decode. More are faster, but what a damaged file shows then varies from run to run."""

    def __init__(self, settings: Settings, context: PluginContext | None = None) -> None:
        del context  # networks are none of its business
        if "://" in settings.location:
            scheme = settings.location.split("://", 1)[0]
            raise SourceError(f"expected a video file, not the address of a {scheme} stream")
        self._settings = settings
        self._path = Path(settings.location)
        self._reader = VideoReader(self._path, threads=settings.decoder_threads)
        try:
            # The stream's and not a picture's: PyAV leaves it out where the decoder is flushed.
            self._time_base = self._reader.stream.time_base
            self._pictures = self._reader.pictures()
            self._first = self._first_picture()
            self._orientation = orientation_of_picture(self._first)
            super().__init__(self._described())
        except BaseException:
            self._reader.close()
            raise

    def frames(self) -> Iterator[Frame]:
        """Yield the frames of the chosen part.

        Raises:
            SourceError: After the last good frame, if the file ends in the middle, cannot be read on, or
                changes its frame size; or if it has no frame in the chosen part.
        """
        convert = RgbConverter()
        index = 0
        for picture, seconds in self._chosen():
            self._check_size(picture, seconds)
            yield Frame(
                image=upright(convert(picture), self._orientation),
                index=index,
                timestamp=seconds,
                pts=picture.pts,
                time_base=self._time_base,
                captured_at=time.monotonic(),
                source_id=self.info.source_id,
            )
            index += 1
            if index == self._settings.max_frames:
                return
        if index == 0:
            raise SourceError(f"{self._path}: has no frame {self._settings.span()}")

    def close(self) -> None:
        """Close the file; calling it twice is fine. Frames that were given stay valid."""
        super().close()
        self._reader.close()

    def _first_picture(self) -> av.VideoFrame:
        first = next(self._pictures, None)
        if first is None:
            raise SourceError(f"{self._path}: nothing in it can be decoded")
        return first

    def _described(self) -> SourceInfo:
        stream = self._reader.stream
        rate = stream.average_rate or stream.guessed_rate or None
        ratio = stream.sample_aspect_ratio
        if ratio and ratio != 1:
            _log.info("%s: pixels are %s times as wide as high; they are taken as they are", self._path, ratio)
        return SourceInfo(
            source_id=self._path.name,
            size_wh=upright_size((self._first.width, self._first.height), self._orientation),
            frame_rate=Fraction(rate) if rate else None,
            frame_count=self._frame_count(rate),
        )

    def _frame_count(self, rate: Fraction | None) -> int | None:
        """Return how many frames to expect in the chosen part, by what the container claims."""
        claimed = self._reader.stream.frames
        duration = self._reader.duration_s or (claimed / rate if rate else None)
        if not claimed and duration and rate:
            claimed = round(duration * rate)
        start, end = self._settings.start_s, self._settings.end_s
        if (start or end) and rate and duration:
            claimed = max(0, round((min(end or math.inf, duration) - start) * rate))
        return min(claimed, self._settings.max_frames or claimed) or None

    def _chosen(self) -> Iterator[tuple[av.VideoFrame, float]]:
        """Yield the pictures of the chosen part with their seconds since the first one."""
        start, end = self._settings.start_s, self._settings.end_s
        timeline = Timeline(self.info.frame_rate)
        pictures: Iterator[av.VideoFrame] = chain([self._first], self._pictures)
        if start and self._first.pts is not None and self._time_base:
            timeline.seconds(self._first.pts, self._time_base)
            pictures = self._reader.pictures_from(self._first.pts + math.floor(start / self._time_base))
        try:
            for picture in pictures:
                self.damaged = self._reader.damaged
                seconds = timeline.seconds(picture.pts, self._time_base)
                if end is not None and seconds >= end:
                    return
                if seconds >= start:
                    yield picture, seconds
        finally:
            self.damaged = self._reader.damaged

    def _check_size(self, picture: av.VideoFrame, seconds: float) -> None:
        """Refuse a size other than the first one: boxes and poses of one run are in one frame's pixels."""
        before, after = ((p.width, p.height) for p in (self._first, picture))
        if before != after:
            change = "from {}x{} to {}x{}".format(*before, *after)
            raise SourceError(
                f"{self._path}: the frame size changes {change} at {seconds:.2f} s; split it there"
            )
