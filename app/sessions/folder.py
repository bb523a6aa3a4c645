"""A folder that files are made in by name, never through links, never over what is there."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Self

from sitepose.core.errors import RecordingError

FILE_MODE = 0o640
FOLDER_MODE = 0o750
"""Pictures of people are not for everybody on the machine."""

LOCK = ".lock"


class SafeFolder:
    """A folder held open: whatever happens to its path, files land in it.

    Args:
        path: An existing folder, not a link.

    Raises:
        RecordingError: It is none.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            raise _failed(path, "opened", error) from error

    @classmethod
    def make(cls, path: Path) -> Self:
        """Make a new folder and open it; its parents are made if need be.

        Raises:
            RecordingError: It exists already, or cannot be made.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.mkdir(mode=FOLDER_MODE)
        except OSError as error:
            raise _failed(path, "made", error) from error
        return cls(path)

    def make_folder(self, name: str) -> SafeFolder:
        """Make a folder in this one and open it."""
        return SafeFolder.make(self.path / _single(name))

    def create(self, name: str) -> int:
        """Return the descriptor of a new, empty file, open for reading and writing.

        Raises:
            OSError: There is something of this name already, even a link, or the disk is full.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(_single(name), flags, FILE_MODE, dir_fd=self._descriptor)

    def open(self, name: str, flags: int = os.O_RDONLY) -> int:
        """Return the descriptor of an existing file that is no link.

        Raises:
            OSError: There is none.
        """
        return os.open(_single(name), flags | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._descriptor)

    def replace(self, name: str, content: bytes) -> None:
        """Write a file so that after a power cut there is either the old one or the new one, whole.

        Raises:
            OSError: The disk is full or gone; the old one is still there.
        """
        draft = f".{name}.new"
        self.remove(draft)
        descriptor = self.create(draft)
        try:
            write_all(descriptor, content)
            os.fsync(descriptor)
            os.replace(draft, _single(name), src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)
        except OSError:
            self.remove(draft)
            raise
        finally:
            os.close(descriptor)
        self.sync()

    def remove(self, name: str) -> None:
        """Remove a file; one that is not there is fine."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(_single(name), dir_fd=self._descriptor)

    def sync(self) -> None:
        """Make sure that the names in the folder survive a power cut."""
        os.fsync(self._descriptor)

    def lock(self) -> int | None:
        """Return a descriptor that keeps others from locking while it is open; None if another holds it."""
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(LOCK, flags, FILE_MODE, dir_fd=self._descriptor)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return None
        return descriptor

    def close(self) -> None:
        """Let go of the folder; calling it twice is fine."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class LineFile:
    """A file of lines that is only added to; a line that the disk has no room for leaves no half behind.

    Args:
        descriptor: Open for reading and writing; closed with this.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._end = os.fstat(descriptor).st_size

    def append(self, line: str) -> None:
        """Write a line, at once.

        Raises:
            OSError: The disk is full or gone; the file is as before.
        """
        self.append_bytes(line.encode(errors="backslashreplace") + b"\n")

    def append_bytes(self, data: bytes) -> None:
        """Write whole lines, at once."""
        left, offset = memoryview(data), self._end
        try:
            while left:
                written = os.pwrite(self.descriptor, left, offset)
                left, offset = left[written:], offset + written
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self.descriptor, self._end)
            raise
        self._end = offset

    @contextlib.contextmanager
    def undone_on_error(self) -> Iterator[None]:
        """Take back what was appended if something that belongs to it fails."""
        end = self._end
        try:
            yield
        except OSError:
            self._end = end
            with contextlib.suppress(OSError):
                os.ftruncate(self.descriptor, end)
            raise

    def close(self) -> None:
        """Close the file; calling it twice is fine."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of the data at the descriptor's place."""
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]


def _single(name: str) -> str:
    if len(PurePosixPath(name).parts) != 1 or name in (".", "..") or "\x00" in name:
        raise ValueError(f"{name!r} is not the name of one file")
    return name


def _failed(path: Path, done: str, error: OSError) -> RecordingError:
    return RecordingError(f"{path}: cannot be {done}: {error.strerror or error}")
