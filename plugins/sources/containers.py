"""Opening a video file, or saying in one line why it cannot be."""

from __future__ import annotations

import stat
from pathlib import Path

import av
from av.stream import Disposition

from sitepose.core.errors import SourceError
from sitepose.plugins.sources.endings import is_iso_media, missing_bytes

MAX_PIXELS = 1 << 27
"""Pixels of the largest frame to decode (16384 x 8192): a damaged header may ask for any amount of memory."""


def open_container(path: Path) -> av.container.InputContainer:
    """Open a video file.

    Raises:
        SourceError: There is no such file, or it is no video.
    """
    _check_is_file(path)
    try:
        # "file:" keeps FFmpeg from taking a colon or a percent sign in the name for something else.
        return av.open(f"file:{path.absolute()}", metadata_errors="replace")
    except av.PermissionError as error:
        raise SourceError(f"{path}: cannot be read: permission denied") from error
    except av.FFmpegError as error:
        raise SourceError(f"{path}: {_why_unreadable(path)}") from error


def video_stream(container: av.container.InputContainer, path: Path) -> av.VideoStream:
    """Return the stream of moving pictures that a player would show; cover pictures of music do not count.

    Raises:
        SourceError: There is none, or nothing here can decode it.
    """
    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not streams:
        kinds = sorted({stream.type for stream in container.streams if stream.type != "video"})
        if not kinds:
            raise SourceError(f"{path}: {_why_unreadable(path)}")
        raise SourceError(f"{path}: has no video, only {' and '.join(kinds)}")
    best = container.streams.best("video")
    stream = best if best in streams else streams[0]
    if stream.codec_context is None:
        raise SourceError(f"{path}: its video has a codec that is not supported; convert it to H.264")
    stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
    return stream


def _check_is_file(path: Path) -> None:
    try:
        status = path.stat()
    except FileNotFoundError as error:
        raise SourceError(f"{path}: no such file") from error
    except (OSError, ValueError) as error:
        raise SourceError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if stat.S_ISDIR(status.st_mode):
        raise SourceError(f"{path}: is a folder, expected a video file")
    if not stat.S_ISREG(status.st_mode):
        raise SourceError(f"{path}: is not a regular file")
    if status.st_size == 0:
        raise SourceError(f"{path}: is empty")


def _why_unreadable(path: Path) -> str:
    missing = missing_bytes(path)
    if missing:
        return f"ends in the middle, at least {missing} bytes are missing"
    if is_iso_media(path):
        return "ends in the middle: its index is missing, the recording was not finished or only partly copied"
    return "is not a video, or of a kind that is not supported"
