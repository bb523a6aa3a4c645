"""An opened video file: its pictures from the beginning, or from a stamp on."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from itertools import chain
from pathlib import Path

import av

from sitepose.plugins.sources.containers import open_container, video_stream
from sitepose.plugins.sources.decoding import Decoding
from sitepose.plugins.sources.ffmpeg_log import forward_ffmpeg_messages

SEEK_FORMATS = ("mov", "matroska")
"""Containers with an index to seek by. Others are decoded from their beginning, which is never wrong."""

SEEK_MARGINS_S = (0.0, 2.0, 15.0)
"""How far before the wanted time to look for a key frame; the next is tried where the last was not enough."""


class VideoReader:
    """The decoded pictures of a file's video stream.

    Decoding with one thread, as is the default, gives the same pictures at every run even where the file is
    damaged; with more threads FFmpeg conceals errors with whatever the other threads have finished by then.

    Raises:
        SourceError: The file cannot be opened.
    """

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        forward_ffmpeg_messages()
        self._path = path
        self._threads = threads
        self._pictures: Generator[av.VideoFrame, None, None] | None = None
        self._open()

    @property
    def stream(self) -> av.VideoStream:
        """The stream, for what it says about itself."""
        return self._stream

    @property
    def damaged(self) -> int:
        """Packets that could not be decoded, or only in part, since the first picture asked for."""
        return self._decoding.damaged

    @property
    def duration_s(self) -> float | None:
        """The container's claim; None where there is none."""
        microseconds = self._container.duration
        return microseconds / av.time_base if microseconds else None

    def pictures(self) -> Iterator[av.VideoFrame]:
        """Return the pictures from where the file stands: at first its beginning.

        Raises:
            SourceError: After the last good picture, if the file ends in the middle or cannot be read on.
        """
        self._stop()
        self._decoding = Decoding(self._container, self._stream, self._path)
        self._pictures = pictures = self._decoding.frames()
        return pictures

    def pictures_from(self, pts: int) -> Iterator[av.VideoFrame]:
        """Return pictures from a key frame at or before ``pts``; what comes before ``pts`` is yours to skip.

        What is found by seeking counts only if it begins at or before ``pts``: the index goes by decoding
        order, so that a key frame found for a stamp may be shown after it.
        """
        if self._container.format.name.startswith(SEEK_FORMATS) and self._stream.time_base:
            for margin in SEEK_MARGINS_S:
                found = self._sought(pts - int(margin / self._stream.time_base), pts)
                if found is not None:
                    return found
        self.close()
        self._open()
        return self.pictures()

    def close(self) -> None:
        """Close the file; calling it twice is fine."""
        self._stop()
        self._container.close()

    def _open(self) -> None:
        self._container = open_container(self._path)
        try:
            self._stream = video_stream(self._container, self._path)
        except BaseException:
            self._container.close()
            raise
        self._stream.thread_type = "AUTO" if self._threads > 1 else "NONE"
        self._stream.codec_context.thread_count = self._threads
        self._decoding = Decoding(self._container, self._stream, self._path)

    def _sought(self, target: int, pts: int) -> Iterator[av.VideoFrame] | None:
        self._stop()
        try:
            self._container.seek(target, stream=self._stream)
        except av.FFmpegError:
            return None
        pictures = self.pictures()
        first = next(pictures, None)
        if first is None or first.pts is None or first.pts > pts:
            return None
        return chain([first], pictures)

    def _stop(self) -> None:
        if self._pictures is not None:
            self._pictures.close()
            self._pictures = None
